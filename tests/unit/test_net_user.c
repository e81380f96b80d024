// SPDX-License-Identifier: BSD-3-Clause
/*
 * The user network: vireo-netd as a process, in a network namespace of the
 * test's own where nothing but loopback is. The frames are made by hand. The
 * path of vireo-netd is the argument.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "net_bench.h"

static const uint8_t our_mac[6] = { 0x52, 0x54, 0, 1, 2, 3 };
static const char *netd; /* the program */

static int create(struct net_bench *b, struct net_user_config cfg,
		  struct err *err)
{
	cfg.program = cfg.program ? cfg.program : netd;
	return net_user_create(&b->net, &cfg, b->loop, &b->log, err);
}

static void start(struct net_bench *b, struct net_user_config cfg)
{
	struct err err = { 0 };

	if (create(b, cfg, &err) < 0)
		fail_msg("%s", err.text);
	net_bench_start(b);
}

static void put16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static unsigned int get16(const uint8_t *p)
{
	return (unsigned int)p[0] << 8 | p[1];
}

static void ethernet(uint8_t *f, const uint8_t *to, unsigned int type)
{
	if (to)
		memcpy(f, to, 6);
	else
		memset(f, 255, 6);
	memcpy(f + 6, our_mac, 6);
	put16(f + 12, type);
}

static unsigned int sum(const uint8_t *p, size_t len, unsigned int start)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		start += get16(p + i);
	while (start >> 16)
		start = (start & 0xffff) + (start >> 16);
	return start;
}

#define DHCP_SIZE (14 + 20 + 8 + 300)

/* A DHCP message of @type (RFC 2131), as a broadcast. */
static void dhcp(uint8_t *f, uint8_t type)
{
	uint8_t *ip = f + 14, *udp = ip + 20, *bootp = udp + 8;
	uint8_t *options = bootp + 236;

	memset(f, 0, DHCP_SIZE);
	ethernet(f, NULL, 0x0800);
	ip[0] = 0x45;
	put16(ip + 2, DHCP_SIZE - 14);
	ip[8] = 64;
	ip[9] = 17;
	memset(ip + 16, 255, 4);
	put16(ip + 10, 0xffff - sum(ip, 20, 0));
	put16(udp, 68);
	put16(udp + 2, 67);
	put16(udp + 4, DHCP_SIZE - 34);
	bootp[0] = 1;
	bootp[1] = 1;
	bootp[2] = 6;
	memcpy(bootp + 4, "abcd", 4);
	memcpy(bootp + 28, our_mac, 6);
	memcpy(options, (uint8_t[]){ 99, 130, 83, 99, 53, 1, type }, 7);
	options[7] = 255;
	if (type == 3) {
		memcpy(options + 7, (uint8_t[]){ 50, 4, 10, 0, 2, 15 }, 6);
		memcpy(options + 13, (uint8_t[]){ 54, 4, 10, 0, 2, 2 }, 6);
		options[19] = 255;
	}
}

/* The n-th frame that came and is wanted; waits for it. */
static const uint8_t *next(struct net_bench *b, unsigned int *at,
			   bool (*wanted)(const uint8_t *f, size_t len))
{
	for (; *at < NET_BENCH_KEEP; ++*at) {
		net_bench_wait_frames(b, *at + 1);
		if (wanted(b->frame[*at], b->len[*at]))
			return b->frame[(*at)++];
	}
	fail();
	return NULL;
}

static bool is_dhcp(const uint8_t *f, size_t len)
{
	return len > 14 + 28 + 240 && get16(f + 12) == 0x0800 &&
	       f[23] == 17 && get16(f + 14 + 20 + 2) == 68;
}

static bool is_arp(const uint8_t *f, size_t len)
{
	return len >= 42 && get16(f + 12) == 0x0806;
}

static bool is_syn(const uint8_t *f, size_t len)
{
	return len >= 54 && get16(f + 12) == 0x0800 && f[23] == 6 &&
	       f[34 + 13] == 2;
}

static bool is_advertisement(const uint8_t *f, size_t len)
{
	return len >= 14 + 40 + 16 && get16(f + 12) == 0x86dd &&
	       f[20] == 58 && f[54] == 134;
}

/* The value of a DHCP option, or NULL. */
static const uint8_t *option(const uint8_t *f, uint8_t code)
{
	const uint8_t *p = f + 14 + 28 + 240;

	for (int left = 50; left && *p != 255; left--, p += 2 + p[1])
		if (*p == code)
			return p + 2;
	return NULL;
}

static void offer_and_acknowledge(struct net_bench *b, const uint8_t *dns)
{
	static const uint8_t us[4] = { 10, 0, 2, 15 };
	static const uint8_t host[4] = { 10, 0, 2, 2 };
	uint8_t frame[DHCP_SIZE];
	unsigned int at = 0;
	const uint8_t *f;

	dhcp(frame, 1);
	assert_int_equal(net_bench_send(b, frame, sizeof(frame)), 0);
	f = next(b, &at, is_dhcp);
	assert_int_equal(*option(f, 53), 2);
	assert_memory_equal(f + 14 + 28 + 16, us, 4);
	dhcp(frame, 3);
	assert_int_equal(net_bench_send(b, frame, sizeof(frame)), 0);
	f = next(b, &at, is_dhcp);
	assert_int_equal(*option(f, 53), 5);
	assert_memory_equal(option(f, 3), host, 4);
	assert_memory_equal(option(f, 6), dns, 4);
}

static void an_address_is_given_where_there_is_no_network(void **state)
{
	struct net_bench *b = *state;

	start(b, (struct net_user_config){ 0 });
	offer_and_acknowledge(b, (uint8_t[]){ 10, 0, 2, 3 });
}

static void a_name_server_of_ones_own_is_told(void **state)
{
	struct net_bench *b = *state;

	start(b, (struct net_user_config){ .dns = "192.0.2.53" });
	offer_and_acknowledge(b, (uint8_t[]){ 192, 0, 2, 53 });
}

static void arp(uint8_t *f, unsigned int op, const uint8_t *to_mac,
		const uint8_t *to)
{
	memset(f, 0, 42);
	ethernet(f, to_mac, 0x0806);
	memcpy(f + 14, (uint8_t[]){ 0, 1, 8, 0, 6, 4, 0, (uint8_t)op }, 8);
	memcpy(f + 22, our_mac, 6);
	memcpy(f + 28, (uint8_t[]){ 10, 0, 2, 15 }, 4);
	if (to_mac)
		memcpy(f + 32, to_mac, 6);
	memcpy(f + 38, to, 4);
}

static void the_host_answers_to_arp(void **state)
{
	static const uint8_t host[4] = { 10, 0, 2, 2 };
	struct net_bench *b = *state;
	uint8_t frame[42];
	unsigned int at = 0;
	const uint8_t *f;

	start(b, (struct net_user_config){ 0 });
	arp(frame, 1, NULL, host);
	assert_int_equal(net_bench_send(b, frame, sizeof(frame)), 0);
	f = next(b, &at, is_arp);
	assert_int_equal(get16(f + 20), 2);
	assert_memory_equal(f + 28, host, 4);
}

/* A router solicitation (RFC 4861, 4.1). */
static void routers_are_advertised_over_ipv6(void **state)
{
	static const uint8_t routers[6] = { 0x33, 0x33, 0, 0, 0, 2 };
	struct net_bench *b = *state;
	uint8_t f[14 + 40 + 8] = { 0 };
	uint8_t *ip = f + 14, *icmp = ip + 40;
	unsigned int at = 0;

	start(b, (struct net_user_config){ 0 });
	ethernet(f, routers, 0x86dd);
	ip[0] = 0x60;
	put16(ip + 4, 8);
	ip[6] = 58;
	ip[7] = 255;
	ip[8] = 0xfe;
	ip[9] = 0x80;
	ip[23] = 1;
	ip[24] = 0xff;
	ip[25] = 2;
	ip[39] = 2;
	icmp[0] = 133;
	put16(icmp + 2, 0xffff - sum(icmp, 8, sum(ip + 8, 32, 8 + 58)));
	assert_int_equal(net_bench_send(b, f, sizeof(f)), 0);
	next(b, &at, is_advertisement);
}

static int bind_port(uint16_t *port)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	assert_int_equal(listen(fd, 1), 0);
	*port = ntohs(in.sin_port);
	return fd;
}

static int connect_port(uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	return fd;
}

static void a_forwarded_connection_comes_to_the_guest(void **state)
{
	struct net_bench *b = *state;
	const char *forward[] = { "18080:80", "udp:18081:81",
				  "tcp:127.0.0.2:18080:82" };
	unsigned int at = 0;
	uint8_t frame[42];
	const uint8_t *f;
	int fd;

	start(b, (struct net_user_config){ .forward = forward,
					   .forward_count = 3 });
	fd = connect_port(18080);
	f = next(b, &at, is_arp);
	arp(frame, 2, f + 6, f + 28);
	assert_int_equal(net_bench_send(b, frame, sizeof(frame)), 0);
	f = next(b, &at, is_syn);
	assert_int_equal(get16(f + 36), 80);
	assert_memory_equal(f, our_mac, 6);
	close(fd);
}

static void a_port_in_use_is_named(void **state)
{
	struct net_bench *b = *state;
	struct err err = { 0 };
	char text[32];
	const char *forward = text;
	uint16_t port;
	int fd = bind_port(&port);

	snprintf(text, sizeof(text), "%u:80", port);
	assert_true(create(b, (struct net_user_config){
		.forward = &forward, .forward_count = 1 }, &err) < 0);
	assert_null(b->net);
	assert_non_null(strstr(err.text, "take another port"));
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	close(fd);
}

static void bad_options_are_refused_with_a_sentence(void **state)
{
	static const char *const forwards[] = {
		"", "80", "80:", ":80", "0:80", "80:65536", "a:80:80",
		"1.2.3:80:80", "udp:", "sctp:80:80", "80:80:80:80",
		"127.0.0.1:000080:80", "-1:80", "80:8 0",
		"00000000000000000000000000000000000000000000000000000000:0:80",
	};
	struct net_bench *b = *state;

	for (size_t i = 0; i < sizeof(forwards) / sizeof(forwards[0]); i++) {
		struct err err = { 0 };

		assert_int_equal(create(b, (struct net_user_config){
			.forward = &forwards[i], .forward_count = 1 }, &err),
			-EINVAL);
		assert_non_null(strstr(err.text, "forward"));
	}
	for (unsigned int mtu = 1279; mtu < 100000; mtu += 64243) {
		struct err err = { 0 };

		assert_int_equal(create(b, (struct net_user_config){
			.mtu = mtu }, &err), -EINVAL);
		assert_non_null(strstr(err.text, "MTU"));
	}
}

static void programs_that_do_not_start_are_named(void **state)
{
	static const struct {
		const char *program, *text;
	} bad[] = {
		{ "/nowhere/vireo-netd", "/nowhere/vireo-netd" },
		{ "/bin/false", "ended at once" },
		{ "/bin/true", "ended at once" },
		{ "/bin/ls", "--help" },
	};
	struct net_bench *b = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err = { 0 };

		assert_true(create(b, (struct net_user_config){
			.program = bad[i].program, .mtu = 1500 }, &err) < 0);
		assert_null(b->net);
		assert_non_null(strstr(err.text, bad[i].text));
		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	}
}

static pid_t child(void)
{
	char path[64];
	int pid = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	f = fopen(path, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%d", &pid), 1);
	fclose(f);
	return pid;
}

/* It may be stopped. */
static void ends_with_the_backend(struct net_bench *b, int signal)
{
	pid_t pid;

	start(b, (struct net_user_config){ 0 });
	pid = child();
	assert_int_equal(kill(pid, signal), 0);
	net_bench_stop(b);
	net_destroy(b->net);
	b->net = NULL;
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(errno, ESRCH);
}

static void the_program_ends_with_the_backend(void **state)
{
	ends_with_the_backend(*state, 0);
}

static void a_program_that_hangs_is_ended(void **state)
{
	ends_with_the_backend(*state, SIGSTOP);
}

/* Its memory has a bound: libslirp leaks where a guest wants it to. */
static void R14_the_program_may_die(void **state)
{
	struct net_bench *b = *state;
	struct rlimit limit;

	start(b, (struct net_user_config){ 0 });
	assert_int_equal(prlimit(child(), RLIMIT_DATA, NULL, &limit), 0);
	assert_true(limit.rlim_cur < RLIM_INFINITY);
	assert_int_equal(kill(child(), SIGKILL), 0);
	net_bench_wait_link(b, false);
}

/* Once the program has said all it had to say. */
static void forget_frames(struct net_bench *b)
{
	unsigned int before;

	do {
		before = b->frames;
		net_bench_nap(200);
	} while (b->frames != before);
	for (int i = 0; i < NET_BENCH_KEEP; i++) {
		free(b->frame[i]);
		b->frame[i] = NULL;
	}
	b->frames = 0;
}

static void frames_without_sense_do_not_end_the_program(void **state)
{
	struct net_bench *b = *state;
	uint8_t frame[1514];

	start(b, (struct net_user_config){ 0 });
	srand(1);
	for (int i = 0; i < 2000; i++) {
		size_t len = 14 + (size_t)rand() % 1500;

		for (size_t j = 0; j < len; j++)
			frame[j] = (uint8_t)rand();
		ethernet(frame, NULL, i % 3 == 0 ? 0x0800 :
			 i % 3 == 1 ? 0x86dd : 0x0806);
		if (i % 3 == 0)
			frame[14] = 0x45;
		net_bench_send(b, frame, len);
	}
	dhcp(frame, 1); /* now the last of a datagram that has no others */
	put16(frame + 20, 2);
	put16(frame + 24, get16(frame + 24) - 2);
	assert_int_equal(net_bench_send(b, frame, DHCP_SIZE), 0);
	forget_frames(b);
	offer_and_acknowledge(b, (uint8_t[]){ 10, 0, 2, 3 });
}

/* A segment in answer to @syn, with right checksums: what is wrong is inside,
 * where a stack looks at it. @len: of the frame, even. */
static void tcp(uint8_t *f, size_t len, const uint8_t *syn, uint8_t flags)
{
	uint8_t *ip = f + 14, *t = ip + 20;
	uint32_t ack = (get16(syn + 38) << 16 | get16(syn + 40)) + 1;

	ethernet(f, syn + 6, 0x0800);
	memset(ip, 0, 20);
	ip[0] = 0x45;
	put16(ip + 2, (unsigned int)len - 14);
	ip[8] = 64;
	ip[9] = 6;
	memcpy(ip + 12, syn + 30, 4);
	memcpy(ip + 16, syn + 26, 4);
	put16(ip + 10, 0xffff - sum(ip, 20, 0));
	memcpy(t, syn + 36, 2);
	memcpy(t + 2, syn + 34, 2);
	put16(t + 4, 0);
	put16(t + 6, flags & 2 ? 0 : 1);
	put16(t + 8, ack >> 16);
	put16(t + 10, ack & 0xffff);
	t[13] = flags;
	put16(t + 16, 0);
	put16(t + 16, 0xffff - sum(t, len - 34, sum(ip + 12, 8, 6 +
						     (unsigned int)len - 34)));
}

/* Options of every kind and length, data offsets, urgent pointers: on the way
 * into a connection, inside of it, and out of it. */
static void DN14_tcp_without_sense_does_not_end_the_program(void **state)
{
	static const uint8_t lens[] = { 0, 1, 2, 3, 4, 10, 40, 255 };
	struct net_bench *b = *state;
	const char *forward[] = { "18084:80" };
	uint8_t frame[200], syn[60];
	unsigned int at = 0;
	const uint8_t *f;
	int fd;

	start(b, (struct net_user_config){ .forward = forward,
					   .forward_count = 1 });
	fd = connect_port(18084);
	f = next(b, &at, is_arp);
	arp(frame, 2, f + 6, f + 28);
	net_bench_send(b, frame, 42);
	memcpy(syn, next(b, &at, is_syn), 54);
	srand(14);
	for (unsigned int i = 0; i < 4000; i++) {
		size_t len = 54 + 2 * (size_t)(rand() % 60);

		for (size_t k = 34; k < len; k++)
			frame[k] = (uint8_t)rand();
		frame[46] = (uint8_t)(i % 3 ? 0x80 : rand());
		frame[54] = (uint8_t)(rand() % 10);
		frame[55] = lens[(unsigned int)rand() % sizeof(lens)];
		if (i % 2)
			put16(frame + 52, (unsigned int)(rand() % 3) * 0x7fff);
		tcp(frame, len, syn, i < 500 ? 0x12 | (rand() & 0x28) :
		    i < 2500 ? 0x30 | (rand() & 8) : (uint8_t)rand());
		net_bench_send(b, frame, len);
	}
	close(fd);
	forget_frames(b);
	offer_and_acknowledge(b, (uint8_t[]){ 10, 0, 2, 3 });
}

static void passt_that_is_missing_is_named(void **state)
{
	struct net_bench *b = *state;
	struct err err = { 0 };

	assert_true(net_passt_create(&b->net, &(struct net_passt_config){
		.program = "/nowhere/passt" }, b->loop, &b->log, &err) < 0);
	assert_non_null(strstr(err.text, "/nowhere/passt"));
}

/* passt needs a default route; here there is none. */
static void passt_without_a_route_says_so(void **state)
{
	struct net_bench *b = *state;
	struct err err = { 0 };

	if (access("/usr/bin/passt", X_OK) < 0)
		skip();
	if (net_passt_create(&b->net, &(struct net_passt_config){ 0 },
			     b->loop, &b->log, &err) == 0)
		return; /* a newer one does without */
	assert_null(b->net);
	assert_non_null(strstr(err.text, "passt: "));
	assert_true(strlen(err.text) > 12);
}

/* A namespace of our own, with loopback: as root, or as a mapped user. */
static int enter_namespace(void)
{
	struct ifreq ifr = { .ifr_name = "lo" };
	int fd;

	if (unshare(CLONE_NEWNET) < 0 &&
	    unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return -1;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	ifr.ifr_flags = IFF_UP | IFF_RUNNING;
	if (ioctl(fd, SIOCSIFFLAGS, &ifr) < 0)
		return -1;
	return close(fd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, net_bench_setup, \
						net_bench_teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(an_address_is_given_where_there_is_no_network),
		TEST(a_name_server_of_ones_own_is_told),
		TEST(the_host_answers_to_arp),
		TEST(routers_are_advertised_over_ipv6),
		TEST(a_forwarded_connection_comes_to_the_guest),
		TEST(a_port_in_use_is_named),
		TEST(bad_options_are_refused_with_a_sentence),
		TEST(programs_that_do_not_start_are_named),
		TEST(the_program_ends_with_the_backend),
		TEST(a_program_that_hangs_is_ended),
		TEST(R14_the_program_may_die),
		TEST(frames_without_sense_do_not_end_the_program),
		TEST(DN14_tcp_without_sense_does_not_end_the_program),
		TEST(passt_that_is_missing_is_named),
		TEST(passt_without_a_route_says_so),
	};

	if (argc != 2)
		return 1;
	netd = argv[1];
	if (enter_namespace() < 0) {
		printf("skipped: no network namespace of our own\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
