/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Unpacking a bzImage's kernel straight into guest RAM: the decompressor writes
 * the vmlinux to where most of it will stay, and only the segments that belong
 * elsewhere are moved. It saves a second copy of 50 MiB and its page faults.
 * Runs before the guest does, on the thread that builds the VM.
 */
#ifndef VIREO_ARCH_X86_64_UNPACK_H
#define VIREO_ARCH_X86_64_UNPACK_H

#include "base/cache.h"
#include "base/err.h"
#include "boot/boot.h"
#include "mem/mem.h"

/*
 * Unpacks @payload and places its segments; *image describes the vmlinux
 * (offsets mean nothing any more). All other RAM is as it was: zero. Fails,
 * with a reason and RAM zeroed again, when the payload is damaged or unknown,
 * or when this way does not suit this kernel or this RAM. @keep: gets the
 * vmlinux as a file, and is ended; NULL: nothing does.
 */
int unpack_in_place(const struct mem *mem, struct boot_image *image,
		    const uint8_t *payload, size_t len, struct cache_new *keep,
		    struct err *err);
/* The same for one that was kept: @len bytes from @fd. */
int unpack_kept(const struct mem *mem, struct boot_image *image, int fd,
		uint64_t len, struct err *err);

#endif
