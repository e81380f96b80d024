/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The CPUID leaves a guest sees: what KVM supports, less what the user hides,
 * with the topology of this VM. Pure functions over a table.
 */
#ifndef VIREO_ARCH_X86_64_CPUID_H
#define VIREO_ARCH_X86_64_CPUID_H

#include <linux/kvm.h>

#include "board/config.h"

/* Hides and insists as @cfg says. -EINVAL: unknown name (the error has the
 * nearest), or a feature that is insisted on and absent. @tsc_deadline: KVM
 * offers the TSC deadline timer (its CPUID table does not say). */
int cpuid_apply_features(struct kvm_cpuid2 *cpuid, const struct config *cfg,
			 bool tsc_deadline, struct err *err);

/* Writes what differs from vCPU to vCPU: APIC ids and the topology of @cpus
 * cores in one package, one thread each. */
void cpuid_set_topology(struct kvm_cpuid2 *cpuid, unsigned int cpu,
			unsigned int cpus);

#endif
