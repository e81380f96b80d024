// SPDX-License-Identifier: BSD-3-Clause
/* Talking to the host. */
#include "init.h"

#include <linux/errno.h>
#include <linux/socket.h>
#include <linux/vm_sockets.h>

#define AF_VSOCK_NUMBER 40
#define SOCK_STREAM_CLOEXEC (1 | 02000000)
#define HOST_CID 2

/* Those up to here are only for the privileged: the host knows us by that. */
#define OWN_PORT_LAST 1023

static struct sockaddr_vm address(unsigned int cid, unsigned int port)
{
	struct sockaddr_vm a;

	memset(&a, 0, sizeof(a));
	a.svm_family = AF_VSOCK_NUMBER;
	a.svm_cid = cid;
	a.svm_port = port;
	return a;
}

/* One that nobody has; each connection has its own. */
static long take_port(int fd)
{
	long r = -EADDRINUSE;

	for (unsigned int port = OWN_PORT_LAST; r == -EADDRINUSE && port;
	     port--) {
		struct sockaddr_vm own = address(VMADDR_CID_ANY, port);

		r = SYS3(bind, fd, &own, sizeof(own));
	}
	return r;
}

int host_connect(unsigned int port)
{
	struct sockaddr_vm to = address(HOST_CID, port);
	int fd = (int)SYS3(socket, AF_VSOCK_NUMBER, SOCK_STREAM_CLOEXEC, 0);
	long r;

	if (fd < 0)
		return fd;
	r = take_port(fd);
	if (r >= 0)
		do
			r = SYS3(connect, fd, &to, sizeof(to));
		while (r == -EINTR);
	if (r < 0) {
		close_fd(&fd);
		return (int)r;
	}
	return fd;
}

void host_tell(int words, const char *word, uint64_t n)
{
	char line[64] = "";

	put_text(line, sizeof(line), word);
	put_text(line, sizeof(line), " ");
	put_number(line, sizeof(line), n);
	put_text(line, sizeof(line), "\n");
	write_all(words, line, strlen(line));
}

void host_complain(int words, int status, const char *what, int error)
{
	char line[512] = "failed ";

	put_number(line, sizeof(line), (uint64_t)status);
	put_text(line, sizeof(line), " ");
	put_number(line, sizeof(line), (uint64_t)-error);
	put_text(line, sizeof(line), " ");
	put_text(line, sizeof(line) - 1, what);
	put_text(line, sizeof(line), "\n");
	write_all(words, line, strlen(line));
}
