// SPDX-License-Identifier: BSD-3-Clause
/* See one_vm.h. */
#include "one_vm.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/num.h"

#define I8042_COMMAND_PORT 0x64
#define PM_CONTROL_PORT    0x604

static void ignore_log(void *ctx, int level, const char *line)
{
}

int one_vm_set_up(void **state)
{
	static const uint8_t hlt = 0xf4;
	struct one_vm *f = calloc(1, sizeof(*f));
	int fd;

	*state = f;
	fake_kvm_reset();
	snprintf(f->kernel, sizeof(f->kernel), "/tmp/vireo-vm-XXXXXX");
	fd = mkstemp(f->kernel);
	if (fd < 0 || write(fd, &hlt, 1) != 1)
		return -1;
	close(fd);
	config_init(&f->cfg);
	f->cfg.memory = MIB;
	f->cfg.format = BOOT_FORMAT_FLAT;
	snprintf(f->cfg.kernel, sizeof(f->cfg.kernel), "%s", f->kernel);
	f->log = (struct log){ LOG_LEVEL_WARN, ignore_log, NULL };
	f->fds = (struct vm_fds){ fake_kvm_open(), -1, -1 };
	return 0;
}

int one_vm_tear_down(void **state)
{
	struct one_vm *f = *state;

	vm_destroy(f->vm);
	close(f->fds.kvm);
	unlink(f->kernel);
	fake_kvm_reset();
	free(f);
	return 0;
}

void one_vm_create(struct one_vm *f)
{
	struct err err = { 0 };

	if (vm_create(&f->vm, &f->cfg, &f->log, &f->fds, &err) < 0)
		fail_msg("vm_create: %s", err.text);
}

void one_vm_run(struct one_vm *f)
{
	struct err err = { 0 };

	one_vm_create(f);
	if (vm_start(f->vm, &err) < 0)
		fail_msg("vm_start: %s", err.text);
	if (vm_wait(f->vm, 10000, &f->end) < 0)
		fail_msg("the VM does not end");
}

void one_vm_reset(unsigned int cpu)
{
	fake_out(cpu, I8042_COMMAND_PORT, 1, 0xfe);
}

void one_vm_power_off(unsigned int cpu)
{
	fake_out(cpu, PM_CONTROL_PORT, 2, 0x2000 | 5 << 10);
}

unsigned int one_vm_open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}
