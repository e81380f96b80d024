/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a layer promises of itself: all of it is counted, each chunk has one
 * file, names and nodes know each other. Include it once.
 */
#ifndef VIREO_FUZZ_FUZZ_FS_LAYER_H
#define VIREO_FUZZ_FUZZ_FS_LAYER_H

#include <errno.h>
#include <sys/stat.h>

#include "backends/layer_handle.h"
#include "backends/layer_map.h"
#include "backends/layer_tree.h"
#include "base/num.h"
#include "fuzz.h"

#define LAYER_SIZE    (1u << 20)
#define LAYER_MEMORY  (96u << 10)
#define LAYER_HANDLES 9u

static struct layer_node *layer_node_at(const struct layer_link *link)
{
	return (struct layer_node *)((uintptr_t)link -
				     offsetof(struct layer_node, link));
}

/* Above @share, which it has then; "how" is the input's first byte. */
static struct files *layer_above(struct share *share, const char *dir,
				 uint32_t how, struct layer **out)
{
	const struct layer_config cfg = {
		.dir = dir, .size = how & 16 ? 0 : LAYER_SIZE,
		.memory = LAYER_MEMORY, .handles = LAYER_HANDLES,
	};
	struct files *files;

	must(layer_create(&files, &cfg, share, NULL) == 0);
	*out = to_layer(files);
	return files;
}

static void layer_nowhere(struct share *share)
{
	const struct layer_config cfg = { .dir = "/dev/null/x" };
	struct files *files;
	struct err err;

	must(layer_create(&files, &cfg, share, &err) == -ENOTDIR && !files);
}

/* One more for each node of the share's that it holds, by place. */
static void layer_count_held(const struct layer *l, uint32_t *children)
{
	for (uint32_t i = 0; i < l->nodes.size; i++)
		for (const struct layer_link *k = l->nodes.slot[i]; k;
		     k = k->next)
			if (layer_node_at(k)->is_below)
				children[(uint32_t)layer_node_at(k)->id - 1]++;
}

/* Its chunks, each with nothing past the file's end. */
static uint64_t layer_check_data(const struct layer *l,
				 const struct layer_data *d)
{
	static uint8_t bytes[LAYER_CHUNK];
	uint64_t blocks = 0, count = 0;

	must(d->below <= d->size && d->size <= UINT64_C(16) << 40);
	for (uint64_t i = 0; i < layer_map_end(d); i = layer_map_next(d, i)) {
		uint32_t value = layer_map_get(d, i);
		const struct iovec iov = { bytes, sizeof(bytes) };
		uint64_t end = d->size - min_u64(d->size, i * LAYER_CHUNK);

		if (value < CHUNK_FIRST)
			continue;
		must(value - CHUNK_FIRST < l->store.chunks);
		blocks += layer_store_blocks(&l->store, value - CHUNK_FIRST);
		count++;
		must(layer_store_read(&((struct layer *)(uintptr_t)l)->store,
				      value - CHUNK_FIRST, 0, &iov, 1) == 0);
		for (uint64_t k = end; k < sizeof(bytes); k++)
			must(!bytes[k]);
	}
	must(blocks == d->blocks);
	return count;
}

static uint32_t layer_check_names(struct layer *l, const struct layer_node *n)
{
	const struct layer_folder *f = &n->folder;
	uint32_t count = 0, dropped = 0;

	for (uint32_t i = 0; i < f->len; i++) {
		const struct layer_name *name = f->list[i].name;

		dropped += !name;
		must(!i || f->list[i].number > f->list[i - 1].number);
		if (!name)
			continue;
		count++;
		must(name->folder == n && (name->node || name->covers));
		must(layer_name(l, n, name->text) == name);
		must(!name->node || !name->node->gone);
		must(!n->gone || !name->node);
	}
	must(dropped == f->dropped);
	return count;
}

/* How often does it have a name of ours? */
static uint32_t layer_names_of(const struct layer *l,
			       const struct layer_node *n)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < l->names.size; i++)
		for (const struct layer_link *k = l->names.slot[i]; k;
		     k = k->next)
			count += ((const struct layer_name *)(const void *)k)
					 ->node == n;
	return count;
}

static void layer_check(struct layer *l)
{
	uint32_t nodes = 0, names = 0, opens = 0, open = 0;
	uint64_t chunks = 0, blocks = 0;

	must(l->memory <= l->memory_max);
	must(l->store.blocks <= l->store.blocks_max);
	for (uint32_t i = 0; i < l->nodes.size; i++)
		for (struct layer_link *k = l->nodes.slot[i]; k; k = k->next) {
			const struct layer_node *n = layer_node_at(k);

			nodes++;
			opens += n->opens;
			must(!n->gone || n->refs || n->opens);
			must(layer_node(l, n->id) == n);
			if (!n->is_below && !S_ISDIR(n->mode))
				must(n->nlink == layer_names_of(l, n));
			if (S_ISDIR(n->mode))
				names += layer_check_names(l, n);
			if (S_ISREG(n->mode)) {
				chunks += layer_check_data(l, &n->data);
				blocks += n->data.blocks;
			}
		}
	for (uint32_t i = 0; i < l->handles; i++) {
		open += l->handle[i].used;
		opens -= l->handle[i].used && l->handle[i].node;
	}
	must(!opens && open == l->handles_open && open <= LAYER_HANDLES);
	must(nodes == l->nodes.count && names == l->names.count);
	must(blocks == l->store.blocks);
	must(chunks + l->store.spares <= l->store.chunks);
}

#endif
