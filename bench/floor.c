// SPDX-License-Identifier: BSD-3-Clause
/*
 * The floor: what any VMM has to pay. A VM by bare ioctls and nothing else:
 * RAM, irqchip, one vCPU, a flat 16-bit image at 0x7c00; it runs until the
 * image writes port 0xf4, and counts the exits. The irqchip is the split one,
 * which is `vireo run`'s; or full, or full with a PIT, as other VMMs have it.
 *
 * floor IMAGE MEMORY_MIB split|full|pit
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define LOAD      0x7c00
#define EXIT_PORT 0xf4

static int check(int r, const char *what)
{
	if (r >= 0)
		return r;
	perror(what);
	exit(125);
}

static void make_irqchip(int vm, const char *kind)
{
	const struct kvm_enable_cap split = { .cap = KVM_CAP_SPLIT_IRQCHIP,
					      .args = { 24 } };
	const struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };

	if (!strcmp(kind, "split")) {
		check(ioctl(vm, KVM_ENABLE_CAP, &split), "split irqchip");
		return;
	}
	check(ioctl(vm, KVM_CREATE_IRQCHIP, 0), "irqchip");
	if (!strcmp(kind, "pit"))
		check(ioctl(vm, KVM_CREATE_PIT2, &pit), "PIT");
}

static int make_vm(int kvm, uint8_t *ram, uint64_t size, const char *irqchip)
{
	struct kvm_userspace_memory_region region = {
		.memory_size = size,
		.userspace_addr = (uint64_t)(uintptr_t)ram,
	};
	uint64_t identity = 0xfeffc000;
	int vm = check(ioctl(kvm, KVM_CREATE_VM, 0UL), "KVM_CREATE_VM");

	check(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region), "RAM");
	check(ioctl(vm, KVM_SET_IDENTITY_MAP_ADDR, &identity), "identity");
	check(ioctl(vm, KVM_SET_TSS_ADDR, 0xfeffd000UL), "TSS");
	make_irqchip(vm, irqchip);
	return vm;
}

static void set_cpuid(int kvm, int vcpu)
{
	struct kvm_cpuid2 *cpuid =
		calloc(1, sizeof(*cpuid) + 128 * sizeof(cpuid->entries[0]));

	cpuid->nent = 128;
	check(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid), "CPUID");
	check(ioctl(vcpu, KVM_SET_CPUID2, cpuid), "CPUID");
	free(cpuid);
}

static void set_regs(int vcpu)
{
	struct kvm_regs regs = { .rip = LOAD, .rsp = LOAD, .rflags = 2 };
	struct kvm_sregs sregs;

	check(ioctl(vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	check(ioctl(vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	check(ioctl(vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
}

/* Reads the image into RAM. */
static void load(const char *path, uint8_t *to)
{
	int fd = check(open(path, O_RDONLY | O_CLOEXEC), path);

	check((int)read(fd, to, 0x8000), path);
	close(fd);
}

int main(int argc, char **argv)
{
	uint64_t size = (argc > 2 ? strtoull(argv[2], NULL, 10) : 128) << 20;
	int kvm = check(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
	unsigned long exits = 0;
	struct kvm_run *run;
	uint8_t *ram;
	int vcpu;
	int vm;

	if (argc < 4)
		return 125;
	ram = mmap(NULL, size, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (ram == MAP_FAILED)
		return 125;
	vm = make_vm(kvm, ram, size, argv[3]);
	load(argv[1], ram + LOAD);
	vcpu = check(ioctl(vm, KVM_CREATE_VCPU, 0UL), "KVM_CREATE_VCPU");
	run = mmap(NULL, (size_t)ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0),
		   PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	set_cpuid(kvm, vcpu);
	set_regs(vcpu);
	do {
		check(ioctl(vcpu, KVM_RUN, 0), "KVM_RUN");
		exits++;
		if (run->exit_reason != KVM_EXIT_IO)
			return 119;
	} while (run->io.port != EXIT_PORT);
	printf("%lu\n", exits);
	return 0;
}
