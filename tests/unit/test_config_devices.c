// SPDX-License-Identifier: BSD-3-Clause
/* src/board/config_devices.c: what the keys of disks, networks, sockets and the
 * rest take, and the words with which they refuse. Nothing is opened. */
#include "config_case.h"

#include <stdio.h>
#include <string.h>

#include "base/num.h"

static void disks_have_a_path_and_items(void **state)
{
	struct config *cfg = *state;
	const struct config_disk *d = cfg->disk;

	assert_taken(cfg, "disk", "a.img");
	assert_taken(cfg, "disk",
		     "b.img,ro,serial=x,queues=16,direct,engine=threads,"
		     "bps=1M,iops=100");
	assert_taken(cfg, "disk", "c.img,overlay=tmp,direct=false");
	assert_int_equal(cfg->disks, 3);
	assert_string_equal(d[0].path, "a.img");
	assert_int_equal(d[0].queues, 1);
	assert_false(d[0].read_only || d[0].direct || d[0].threads);
	assert_true(d[1].read_only && d[1].direct && d[1].threads);
	assert_string_equal(d[1].serial, "x");
	assert_int_equal(d[1].queues, 16);
	assert_int_equal(d[1].bytes_per_s, MIB);
	assert_int_equal(d[1].ops_per_s, 100);
	assert_string_equal(d[2].overlay, "tmp");
	assert_false(d[2].direct);
}

static void disks_refuse_what_they_do_not_know(void **state)
{
	static const struct row bad[] = {
		{ "", "names no file" },
		{ "a,readonly", "unknown item \"readonly\" (ro, overlay" },
		{ "a,ro=maybe", "maybe" },
		{ "a,ro,overlay=b", "ro and overlay exclude each other" },
		{ "a,queues=0", "not a number from 1 to 16" },
		{ "a,queues=17", "not a number from 1 to 16" },
		{ "a,engine=fast", "auto, threads" },
		{ "a,iops=0", "not a number from 1 to" },
		{ "a,iops=4294967296", "not a number from 1 to" },
		{ "a,bps=much", "much" },
		{ "a,serial=123456789012345678901", "longer than 20" },
		{ "a,format=qcow2", "unknown item \"format\"" },
	};
	struct config *cfg = *state;

	assert_all_refused(cfg, "disk", bad, ARRAY_SIZE(bad));
	assert_int_equal(cfg->disks, 0);
	for (unsigned int i = 0; i < CONFIG_MAX_DISKS; i++)
		assert_taken(cfg, "disk", "a");
	assert_refused(cfg, "disk", "a", "more than 16");
}

static void networks_have_a_kind_and_items(void **state)
{
	static const uint8_t mac[] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };
	struct config *cfg = *state;
	const struct config_net *n = cfg->net;

	assert_taken(cfg, "net", "none");
	assert_int_equal(cfg->nets, 0);
	assert_taken(cfg, "net",
		     "user,forward=8080:80,forward=udp:127.0.0.2:53:53,"
		     "restricted,host-loopback,mac=52:54:00:12:34:56,mtu=9000");
	assert_taken(cfg, "net", "passt");
	assert_taken(cfg, "net", "tap=vm0,queues=2,bps=10M,pps=1000");
	assert_taken(cfg, "net", "fd=7");
	assert_taken(cfg, "net", "connect=127.0.0.1:1234");
	assert_taken(cfg, "net", "listen=/tmp/s");
	assert_taken(cfg, "net", "dgram=/tmp/a,local=/tmp/b");
	assert_taken(cfg, "net", "tap=vm1,ip=192.0.2.7/24,gateway=192.0.2.1,"
				 "dns=192.0.2.53");
	assert_int_equal(cfg->nets, 8);
	assert_int_equal(n[0].kind, CONFIG_NET_USER);
	assert_int_equal(n[0].forwards, 2);
	assert_string_equal(n[0].forward[1], "udp:127.0.0.2:53:53");
	assert_true(n[0].restricted && n[0].host_loopback && n[0].mac_given);
	assert_memory_equal(n[0].mac, mac, sizeof(mac));
	assert_int_equal(n[0].mtu, 9000);
	assert_int_equal(n[1].kind, CONFIG_NET_PASST);
	assert_int_equal(n[2].kind, CONFIG_NET_TAP);
	assert_string_equal(n[2].where, "vm0");
	assert_int_equal(n[2].queues, 2);
	assert_int_equal(n[2].bytes_per_s, 10 * MIB);
	assert_int_equal(n[2].ops_per_s, 1000);
	assert_int_equal(n[2].fd, -1);
	assert_int_equal(n[3].kind, CONFIG_NET_TAP);
	assert_int_equal(n[3].fd, 7);
	assert_int_equal(n[4].kind, CONFIG_NET_CONNECT);
	assert_int_equal(n[5].kind, CONFIG_NET_LISTEN);
	assert_int_equal(n[6].kind, CONFIG_NET_DGRAM);
	assert_string_equal(n[6].local, "/tmp/b");
	assert_string_equal(n[6].ip.address, "");
	assert_string_equal(n[7].ip.address, "192.0.2.7/24");
	assert_string_equal(n[7].ip.gateway, "192.0.2.1");
	assert_string_equal(n[7].ip.dns, "192.0.2.53");
}

static void networks_refuse_what_they_do_not_know(void **state)
{
	static const struct row bad[] = {
		{ "", "says no kind" },
		{ "mtu=1500", "says no kind" },
		{ "bridge", "\"bridge\" is not one of none, user, passt" },
		{ "stream=/s", "unknown item \"stream\" (user, passt, tap" },
		{ "user,mac=52:54:00:12:34", "mac is not a unicast address" },
		{ "user,mac=01:00:5e:00:00:01", "not a unicast address" },
		{ "user,mtu=1279", "not a number from 1280 to 65521" },
		{ "user,mtu=65522", "not a number from 1280 to 65521" },
		{ "tap=vm0,queues=0", "not a number from 1 to 16" },
		{ "user,forward=80", "two ports such as 8080:80" },
		{ "user,forward=99999:1", "two ports such as 8080:80" },
		{ "user,forward=0:80", "two ports such as 8080:80" },
		{ "user,restricted=perhaps", "perhaps" },
		{ "fd=-1", "not a number from 0" },
		{ "tap=vm0,pps=0", "not a number from 1" },
		{ "user,ip=192.0.2.7", "ip=192.0.2.7 is not dhcp, none or" },
		{ "user,ip=192.0.2.7/33", "is not dhcp, none or an address" },
		{ "user,ip=192.0.2/24", "is not dhcp, none or an address" },
		{ "user,ip=192.0.2.7/24x", "is not dhcp, none or an address" },
		{ "user,ip=1111111111111111111/1", "is not dhcp, none or" },
		{ "user,ip=", "is not dhcp, none or an address" },
		{ "user,gateway=here", "gateway=here is not an IPv4 address" },
		{ "user,dns=::1", "dns=::1 is not an IPv4 address" },
	};
	struct config *cfg = *state;
	char many[512] = "user";

	assert_all_refused(cfg, "net", bad, ARRAY_SIZE(bad));
	assert_int_equal(cfg->nets, 0);
	for (unsigned int i = 0; i <= CONFIG_MAX_FORWARDS; i++)
		snprintf(many + strlen(many), sizeof(many) - strlen(many),
			 ",forward=%u:80", 8000 + i);
	assert_refused(cfg, "net", many, "more than 16 forwards");
	for (unsigned int i = 0; i < CONFIG_MAX_NETS; i++)
		assert_taken(cfg, "net", "user");
	assert_refused(cfg, "net", "user", "more than 8");
}

static void vsock_has_a_path_and_a_cid(void **state)
{
	static const struct row bad[] = {
		{ "", "names no socket" },
		{ "cid=4", "names no socket" },
		{ "/s,cid=2", "not a number from 3 to 4294967294" },
		{ "/s,cid=4294967295", "not a number from 3 to 4294967294" },
		{ "/s,port=1", "unknown item \"port\" (cid=N)" },
	};
	struct config *cfg = *state;
	char path[110];

	assert_all_refused(cfg, "vsock", bad, ARRAY_SIZE(bad));
	memset(path, 'p', sizeof(path));
	path[97] = '\0'; /* no room for the ports that are appended */
	assert_refused(cfg, "vsock", path, "longer than 96");
	path[96] = '\0';
	assert_taken(cfg, "vsock", path);
	assert_int_equal(cfg->cid, 3);
	assert_taken(cfg, "vsock", "/s,cid=4294967294");
	assert_int_equal(cfg->cid, 4294967294u);
	assert_string_equal(cfg->vsock, "/s");
}

static void the_rest_are_words(void **state)
{
	struct config *cfg = *state;

	assert_refused(cfg, "rng", "2", "");
	assert_refused(cfg, "balloon", "", "");
	assert_refused(cfg, "transport", "isa", "pci, mmio");
	assert_false(config_has_virtio(cfg));
	assert_taken(cfg, "rng", "true");
	assert_true(cfg->rng && config_has_virtio(cfg));
	assert_taken(cfg, "rng", "false");
	assert_taken(cfg, "balloon", "true");
	assert_true(cfg->balloon && config_has_virtio(cfg));
	assert_taken(cfg, "transport", "mmio");
	assert_int_equal(cfg->transport, TRANSPORT_MMIO);
}

static void gdb_is_at_a_port_or_a_socket(void **state)
{
	static const struct row bad[] = {
		{ "", "neither" },
		{ "1234", "neither" },
		{ "tcp:", "65535" },
		{ "tcp:0", "65535" },
		{ "tcp:65536", "65535" },
		{ "tcp:localhost:1", "65535" },
		{ "unix:", "1 to 107" },
		{ "tcp:1234,stop", "unknown item" },
		{ "tcp:1234,wait=perhaps", "perhaps" },
		{ "pipe:x", "neither" },
	};
	struct config *cfg = *state;
	char longest[128] = "unix:";

	assert_all_refused(cfg, "gdb", bad, ARRAY_SIZE(bad));
	assert_string_equal(cfg->gdb, "");
	assert_taken(cfg, "gdb", "tcp:1234,wait");
	assert_string_equal(cfg->gdb, "tcp:1234");
	assert_true(cfg->gdb_wait);
	assert_taken(cfg, "gdb", "unix:some/where");
	assert_string_equal(cfg->gdb, "unix:some/where");
	assert_false(cfg->gdb_wait);
	memset(longest + 5, 'a', 107);
	assert_taken(cfg, "gdb", longest);
	longest[5 + 107] = 'a';
	assert_refused(cfg, "gdb", longest, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONFIG_TEST(disks_have_a_path_and_items),
		CONFIG_TEST(disks_refuse_what_they_do_not_know),
		CONFIG_TEST(networks_have_a_kind_and_items),
		CONFIG_TEST(networks_refuse_what_they_do_not_know),
		CONFIG_TEST(vsock_has_a_path_and_a_cid),
		CONFIG_TEST(the_rest_are_words),
		CONFIG_TEST(gdb_is_at_a_port_or_a_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
