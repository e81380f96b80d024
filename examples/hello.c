// SPDX-License-Identifier: BSD-3-Clause
/* hello KERNEL [INITRD]: boots it, its console at standard input and output. */
#include <stdio.h>
#include <unistd.h>

#include <vireo.h>

int main(int argc, char **argv)
{
	struct vireo_config *cfg = NULL;
	struct vireo_vm *vm = NULL;
	struct vireo_error err = { .text = "usage: hello KERNEL [INITRD]" };
	struct vireo_end end = { .exit_code = 125 };

	if (argc > 1 && vireo_config_create(&cfg) == 0 &&
	    vireo_config_set(cfg, "kernel", argv[1], &err) == 0 &&
	    (argc < 3 || vireo_config_set(cfg, "initrd", argv[2], &err) == 0) &&
	    vireo_config_set_fd(cfg, "console-in", STDIN_FILENO, &err) == 0 &&
	    vireo_config_set_fd(cfg, "console-out", STDOUT_FILENO, &err) == 0 &&
	    vireo_create(&vm, cfg, &err) == 0 && /* memory, devices, kernel */
	    vireo_start(vm, &err) == 0 &&        /* from here on it runs */
	    vireo_wait(vm, -1, &end) == 0)       /* until the guest ends */
		printf("the guest has ended: %s\n%s", end.verdict, end.detail);
	else
		fprintf(stderr, "hello: %s\n", err.text);
	vireo_destroy(&vm);
	vireo_config_destroy(&cfg);
	return end.exit_code;
}
