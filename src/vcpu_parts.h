/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the two halves of a vCPU have in common: its thread (vcpu.c) and its
 * exits (vcpu_exits.c). All on the vCPU's thread.
 */
#ifndef VIREO_VCPU_PARTS_H
#define VIREO_VCPU_PARTS_H

#include "vcpu.h"

/* Every reason that KVM can give to an x86 or common guest. */
void vcpu_handle_exit(struct vcpu *vcpu);

/* Ends with "WHAT", and the vCPU's registers below it. */
void vcpu_end_with_state(struct vcpu *vcpu, enum vireo_reason reason,
			 const char *what);

/* True when it was a debugger's; then the others may go on. */
bool vcpu_is_debugged(struct vcpu *vcpu, bool stepped);

#endif
