// SPDX-License-Identifier: BSD-3-Clause
/* See forward.h. */
#include "base/forward.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

/* Digits up to the end of the text. */
static int parse_port(uint16_t *out, const char *text)
{
	uint32_t port = 0;

	if (!*text || strlen(text) > 5)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		port = port * 10 + (uint32_t)(*text - '0');
	}
	if (port == 0 || port > UINT16_MAX)
		return -EINVAL;
	*out = (uint16_t)port;
	return 0;
}

/* Cuts @text at its last colon; what follows, or NULL. */
static char *cut(char *text)
{
	char *colon = strrchr(text, ':');

	if (!colon)
		return NULL;
	*colon = '\0';
	return colon + 1;
}

static int parse(struct forward *out, char *text)
{
	struct in_addr address;
	char *guest, *host;

	out->udp = strncmp(text, "udp:", 4) == 0;
	if (out->udp || strncmp(text, "tcp:", 4) == 0)
		text += 4;
	guest = cut(text);
	if (!guest || parse_port(&out->guest_port, guest) < 0)
		return -EINVAL;
	host = cut(text);
	if (!host) {
		memcpy(out->address, "127.0.0.1", sizeof("127.0.0.1"));
		return parse_port(&out->host_port, text);
	}
	if (parse_port(&out->host_port, host) < 0 ||
	    strlen(text) >= sizeof(out->address) ||
	    inet_pton(AF_INET, text, &address) != 1)
		return -EINVAL;
	memcpy(out->address, text, strlen(text) + 1);
	return 0;
}

int forward_parse(struct forward *out, const char *text, struct err *err)
{
	char copy[64];
	size_t len = strlen(text);

	memset(out, 0, sizeof(*out));
	if (len < sizeof(copy)) {
		memcpy(copy, text, len + 1);
		if (parse(out, copy) == 0)
			return 0;
	}
	return err_set(err, -EINVAL, "forward '%.60s': expected "
		       "[tcp:|udp:][ADDRESS:]HOST:GUEST, two ports such as "
		       "8080:80", text);
}
