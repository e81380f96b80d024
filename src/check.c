// SPDX-License-Identifier: BSD-3-Clause
/*
 * See check.h: what this host can do, in rows: KVM's capabilities, probe
 * guests, the rest of the host, and a verdict in plain words. The caller's
 * thread; leaves nothing behind.
 */
#include "check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arch/arch.h"
#include "base/fd.h"
#include "kvm/kvm.h"

/* Where the rows go. */
struct check {
	void (*fn)(void *ctx, const struct vireo_check_row *row);
	void *ctx;
};

static void row(const struct check *c, const char *group, const char *name,
		enum vireo_check_state state, bool required, const char *fmt,
		...) __attribute__((format(printf, 6, 7)));

static void row(const struct check *c, const char *group, const char *name,
		enum vireo_check_state state, bool required, const char *fmt,
		...)
{
	char detail[320];
	struct vireo_check_row r = { group, name, state, required, detail };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(detail, sizeof(detail), fmt, ap);
	va_end(ap);
	c->fn(c->ctx, &r);
}

static enum vireo_check_state yes_no(bool yes)
{
	return yes ? VIREO_CHECK_YES : VIREO_CHECK_NO;
}

static void check_kvm(const struct check *c, const struct kvm *kvm)
{
	const struct kvm_cap *cap;

	row(c, "kvm", "vCPUs per VM", VIREO_CHECK_INFO, false, "%u",
	    kvm->max_vcpus);
	for (size_t i = 0; (cap = kvm_cap_at(i)); i++)
		row(c, "kvm", cap->name, yes_no(kvm_has(kvm, cap->number)),
		    cap->required, "%s", cap->why);
}

static void speed_row(const struct check *c, const char *name, uint64_t kips)
{
	row(c, "probe", name, yes_no(kips), true,
	    "%llu.%llu million instructions/s",
	    (unsigned long long)(kips / 1000),
	    (unsigned long long)(kips / 100 % 10));
}

/* True when a stock kernel can run. */
static bool check_probe(const struct check *c, const struct arch_probe *probe)
{
	bool good = probe->user_kips &&
		    probe->kernel_kips >= ARCH_PROBE_KIPS_MIN;

	speed_row(c, "guest user mode", probe->user_kips);
	speed_row(c, "guest kernel mode", probe->kernel_kips);
	for (unsigned int i = 0; i < probe->count; i++) {
		row(c, "probe", probe->insn[i].name,
		    yes_no(probe->insn[i].ok), true,
		    probe->insn[i].ok ? "in kernel mode"
				      : "KVM cannot run it in kernel mode");
		good = good && probe->insn[i].ok;
	}
	return good;
}

/* ---- the rest of the host ---- */

/* The first line of a small file in /proc or /sys; "" when there is none. */
static void read_line(char *out, size_t cap, const char *path)
{
	FILE *file = fopen(path, "re");

	out[0] = '\0';
	if (!file)
		return;
	if (fgets(out, (int)cap, file))
		out[strcspn(out, "\n")] = '\0';
	fclose(file);
}

static void file_row(const struct check *c, const char *name, const char *path)
{
	char line[128];

	read_line(line, sizeof(line), path);
	row(c, "host", name, *line ? VIREO_CHECK_INFO : VIREO_CHECK_NO, false,
	    "%s", line);
}

static void device_row(const struct check *c, const char *name,
		       const char *path)
{
	bool there = access(path, F_OK) == 0;
	bool usable = access(path, R_OK | W_OK) == 0;

	row(c, "host", name, yes_no(usable), false, "%s%s", path,
	    usable  ? ""
	    : there ? ": no permission"
		    : ": not there");
}

static void check_host(const struct check *c)
{
	/* Landlock: "which version?" is create_ruleset(NULL, 0, VERSION). */
	long landlock = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);

	file_row(c, "kernel", "/proc/sys/kernel/osrelease");
	file_row(c, "transparent huge pages",
		 "/sys/kernel/mm/transparent_hugepage/enabled");
	file_row(c, "huge page pool", "/proc/sys/vm/nr_hugepages");
	row(c, "host", "Landlock", yes_no(landlock > 0), false,
	    landlock > 0 ? "ABI %ld" : "not in this kernel", landlock);
	device_row(c, "tap devices", "/dev/net/tun");
	device_row(c, "vhost-net", "/dev/vhost-net");
	device_row(c, "userfaultfd", "/dev/userfaultfd");
}

/* ---- the verdict ---- */

static void refused(char *text, size_t cap, const struct arch_probe *probe)
{
	text[0] = '\0';
	for (unsigned int i = 0; i < probe->count; i++) {
		size_t used = strlen(text);

		if (!probe->insn[i].ok && used < cap)
			snprintf(text + used, cap - used, "%s%s",
				 used ? ", " : "", probe->insn[i].name);
	}
}

static int verdict(const struct check *c, bool stock,
		   const struct arch_probe *probe)
{
	char names[96];

	if (stock) {
		row(c, "verdict", "stock kernels", VIREO_CHECK_YES, true,
		    "stock kernels boot here");
		return 0;
	}
	refused(names, sizeof(names), probe);
	row(c, "verdict", "stock kernels", VIREO_CHECK_NO, true,
	    "small guests run here, stock kernels do not boot with any VMM:");
	if (*names)
		row(c, "verdict", "reason", VIREO_CHECK_INFO, false,
		    "this KVM emulates a guest's kernel mode and refuses %s.",
		    names);
	else
		row(c, "verdict", "reason", VIREO_CHECK_INFO, false,
		    "a guest's kernel mode is emulated, %llu thousand "
		    "instructions/s.",
		    (unsigned long long)probe->kernel_kips);
	row(c, "verdict", "remedy", VIREO_CHECK_INFO, false,
	    "use a host with VMX or SVM (bare metal, or nested "
	    "virtualisation on), or vireo's emulated host: "
	    "scripts/kvm-host -- COMMAND");
	return 1;
}

static int no_kvm(const struct check *c, const struct err *err)
{
	row(c, "kvm", "/dev/kvm", VIREO_CHECK_NO, true, "%s", err->text);
	check_host(c);
	row(c, "verdict", "guests", VIREO_CHECK_NO, true,
	    "no guest runs here: %s", err->text);
	return VIREO_EHOST;
}

int check_run(int kvm_fd,
	      void (*fn)(void *ctx, const struct vireo_check_row *row),
	      void *ctx)
{
	const struct check c = { fn, ctx };
	struct arch_probe probe;
	struct err err = { 0 };
	struct kvm kvm;
	bool stock;
	int r;

	if (kvm_open(&kvm, kvm_fd, &err) < 0)
		return no_kvm(&c, &err);
	row(&c, "kvm", "/dev/kvm", VIREO_CHECK_YES, true, "API version %d",
	    KVM_API_VERSION);
	check_kvm(&c, &kvm);
	r = arch_probe(&kvm, &probe, &err);
	kvm_close(&kvm);
	if (r < 0)
		return no_kvm(&c, &err);
	stock = check_probe(&c, &probe);
	check_host(&c);
	return verdict(&c, stock, &probe);
}
