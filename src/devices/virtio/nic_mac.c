// SPDX-License-Identifier: BSD-3-Clause
/* See nic.h. Addresses as people write them, and made up. Pure. */
#include <errno.h>
#include <string.h>

#include "devices/virtio/nic.h"
#include "devices/virtio/nic_frame.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int nic_parse_mac(uint8_t mac[NIC_MAC_SIZE], const char *text)
{
	if (strlen(text) != 17)
		return -EINVAL;
	for (int i = 0; i < NIC_MAC_SIZE; i++, text += 3) {
		int high = hex_digit(text[0]), low = hex_digit(text[1]);

		if (high < 0 || low < 0 || text[2] != (i < 5 ? ':' : '\0'))
			return -EINVAL;
		mac[i] = (uint8_t)(high << 4 | low);
	}
	return nic_mac_usable(mac) ? 0 : -EINVAL;
}

/* FNV-1a; the bits for "local" set, for "group" clear (IEEE 802, 8.4). */
void nic_make_mac(uint8_t mac[NIC_MAC_SIZE], const char *seed)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *seed; seed++)
		hash = (hash ^ (uint8_t)*seed) * UINT64_C(0x100000001b3);
	nic_mac_unpack(mac, hash ^ hash >> 48);
	mac[0] = (uint8_t)((mac[0] & 0xfcu) | 2u);
}
