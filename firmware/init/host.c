// SPDX-License-Identifier: BSD-3-Clause
/* Talking to the host. */
#include "init.h"

#include <linux/errno.h>
#include <linux/socket.h>
#include <linux/vm_sockets.h>

#define AF_VSOCK_NUMBER 40
#define SOCK_STREAM_CLOEXEC (1 | 02000000)
#define HOST_CID 2

int host_connect(unsigned int port)
{
	struct sockaddr_vm to;
	int fd = (int)SYS3(socket, AF_VSOCK_NUMBER, SOCK_STREAM_CLOEXEC, 0);
	long r;

	if (fd < 0)
		return fd;
	memset(&to, 0, sizeof(to));
	to.svm_family = AF_VSOCK_NUMBER;
	to.svm_cid = HOST_CID;
	to.svm_port = port;
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
