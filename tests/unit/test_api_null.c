// SPDX-License-Identifier: BSD-3-Clause
/*
 * L04: every function of the header, with every set of its pointers NULL: an
 * error value where one is needed, never a crash. Wants the header's path.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "api_calls.h"
#include "api_case.h"
#include "api_header.h"

#define SPECIMEN 4096

static const char *header_path;

struct fixture {
	struct api_case a;
	struct api_things t;
	void *nowhere; /* who looks at it crashes */
};

static void on_request(void *ctx, struct vireo_request *request)
{
}

static void add_virtio(struct vireo_config *cfg)
{
	const struct vireo_virtio device = {
		.size = sizeof(device), .name = "first", .type = 42,
		.queues = 1, .config = "abcd", .config_size = 4,
		.request = on_request,
	};

	assert_int_equal(vireo_config_add_virtio(cfg, &device, NULL), 0);
}

/* For a VM with which nothing is wrong, and objects that nobody may touch. */
static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	if (api_case_set_up(&f->a) ||
	    vireo_config_set(f->a.cfg, "console", "pty", &f->a.err))
		return -1;
	add_virtio(f->a.cfg);
	f->nowhere = mmap(NULL, SPECIMEN, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	f->t.cfg = f->a.cfg;
	f->t.exec = f->nowhere;
	f->t.request = f->nowhere;
	f->t.sandbox = f->nowhere;
	return vireo_config_create(&f->t.new_cfg);
}

static void drop_new(struct api_things *t)
{
	vireo_destroy(&t->new_vm);
	vireo_exec_destroy(&t->new_exec);
	vireo_sandbox_destroy(&t->new_sandbox);
	free(t->json);
	t->json = NULL;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	drop_new(&f->t);
	vireo_config_destroy(&f->t.new_cfg);
	munmap(f->nowhere, SPECIMEN);
	api_case_tear_down(&f->a);
	free(f);
	return 0;
}

/* What it is about does not exist in this test. */
static bool is_about_nothing(const char *name)
{
	return !strncmp(name, "vireo_exec_", 11) ||
	       !strncmp(name, "vireo_request_", 14) ||
	       (!strncmp(name, "vireo_sandbox_", 14) &&
		strcmp(name, "vireo_sandbox_create"));
}

/* It is as it was made. */
static bool is_unused(struct vireo_vm *vm)
{
	return vm && vireo_wait(vm, 0, NULL) == VIREO_ESTATE;
}

/* A configuration of its own for each call, and a VM that is new. */
static void make_new(struct fixture *f, const struct api_call *c)
{
	struct api_things *t = &f->t;

	drop_new(t);
	vireo_config_destroy(&t->new_cfg);
	if (strcmp(c->name, "vireo_config_create"))
		assert_int_equal(vireo_config_create(&t->new_cfg), 0);
	fake.api_version = KVM_API_VERSION;
	if (!is_unused(f->a.vm)) {
		vireo_destroy(&f->a.vm);
		api_case_create(&f->a);
	}
	t->vm = f->a.vm;
	memset(&t->err, 0, sizeof(t->err));
	/* Guests that it might run would run for ever. */
	if (!strcmp(c->name, "vireo_check"))
		fake.api_version = 0;
}

/* With the pointers of @null NULL. */
static int call(struct fixture *f, const struct api_call *c, unsigned int null)
{
	struct api_things *t = &f->t;
	int r;

	make_new(f, c);
	r = c->call(t, null);
	/* The fake has one VM at a time. */
	if (!strcmp(c->name, "vireo_stop") || !strcmp(c->name, "vireo_create"))
		vireo_destroy(&f->a.vm);
	if (t->err.code != (strchr(c->pointers, 'e') &&
			    !(null >> (strlen(c->pointers) - 1) & 1) ? r : 0))
		fail_msg("%s: %d, and the error is %d (NULL: %#x)", c->name, r,
			 t->err.code, null);
	if (t->err.code)
		assert_true(strlen(t->err.text) > 8);
	return r;
}

static void try_all(struct fixture *f, const struct api_call *c)
{
	size_t count = strlen(c->pointers);
	int usual = 0;

	if (!is_about_nothing(c->name)) {
		usual = call(f, c, 0);
		if (usual == VIREO_EINVAL)
			fail_msg("%s: EINVAL without any NULL: %s", c->name,
				 f->t.err.text);
	}
	for (unsigned int null = 1; null < 1u << count; null++) {
		bool refused = false;
		int r;

		for (size_t i = 0; i < count; i++)
			refused |= null >> i & 1 && c->pointers[i] == 'E';
		/* Whatever is there is not to be looked at. */
		if (!refused && is_about_nothing(c->name) && !(null & 1))
			continue;
		r = call(f, c, null);
		if (r != (refused ? VIREO_EINVAL : usual))
			fail_msg("%s: %d with NULL for %#x", c->name, r, null);
	}
}

static void L04_null_for_any_pointer_is_an_error_value(void **state)
{
	const struct api_call *c;

	for (size_t i = 0; (c = api_call_at(i)); i++)
		try_all(*state, c);
}

/* The table above is the header's: each function, and each of its pointers. */
static void L04_no_function_is_forgotten(void **state)
{
	struct api_header *h = calloc(1, sizeof(*h));
	size_t known = 0;

	api_header_read(h, header_path);
	while (api_call_at(known))
		known++;
	for (size_t i = 0; i < h->count; i++) {
		const struct api_function *f = &h->function[i];
		const struct api_call *c = NULL;

		for (size_t n = 0; n < known && !c; n++)
			if (!strcmp(api_call_at(n)->name, f->name))
				c = api_call_at(n);
		if (!c)
			fail_msg("tests/fakes/api_calls.c has no %s()",
				 f->name);
		if (strlen(c->pointers) != f->pointers)
			fail_msg("%s() has %u pointers", f->name, f->pointers);
	}
	assert_int_equal(h->count, known);
	free(h);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			L04_null_for_any_pointer_is_an_error_value, set_up,
			tear_down),
		cmocka_unit_test(L04_no_function_is_forgotten),
	};

	if (argc != 2)
		return 2;
	header_path = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
