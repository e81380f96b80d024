// SPDX-License-Identifier: BSD-3-Clause
/* The tap backend, on tap devices in a network namespace of the test's own.
 * Skipped where that needs more rights than we have. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "net_bench.h"

static int control(unsigned long request, struct ifreq *ifr)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int r = ioctl(fd, request, ifr);

	close(fd);
	return r;
}

static void set_up(const char *name, bool up)
{
	struct ifreq ifr = { 0 };

	snprintf(ifr.ifr_name, IFNAMSIZ, "%s", name);
	assert_int_equal(control(SIOCGIFFLAGS, &ifr), 0);
	ifr.ifr_flags = (short)(up ? ifr.ifr_flags | IFF_UP
				   : ifr.ifr_flags & ~IFF_UP);
	assert_int_equal(control(SIOCSIFFLAGS, &ifr), 0);
}

/* A descriptor of a device, which is made when it is not there. */
static int open_tap(const char *name, int flags)
{
	struct ifreq ifr = { 0 };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	snprintf(ifr.ifr_name, IFNAMSIZ, "%s", name);
	ifr.ifr_flags = (short)flags;
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void make(const char *name, int flags)
{
	int fd = open_tap(name, IFF_TAP | IFF_NO_PI | flags);

	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, TUNSETPERSIST, 1), 0);
	close(fd);
	set_up(name, true);
}

/* The kernel throws frames away until it has noticed the carrier, which it does
 * when it finds the time; the flags are set after that. */
static void wait_running(const char *name)
{
	struct ifreq ifr = { 0 };

	snprintf(ifr.ifr_name, IFNAMSIZ, "%s", name);
	for (int i = 0; i < 4000 && !(ifr.ifr_flags & IFF_RUNNING); i++) {
		net_bench_nap(5);
		assert_int_equal(control(SIOCGIFFLAGS, &ifr), 0);
	}
	assert_true(ifr.ifr_flags & IFF_RUNNING);
	set_up(name, true); /* waits for whoever holds the network's lock */
}

/* The host's side: a packet socket on the device. */
static int open_host(const char *name)
{
	struct sockaddr_ll ll = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(name),
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));

	wait_running(name);
	assert_int_equal(bind(fd, (struct sockaddr *)&ll, sizeof(ll)), 0);
	return fd;
}

#define TYPE 0x88b5 /* for experiments, IEEE 802 */

static void fill(uint8_t *frame, size_t len, unsigned int seed)
{
	net_bench_fill(frame, len, seed);
	memset(frame, 0xff, 6);
	frame[6] = 2;
	frame[12] = TYPE >> 8;
	frame[13] = TYPE & 0xff;
}

static bool ours(const uint8_t *frame, size_t len)
{
	return len >= 14 && frame[12] == TYPE >> 8 &&
	       frame[13] == (TYPE & 0xff);
}

/* The next frame of ours that the backend got; the kernel has its own. */
static const uint8_t *next(struct net_bench *b, unsigned int *at, size_t *len)
{
	for (; *at < NET_BENCH_KEEP; ++*at) {
		net_bench_wait_frames(b, *at + 1);
		if (ours(b->frame[*at] + NET_HEADER_SIZE,
			 b->len[*at] - NET_HEADER_SIZE)) {
			*len = b->len[*at];
			return b->frame[(*at)++];
		}
	}
	fail();
	return NULL;
}

static int create(struct net_bench *b, const char *name, unsigned int queues,
		  struct err *err)
{
	return net_tap_create(&b->net, &(struct net_tap_config){
		.name = name, .queues = queues }, b->loop, &b->log, err);
}

static void start(struct net_bench *b, const char *name, unsigned int queues)
{
	struct err err = { 0 };

	if (create(b, name, queues, &err) < 0)
		fail_msg("%s", err.text);
	b->header = true;
	net_bench_start(b);
}

static void frames_go_both_ways_with_their_header(void **state)
{
	struct net_bench *b = *state;
	uint8_t frame[1514], wire[NET_HEADER_SIZE + 1514] = { 0 };
	uint8_t got[2048];
	unsigned int at = 0;
	const uint8_t *f;
	size_t len;
	int host;

	make("vtest0", 0);
	start(b, "vtest0", 1);
	net_bench_wait_link(b, true);
	host = open_host("vtest0");
	fill(frame, sizeof(frame), 1);
	assert_int_equal(send(host, frame, sizeof(frame), 0), 1514);
	f = next(b, &at, &len);
	assert_int_equal(len, sizeof(wire));
	assert_memory_equal(f + NET_HEADER_SIZE, frame, sizeof(frame));
	fill(wire + NET_HEADER_SIZE, 1514, 2);
	assert_int_equal(net_bench_send(b, wire, sizeof(wire)), 0);
	do
		len = (size_t)recv(host, got, sizeof(got), 0);
	while (!ours(got, len) || memcmp(got, frame, 1514) == 0);
	assert_int_equal(len, 1514);
	assert_memory_equal(got, wire + NET_HEADER_SIZE, 1514);
	close(host);
}

static void the_kernel_has_offloads(void **state)
{
	struct net_bench *b = *state;
	struct net_info info;

	make("vtest1", 0);
	start(b, "vtest1", 1);
	net_info(b->net, &info);
	assert_true(info.vnet);
	assert_int_equal(info.queues, 1);
	assert_true(info.offloads & NET_CSUM && info.offloads & NET_TSO4 &&
		    info.offloads & NET_TSO6);
}

static void a_large_frame_is_kept_until_there_is_room(void **state)
{
	struct net_bench *b = *state;
	uint8_t frame[1514];
	unsigned int at = 0;
	const uint8_t *f;
	size_t len;
	int host;

	make("vtest2", 0);
	b->room = 600;
	start(b, "vtest2", 1);
	host = open_host("vtest2");
	fill(frame, sizeof(frame), 1);
	assert_int_equal(send(host, frame, sizeof(frame), 0), 1514);
	net_bench_wait_large(b, 1);
	b->room = 0;
	net_bench_receive(b, true);
	f = next(b, &at, &len);
	assert_int_equal(len, NET_HEADER_SIZE + 1514);
	assert_memory_equal(f + NET_HEADER_SIZE, frame, sizeof(frame));
	close(host);
}

static void DN03_a_header_the_kernel_refuses_costs_one_frame(void **state)
{
	struct net_bench *b = *state;
	uint8_t wire[NET_HEADER_SIZE + 100] = { 1, 99, 255, 255, 0, 0, 255,
						255, 255, 255 };

	make("vtest3", 0);
	start(b, "vtest3", 1);
	fill(wire + NET_HEADER_SIZE, 100, 1);
	assert_int_equal(net_bench_send(b, wire, sizeof(wire)), -EINVAL);
	memset(wire, 0, NET_HEADER_SIZE);
	assert_int_equal(net_bench_send(b, wire, sizeof(wire)), 0);
	assert_true(net_link(b->net));
}

static void DN12_a_device_that_goes_down_takes_the_link_along(void **state)
{
	struct net_bench *b = *state;
	uint8_t wire[NET_HEADER_SIZE + 100] = { 0 };

	make("vtest4", 0);
	start(b, "vtest4", 1);
	fill(wire + NET_HEADER_SIZE, 100, 1);
	set_up("vtest4", false);
	assert_int_equal(net_bench_send(b, wire, sizeof(wire)), -EIO);
	assert_false(net_link(b->net));
	set_up("vtest4", true);
	net_bench_wait_link(b, true);
	assert_int_equal(net_bench_send(b, wire, sizeof(wire)), 0);
}

static void a_device_that_is_down_at_the_start_comes_up_later(void **state)
{
	struct net_bench *b = *state;

	make("vtest5", 0);
	set_up("vtest5", false);
	start(b, "vtest5", 1);
	assert_false(net_link(b->net));
	set_up("vtest5", true);
	net_bench_wait_link(b, true);
}

/* Deleted behind our back, by the namespace's end of it: rtnetlink. */
static void delete_link(const char *name)
{
	char command[64];

	snprintf(command, sizeof(command), "ip link del %s 2>/dev/null", name);
	if (system(command) != 0)
		skip();
}

static void DN12_R14_a_device_that_is_deleted_leaves_us_alive(void **state)
{
	struct net_bench *b = *state;
	uint8_t wire[NET_HEADER_SIZE + 100] = { 0 };

	make("vtest6", 0);
	start(b, "vtest6", 1);
	delete_link("vtest6");
	net_bench_wait_link(b, false);
	assert_int_equal(net_bench_send(b, wire, sizeof(wire)), -EIO);
	net_bench_stop(b);
	net_bench_start(b);
	assert_int_equal(net_bench_send(b, wire, sizeof(wire)), -EIO);
}

static void several_queues_attach_and_detach(void **state)
{
	struct net_bench *b = *state;
	struct err err = { 0 };
	struct net_info info;

	make("vtest7", IFF_MULTI_QUEUE);
	start(b, "vtest7", 4);
	net_info(b->net, &info);
	assert_int_equal(info.queues, 4);
	for (unsigned int n = 4; n; n--)
		assert_int_equal(net_set_queues(b->net, n), 0);
	assert_int_equal(net_set_queues(b->net, 3), 0);
	net_bench_stop(b);
	net_destroy(b->net);
	/* one queue of such a device will do, too */
	assert_int_equal(create(b, "vtest7", 1, &err), 0);
}

static void descriptors_are_taken(void **state)
{
	struct net_bench *b = *state;
	struct err err = { 0 };
	struct net_info info;
	int fd[2], tun, vnet = IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE;

	for (int with = 0; with < 2; with++) {
		for (int i = 0; i < 2; i++)
			fd[i] = open_tap("vtest8", vnet |
					 (with ? IFF_VNET_HDR : 0));
		if (net_tap_create(&b->net, &(struct net_tap_config){
				.fds = fd, .fd_count = 2 }, b->loop, &b->log,
				&err) < 0)
			fail_msg("%s", err.text);
		net_info(b->net, &info);
		assert_int_equal(info.queues, 2);
		assert_int_equal(info.vnet, with);
		b->header = with;
		close(fd[0]);
		close(fd[1]);
		net_bench_start(b);
		net_bench_stop(b);
		net_destroy(b->net);
		b->net = NULL;
	}
	tun = open_tap("vtest9", IFF_TUN | IFF_NO_PI);
	assert_int_equal(net_tap_create(&b->net, &(struct net_tap_config){
		.fds = &tun, .fd_count = 1 }, b->loop, &b->log, &err),
		-EINVAL);
	assert_non_null(strstr(err.text, "no tap device"));
	close(tun);
	tun = open("/dev/null", O_RDWR | O_CLOEXEC);
	assert_int_equal(net_tap_create(&b->net, &(struct net_tap_config){
		.fds = &tun, .fd_count = 1 }, b->loop, &b->log, &err),
		-EINVAL);
	close(tun);
}

static void what_cannot_be_opened_is_named_with_a_remedy(void **state)
{
	static const struct {
		const char *name;
		unsigned int queues;
		const char *text;
	} bad[] = {
		{ "nosuchtap", 1, "ip tuntap add nosuchtap" },
		{ "lo", 1, "lo is no tap device" },
		{ "", 1, "characters" },
		{ "a-name-of-sixteen", 1, "characters" },
		{ "vtesta", 1, "vtesta is busy" },
		{ "vtestb", 2, "multi_queue" },
		{ "vtestb", 9, "1 to 8" },
	};
	struct net_bench *b = *state;
	int busy;

	make("vtesta", 0);
	make("vtestb", 0);
	busy = open_tap("vtesta", IFF_TAP | IFF_NO_PI);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err = { 0 };

		assert_true(create(b, bad[i].name, bad[i].queues, &err) < 0);
		assert_null(b->net);
		if (!strstr(err.text, bad[i].text))
			fail_msg("%s", err.text);
	}
	assert_int_equal(if_nametoindex("nosuchtap"), 0);
	close(busy);
}

static void another_users_device_is_refused(void **state)
{
	struct net_bench *b = *state;
	struct err err = { 0 };
	int r;

	if (geteuid() != 0)
		skip();
	make("vtestc", 0);
	if (seteuid(65534) < 0)
		skip();
	r = create(b, "vtestc", 1, &err);
	assert_int_equal(seteuid(0), 0);
	assert_true(r == -EPERM || r == -EACCES);
	assert_true(strstr(err.text, "user") != NULL);
}

static int enter_namespace(void)
{
	int fd;

	if (unshare(CLONE_NEWNET) < 0 &&
	    unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return -1;
	fd = open_tap("vprobe", IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);
	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, net_bench_setup, \
						net_bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(frames_go_both_ways_with_their_header),
		TEST(the_kernel_has_offloads),
		TEST(a_large_frame_is_kept_until_there_is_room),
		TEST(DN03_a_header_the_kernel_refuses_costs_one_frame),
		TEST(DN12_a_device_that_goes_down_takes_the_link_along),
		TEST(a_device_that_is_down_at_the_start_comes_up_later),
		TEST(DN12_R14_a_device_that_is_deleted_leaves_us_alive),
		TEST(several_queues_attach_and_detach),
		TEST(descriptors_are_taken),
		TEST(what_cannot_be_opened_is_named_with_a_remedy),
		TEST(another_users_device_is_refused),
	};

	if (enter_namespace() < 0) {
		printf("skipped: no tap devices in a namespace of our own\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
