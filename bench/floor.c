// SPDX-License-Identifier: BSD-3-Clause
/*
 * The floor: what any VMM has to pay. A VM by bare ioctls and nothing else:
 * RAM, irqchip, one vCPU, a flat 16-bit image at 0x7c00; it runs until the
 * image writes port 0xf4, and counts the exits. The irqchip is the split one,
 * which is `vireo run`'s; or full, or full with a PIT, as other VMMs have it.
 *
 * floor IMAGE MEMORY_MIB split|full|pit
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bare.h"

static enum bare_irqchip irqchip(const char *name)
{
	if (!strcmp(name, "split"))
		return BARE_SPLIT;
	return !strcmp(name, "pit") ? BARE_PIT : BARE_FULL;
}

/* Reads the image into RAM. */
static void load(const char *path, uint8_t *to)
{
	int fd = check(open(path, O_RDONLY | O_CLOEXEC), path);

	check((int)read(fd, to, 0x8000), path);
	close(fd);
}

int main(int argc, char **argv)
{
	unsigned long exits = 0;
	struct bare b;

	if (argc < 4)
		return 125;
	bare_open(&b, strtoull(argv[2], NULL, 10) << 20, 0, irqchip(argv[3]));
	load(argv[1], b.ram + BARE_LOAD);
	bare_add_vcpu(&b);
	bare_set_real_mode(&b);
	do {
		bare_run(&b);
		exits++;
	} while (b.run->io.port != BARE_EXIT_PORT);
	printf("%lu\n", exits);
	return 0;
}
