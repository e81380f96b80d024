// SPDX-License-Identifier: BSD-3-Clause
/* src/arch/x86_64/cpuid.c and features.c: masks by name, topology by number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86_64/cpuid.h"
#include "arch/x86_64/features.h"
#include "base/num.h"

#define INDEXED KVM_CPUID_FLAG_SIGNIFCANT_INDEX

static const struct kvm_cpuid_entry2 host[] = {
	{ .function = 0, .eax = 0x1f, .ebx = 0x756e6547 },
	{ .function = 1, .eax = 0x806f8, .ebx = 0x0710ff42, .ecx = 0x02000001,
	  .edx = 0x1fabfbff },
	{ .function = 4, .index = 0, .flags = INDEXED, .eax = 0xfc0fc021 },
	{ .function = 4, .index = 1, .flags = INDEXED, .eax = 0xfc0fc043 },
	{ .function = 4, .index = 2, .flags = INDEXED, .eax = 0xfc0fc163 },
	{ .function = 7, .index = 0, .flags = INDEXED, .ebx = 0x20,
	  .edx = 0x80000000 },
	{ .function = 7, .index = 1, .flags = INDEXED, .eax = 0x10 },
	{ .function = 0xb, .index = 0, .flags = INDEXED, .edx = 77 },
	{ .function = 0x40000001, .eax = 0x1000000 },
	{ .function = 0x80000008, .eax = 0x3030, .ebx = 0x1000,
	  .ecx = 0xffff },
	{ .function = 0x8000001e, .eax = 5, .ebx = 0x0105, .ecx = 0x101 },
};

/* A table with room for one leaf more, and not a byte beyond. */
static struct kvm_cpuid2 *table(void)
{
	struct kvm_cpuid2 *c =
		calloc(1, sizeof(*c) + sizeof(host) + sizeof(host[0]));

	assert_non_null(c);
	c->nent = ARRAY_SIZE(host);
	memcpy(c->entries, host, sizeof(host));
	return c;
}

static const struct kvm_cpuid_entry2 *leaf(const struct kvm_cpuid2 *c,
					   uint32_t function, uint32_t index)
{
	for (uint32_t i = 0; i < c->nent; i++)
		if (c->entries[i].function == function &&
		    c->entries[i].index == index)
			return &c->entries[i];
	fail_msg("no leaf %#x.%u", function, index);
	return NULL;
}

/* Applies "-a" or "+a". */
static int apply(struct kvm_cpuid2 *c, const char *word, struct err *err)
{
	struct config *cfg = calloc(1, sizeof(*cfg));
	int r;

	snprintf(cfg->feature[0].name, sizeof(cfg->feature[0].name), "%s",
		 word + 1);
	cfg->feature[0].on = word[0] == '+';
	cfg->features = 1;
	r = cpuid_apply_features(c, cfg, false, err);
	free(cfg);
	return r;
}

/* ---- features ---- */

static void features_have_unique_names_and_bits(void **state)
{
	assert_true(feature_count() > 150);
	for (size_t i = 0; i < feature_count(); i++) {
		const struct feature *a = feature_find(feature_name_at(i));

		assert_non_null(a);
		/* Names fit the config, are lower case, and are unique. */
		assert_true(strlen(a->name) <
			    sizeof(((struct config_feature *)0)->name));
		assert_string_equal(a->name, feature_name_at(i));
		assert_int_equal(strspn(a->name, "abcdefghijklmnopqrstuvwxyz"
						 "0123456789_"),
				 strlen(a->name));
		assert_true(a->bit < 32);
		for (size_t j = 0; j < i; j++) {
			const struct feature *b =
				feature_find(feature_name_at(j));

			if (a == b || (a->leaf == b->leaf &&
				       a->index == b->index &&
				       a->reg == b->reg && a->bit == b->bit))
				fail_msg("%s and %s", a->name, b->name);
		}
	}
	assert_null(feature_find(""));
	assert_null(feature_find("AVX2"));
}

static void features_stand_where_the_manuals_say(void **state)
{
	static const struct feature rows[] = {
		{ "pae", 1, 0, FEATURE_EDX, 6 },
		{ "x2apic", 1, 0, FEATURE_ECX, 21 },
		{ "tsc_deadline_timer", 1, 0, FEATURE_ECX, 24 },
		{ "aes", 1, 0, FEATURE_ECX, 25 },
		{ "avx2", 7, 0, FEATURE_EBX, 5 },
		{ "avx512f", 7, 0, FEATURE_EBX, 16 },
		{ "la57", 7, 0, FEATURE_ECX, 16 },
		{ "avx_vnni", 7, 1, FEATURE_EAX, 4 },
		{ "xsavec", 0xd, 1, FEATURE_EAX, 1 },
		{ "nx", 0x80000001, 0, FEATURE_EDX, 20 },
		{ "lm", 0x80000001, 0, FEATURE_EDX, 29 },
		{ "svm", 0x80000001, 0, FEATURE_ECX, 2 },
		{ "kvmclock", 0x40000001, 0, FEATURE_EAX, 0 },
		{ "kvm_pv_eoi", 0x40000001, 0, FEATURE_EAX, 6 },
		{ "kvm_asyncpf", 0x40000001, 0, FEATURE_EAX, 4 },
		{ "kvm_steal_time", 0x40000001, 0, FEATURE_EAX, 5 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct feature *f = feature_find(rows[i].name);

		if (!f || f->leaf != rows[i].leaf ||
		    f->index != rows[i].index || f->reg != rows[i].reg ||
		    f->bit != rows[i].bit)
			fail_msg("%s", rows[i].name);
	}
}

static void cpuid_minus_hides_one_bit(void **state)
{
	struct kvm_cpuid2 *c = table();
	struct err err;

	assert_int_equal(apply(c, "-avx2", &err), 0);
	assert_int_equal(leaf(c, 7, 0)->ebx, 0);
	assert_int_equal(leaf(c, 7, 0)->edx, 0x80000000);
	assert_int_equal(leaf(c, 7, 1)->eax, 0x10);
	assert_int_equal(apply(c, "-spec_ctrl_ssbd", &err), 0);
	assert_int_equal(leaf(c, 7, 0)->edx, 0);
	assert_int_equal(apply(c, "-avx_vnni", &err), 0);
	assert_int_equal(leaf(c, 7, 1)->eax, 0);
	/* What is not there can be hidden, its leaf or not. */
	assert_int_equal(apply(c, "-avx512f", &err), 0);
	assert_int_equal(apply(c, "-lm", &err), 0);
	assert_int_equal(c->nent, ARRAY_SIZE(host));
	free(c);
}

static void cpuid_plus_of_an_absent_feature_is_refused(void **state)
{
	struct kvm_cpuid2 *c = table();
	struct err err = { 0 };

	assert_int_equal(apply(c, "+avx2", &err), 0);
	assert_int_equal(apply(c, "+aes", &err), 0);
	assert_int_equal(apply(c, "+avx512f", &err), -EINVAL);
	assert_string_equal(err.key, "cpu");
	assert_non_null(strstr(err.text, "\"avx512f\""));
	assert_int_equal(apply(c, "+lm", &err), -EINVAL); /* no such leaf */
	assert_int_equal(leaf(c, 7, 0)->ebx, 0x20);
	free(c);
}

static void C01_unknown_feature_is_answered_with_the_nearest(void **state)
{
	struct kvm_cpuid2 *c = table();
	struct err err = { 0 };

	assert_int_equal(apply(c, "-avx22", &err), -EINVAL);
	assert_non_null(strstr(err.text, "did you mean \"avx2\"?"));
	assert_string_equal(err.key, "cpu");
	assert_int_equal(apply(c, "-wxyzwxyzwxyz", &err), -EINVAL);
	assert_null(strstr(err.text, "did you mean"));
	free(c);
}

static void cpuid_says_that_there_is_a_hypervisor_and_its_timer(void **state)
{
	struct kvm_cpuid2 *c = table();
	struct config *cfg = calloc(1, sizeof(*cfg));

	assert_int_equal(cpuid_apply_features(c, cfg, false, NULL), 0);
	assert_int_equal(leaf(c, 1, 0)->ecx, 0x82000001);
	assert_int_equal(cpuid_apply_features(c, cfg, true, NULL), 0);
	assert_int_equal(leaf(c, 1, 0)->ecx, 0x83000001);
	/* The user's mask comes after. */
	strcpy(cfg->feature[0].name, "tsc_deadline_timer");
	strcpy(cfg->feature[1].name, "hypervisor");
	cfg->features = 2;
	assert_int_equal(cpuid_apply_features(c, cfg, true, NULL), 0);
	assert_int_equal(leaf(c, 1, 0)->ecx, 0x02000001);
	c->nent = 0; /* a table without leaf 1 */
	cfg->features = 0;
	assert_int_equal(cpuid_apply_features(c, cfg, true, NULL), 0);
	free(cfg);
	free(c);
}

/* ---- topology ---- */

struct topology {
	unsigned int cpus;
	unsigned int cpu;
	unsigned int width; /* bits of a core number */
	uint32_t leaf1_ebx; /* APIC id and count; the rest stays 0xff42 */
};

static void check_topology(const struct topology *t)
{
	struct kvm_cpuid2 *c = table();
	uint32_t ids = 1u << t->width;

	cpuid_set_topology(c, t->cpu, t->cpus);
	assert_int_equal(c->nent, ARRAY_SIZE(host) + 1);
	assert_int_equal(leaf(c, 1, 0)->ebx, t->leaf1_ebx);
	assert_int_equal(leaf(c, 1, 0)->edx >> 28 & 1, t->cpus > 1);
	assert_int_equal(leaf(c, 1, 0)->edx | 1u << 28, 0x1fabfbff);
	/* One thread per core, cpus cores per package. */
	assert_int_equal(leaf(c, 0xb, 0)->eax, 0);
	assert_int_equal(leaf(c, 0xb, 0)->ebx, 1);
	assert_int_equal(leaf(c, 0xb, 0)->ecx, 0x100);
	assert_int_equal(leaf(c, 0xb, 0)->edx, t->cpu);
	assert_int_equal(leaf(c, 0xb, 1)->eax, t->width);
	assert_int_equal(leaf(c, 0xb, 1)->ebx, t->cpus);
	assert_int_equal(leaf(c, 0xb, 1)->ecx, 0x201);
	assert_int_equal(leaf(c, 0xb, 1)->edx, t->cpu);
	/* L1 belongs to a core, L3 to all of them. */
	assert_int_equal(leaf(c, 4, 0)->eax & 0x3fff, 0xfc0fc021 & 0x3fff);
	assert_int_equal(leaf(c, 4, 0)->eax >> 14 & 0xfff, 0);
	assert_int_equal(leaf(c, 4, 1)->eax >> 14 & 0xfff, 0);
	assert_int_equal(leaf(c, 4, 2)->eax >> 14 & 0xfff, (ids - 1) & 0xfff);
	assert_int_equal(leaf(c, 4, 2)->eax >> 26, ids < 64 ? ids - 1 : 63);
	/* AMD's view of the same. */
	assert_int_equal(leaf(c, 0x80000008, 0)->ecx & 0xff,
			 (t->cpus - 1) & 0xff);
	assert_int_equal(leaf(c, 0x80000008, 0)->ecx >> 12 & 15, t->width);
	assert_int_equal(leaf(c, 0x80000008, 0)->eax, 0x3030);
	assert_int_equal(leaf(c, 0x8000001e, 0)->eax, t->cpu);
	assert_int_equal(leaf(c, 0x8000001e, 0)->ebx, t->cpu & 0xff);
	assert_int_equal(leaf(c, 0x8000001e, 0)->ecx, 0);
	free(c);
}

static void cpuid_topology_is_cores_in_one_package(void **state)
{
	static const struct topology rows[] = {
		{ 1, 0, 0, 0x0001ff42 },
		{ 2, 0, 1, 0x0002ff42 },
		{ 2, 1, 1, 0x0102ff42 },
		{ 3, 2, 2, 0x0204ff42 },
		{ 4, 3, 2, 0x0304ff42 },
		{ 64, 63, 6, 0x3f40ff42 },
		{ 65, 64, 7, 0x4080ff42 },
		{ 256, 255, 8, 0xffffff42 },
		{ 1024, 1023, 10, 0xffffff42 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_topology(&rows[i]);
}

static void cpuid_topology_set_twice_adds_no_second_leaf(void **state)
{
	struct kvm_cpuid2 *c = table();

	cpuid_set_topology(c, 0, 2);
	cpuid_set_topology(c, 1, 2);
	assert_int_equal(c->nent, ARRAY_SIZE(host) + 1);
	assert_int_equal(leaf(c, 0xb, 1)->edx, 1);
	free(c);
}

static void cpuid_topology_of_an_empty_table_is_empty(void **state)
{
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c));

	cpuid_set_topology(c, 0, 4);
	assert_int_equal(c->nent, 0);
	free(c);
}

static struct kvm_cpuid2 *table_of(const struct kvm_cpuid_entry2 *entries,
				   uint32_t count)
{
	struct kvm_cpuid2 *c =
		calloc(1, sizeof(*c) + (count + KVM_CPUID_SPARE) *
					       sizeof(*entries));

	assert_non_null(c);
	c->nent = count;
	memcpy(c->entries, entries, count * sizeof(*entries));
	return c;
}

/* Linux asks 0x1f before 0xb: without a core level every vCPU would be a
 * package of its own. */
static void cpuid_leaf_0x1f_has_a_core_level_as_0xb_has(void **state)
{
	static const struct kvm_cpuid_entry2 new_intel[] = {
		{ .function = 0xb, .flags = INDEXED },
		{ .function = 0x1f, .flags = INDEXED },
	};
	struct kvm_cpuid2 *c = table_of(new_intel, ARRAY_SIZE(new_intel));

	cpuid_set_topology(c, 3, 4);
	for (uint32_t function = 0xb; function <= 0x1f; function += 0x14) {
		assert_int_equal(leaf(c, function, 0)->eax, 0);
		assert_int_equal(leaf(c, function, 0)->ecx, 0x100);
		assert_int_equal(leaf(c, function, 1)->eax, 2);
		assert_int_equal(leaf(c, function, 1)->ebx, 4);
		assert_int_equal(leaf(c, function, 1)->ecx, 0x201);
		assert_int_equal(leaf(c, function, 1)->edx, 3);
	}
	free(c);
}

/* The host's two threads of a core share its caches; a vCPU is a core. */
static void cpuid_amd_caches_are_shared_from_level_3_on(void **state)
{
	static const struct kvm_cpuid_entry2 amd[] = {
		{ .function = 0x8000001d, .index = 0, .flags = INDEXED,
		  .eax = 0x4121 },
		{ .function = 0x8000001d, .index = 3, .flags = INDEXED,
		  .eax = 0x1c163 },
	};
	struct kvm_cpuid2 *c = table_of(amd, ARRAY_SIZE(amd));

	cpuid_set_topology(c, 0, 2);
	assert_int_equal(leaf(c, 0x8000001d, 0)->eax, 0x121);
	assert_int_equal(leaf(c, 0x8000001d, 3)->eax, 0x4163);
	free(c);
}

/* Linux takes kvmclock2, and asynchronous page faults by interrupt, whether or
 * not the first version's bit is there. */
static void cpuid_minus_hides_newer_versions_too(void **state)
{
	static const struct kvm_cpuid_entry2 kvm[] = {
		{ .function = 0x40000001, .eax = 0x01007efb },
	};
	struct kvm_cpuid2 *c = table_of(kvm, 1);
	struct err err;

	assert_int_equal(apply(c, "-kvmclock", &err), 0);
	assert_int_equal(leaf(c, 0x40000001, 0)->eax, 0x7ef2);
	assert_int_equal(apply(c, "-kvm_asyncpf", &err), 0);
	assert_int_equal(leaf(c, 0x40000001, 0)->eax, 0x3ae2);
	assert_int_equal(apply(c, "-kvmclock2", &err), 0);
	free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(features_have_unique_names_and_bits),
		cmocka_unit_test(features_stand_where_the_manuals_say),
		cmocka_unit_test(cpuid_minus_hides_one_bit),
		cmocka_unit_test(cpuid_plus_of_an_absent_feature_is_refused),
		cmocka_unit_test(
			C01_unknown_feature_is_answered_with_the_nearest),
		cmocka_unit_test(
			cpuid_says_that_there_is_a_hypervisor_and_its_timer),
		cmocka_unit_test(cpuid_topology_is_cores_in_one_package),
		cmocka_unit_test(cpuid_topology_set_twice_adds_no_second_leaf),
		cmocka_unit_test(cpuid_topology_of_an_empty_table_is_empty),
		cmocka_unit_test(cpuid_leaf_0x1f_has_a_core_level_as_0xb_has),
		cmocka_unit_test(cpuid_amd_caches_are_shared_from_level_3_on),
		cmocka_unit_test(cpuid_minus_hides_newer_versions_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
