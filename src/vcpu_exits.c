// SPDX-License-Identifier: BSD-3-Clause
/* Why the guest stopped, and what follows from it. See vcpu_parts.h. */
#include "vcpu_parts.h"

#include <stdio.h>
#include <string.h>

#include "base/num.h"

#define KVM_GUEST_ENOSYS 1000 /* what a guest's hypercall gets as -ENOSYS */

static void end(struct vcpu *vcpu, enum vireo_reason reason, const char *detail)
{
	atomic_store(&vcpu->stop, true);
	vcpu->host->end(vcpu->host->ctx, reason, detail);
}

void vcpu_end_with_state(struct vcpu *vcpu, enum vireo_reason reason,
			 const char *what)
{
	char detail[sizeof(((struct vireo_end *)0)->detail)];
	size_t used = (size_t)snprintf(detail, sizeof(detail), "%s%s", what,
				       *what ? "\n" : "");

	if (used < sizeof(detail))
		arch_vcpu_describe(vcpu->host->board, &vcpu->kvm,
				   detail + used, sizeof(detail) - used);
	end(vcpu, reason, detail);
}

/* An access is complete when KVM_RUN was called again; a step ends there, and
 * not at the end of the next instruction. */
static void complete_step(struct vcpu *vcpu)
{
	vcpu->completing = vcpu->stepping;
	if (vcpu->completing)
		__atomic_store_n(&vcpu->kvm.run->immediate_exit, 1,
				 __ATOMIC_SEQ_CST);
}

/* ---- port I/O and MMIO ---- */

static void port_access(struct bus *bus, uint16_t port, unsigned int size,
			bool out, uint8_t *data)
{
	uint64_t value = 0;

	if (out) {
		memcpy(&value, data, size);
		bus_write(bus, port, size, value);
	} else {
		bus_read(bus, port, size, &value);
		memcpy(data, &value, size);
	}
}

/* A string instruction arrives as many accesses to one port; the kernel has
 * put them into the shared area behind kvm_run. */
static void handle_io(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->kvm.run;
	uint64_t bytes = (uint64_t)run->io.size * run->io.count;
	uint8_t *data;

	if (run->io.size > sizeof(uint64_t) ||
	    !range_ok(run->io.data_offset, bytes, vcpu->kvm.run_size)) {
		end(vcpu, VIREO_KVM_ERROR,
		    "KVM's I/O data lies outside kvm_run");
		return;
	}
	data = (uint8_t *)run + run->io.data_offset;
	stats_port(&vcpu->stats, run->io.port);
	for (uint32_t i = 0; i < run->io.count; i++)
		port_access(&vcpu->host->board->pio, run->io.port,
			    run->io.size, run->io.direction == KVM_EXIT_IO_OUT,
			    data + (size_t)i * run->io.size);
}

static void handle_mmio(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->kvm.run;
	struct bus *bus = &vcpu->host->board->mmio;
	uint64_t value = 0;
	uint32_t len = run->mmio.len;

	if (len > sizeof(run->mmio.data))
		return;
	stats_mmio(&vcpu->stats, run->mmio.phys_addr);
	if (run->mmio.is_write) {
		memcpy(&value, run->mmio.data, len);
		bus_write(bus, run->mmio.phys_addr, len, value);
	} else {
		bus_read(bus, run->mmio.phys_addr, len, &value);
		memcpy(run->mmio.data, &value, len);
	}
}

/* ---- exits that end the VM ---- */

/* Appends the bytes of the instruction that KVM could not emulate, when this
 * kernel tells them. */
static void append_code(char *what, size_t cap, const struct kvm_run *run)
{
	const uint64_t has =
		KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES;
	uint8_t n = run->emulation_failure.insn_size;
	size_t used = strlen(what);

	if (run->emulation_failure.ndata < 3 ||
	    !(run->emulation_failure.flags & has) ||
	    n > sizeof(run->emulation_failure.insn_bytes))
		return;
	used += (size_t)snprintf(what + used, cap - used, ", instruction");
	for (uint8_t i = 0; i < n; i++)
		used += (size_t)snprintf(
			what + used, cap - used, " %02x",
			run->emulation_failure.insn_bytes[i]);
}

static void append_data(char *what, size_t cap, const struct kvm_run *run)
{
	size_t used = strlen(what);

	for (uint32_t i = 0; i < run->internal.ndata && i < 4; i++)
		used += (size_t)snprintf(
			what + used, cap - used, " %#llx",
			(unsigned long long)run->internal.data[i]);
}

/* api.rst, KVM_EXIT_INTERNAL_ERROR: suberror 1 is an instruction that KVM's
 * emulator does not know; newer kernels add its bytes. */
static void handle_internal_error(struct vcpu *vcpu)
{
	static const char *const names[] = { "?", "emulation failure",
					     "two exceptions at once",
					     "exception while delivering",
					     "unexpected exit reason" };
	const struct kvm_run *run = vcpu->kvm.run;
	uint32_t sub = run->internal.suberror;
	char what[320];

	snprintf(what, sizeof(what), "KVM internal error, suberror %u (%s)",
		 sub, sub < ARRAY_SIZE(names) ? names[sub] : "?");
	if (sub == KVM_INTERNAL_ERROR_EMULATION)
		append_code(what, sizeof(what), run);
	else
		append_data(what, sizeof(what), run);
	vcpu_end_with_state(vcpu, VIREO_KVM_ERROR, what);
}

static void handle_fail_entry(struct vcpu *vcpu)
{
	char what[96];

	snprintf(what, sizeof(what), "KVM entry failure, hardware reason %#llx",
		 (unsigned long long)vcpu->kvm.run->fail_entry
			 .hardware_entry_failure_reason);
	vcpu_end_with_state(vcpu, VIREO_KVM_ERROR, what);
}

static void handle_unexpected(struct vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->kvm.run;
	char what[96];

	snprintf(what, sizeof(what), "unexpected KVM exit %u (%s), data %#llx",
		 run->exit_reason, kvm_exit_name(run->exit_reason),
		 (unsigned long long)run->hw.hardware_exit_reason);
	vcpu_end_with_state(vcpu, VIREO_KVM_ERROR, what);
}

static void handle_system_event(struct vcpu *vcpu)
{
	switch (vcpu->kvm.run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		end(vcpu, VIREO_POWER_OFF, "");
		break;
	case KVM_SYSTEM_EVENT_RESET:
		end(vcpu, VIREO_RESET, "");
		break;
	case KVM_SYSTEM_EVENT_CRASH:
		end(vcpu, VIREO_PANIC, "reported by the guest through KVM");
		break;
	default:
		handle_unexpected(vcpu);
	}
}

void vcpu_handle_exit(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->kvm.run;

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		if (vcpu->debug.soft && arch_vcpu_may_stop(&vcpu->kvm) &&
		    vcpu_is_debugged(vcpu, false))
			break;
		handle_io(vcpu);
		complete_step(vcpu);
		break;
	case KVM_EXIT_MMIO:
		handle_mmio(vcpu);
		complete_step(vcpu);
		break;
	case KVM_EXIT_DEBUG:
		if (!vcpu_is_debugged(vcpu, false))
			handle_unexpected(vcpu);
		break;
	case KVM_EXIT_INTR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
	case KVM_EXIT_SET_TPR:
	case KVM_EXIT_HLT: /* only without an in-kernel LAPIC */
	case KVM_EXIT_X86_BUS_LOCK:
		break;
	case KVM_EXIT_HYPERCALL:
		run->hypercall.ret = (uint64_t)-KVM_GUEST_ENOSYS;
		break;
	case KVM_EXIT_X86_RDMSR:
	case KVM_EXIT_X86_WRMSR:
		run->msr.error = 1; /* the guest gets #GP */
		break;
	case KVM_EXIT_NOTIFY:
		if (run->notify.flags & KVM_NOTIFY_CONTEXT_INVALID)
			handle_unexpected(vcpu);
		break;
	case KVM_EXIT_SHUTDOWN:
		vcpu_end_with_state(vcpu, VIREO_TRIPLE_FAULT, "");
		break;
	case KVM_EXIT_SYSTEM_EVENT:
		handle_system_event(vcpu);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		if (!vcpu_is_debugged(vcpu, false))
			handle_internal_error(vcpu);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		handle_fail_entry(vcpu);
		break;
	default:
		if (!arch_vcpu_exit(vcpu->host->board, &vcpu->kvm))
			handle_unexpected(vcpu);
		break;
	}
}
