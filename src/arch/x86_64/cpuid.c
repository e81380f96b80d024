// SPDX-License-Identifier: BSD-3-Clause
/*
 * See cpuid.h. Intel SDM volume 2A, CPUID; AMD APM volume 3, appendix E; KVM's
 * leaves: Documentation/virt/kvm/x86/cpuid.rst.
 */
#include "arch/x86_64/cpuid.h"

#include <errno.h>
#include <string.h>

#include "arch/x86_64/features.h"
#include "base/num.h"
#include "base/words.h"

#define LEAF_TSC_DEADLINE_BIT 24
#define LEAF1_ECX_HYPERVISOR  (1u << 31)
#define LEAF1_EDX_HTT         (1u << 28)

static struct kvm_cpuid_entry2 *find(struct kvm_cpuid2 *c, uint32_t leaf,
				     uint32_t index)
{
	for (uint32_t i = 0; i < c->nent; i++) {
		struct kvm_cpuid_entry2 *e = &c->entries[i];

		if (e->function == leaf &&
		    (!(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) ||
		     e->index == index))
			return e;
	}
	return NULL;
}

static uint32_t *reg_of(struct kvm_cpuid_entry2 *e, enum feature_reg reg)
{
	switch (reg) {
	case FEATURE_EAX:
		return &e->eax;
	case FEATURE_EBX:
		return &e->ebx;
	case FEATURE_ECX:
		return &e->ecx;
	case FEATURE_EDX:
		return &e->edx;
	}
	return NULL;
}

static int unknown_feature(const char *name, struct err *err)
{
	int near = words_nearest(name, feature_name_at, feature_count());

	return near < 0 ? err_set_key(err, -EINVAL, "cpu",
				      "cpu: no feature has the name \"%s\"",
				      name)
			: err_set_key(err, -EINVAL, "cpu",
				      "cpu: no feature has the name \"%s\" "
				      "(did you mean \"%s\"?)",
				      name, feature_name_at((size_t)near));
}

/* Features in two versions: guests that know the newer one use it without the
 * older, so that hiding the name people know has to hide both. */
static const struct {
	const char *name;
	const char *newer;
} versions[] = {
	{ "kvmclock", "kvmclock2" },
	{ "kvmclock", "kvmclock_stable" },
	{ "kvm_asyncpf", "kvm_asyncpf_vmexit" },
	{ "kvm_asyncpf", "kvm_asyncpf_int" },
};

static uint32_t *reg_with(struct kvm_cpuid2 *cpuid, const struct feature *f)
{
	struct kvm_cpuid_entry2 *e = find(cpuid, f->leaf, f->index);

	return e ? reg_of(e, f->reg) : NULL;
}

static void hide(struct kvm_cpuid2 *cpuid, const struct feature *f)
{
	uint32_t *reg = reg_with(cpuid, f);

	if (reg)
		*reg &= ~(1u << f->bit);
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++)
		if (!strcmp(versions[i].name, f->name))
			hide(cpuid, feature_find(versions[i].newer));
}

static int apply(struct kvm_cpuid2 *cpuid, const struct config_feature *want,
		 struct err *err)
{
	const struct feature *f = feature_find(want->name);
	const uint32_t *reg;

	if (!f)
		return unknown_feature(want->name, err);
	if (!want->on) {
		hide(cpuid, f);
		return 0;
	}
	reg = reg_with(cpuid, f);
	if (!reg || !(*reg & (1u << f->bit)))
		return err_set_key(err, -EINVAL, "cpu",
				   "cpu: this host's KVM does not offer "
				   "\"%s\" (leave +%s out)",
				   want->name, want->name);
	return 0;
}

int cpuid_apply_features(struct kvm_cpuid2 *cpuid, const struct config *cfg,
			 bool tsc_deadline, struct err *err)
{
	struct kvm_cpuid_entry2 *e = find(cpuid, 1, 0);
	int r = 0;

	if (e) {
		e->ecx |= LEAF1_ECX_HYPERVISOR;
		if (tsc_deadline)
			e->ecx |= 1u << LEAF_TSC_DEADLINE_BIT;
	}
	for (unsigned int i = 0; i < cfg->features && !r; i++)
		r = apply(cpuid, &cfg->feature[i], err);
	return r;
}

/* Bits needed to number @cpus things. */
static unsigned int width_of(unsigned int cpus)
{
	unsigned int width = 0;

	while ((1u << width) < cpus)
		width++;
	return width;
}

/* Leaf 1, and 4's share counts: the legacy view. */
static void set_legacy(struct kvm_cpuid_entry2 *e, unsigned int cpu,
		       unsigned int cpus)
{
	uint32_t ids = 1u << width_of(cpus);

	e->ebx &= 0x0000ffff;
	e->ebx |= (cpu & 0xff) << 24 | (ids < 255 ? ids : 255) << 16;
	if (cpus > 1)
		e->edx |= LEAF1_EDX_HTT;
	else
		e->edx &= ~LEAF1_EDX_HTT;
}

/* Intel's deterministic cache leaf: EAX 31:26 cores, 25:14 sharing threads. */
static void set_caches(struct kvm_cpuid_entry2 *e, unsigned int cpus)
{
	uint32_t level = (e->eax >> 5) & 7;
	uint32_t ids = 1u << width_of(cpus);
	uint32_t cores = ids < 64 ? ids - 1 : 63;
	uint32_t sharing = level >= 3 ? ids - 1 : 0;

	e->eax &= 0x3fff;
	e->eax |= cores << 26 | (sharing & 0xfff) << 14;
}

/* AMD's cache leaf: EAX 25:14 sharing threads, level as Intel's. */
static void set_amd_caches(struct kvm_cpuid_entry2 *e, unsigned int cpus)
{
	uint32_t level = (e->eax >> 5) & 7;
	uint32_t sharing = level >= 3 ? cpus - 1 : 0;

	e->eax &= ~(0xfffu << 14);
	e->eax |= (sharing & 0xfff) << 14;
}

/* Leaves 0xb and 0x1f: level 0 threads, level 1 cores, then nothing. */
static void set_extended(struct kvm_cpuid_entry2 *e, unsigned int cpu,
			 unsigned int cpus)
{
	e->eax = 0;
	e->ebx = 0;
	e->ecx = e->index & 0xff;
	e->edx = cpu;
	if (e->index == 0) {
		e->ebx = 1;
		e->ecx |= 1u << 8;
	} else if (e->index == 1) {
		e->eax = width_of(cpus);
		e->ebx = cpus;
		e->ecx |= 2u << 8;
	}
}

/* KVM reports only subleaf 0 of 0xb and 0x1f; a guest needs both levels, and
 * looks at 0x1f first where there is one. Leaves are added while there is
 * room: kvm_supported_cpuid() leaves some. */
static void add_core_level(struct kvm_cpuid2 *c, uint32_t leaf)
{
	const struct kvm_cpuid_entry2 *first = find(c, leaf, 0);
	struct kvm_cpuid_entry2 copy;

	if (!first || find(c, leaf, 1))
		return;
	copy = *first;
	copy.index = 1;
	copy.flags |= KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
	c->entries[c->nent++] = copy;
}

void cpuid_set_topology(struct kvm_cpuid2 *cpuid, unsigned int cpu,
			unsigned int cpus)
{
	add_core_level(cpuid, 0xb);
	add_core_level(cpuid, 0x1f);
	for (uint32_t i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

		switch (e->function) {
		case 0x1:
			set_legacy(e, cpu, cpus);
			break;
		case 0x4:
			set_caches(e, cpus);
			break;
		case 0xb:
		case 0x1f:
			set_extended(e, cpu, cpus);
			break;
		case 0x80000008: /* AMD: core count and id width */
			e->ecx = (e->ecx & ~0xf0ffu) | width_of(cpus) << 12 |
				 ((cpus - 1) & 0xff);
			break;
		case 0x8000001d:
			set_amd_caches(e, cpus);
			break;
		case 0x8000001e: /* AMD: ids of this CPU, one node */
			e->eax = cpu;
			e->ebx = (e->ebx & ~0xffffu) | (cpu & 0xff);
			e->ecx = 0;
			break;
		default:
			break;
		}
	}
}
