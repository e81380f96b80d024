// SPDX-License-Identifier: BSD-3-Clause
/*
 * An x86-64 CPU's registers as gdb numbers them, and the description that says
 * so (GDB manual, "Target Descriptions"): the features that gdb knows, in its
 * order, and one of our own with control registers.
 */
#include "arch/arch_debug.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/endian.h"
#include "base/num.h"

#define ST_SIZE  10
#define XMM_SIZE 16
#define TAG_EMPTY 3u

/* The first number of each kind. */
enum {
	N_GENERAL,
	N_EFLAGS = N_GENERAL + 17,
	N_SEGMENTS,
	N_ST = N_SEGMENTS + 6,
	N_X87 = N_ST + 8,
	N_XMM = N_X87 + 8,
	N_MXCSR = N_XMM + 16,
	N_WIDE,
	N_COUNT = N_WIDE + 8,
};

unsigned int arch_gdb_count(void)
{
	return N_COUNT;
}

unsigned int arch_gdb_size(unsigned int n)
{
	if (n < N_EFLAGS || (n >= N_WIDE && n < N_COUNT))
		return 8;
	if (n >= N_ST && n < N_X87)
		return ST_SIZE;
	if (n >= N_XMM && n < N_MXCSR)
		return XMM_SIZE;
	return n < N_COUNT ? 4 : 0;
}

static const char begin[] =
	"<?xml version=\"1.0\"?>\n"
	"<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n"
	"<target><architecture>i386:x86-64</architecture>\n";

/* The types of a feature come before its registers. */
static const char core_types[] = "<flags id=\"eflags_bits\" size=\"4\">";
static const char core_types_end[] = "</flags>\n";
static const char sse_types[] =
	"<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>\n"
	"<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>\n"
	"<vector id=\"v16i8\" type=\"int8\" count=\"16\"/>\n"
	"<vector id=\"v4i32\" type=\"int32\" count=\"4\"/>\n"
	"<vector id=\"v2i64\" type=\"int64\" count=\"2\"/>\n"
	"<union id=\"xmm_bits\">\n"
	"<field name=\"v4_float\" type=\"v4f\"/>\n"
	"<field name=\"v2_double\" type=\"v2d\"/>\n"
	"<field name=\"v16_int8\" type=\"v16i8\"/>\n"
	"<field name=\"v4_int32\" type=\"v4i32\"/>\n"
	"<field name=\"v2_int64\" type=\"v2i64\"/>\n"
	"<field name=\"uint128\" type=\"uint128\"/></union>\n";

static const struct {
	const char *name;
	unsigned int bit;
} eflags[] = {
	{ "CF", 0 },  { "", 1 },    { "PF", 2 },   { "AF", 4 },   { "ZF", 6 },
	{ "SF", 7 },  { "TF", 8 },  { "IF", 9 },   { "DF", 10 },  { "OF", 11 },
	{ "NT", 14 }, { "RF", 16 }, { "VM", 17 },  { "AC", 18 },
	{ "VIF", 19 }, { "VIP", 20 }, { "ID", 21 },
};

/* Where a feature begins. */
static const struct {
	unsigned int first;
	const char *name;
} features[] = {
	{ N_GENERAL, "org.gnu.gdb.i386.core" },
	{ N_XMM, "org.gnu.gdb.i386.sse" },
	{ N_WIDE, "org.gnu.gdb.i386.segments" },
	{ N_WIDE + 2, "org.vireo.x86.control" },
};

/* Those with names of their own. */
static const char *const names[N_COUNT] = {
	"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9",
	"r10", "r11", "r12", "r13", "r14", "r15", "rip", "eflags", "cs", "ss",
	"ds", "es", "fs", "gs",
	[N_X87] = "fctrl", "fstat", "ftag", "fiseg", "fioff", "foseg", "fooff",
	"fop",
	[N_MXCSR] = "mxcsr",
	[N_WIDE] = "fs_base", "gs_base", "cr0", "cr2", "cr3", "cr4", "cr8",
	"efer",
};

static const char *type_of(unsigned int n)
{
	if (n == N_EFLAGS)
		return "eflags_bits";
	if (n < N_EFLAGS)
		return !strcmp(names[n], "rip")	  ? "code_ptr"
		       : !strcmp(names[n], "rsp") ? "data_ptr"
		       : !strcmp(names[n], "rbp") ? "data_ptr"
						  : "int64";
	if (n >= N_ST && n < N_X87)
		return "i387_ext";
	return n >= N_XMM && n < N_MXCSR ? "xmm_bits" : "int";
}

static const char *group_of(unsigned int n)
{
	if (n >= N_X87 && n < N_XMM)
		return "float";
	if (n == N_MXCSR)
		return "vector";
	return n >= N_WIDE + 2 ? "system" : "general";
}

/* What is written into. */
struct text {
	char *to;
	size_t cap;
	size_t len; /* that it would have */
};

static void add(struct text *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add(struct text *t, const char *format, ...)
{
	size_t room = t->len < t->cap ? t->cap - t->len : 0;
	va_list ap;

	va_start(ap, format);
	t->len += (size_t)vsnprintf(room ? t->to + t->len : NULL, room, format,
				    ap);
	va_end(ap);
}

static void add_types(struct text *t, unsigned int n)
{
	if (n == N_XMM)
		add(t, "%s", sse_types);
	if (n != N_GENERAL)
		return;
	add(t, "%s", core_types);
	for (size_t i = 0; i < ARRAY_SIZE(eflags); i++)
		add(t, "<field name=\"%s\" start=\"%u\" end=\"%u\"/>\n",
		    eflags[i].name, eflags[i].bit, eflags[i].bit);
	add(t, "%s", core_types_end);
}

static void add_register(struct text *t, unsigned int n)
{
	if (names[n])
		add(t, "<reg name=\"%s\"", names[n]);
	else if (n < N_X87)
		add(t, "<reg name=\"st%u\"", n - N_ST);
	else
		add(t, "<reg name=\"xmm%u\"", n - N_XMM);
	add(t, " bitsize=\"%u\" type=\"%s\"", 8 * arch_gdb_size(n), type_of(n));
	if (strcmp(group_of(n), "general") != 0)
		add(t, " group=\"%s\"", group_of(n));
	add(t, "/>\n");
}

size_t arch_gdb_describe(char *to, size_t cap)
{
	struct text t = { to, cap, 0 };

	add(&t, "%s", begin);
	for (unsigned int n = 0; n < N_COUNT; n++) {
		for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
			if (features[i].first != n)
				continue;
			add(&t, "%s<feature name=\"%s\">\n",
			    n ? "</feature>\n" : "", features[i].name);
			add_types(&t, n);
		}
		add_register(&t, n);
	}
	add(&t, "</feature></target>\n");
	return t.len;
}

/* Where the wide ones are. */
static uint64_t *wide(struct vireo_regs *r, unsigned int n)
{
	uint64_t *const general[] = {
		&r->rax, &r->rbx, &r->rcx, &r->rdx, &r->rsi, &r->rdi,
		&r->rbp, &r->rsp, &r->r8,  &r->r9,  &r->r10, &r->r11,
		&r->r12, &r->r13, &r->r14, &r->r15, &r->rip,
	};
	uint64_t *const special[] = {
		&r->fs.base, &r->gs.base, &r->cr0, &r->cr2,
		&r->cr3,     &r->cr4,     &r->cr8, &r->efer,
	};

	return n < N_EFLAGS ? general[n] : special[n - N_WIDE];
}

static uint16_t *selector(struct vireo_regs *r, unsigned int n)
{
	uint16_t *const all[] = { &r->cs.selector, &r->ss.selector,
				  &r->ds.selector, &r->es.selector,
				  &r->fs.selector, &r->gs.selector };

	return all[n - N_SEGMENTS];
}

/* gdb has two bits for each, FXSAVE one. */
static uint32_t tags_to_gdb(uint8_t ftw)
{
	uint32_t tags = 0;

	for (unsigned int i = 0; i < 8; i++)
		if (!(ftw >> i & 1))
			tags |= TAG_EMPTY << 2 * i;
	return tags;
}

static uint8_t tags_from_gdb(uint32_t tags)
{
	uint8_t ftw = 0;

	for (unsigned int i = 0; i < 8; i++)
		if ((tags >> 2 * i & 3) != TAG_EMPTY)
			ftw |= (uint8_t)(1u << i);
	return ftw;
}

static uint32_t get_x87(const struct vireo_fpu *f, unsigned int n)
{
	const uint32_t all[] = {
		f->fcw, f->fsw, tags_to_gdb(f->ftw), (uint32_t)(f->fip >> 32),
		(uint32_t)f->fip, (uint32_t)(f->fdp >> 32), (uint32_t)f->fdp,
		f->fop,
	};

	return all[n - N_X87];
}

static void set_half(uint64_t *word, bool high, uint32_t v)
{
	*word = high ? (*word & 0xffffffff) | (uint64_t)v << 32
		     : (*word & ~UINT64_C(0xffffffff)) | v;
}

static void set_x87(struct vireo_fpu *f, unsigned int n, uint32_t v)
{
	switch (n - N_X87) {
	case 0:
		f->fcw = (uint16_t)v;
		break;
	case 1:
		f->fsw = (uint16_t)v;
		break;
	case 2:
		f->ftw = tags_from_gdb(v);
		break;
	case 3:
	case 4:
		set_half(&f->fip, n - N_X87 == 3, v);
		break;
	case 5:
	case 6:
		set_half(&f->fdp, n - N_X87 == 5, v);
		break;
	default:
		f->fop = (uint16_t)v;
		break;
	}
}

/* The registers of 32 bits. */
static uint32_t get_narrow(const struct arch_gdb_regs *r, unsigned int n)
{
	struct vireo_regs regs = r->regs;

	if (n == N_EFLAGS)
		return (uint32_t)regs.rflags;
	if (n == N_MXCSR)
		return r->fpu.mxcsr;
	return n < N_ST ? *selector(&regs, n) : get_x87(&r->fpu, n);
}

void arch_gdb_get(const struct arch_gdb_regs *r, unsigned int n, uint8_t *to)
{
	struct vireo_regs regs = r->regs;
	unsigned int size = arch_gdb_size(n);

	if (size == 8) {
		le64 v = le64_put(*wide(&regs, n));

		memcpy(to, &v, sizeof(v));
	} else if (size == ST_SIZE) {
		memcpy(to, r->fpu.st[n - N_ST], size);
	} else if (size == XMM_SIZE) {
		memcpy(to, r->fpu.xmm[n - N_XMM], size);
	} else {
		le32 v = le32_put(get_narrow(r, n));

		memcpy(to, &v, sizeof(v));
	}
}

void arch_gdb_set(struct arch_gdb_regs *r, unsigned int n, const uint8_t *from)
{
	unsigned int size = arch_gdb_size(n);

	if (size == 8)
		*wide(&r->regs, n) = le64_at(from);
	else if (size == ST_SIZE)
		memcpy(r->fpu.st[n - N_ST], from, size);
	else if (size == XMM_SIZE)
		memcpy(r->fpu.xmm[n - N_XMM], from, size);
	else if (n == N_EFLAGS)
		set_half(&r->regs.rflags, false, le32_at(from));
	else if (n == N_MXCSR)
		r->fpu.mxcsr = le32_at(from);
	else if (n < N_ST)
		*selector(&r->regs, n) = le16_at(from);
	else
		set_x87(&r->fpu, n, le32_at(from));
}
