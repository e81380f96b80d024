// SPDX-License-Identifier: BSD-3-Clause
/*
 * Many byte streams at a time, each both ways, for tests/linux/devices: over
 * TCP, virtio-vsock and unix sockets. Runs in the guest and on the host.
 *
 *	streams serve ADDRESS COUNT KIB [oneway]	accept COUNT streams
 *	streams call ADDRESS COUNT KIB [oneway]		open COUNT streams
 *
 * ADDRESS is tcp:IP:PORT, vsock:CID:PORT ("*": any IP or CID), unix:PATH, or
 * vmm:PATH:PORT: the unix socket of a VMM, which wants to read "CONNECT PORT\n"
 * and answers "OK ...\n". A stream begins with its number, from the caller.
 * Then KIB of numbers that follow from it go each way at once, and every byte
 * is compared with what it has to be; "oneway": only the caller sends. Both
 * sides shut down what they have sent, and both must see the end.
 *
 * One thread, its state on the stack of main() and in what that allocates.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#define MAX_STREAMS 256
#define CHUNK 16384
#define QUIET_MS 60000 /* nothing moves for so long: it is stuck */

union address {
	struct sockaddr any;
	struct sockaddr_un local;
	struct sockaddr_vm vsock;
	struct sockaddr_in tcp;
};

struct stream {
	int fd;
	uint32_t number;
	uint64_t sent;
	uint64_t received;
	bool ended; /* the other side has shut down */
};

static void fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "streams: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(1);
}

/* Eight bytes of one direction of a stream. */
static uint64_t word_at(uint32_t number, bool from_caller, uint64_t i)
{
	uint64_t x = i + ((uint64_t)number << 40) +
		     (from_caller ? 1ull << 63 : 0);

	x = (x ^ x >> 29) * 0x9e3779b97f4a7c15ull;
	return x ^ x >> 32;
}

/* What the stream has from offset on. */
static void fill(uint8_t *to, size_t len, const struct stream *s,
		 bool from_caller, uint64_t offset)
{
	while (len) {
		uint64_t word = word_at(s->number, from_caller, offset / 8);
		size_t skip = offset % 8;
		size_t n = len < 8 - skip ? len : 8 - skip;

		memcpy(to, (const uint8_t *)&word + skip, n);
		to += n;
		len -= n;
		offset += n;
	}
}

static int parse_number(const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (end == text || *end || n < 0 || n > INT32_MAX)
		fail("%s: not a number", text);
	return (int)n;
}

static void set_path(union address *a, const char *path, size_t len)
{
	if (len >= sizeof(a->local.sun_path))
		fail("%s: too long", path);
	a->local.sun_family = AF_UNIX;
	memcpy(a->local.sun_path, path, len);
}

/* What stands between "SCHEME:" and ":PORT". */
static void parse_host(char *host, size_t size, const char *text)
{
	const char *from = strchr(text, ':') + 1;
	const char *colon = strrchr(text, ':');

	if (colon < from || (size_t)(colon - from) >= size)
		fail("%s: not SCHEME:HOST:PORT", text);
	memcpy(host, from, (size_t)(colon - from));
	host[colon - from] = 0;
}

static socklen_t parse_vsock(union address *a, const char *host, int port)
{
	a->vsock.svm_family = AF_VSOCK;
	a->vsock.svm_cid = *host == '*' ? VMADDR_CID_ANY
					: (unsigned int)parse_number(host);
	a->vsock.svm_port = (unsigned int)port;
	return sizeof(a->vsock);
}

static socklen_t parse_tcp(union address *a, const char *host, int port)
{
	a->tcp.sin_family = AF_INET;
	a->tcp.sin_port = htons((uint16_t)port);
	if (*host != '*' && inet_pton(AF_INET, host, &a->tcp.sin_addr) != 1)
		fail("%s: not an address", host);
	return sizeof(a->tcp);
}

/* Fills *a; returns its size, and in *port what a VMM is to be asked for. */
static socklen_t parse_address(union address *a, int *port, const char *text)
{
	char host[sizeof(a->local.sun_path)];
	int number;

	memset(a, 0, sizeof(*a));
	*port = -1;
	if (!strncmp(text, "unix:", 5)) {
		set_path(a, text + 5, strlen(text + 5));
		return sizeof(a->local);
	}
	if (strncmp(text, "tcp:", 4) && strncmp(text, "vsock:", 6) &&
	    strncmp(text, "vmm:", 4))
		fail("%s: not an address", text);
	parse_host(host, sizeof(host), text);
	number = parse_number(strrchr(text, ':') + 1);
	if (*text == 't')
		return parse_tcp(a, host, number);
	if (text[1] == 's')
		return parse_vsock(a, host, number);
	set_path(a, host, strlen(host));
	*port = number;
	return sizeof(a->local);
}

static void read_all(int fd, void *to, size_t len)
{
	for (uint8_t *p = to; len;) {
		ssize_t n = read(fd, p, len);

		if (n <= 0)
			fail("a stream ended early: %s",
			     n ? strerror(errno) : "end of file");
		p += n;
		len -= (size_t)n;
	}
}

static void write_all(int fd, const void *from, size_t len)
{
	if (write(fd, from, len) != (ssize_t)len)
		fail("cannot write: %s", strerror(errno));
}

static void ask_vmm(int fd, int port)
{
	char line[64];
	size_t n = 0;

	snprintf(line, sizeof(line), "CONNECT %d\n", port);
	write_all(fd, line, strlen(line));
	do {
		read_all(fd, line + n, 1);
	} while (line[n++] != '\n' && n < sizeof(line) - 1);
	line[n] = 0;
	if (strncmp(line, "OK ", 3))
		fail("the VMM said \"%s\"", line);
}

static void open_streams(struct stream *streams, uint32_t count,
			 const char *text)
{
	union address a;
	int port;
	socklen_t len = parse_address(&a, &port, text);

	for (uint32_t i = 0; i < count; i++) {
		int fd = socket(a.any.sa_family, SOCK_STREAM, 0);

		if (fd < 0 || connect(fd, &a.any, len) < 0)
			fail("stream %u to %s: %s", i, text, strerror(errno));
		if (port >= 0)
			ask_vmm(fd, port);
		write_all(fd, &i, sizeof(i));
		streams[i] = (struct stream){ .fd = fd, .number = i };
	}
}

static void accept_streams(struct stream *streams, uint32_t count,
			   const char *text)
{
	union address a;
	int port;
	socklen_t len = parse_address(&a, &port, text);
	int listener = socket(a.any.sa_family, SOCK_STREAM, 0);

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 },
		   sizeof(int));
	if (listener < 0 || bind(listener, &a.any, len) < 0 ||
	    listen(listener, MAX_STREAMS) < 0)
		fail("cannot listen at %s: %s", text, strerror(errno));
	printf("VIREO-LISTENING: %s\n", text);
	fflush(stdout);
	for (uint32_t i = 0; i < count; i++) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			fail("cannot accept: %s", strerror(errno));
		streams[i] = (struct stream){ .fd = fd };
		read_all(fd, &streams[i].number, sizeof(uint32_t));
	}
	close(listener);
}

static void send_some(struct stream *s, uint64_t total, bool caller)
{
	uint8_t chunk[CHUNK];
	uint64_t left = total - s->sent;
	size_t n = left < CHUNK ? (size_t)left : CHUNK;
	ssize_t r;

	fill(chunk, n, s, caller, s->sent);
	r = send(s->fd, chunk, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (r < 0 && errno != EAGAIN)
		fail("stream %u: cannot send at %llu: %s", s->number,
		     (unsigned long long)s->sent, strerror(errno));
	if (r > 0)
		s->sent += (uint64_t)r;
	if (s->sent == total && shutdown(s->fd, SHUT_WR) < 0)
		fail("stream %u: cannot shut down: %s", s->number,
		     strerror(errno));
}

static void receive_some(struct stream *s, uint64_t total, bool caller)
{
	uint8_t chunk[CHUNK], wanted[CHUNK];
	ssize_t r = recv(s->fd, chunk, sizeof(chunk), MSG_DONTWAIT);

	if (r < 0 && errno == EAGAIN)
		return;
	if (r < 0)
		fail("stream %u: cannot receive at %llu: %s", s->number,
		     (unsigned long long)s->received, strerror(errno));
	fill(wanted, (size_t)r, s, !caller, s->received);
	if (memcmp(chunk, wanted, (size_t)r))
		fail("stream %u: wrong bytes between %llu and %llu", s->number,
		     (unsigned long long)s->received,
		     (unsigned long long)s->received + (size_t)r);
	s->received += (uint64_t)r;
	s->ended = !r;
	if (s->received > total || (s->ended && s->received != total))
		fail("stream %u: %llu bytes, not %llu", s->number,
		     (unsigned long long)s->received,
		     (unsigned long long)total);
}

static void check_numbers(const struct stream *streams, uint32_t count)
{
	bool seen[MAX_STREAMS] = { 0 };

	for (uint32_t i = 0; i < count; i++) {
		if (streams[i].number >= count || seen[streams[i].number])
			fail("a stream has the number %u", streams[i].number);
		seen[streams[i].number] = true;
	}
}

static void exchange(struct stream *streams, uint32_t count, uint64_t total,
		     uint64_t back, bool caller)
{
	uint64_t out = caller ? total : back, in = caller ? back : total;
	struct pollfd wait[MAX_STREAMS];

	for (;;) {
		bool busy = false;

		for (uint32_t i = 0; i < count; i++) {
			short events = 0;

			if (streams[i].sent < out)
				events |= POLLOUT;
			if (!streams[i].ended)
				events |= POLLIN;
			busy |= events;
			wait[i] = (struct pollfd){ events ? streams[i].fd : -1,
						   events, 0 };
		}
		if (!busy)
			return;
		if (poll(wait, count, QUIET_MS) <= 0)
			fail("nothing moves");
		for (uint32_t i = 0; i < count; i++) {
			if (wait[i].revents & POLLOUT)
				send_some(&streams[i], out, caller);
			if (wait[i].revents & (POLLIN | POLLHUP | POLLERR))
				receive_some(&streams[i], in, caller);
		}
	}
}

int main(int argc, char **argv)
{
	struct stream streams[MAX_STREAMS];
	uint32_t count;
	uint64_t total;
	bool caller, oneway;

	oneway = argc == 6 && !strcmp(argv[5], "oneway");
	if (argc != 5 && !oneway)
		fail("usage: streams serve|call ADDRESS COUNT KIB [oneway]");
	caller = !strcmp(argv[1], "call");
	count = (uint32_t)parse_number(argv[3]);
	total = (uint64_t)parse_number(argv[4]) * 1024;
	if (!count || count > MAX_STREAMS || !total)
		fail("1 to %d streams, and some data", MAX_STREAMS);
	if (caller)
		open_streams(streams, count, argv[2]);
	else
		accept_streams(streams, count, argv[2]);
	check_numbers(streams, count);
	exchange(streams, count, total, oneway ? 0 : total, caller);
	for (uint32_t i = 0; i < count; i++)
		close(streams[i].fd);
	printf("VIREO-STREAMS: %u of %llu KiB %s way\n", count,
	       (unsigned long long)total / 1024, oneway ? "one" : "each");
	return 0;
}
