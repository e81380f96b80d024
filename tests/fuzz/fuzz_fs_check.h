/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a file server promises of itself: nodes, handles and locks are counted,
 * and nothing forbidden is open. Include it once.
 */
#ifndef VIREO_FUZZ_FUZZ_FS_CHECK_H
#define VIREO_FUZZ_FUZZ_FS_CHECK_H

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/share_own.h"
#include "backends/share_tree.h"
#include "base/num.h"
#include "fuzz_fs_host.h"
#include "fuzz_fs_layer.h"

#define OWN_TEXT "nobody may change this"

/* Everybody's children are counted, and every way up ends at the root. */
static void check_nodes(const struct share *s, const struct layer *l)
{
	static uint32_t children[1024];

	memset(children, 0, sizeof(children));
	if (l)
		layer_count_held(l, children);
	must(s->slots <= ARRAY_SIZE(children));
	for (uint32_t i = 0; i < s->slots; i++) {
		const struct share_node *n = s->slot[i], *up = n;
		uint32_t steps = 0;

		for (; up && up->parent; up = up->parent)
			must(steps++ < s->nodes);
		must(!n || up == s->slot[0]);
		if (n && n->parent)
			children[(uint32_t)n->parent->id - 1]++;
		if (n && i)
			must(n->refs || n->children);
	}
	for (uint32_t i = 0; i < s->handles; i++)
		if (s->handle[i].fd >= 0)
			children[(uint32_t)s->handle[i].node->id - 1]++;
	for (const struct share_holder *o = s->holder; o; o = o->next)
		children[(uint32_t)o->node->id - 1]++;
	for (uint32_t i = 0; i < s->slots; i++)
		must(!s->slot[i] || s->slot[i]->children == children[i]);
}

/* Each has a file of a node that is open. */
static void check_locks(const struct share *s)
{
	unsigned int count = 0;

	for (const struct share_holder *o = s->holder; o; o = o->next) {
		bool open = false;
		struct stat st;

		must(++count <= s->cached_max);
		must(fstat(o->fd, &st) == 0 && S_ISREG(st.st_mode));
		must(!is_forbidden(st.st_ino));
		for (uint32_t i = 0; i < s->handles; i++)
			open |= s->handle[i].fd >= 0 &&
				s->handle[i].node == o->node;
		must(open);
	}
	must(count == s->holders);
}

/* They are what they were. */
static void check_own(const struct share *s)
{
	char text[sizeof(OWN_TEXT)];

	if (!s->own_count)
		return;
	must(s->own_count == 2 && s->own[0].node->fd < 0);
	must(pread(s->own[1].node->fd, text, sizeof(text), 0) ==
	     sizeof(OWN_TEXT) - 1);
	must(!memcmp(text, OWN_TEXT, sizeof(OWN_TEXT) - 1));
	for (unsigned int i = 0; i < 2; i++)
		must(s->own[i].node->own == &s->own[i].stx &&
		     !s->own[i].node->gone && s->own[i].node->refs == 1);
}

/* @nodes, @handles: as many as it may have. */
static void check_tree(const struct share *s, struct layer *layer,
		       unsigned int nodes, unsigned int handles)
{
	unsigned int open = 0;

	must(s->nodes <= nodes && s->cached <= s->cached_max);
	must(s->kept <= s->cached_max);
	for (uint32_t i = 0; i < s->handles; i++) {
		struct stat st;

		if (s->handle[i].fd < 0)
			continue;
		open++;
		must(fstat(s->handle[i].fd, &st) == 0);
		must(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode));
		must(!is_forbidden(st.st_ino));
	}
	must(open == s->handles_open && open <= handles);
	check_nodes(s, layer);
	check_locks(s);
	check_own(s);
	if (layer)
		layer_check(layer);
}

#endif
