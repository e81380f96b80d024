// SPDX-License-Identifier: BSD-3-Clause
/* See layer.h: life, attributes, and what there is. */
#include "backends/layer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/layer_handle.h"
#include "backends/layer_ops.h"
#include "backends/layer_tree.h"
#include "base/num.h"

#define MEMORY_MAX  (512u * MIB)
#define HANDLES_MAX 65536u

/* ---- life ---- */

static void layer_destroy(struct files *f)
{
	struct layer *l = to_layer(f);

	if (l->nodes.slot) {
		layer_handles_drop(l);
		layer_nodes_drop(l);
	}
	layer_table_finish(&l->nodes);
	layer_table_finish(&l->names);
	layer_store_close(&l->store);
	share_destroy(l->share);
	free(l->handle);
	free(l);
}

/* What has changed stays so. */
static void layer_reset(struct files *f)
{
	struct layer *l = to_layer(f);

	layer_handles_drop(l);
	layer_nodes_forget(l);
	share_reset(l->share);
}

static bool layer_read_only(struct files *f)
{
	return false;
}

/* ---- nodes ---- */

static int layer_lookup(struct files *f, uint64_t parent, const char *name,
			struct share_entry *out)
{
	struct layer_found found;
	int r = layer_find(to_layer(f), parent, 0, name, &found);

	if (r < 0)
		return r;
	if (found.node)
		layer_node_entry(found.node, out);
	else
		*out = found.below;
	return 0;
}

static void layer_forget(struct files *f, uint64_t node, uint64_t count)
{
	struct layer *l = to_layer(f);
	struct layer_node *n = layer_node(l, node);

	if (!n) {
		share_forget(l->share, node, count);
		return;
	}
	n->refs -= min_u64(n->refs, count);
	layer_node_settle(l, n);
}

static int layer_getattr(struct files *f, uint64_t node, struct share_attr *out)
{
	struct layer *l = to_layer(f);
	const struct layer_node *n = layer_node(l, node);

	if (!n)
		return share_getattr(l->share, node, out);
	layer_node_attr(n, out);
	return 0;
}

static void set_access(struct layer *l, struct layer_node *n,
		       const struct share_change *c)
{
	if (c->set & (SHARE_SET_UID | SHARE_SET_GID | FILES_SET_DROP))
		layer_drop_setid(l, n);
	if (c->set & SHARE_SET_MODE)
		n->mode = (n->mode & S_IFMT) | (c->mode & 07777u);
	if (c->set & SHARE_SET_UID)
		n->uid = c->uid;
	if (c->set & SHARE_SET_GID)
		n->gid = c->gid;
}

static void set_times(struct layer_node *n, const struct share_change *c)
{
	if (c->set & SHARE_SET_ATIME_NOW)
		n->atime = layer_now();
	else if (c->set & SHARE_SET_ATIME)
		n->atime = c->atime;
	if (c->set & SHARE_SET_MTIME_NOW)
		n->mtime = layer_now();
	else if (c->set & SHARE_SET_MTIME)
		n->mtime = c->mtime;
}

static int layer_setattr(struct files *f, uint64_t node, uint64_t handle,
			 const struct share_change *c, struct share_attr *out)
{
	struct layer *l = to_layer(f);
	struct layer_node *n;
	int r = layer_node_change(l, node, &n);

	if (r == 0 && c->set & SHARE_SET_SIZE)
		r = S_ISREG(n->mode) ? layer_data_resize(l, n, c->size) :
		    S_ISDIR(n->mode) ? -EISDIR : -EINVAL;
	if (r < 0)
		return r;
	set_access(l, n, c);
	set_times(n, c);
	n->ctime = layer_now();
	layer_node_attr(n, out);
	return 0;
}

static int layer_readlink(struct files *f, uint64_t node, char *buf,
			  size_t size)
{
	struct layer *l = to_layer(f);
	const struct layer_node *n = layer_node(l, node);
	size_t len;

	if (n && !S_ISLNK(n->mode))
		return -EINVAL;
	if (!n || !n->target.text)
		return share_readlink(l->share, node, buf, size);
	len = min_u64(size, n->target.len);
	memcpy(buf, n->target.text, len);
	return (int)len;
}

/* Of the room that the layer has. */
static int layer_statfs(struct files *f, uint64_t node, struct statvfs *out)
{
	const struct layer *l = to_layer(f);
	const struct layer_store *st = &l->store;
	const uint64_t each = sizeof(struct layer_node) +
			      sizeof(struct layer_name) + 64;

	*out = (struct statvfs){
		.f_bsize = LAYER_BLOCK,
		.f_frsize = LAYER_BLOCK,
		.f_blocks = st->blocks_max,
		.f_bfree = st->blocks_max - min_u64(st->blocks, st->blocks_max),
		.f_files = l->memory_max / each,
		.f_ffree = (l->memory_max - l->memory) / each,
	};
	out->f_bavail = out->f_bfree;
	return 0;
}

/* ---- what there is ---- */

static const struct files_ops ops = {
	.drops_privilege = true,
	.destroy = layer_destroy,
	.reset = layer_reset,
	.read_only = layer_read_only,
	.lookup = layer_lookup,
	.forget = layer_forget,
	.getattr = layer_getattr,
	.setattr = layer_setattr,
	.readlink = layer_readlink,
	.statfs = layer_statfs,
	.mkdir = layer_mkdir,
	.mknod = layer_mknod,
	.symlink = layer_symlink,
	.link = layer_link,
	.remove = layer_remove,
	.rename = layer_rename,
	.open = layer_open,
	.open_new = layer_open_new,
	.close = layer_close,
	.read = layer_read,
	.write = layer_write,
	.drop_privilege = layer_drop_privilege,
	.allocate = layer_allocate,
	.seek = layer_seek,
	.copy = layer_copy,
	.open_folder = layer_open_folder,
	.read_folder = layer_read_folder,
	.lookup_in = layer_lookup_in,
	.getxattr = layer_getxattr,
	.listxattr = layer_listxattr,
	.setxattr = layer_setxattr,
	.removexattr = layer_removexattr,
};

int layer_create(struct files **out, const struct layer_config *cfg,
		 struct share *share, struct err *err)
{
	struct layer *l = calloc(1, sizeof(*l));
	int r;

	*out = NULL;
	if (!l) {
		share_destroy(share);
		return err_set(err, -ENOMEM, "out of memory");
	}
	l->files.ops = &ops;
	l->share = share;
	l->store.fd = -1;
	l->memory_max = cfg->memory ? cfg->memory : MEMORY_MAX;
	l->handles_max = cfg->handles ? cfg->handles : HANDLES_MAX;
	r = layer_table_init(&l->nodes);
	if (r == 0)
		r = layer_table_init(&l->names);
	if (r < 0)
		err_set(err, r, "out of memory");
	if (r == 0)
		r = layer_store_open(&l->store, cfg->dir, cfg->size, err);
	if (r < 0) {
		layer_destroy(&l->files);
		return r;
	}
	*out = &l->files;
	return 0;
}
