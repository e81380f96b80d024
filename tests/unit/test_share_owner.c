// SPDX-License-Identifier: BSD-3-Clause
/*
 * The file server of an ordinary user: owners and modes that the host's files
 * cannot have. Started by root, the tests become somebody else; what needs
 * another user is skipped otherwise.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "share_bench.h"

#include "base/num.h"

#define ATTR "user.vireo.owner"
#define US   1234u
#define OUR  4321u /* group */

static const struct share_user root = { 0, 0 };

static int setup(void **state)
{
	struct share_bench *t;

	share_bench_setup(state);
	t = *state;
	t->auto_owners = true;
	share_bench_open(t, &(struct share_config){ 0 });
	return 0;
}

/* ---- the host ---- */

static const char *host_path(struct share_bench *t, const char *name)
{
	static char path[160];

	snprintf(path, sizeof(path), "%s/tree/%s", t->dir, name);
	return path;
}

static void host_attr(struct share_bench *t, const char *name,
		      const char *value)
{
	assert_int_equal(setxattr(host_path(t, name), ATTR, value,
				  strlen(value), 0), 0);
}

static bool host_attr_is(struct share_bench *t, const char *name,
			 const char *value)
{
	char buf[64] = "";

	return getxattr(host_path(t, name), ATTR, buf, sizeof(buf) - 1) >= 0 ?
		       value && !strcmp(buf, value) : !value;
}

/* Somebody else's file, with such an attribute. */
static bool host_gives(struct share_bench *t, const char *name, uid_t to)
{
	const uid_t us = geteuid();
	int r;

	if (seteuid(0) < 0)
		return false;
	r = fchownat(t->fd, name, to, (gid_t)-1, 0);
	assert_int_equal(seteuid(us), 0);
	return r == 0;
}

/* ---- the guest ---- */

static void see(struct share_bench *t, uint64_t node, uint32_t uid,
		uint32_t gid, uint32_t mode)
{
	const struct statx stx = guest_stat(t, node);

	assert_int_equal(stx.stx_uid, uid);
	assert_int_equal(stx.stx_gid, gid);
	assert_int_equal(stx.stx_mode & 07777, mode);
}

static int change(struct share_bench *t, uint64_t node, unsigned int set,
		  uint32_t uid, uint32_t gid, uint32_t mode)
{
	const struct share_change c = { .set = set, .uid = uid, .gid = gid,
					.mode = mode };
	struct share_attr a;

	return share_setattr(t->s, node, 0, &c, &a);
}

static void own(struct share_bench *t, uint64_t node, uint32_t uid,
		uint32_t gid)
{
	assert_int_equal(change(t, node, SHARE_SET_UID | SHARE_SET_GID, uid,
				gid, 0), 0);
}

static uint64_t make(struct share_bench *t, uint64_t parent, const char *name,
		     uint32_t mode, const struct share_user *user)
{
	struct share_entry e;

	assert_int_equal(share_mknod(t->s, parent, name, S_IFREG | mode, user,
				     &e), 0);
	return e.node;
}

static uint64_t make_folder(struct share_bench *t, uint64_t parent,
			    const char *name, uint32_t mode,
			    const struct share_user *user)
{
	struct share_entry e;

	assert_int_equal(share_mkdir(t->s, parent, name, mode, user, &e), 0);
	return e.node;
}

/* ---- tests ---- */

static void owners_are_stored_where_that_is_of_use(void **state)
{
	static const struct {
		struct share_config cfg;
		bool stored;
	} rows[] = {
		{ { .owners = SHARE_OWNERS_AUTO }, true },
		{ { .owners = SHARE_OWNERS_AUTO, .read_only = true }, false },
		{ { .owners = SHARE_OWNERS_HOST }, false },
		{ { .owners = SHARE_OWNERS_STORED }, true },
		{ { .owners = SHARE_OWNERS_STORED, .read_only = true }, true },
	};
	struct share_bench *t = *state;

	host_put(t, "f", "x");
	host_attr(t, "f", "5:6:4711");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t n;

		share_bench_open(t, &rows[i].cfg);
		n = guest_find(t, SHARE_ROOT, "f");
		if (rows[i].stored)
			see(t, n, 5, 6, 04711);
		else
			see(t, n, geteuid(), getegid(), 0644);
		if (rows[i].cfg.read_only)
			assert_int_equal(change(t, n, SHARE_SET_UID, 7, 0, 0),
					 -EROFS);
	}
}

static void where_there_are_no_attributes_none_are_promised(void **state)
{
	struct share_bench *t = *state;
	struct share_config cfg = { .path = "/proc",
				    .owners = SHARE_OWNERS_STORED };
	struct share *s;

	assert_int_equal(share_create(&s, &cfg, &t->err), -EOPNOTSUPP);
	assert_non_null(strstr(t->err.text, "/proc: owners cannot be stored"));
	cfg.owners = SHARE_OWNERS_AUTO;
	assert_int_equal(share_create(&s, &cfg, &t->err), 0);
	share_destroy(s);
}

/* What a guest sets, what it sees, and what the host's file is then. */
struct row {
	unsigned int set;
	uint32_t uid, gid, mode;
	uint32_t host;
	const char *value;
};

#define MODE  SHARE_SET_MODE
#define OWNER (SHARE_SET_UID | SHARE_SET_GID)

static void apply(struct share_bench *t, const char *name, const struct row *r,
		  size_t count)
{
	uint32_t uid = geteuid(), gid = getegid();
	uint64_t n = guest_find(t, SHARE_ROOT, name);
	uint32_t mode = guest_stat(t, n).stx_mode & 07777;

	for (; count; count--, r++) {
		assert_int_equal(change(t, n, r->set, r->uid ? r->uid : US,
					r->gid ? r->gid : OUR, r->mode), 0);
		if (r->set & SHARE_SET_UID)
			uid = r->uid ? r->uid : geteuid();
		if (r->set & SHARE_SET_GID)
			gid = r->gid ? r->gid : getegid();
		if (r->set & MODE)
			mode = r->mode;
		see(t, n, uid, gid, mode);
		assert_int_equal(host_mode(t, name) & 07777, r->host);
		assert_true(host_attr_is(t, name, r->value));
	}
}

static void a_file_has_the_owner_and_mode_it_was_given(void **state)
{
	static const struct row rows[] = {
		{ MODE, 0, 0, 0600, 0600, NULL },
		{ MODE, 0, 0, 0444, 0444, NULL },
		{ MODE, 0, 0, 0666, 0666, NULL },
		{ OWNER, 5, 6, 0, 0644, "5:6:666" },
		{ MODE, 0, 0, 0000, 0600, "5:6:0" },
		{ SHARE_SET_GID, 0, 7, 0, 0600, "5:7:0" },
		{ MODE, 0, 0, 06755, 0755, "5:7:6755" },
		{ OWNER | MODE, 8, 9, 0755, 0755, "8:9:755" },
		{ MODE, 0, 0, 01777, 0755, "8:9:1777" },
		{ OWNER, 0, 0, 0, 01777, NULL },
		{ MODE, 0, 0, 04555, 0755, "1234:4321:4555" },
		{ MODE, 0, 0, 0555, 0555, NULL },
		{ MODE, 0, 0, 0311, 0711, "1234:4321:311" },
		{ MODE, 0, 0, 0644, 0644, NULL },
		{ SHARE_SET_UID, UINT32_MAX - 1, 0, 0, 0644,
		  "4294967294:4321:644" },
	};
	struct share_bench *t = *state;

	if (geteuid() != US)
		skip(); /* the numbers are in the table */
	host_put(t, "f", "x");
	apply(t, "f", rows, ARRAY_SIZE(rows));
}

static void a_folder_has_them_too(void **state)
{
	static const struct row rows[] = {
		{ MODE, 0, 0, 03775, 03775, NULL },
		{ OWNER, 5, 6, 0, 0755, "5:6:3775" },
		{ MODE, 0, 0, 0000, 0700, "5:6:0" },
		{ MODE, 0, 0, 01777, 0755, "5:6:1777" },
		{ OWNER, 0, 0, 0, 01777, NULL },
		{ MODE, 0, 0, 0100, 0700, "1234:4321:100" },
		{ MODE, 0, 0, 0555, 0555, NULL },
	};
	struct share_bench *t = *state;

	if (geteuid() != US)
		skip();
	host_mkdir(t, "d");
	apply(t, "d", rows, ARRAY_SIZE(rows));
}

static void what_is_made_is_its_makers(void **state)
{
	const struct share_user us = { geteuid(), getegid() };
	struct share_bench *t = *state;
	mode_t before = umask(0077);
	struct share_entry e;
	uint64_t handle, n;

	n = make(t, SHARE_ROOT, "f", 04711, &root);
	see(t, n, 0, 0, 04711);
	assert_int_equal(host_mode(t, "f"), S_IFREG | 0711);
	n = make_folder(t, SHARE_ROOT, "d", 01777, &root);
	see(t, n, 0, 0, 01777);
	assert_int_equal(host_mode(t, "d"), S_IFDIR | 0755);
	assert_int_equal(share_open_new(t->s, n, "g", guest_how(O_RDWR, 0),
					&e, &handle), 0);
	assert_int_equal(guest_write(t, handle, "text", 0), 4);
	if (us.uid == US) /* guest_how()'s */
		assert_true(host_attr_is(t, "d/g", "1234:77:0"));
	assert_true(host_has(t, "d/g", "text"));
	/* The host needs nothing for what is its own. */
	n = make(t, SHARE_ROOT, "h", 0664, &us);
	see(t, n, us.uid, us.gid, 0664);
	assert_int_equal(host_mode(t, "h"), S_IFREG | 0664);
	assert_true(host_attr_is(t, "h", NULL));
	make_folder(t, SHARE_ROOT, "i", 0775, &us);
	assert_true(host_attr_is(t, "i", NULL));
	umask(before);
}

static void a_folders_group_is_passed_on(void **state)
{
	struct share_bench *t = *state;
	uint64_t d = make_folder(t, SHARE_ROOT, "d", 0755, &root);

	own(t, d, 5, 6);
	assert_int_equal(change(t, d, MODE, 0, 0, 02775), 0);
	see(t, make(t, d, "f", 0644, &root), 0, 6, 0644);
	see(t, make_folder(t, d, "e", 0755, &root), 0, 6, 02755);
}

static void links_names_and_places_change_nothing(void **state)
{
	struct share_bench *t = *state;
	uint64_t d = make_folder(t, SHARE_ROOT, "d", 0755, &root);
	uint64_t n = make(t, SHARE_ROOT, "f", 0644, &root);
	struct share_entry e;

	own(t, n, 5, 6);
	assert_int_equal(share_link(t->s, n, d, "g", &e), 0);
	assert_int_equal(e.node, n);
	assert_int_equal(e.attr.stx.stx_uid, 5);
	assert_int_equal(share_rename(t->s, SHARE_ROOT, "f", d, "h", 0), 0);
	share_reset(t->s);
	d = guest_find(t, SHARE_ROOT, "d");
	see(t, d, 0, 0, 0755);
	see(t, guest_find(t, d, "h"), 5, 6, 0644);
	see(t, guest_find(t, d, "g"), 5, 6, 0644);
	share_bench_open(t, &(struct share_config){ 0 });
	d = guest_find(t, SHARE_ROOT, "d");
	see(t, guest_find(t, d, "h"), 5, 6, 0644);
}

static void a_listing_tells_owners(void **state)
{
	struct share_bench *t = *state;
	struct share_entry e;
	uint64_t dir;

	own(t, make(t, SHARE_ROOT, "f", 0644, &root), 5, 6);
	assert_int_equal(share_open_folder(t->s, SHARE_ROOT, &dir), 0);
	assert_int_equal(share_lookup_in(t->s, dir, "f", &e), 0);
	assert_int_equal(e.attr.stx.stx_uid, 5);
	assert_int_equal(e.attr.stx.stx_gid, 6);
}

/* They cannot have such attributes. */
static void links_stay_the_hosts(void **state)
{
	struct share_bench *t = *state;
	struct share_entry e;
	uint64_t n;

	assert_int_equal(share_symlink(t->s, SHARE_ROOT, "l", "x", &root, &e),
			 0);
	assert_int_equal(e.attr.stx.stx_uid, geteuid());
	own(t, e.node, 5, 6);
	assert_int_equal(guest_stat(t, e.node).stx_uid, geteuid());
	assert_int_equal(mkfifoat(t->fd, "fifo", 0600), 0);
	n = guest_find(t, SHARE_ROOT, "fifo");
	own(t, n, 5, 6);
	assert_int_equal(change(t, n, MODE, 0, 0, 04644), 0);
	see(t, n, geteuid(), getegid(), 0644);
}

/* ---- the attribute is ours ---- */

static void D907_the_guest_neither_sees_nor_sets_it(void **state)
{
	struct share_bench *t = *state;
	uint64_t n = make(t, SHARE_ROOT, "f", 04755, &root);
	char buf[64];

	assert_true(host_attr_is(t, "f", "0:0:4755"));
	assert_int_equal(share_listxattr(t->s, n, buf, sizeof(buf)), 0);
	assert_int_equal(share_listxattr(t->s, n, buf, 0), 0);
	assert_int_equal(share_getxattr(t->s, n, ATTR, buf, sizeof(buf)),
			 -EOPNOTSUPP);
	assert_int_equal(share_setxattr(t->s, n, ATTR, "5:6:7", 5, 0),
			 -EOPNOTSUPP);
	assert_int_equal(share_removexattr(t->s, n, ATTR), -EOPNOTSUPP);
	assert_int_equal(share_setxattr(t->s, n, "user.vireo.other", "1", 1, 0),
			 -EOPNOTSUPP);
	assert_int_equal(share_setxattr(t->s, n, "user.vireos", "1", 1, 0), 0);
	assert_int_equal(share_listxattr(t->s, n, buf, sizeof(buf)), 12);
	assert_string_equal(buf, "user.vireos");
	see(t, n, 0, 0, 04755);
}

static void D907_a_value_that_makes_no_sense_is_none(void **state)
{
	static const char *const bad[] = {
		"", "0", "0:0", "0:0:", ":0:0", "0::0", "0:0:755:", "0:0:755 ",
		" 0:0:755", "+0:0:755", "-1:0:755", "0:0:0x1ff", "0:0:789",
		"0:0:10000", "0:0:100644", "0,0,755", "4294967295:0:755",
		"0:4294967295:755", "0:18446744073709551616:755", "a:b:c",
		"00000000000000000000000000000000000000000000000:0:755",
	};
	struct share_bench *t = *state;
	uint64_t n;

	host_put(t, "f", "x");
	n = guest_find(t, SHARE_ROOT, "f");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		host_attr(t, "f", bad[i]);
		see(t, n, geteuid(), getegid(), 0644);
	}
	assert_int_equal(setxattr(host_path(t, "f"), ATTR, "0:0:755\0", 8, 0),
			 0);
	see(t, n, geteuid(), getegid(), 0644);
	host_attr(t, "f", "0:0:755");
	see(t, n, 0, 0, 0755);
	/* A wrong one is replaced, and goes. */
	host_attr(t, "f", "nonsense");
	own(t, n, 5, 6);
	assert_true(host_attr_is(t, "f", "5:6:644"));
	host_attr(t, "f", "nonsense");
	assert_int_equal(change(t, n, MODE, 0, 0, 0640), 0);
	assert_true(host_attr_is(t, "f", NULL));
}

/* Who could write the file could have written this. */
static void D907_others_cannot_say_whose_a_file_is(void **state)
{
	struct share_bench *t = *state;
	uint64_t n;

	host_put(t, "f", "x");
	host_attr(t, "f", "0:0:4755");
	n = guest_find(t, SHARE_ROOT, "f");
	see(t, n, 0, 0, 04755);
	assert_int_equal(fchmodat(t->fd, "f", 0664, 0), 0);
	see(t, n, geteuid(), getegid(), 0664);
	assert_int_equal(fchmodat(t->fd, "f", 0646, 0), 0);
	see(t, n, geteuid(), getegid(), 0646);
	/* Nor does it come back when the guest changes the mode. */
	assert_int_equal(change(t, n, MODE, 0, 0, 0644), 0);
	see(t, n, geteuid(), getegid(), 0644);
	host_attr(t, "f", "0:0:4755");
	if (!host_gives(t, "f", 1))
		skip();
	see(t, n, 1, getegid(), 0644);
	assert_int_equal(change(t, n, SHARE_SET_UID, 5, 0, 0), -EPERM);
	assert_int_equal(change(t, n, MODE, 0, 0, 0600), -EPERM);
	assert_int_equal(change(t, n, SHARE_SET_UID, 1, 0, 0), 0);
	assert_true(host_gives(t, "f", geteuid()));
}

static void D907_set_id_bits_are_never_the_hosts(void **state)
{
	struct share_bench *t = *state;
	uint64_t n = make(t, SHARE_ROOT, "f", 06777, &root), handle;
	struct share_entry e;

	assert_int_equal(host_mode(t, "f"), S_IFREG | 0755);
	see(t, n, 0, 0, 06777);
	handle = guest_open(t, n, O_WRONLY);
	see(t, n, 0, 0, 06777);
	assert_int_equal(share_drop_privilege(t->s, handle), 0);
	see(t, n, 0, 0, 0777);
	assert_int_equal(share_drop_privilege(t->s, handle), 0);
	share_close(t->s, handle);
	assert_int_equal(share_drop_privilege(t->s, handle), -EBADF);
	assert_int_equal(change(t, n, MODE, 0, 0, 04755), 0);
	share_close(t->s, guest_open(t, n, O_WRONLY | O_TRUNC));
	see(t, n, 0, 0, 0755);
	assert_int_equal(share_open_new(t->s, SHARE_ROOT, "g",
					guest_how(O_RDWR, 06755), &e, &handle),
			 0);
	assert_int_equal(host_mode(t, "g"), S_IFREG | 0755);
	/* One that the host has. */
	host_put(t, "h", "x");
	assert_int_equal(fchmodat(t->fd, "h", 04755, 0), 0);
	n = guest_find(t, SHARE_ROOT, "h");
	share_close(t->s, guest_open(t, n, O_WRONLY));
	assert_int_equal(host_mode(t, "h"), S_IFREG | 0755);
}

/* The guest's kernel has looked whether he may; its root may everything. */
static void modes_that_keep_us_out_are_for_the_guest(void **state)
{
	struct share_bench *t = *state;
	uint64_t d, n;

	host_mkdir(t, "d");
	host_put(t, "d/f", "text");
	assert_int_equal(fchmodat(t->fd, "d/f", 0004, 0), 0);
	assert_int_equal(fchmodat(t->fd, "d", 0044, 0), 0);
	share_bench_open(t, &(struct share_config){ .read_only = true });
	d = guest_find(t, SHARE_ROOT, "d");
	assert_int_equal(guest_look(t, d, "f"), -EACCES);
	share_bench_open(t, &(struct share_config){ 0 });
	d = guest_find(t, SHARE_ROOT, "d");
	n = guest_find(t, d, "f");
	see(t, d, geteuid(), getegid(), 0044);
	assert_int_equal(host_mode(t, "d"), S_IFDIR | 0744);
	share_close(t->s, guest_open(t, n, O_RDWR));
	see(t, n, geteuid(), getegid(), 0004);
	assert_int_equal(host_mode(t, "d/f"), S_IFREG | 0604);
	assert_int_equal(fchmodat(t->fd, "d", 0555, 0), 0);
	assert_int_equal(share_remove(t->s, d, "f", false), 0);
	assert_int_equal(guest_count(t, d), 0);
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, setup, share_bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(owners_are_stored_where_that_is_of_use),
		TEST(where_there_are_no_attributes_none_are_promised),
		TEST(a_file_has_the_owner_and_mode_it_was_given),
		TEST(a_folder_has_them_too),
		TEST(what_is_made_is_its_makers),
		TEST(a_folders_group_is_passed_on),
		TEST(links_names_and_places_change_nothing),
		TEST(a_listing_tells_owners),
		TEST(links_stay_the_hosts),
		TEST(D907_the_guest_neither_sees_nor_sets_it),
		TEST(D907_a_value_that_makes_no_sense_is_none),
		TEST(D907_others_cannot_say_whose_a_file_is),
		TEST(D907_set_id_bits_are_never_the_hosts),
		TEST(modes_that_keep_us_out_are_for_the_guest),
	};
	int failed;

	/* root can come back, for a moment, and to look for leaks */
	if (geteuid() == 0 &&
	    (setgroups(0, NULL) < 0 || setresgid(OUR, OUR, OUR) < 0 ||
	     setresuid(US, US, 0) < 0))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	if (seteuid(0) == 0 && (setresuid(0, 0, 0) < 0 ||
				prctl(PR_SET_DUMPABLE, 1) < 0))
		return 1;
	return failed;
}
