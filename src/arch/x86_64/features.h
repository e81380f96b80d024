/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * CPU features by name: where each one's bit is. The names are those of
 * /proc/cpuinfo, and KVM's own begin with "kvm". A table and its look-ups.
 */
#ifndef VIREO_ARCH_X86_64_FEATURES_H
#define VIREO_ARCH_X86_64_FEATURES_H

#include <stddef.h>
#include <stdint.h>

enum feature_reg { FEATURE_EAX, FEATURE_EBX, FEATURE_ECX, FEATURE_EDX };

struct feature {
	const char *name;
	uint32_t leaf;
	uint32_t index;
	enum feature_reg reg;
	unsigned int bit;
};

const struct feature *feature_find(const char *name);
size_t feature_count(void);
const char *feature_name_at(size_t index);

#endif
