// SPDX-License-Identifier: BSD-3-Clause
/* The public functions for bare sandboxes. As api.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api.h"
#include "base/fd.h"
#include "base/num.h"
#include "sandbox/sandbox.h"

#define MEMORY_DEFAULT (16 * MIB)
#define STACK_DEFAULT  (64 * KIB)
#define BUFFER_DEFAULT MIB

/* A size in bytes, from an option: whole pages. */
static int size_option(uint64_t *out, uint64_t value, uint64_t otherwise,
		       const char *key, struct err *err)
{
	if (value > ARCH_SANDBOX_MOST)
		return err_set_key(err, -EINVAL, key,
				   "%s: %llu bytes are more than 1 GiB", key,
				   (unsigned long long)value);
	*out = align_up(value ? value : otherwise, ARCH_SANDBOX_PAGE);
	return 0;
}

static int check_options(struct sandbox_config *cfg,
			 const struct vireo_sandbox_options *o, struct err *err)
{
	int r;

	if (!o || o->size != sizeof(*o))
		return err_set_key(err, -EINVAL, "size",
				   "options are missing, or of another "
				   "version: size is not that of the struct");
	if (!o->image == !o->path)
		return err_set_key(err, -EINVAL, "image",
				   "image: give either bytes or a path");
	if (o->image_len > SANDBOX_IMAGE_MAX)
		return err_set_key(err, -EINVAL, "image",
				   "image: %zu bytes are more than 64 MiB",
				   o->image_len);
	*cfg = (struct sandbox_config){
		.image = o->image,
		.image_len = o->image_len,
		.flat = o->flat,
		.max_hypercalls = o->max_hypercalls,
		.kvm_fd = o->has_kvm ? o->kvm : -1,
	};
	if (o->has_kvm && o->kvm < 0)
		return err_set_key(err, -EINVAL, "kvm",
				   "kvm: %d is no descriptor", o->kvm);
	r = size_option(&cfg->memory, o->memory, MEMORY_DEFAULT, "memory", err);
	if (!r)
		r = size_option(&cfg->stack, o->stack, STACK_DEFAULT, "stack",
				err);
	return r ? r
		 : size_option(&cfg->buffer, o->buffer, BUFFER_DEFAULT,
			       "buffer", err);
}

/* What has no key to blame is the host's doing, whatever its number. */
static int create(struct vireo_sandbox **out, const struct sandbox_config *cfg,
		  struct err *err)
{
	int r = sandbox_create(out, cfg, err);

	return r < 0 && r != -ENOEXEC && !(r == -EINVAL && err->key[0])
		       ? -EIO : r;
}

int vireo_sandbox_create(struct vireo_sandbox **out,
			 const struct vireo_sandbox_options *options,
			 struct vireo_error *err)
{
	struct sandbox_config cfg;
	struct err why = { 0 };
	uint8_t *file = NULL;
	int r;

	if (!out)
		return api_fail_text(err, VIREO_EINVAL, "an argument is NULL");
	*out = NULL;
	r = check_options(&cfg, options, &why);
	if (!r && options->path) {
		r = fd_read_file(&file, &cfg.image_len, options->path,
				 SANDBOX_IMAGE_MAX, &why);
		cfg.image = file;
	}
	if (!r)
		r = create(out, &cfg, &why);
	free(file);
	return r < 0 ? api_fail(err, api_code(r), &why) : 0;
}

int vireo_sandbox_register(struct vireo_sandbox *sb, unsigned int number,
			   int64_t (*fn)(void *ctx, const void *in,
					 size_t in_len, void *out,
					 size_t out_cap),
			   void *ctx)
{
	int r;

	if (!sb || number >= SANDBOX_CALLS)
		return VIREO_EINVAL;
	r = sandbox_take(sb, NULL);
	if (r < 0)
		return api_code(r);
	sb->callback[number] = (struct sandbox_callback){ fn, ctx };
	sandbox_give(sb);
	return 0;
}

static const char *bad_call(const struct vireo_sandbox *sb,
			    const struct vireo_sandbox_call *call)
{
	if (!sb || !call)
		return "an argument is NULL";
	if (call->size != sizeof(*call))
		return "the call is of another version: size is not that of "
		       "the struct";
	if ((call->in_len && !call->in) || (call->out_cap && !call->out))
		return "a buffer is NULL";
	return NULL;
}

int vireo_sandbox_call(struct vireo_sandbox *sb,
		       struct vireo_sandbox_call *call,
		       struct vireo_sandbox_trap *trap, struct vireo_error *err)
{
	const char *bad = bad_call(sb, call);
	struct vireo_sandbox_trap unread;
	struct err why = { 0 };
	int r;

	if (!trap)
		trap = &unread;
	memset(trap, 0, sizeof(*trap));
	if (bad)
		return api_fail_text(err, VIREO_EINVAL, bad);
	call->out_len = 0;
	r = sandbox_take(sb, &why);
	if (r < 0)
		return api_fail(err, api_code(r), &why);
	r = sandbox_call(sb, call, trap, &why);
	sandbox_give(sb);
	if (r == 1)
		return api_fail_text(err, VIREO_ETRAP, trap->text);
	return r < 0 ? api_fail(err, api_code(r), &why) : 0;
}

int vireo_sandbox_reset(struct vireo_sandbox *sb, struct vireo_error *err)
{
	struct err why = { 0 };
	int r;

	if (!sb)
		return api_fail_text(err, VIREO_EINVAL, "an argument is NULL");
	r = sandbox_take(sb, &why);
	if (r < 0)
		return api_fail(err, api_code(r), &why);
	r = sandbox_reset(sb, &why);
	sandbox_give(sb);
	return r < 0 ? api_fail(err, VIREO_EHOST, &why) : 0;
}

int vireo_sandbox_read(struct vireo_sandbox *sb, uint64_t address, void *buf,
		       size_t len)
{
	int r;

	if (!sb || (len && !buf))
		return VIREO_EINVAL;
	r = sandbox_take(sb, NULL);
	if (r < 0)
		return api_code(r);
	r = sandbox_holds(sb, address, len, false)
		    ? mem_read(&sb->mem, buf, address, len)
		    : -EINVAL;
	sandbox_give(sb);
	return r < 0 ? VIREO_EINVAL : 0;
}

int vireo_sandbox_stop(struct vireo_sandbox *sb)
{
	if (!sb)
		return VIREO_EINVAL;
	if (getpid() != sb->process)
		return VIREO_ESTATE;
	return sandbox_stop_call(&sb->stop, &sb->vcpu) < 0 ? VIREO_ESTATE : 0;
}

int vireo_sandbox_destroy(struct vireo_sandbox **sb)
{
	if (!sb || !*sb)
		return 0;
	/* A child's copy may say that its parent was in a call. */
	if (getpid() == (*sb)->process &&
	    atomic_exchange(&(*sb)->busy, true))
		return VIREO_ESTATE;
	sandbox_destroy(*sb);
	*sb = NULL;
	return 0;
}
