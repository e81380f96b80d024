// SPDX-License-Identifier: BSD-3-Clause
/* /dev/kvm itself: opening it, and what it can do. See kvm.h. */
#include "kvm/kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/num.h"

#define CPUID_FIRST 128  /* entries asked for at first */
#define CPUID_MOST  4096 /* more than any kernel has */

static const struct kvm_cap caps[] = {
	{ KVM_CAP_USER_MEMORY, "user memory", "guest RAM", true },
	{ KVM_CAP_IRQCHIP, "in-kernel irqchip", "interrupt controllers", true },
	{ KVM_CAP_EXT_CPUID, "extended CPUID", "the guest's CPU features",
	  true },
	{ KVM_CAP_IMMEDIATE_EXIT, "immediate exit", "stopping a vCPU", true },
	{ KVM_CAP_SET_TSS_ADDR, "TSS address", "real mode on Intel", true },
	{ KVM_CAP_IRQFD, "irqfd", "interrupts without an exit", true },
	{ KVM_CAP_IOEVENTFD, "ioeventfd", "doorbells without an exit", true },
	{ KVM_CAP_IRQ_ROUTING, "interrupt routing", "MSI routes", true },
	{ KVM_CAP_SIGNAL_MSI, "signal MSI", "the split irqchip", false },
	{ KVM_CAP_SPLIT_IRQCHIP, "split irqchip", "irqchip=split", false },
	{ KVM_CAP_PIT2, "PIT", "pit=on", false },
	{ KVM_CAP_TSC_DEADLINE_TIMER, "TSC deadline timer", "cheap timers",
	  false },
	{ KVM_CAP_ADJUST_CLOCK, "kvmclock", "the guest's clock", false },
	{ KVM_CAP_ASYNC_PF, "async page faults", "host swap and fork", false },
	{ KVM_CAP_READONLY_MEM, "read-only memory", "ROM", false },
	{ KVM_CAP_XSAVE2, "XSAVE2", "snapshots on CPUs with AMX", false },
	{ KVM_CAP_SYNC_REGS, "register sync", "fewer calls per exit", false },
	{ KVM_CAP_DIRTY_LOG_RING, "dirty ring", "fast snapshots", false },
	{ KVM_CAP_SET_GUEST_DEBUG, "guest debug", "--gdb", false },
	{ KVM_CAP_TSC_CONTROL, "TSC scaling", "moving between hosts", false },
	{ KVM_CAP_X86_SMM, "SMM", "firmware guests (vireo needs none)", false },
	{ KVM_CAP_HYPERV, "Hyper-V leaves", "Windows guests", false },
};

const struct kvm_cap *kvm_cap_at(size_t index)
{
	return index < ARRAY_SIZE(caps) ? &caps[index] : NULL;
}

int kvm_has(const struct kvm *kvm, int cap)
{
	int r = ioctl(kvm->fd, KVM_CHECK_EXTENSION, (unsigned long)cap);

	return r < 0 ? 0 : r;
}

static const char *remedy(int error)
{
	switch (error) {
	case ENOENT:
		return "load the kvm module, enable virtualisation in the "
		       "firmware or the outer hypervisor, or pass an open "
		       "descriptor with --kvm-fd";
	case EACCES:
	case EPERM:
		return "add the user to group kvm, or pass an open descriptor "
		       "with --kvm-fd";
	case EBUSY:
		return "another hypervisor uses the CPU's virtualisation; stop "
		       "it";
	case ENXIO:
	case ENODEV:
		return "the kvm module found no usable CPU; enable "
		       "virtualisation in the firmware";
	default:
		return "vireo check tells more";
	}
}

static int open_device(int *out, int fd, struct err *err)
{
	*out = fd >= 0 ? fd_copy(fd)
		       : fd_above(open("/dev/kvm", O_RDWR | O_CLOEXEC));
	if (*out >= 0)
		return 0;
	if (fd >= 0)
		return err_set_key(err, -errno, "kvm-fd",
				   "descriptor %d: %s (pass an open /dev/kvm)",
				   fd, strerror(errno));
	return err_set(err, -errno, "/dev/kvm: %s (%s)", strerror(errno),
		       remedy(errno));
}

static int check(struct kvm *kvm, struct err *err)
{
	int version = ioctl(kvm->fd, KVM_GET_API_VERSION, 0);
	int size;

	if (version < 0)
		return err_set(err, -errno, "/dev/kvm: not a KVM device: %s",
			       strerror(errno));
	if (version != KVM_API_VERSION)
		return err_set(err, -ENOTSUP,
			       "/dev/kvm: API version %d, vireo needs %d",
			       version, KVM_API_VERSION);
	for (size_t i = 0; i < ARRAY_SIZE(caps); i++)
		if (caps[i].required && !kvm_has(kvm, caps[i].number))
			return err_set(err, -ENOTSUP,
				       "/dev/kvm: no \"%s\" here, which vireo "
				       "needs for %s (use a newer kernel)",
				       caps[i].name, caps[i].why);
	size = ioctl(kvm->fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (size < (int)sizeof(struct kvm_run))
		return err_set(err, -EIO, "/dev/kvm: vCPU area of %d bytes",
			       size);
	kvm->run_size = (size_t)size;
	kvm->max_vcpus = (unsigned int)kvm_has(kvm, KVM_CAP_MAX_VCPUS);
	if (!kvm->max_vcpus)
		kvm->max_vcpus = 4; /* api.rst: assume 4 when it is absent */
	kvm->signal_msi = kvm_has(kvm, KVM_CAP_SIGNAL_MSI);
	return 0;
}

int kvm_open(struct kvm *kvm, int fd, struct err *err)
{
	int r;

	memset(kvm, 0, sizeof(*kvm));
	kvm->fd = -1;
	r = open_device(&kvm->fd, fd, err);
	if (r < 0)
		return r;
	r = check(kvm, err);
	if (r < 0)
		kvm_close(kvm);
	return r;
}

void kvm_close(struct kvm *kvm)
{
	fd_close(&kvm->fd);
}

int kvm_supported_cpuid(const struct kvm *kvm, struct kvm_cpuid2 **out)
{
	for (uint32_t n = CPUID_FIRST; n <= CPUID_MOST; n *= 2) {
		struct kvm_cpuid2 *c = calloc(
			1, sizeof(*c) + (n + KVM_CPUID_SPARE) *
					       sizeof(struct kvm_cpuid_entry2));
		int r;

		if (!c)
			return -ENOMEM;
		c->nent = n;
		r = ioctl(kvm->fd, KVM_GET_SUPPORTED_CPUID, c) < 0 ? -errno : 0;
		if (r == 0) {
			*out = c;
			return 0;
		}
		free(c);
		if (r != -E2BIG)
			return r;
	}
	return -E2BIG;
}

const char *kvm_exit_name(uint32_t reason)
{
	static const char *const names[] = {
		[KVM_EXIT_UNKNOWN] = "unknown",
		[KVM_EXIT_EXCEPTION] = "exception",
		[KVM_EXIT_IO] = "io",
		[KVM_EXIT_HYPERCALL] = "hypercall",
		[KVM_EXIT_DEBUG] = "debug",
		[KVM_EXIT_HLT] = "hlt",
		[KVM_EXIT_MMIO] = "mmio",
		[KVM_EXIT_IRQ_WINDOW_OPEN] = "irq-window",
		[KVM_EXIT_SHUTDOWN] = "shutdown",
		[KVM_EXIT_FAIL_ENTRY] = "fail-entry",
		[KVM_EXIT_INTR] = "interrupted",
		[KVM_EXIT_SET_TPR] = "set-tpr",
		[KVM_EXIT_TPR_ACCESS] = "tpr-access",
		[KVM_EXIT_NMI] = "nmi",
		[KVM_EXIT_INTERNAL_ERROR] = "internal-error",
		[KVM_EXIT_SYSTEM_EVENT] = "system-event",
		[KVM_EXIT_IOAPIC_EOI] = "ioapic-eoi",
		[KVM_EXIT_HYPERV] = "hyperv",
		[KVM_EXIT_X86_RDMSR] = "rdmsr",
		[KVM_EXIT_X86_WRMSR] = "wrmsr",
		[KVM_EXIT_DIRTY_RING_FULL] = "dirty-ring-full",
		[KVM_EXIT_AP_RESET_HOLD] = "ap-reset-hold",
		[KVM_EXIT_X86_BUS_LOCK] = "bus-lock",
		[KVM_EXIT_XEN] = "xen",
		[KVM_EXIT_NOTIFY] = "notify",
	};

	return reason < ARRAY_SIZE(names) && names[reason] ? names[reason]
							   : "other";
}
