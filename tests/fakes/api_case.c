// SPDX-License-Identifier: BSD-3-Clause
/* See api_case.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "api_case.h"

int api_case_set_up(struct api_case *f)
{
	char kernel[96];

	if (one_vm_set_up((void **)&f->host) || vireo_config_create(&f->cfg))
		return -1;
	snprintf(kernel, sizeof(kernel), "%s,format=flat", f->host->kernel);
	return vireo_config_set_fd(f->cfg, "kvm", f->host->fds.kvm, &f->err) ||
	       vireo_config_set(f->cfg, "kernel", kernel, &f->err) ||
	       vireo_config_set(f->cfg, "memory", "1M", &f->err);
}

void api_case_tear_down(struct api_case *f)
{
	vireo_destroy(&f->vm);
	vireo_config_destroy(&f->cfg);
	one_vm_tear_down((void **)&f->host);
}

void api_case_create(struct api_case *f)
{
	if (vireo_create(&f->vm, f->cfg, &f->err) != 0)
		fail_msg("%s", f->err.text);
}

void api_case_run(struct api_case *f)
{
	api_case_create(f);
	assert_int_equal(vireo_start(f->vm, &f->err), 0);
	assert_int_equal(vireo_wait(f->vm, 10000, &f->end), 0);
}
