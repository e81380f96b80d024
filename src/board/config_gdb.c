// SPDX-License-Identifier: BSD-3-Clause
/* The parser of the key "gdb": where a debugger connects. As config.c: nothing
 * is opened. Any thread. */
#include <errno.h>
#include <string.h>

#include "backends/unix_sock.h"
#include "board/keys.h"
#include "board/parse.h"

static int gdb_item(struct config *c, const char *key, const char *value,
		    struct err *e)
{
	if (strcmp(key, "wait") != 0)
		return err_set(e, -EINVAL, "unknown item \"%s\" (wait)", key);
	return parse_flag(&c->gdb_wait, value, e);
}

static int check_address(const char *v, struct err *e)
{
	uint64_t port;

	if (!strncmp(v, "tcp:", 4))
		return parse_number(&port, v + 4, 1, UINT16_MAX, e);
	if (strncmp(v, "unix:", 5) != 0)
		return err_set(e, -EINVAL,
			       "\"%s\" is neither tcp:PORT nor unix:PATH", v);
	if (!v[5] || strlen(v + 5) > UNIX_PATH_MAX)
		return err_set(e, -EINVAL,
			       "unix: wants a path of 1 to %zu bytes",
			       UNIX_PATH_MAX);
	return 0;
}

int config_parse_gdb(struct config *c, const char *v, struct err *e)
{
	char address[sizeof(c->gdb)];
	int r;

	c->gdb_wait = false;
	r = parse_list(c, v, address, sizeof(address), gdb_item, e);
	if (!r)
		r = check_address(address, e);
	if (!r)
		memcpy(c->gdb, address, sizeof(address));
	return r;
}
