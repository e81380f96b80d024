// SPDX-License-Identifier: BSD-3-Clause
/* See keys.h. Text that a person reads: keep it short and exact. */
#include "board/keys.h"

#include <string.h>

#include "base/num.h"

static const struct key keys[] = {
	{ { .name = "kernel",
	    .arg = "FILE[,format=F]",
	    .summary = "the kernel to boot: a file, a build tree, a name",
	    .help = "A bzImage, an ELF vmlinux (PVH or Linux 64-bit entry) or "
		    "a multiboot ELF, recognised by its magic. "
		    "format=bzimage|pvh|linux|multiboot|flat forces one; flat "
		    "is 16-bit code loaded at 0x7c00 and is never guessed. "
		    "A folder is a kernel's build tree. A name as "
		    "debian:6.12-cloud is what vireo kernel fetch got. "
		    "Several, with a command: one VM for each.",
	    .example = "--kernel /boot/vmlinuz-6.12",
	    .letter = 'k' },
	  config_parse_kernel },
	{ { .name = "initrd",
	    .arg = "FILE",
	    .summary = "initial RAM disk; several are joined in order",
	    .help = "Each part starts on a 4-byte boundary, as the kernel "
		    "expects of joined archives. At most 16.",
	    .example = "--initrd base.cpio --initrd extra.cpio.gz",
	    .repeatable = true },
	  config_parse_initrd },
	{ { .name = "cmdline",
	    .arg = "TEXT",
	    .summary = "kernel parameters, after vireo's own",
	    .help = "vireo's own parameters are \"console=ttyS0 panic=-1\" "
		    "(\"earlyprintk=ttyS0 console=hvc0\" with --console "
		    "...,device=virtio; no console= when the console is off; "
		    "pci=off when there is no PCI bus). A multiboot kernel "
		    "gets the name of its file instead. Given twice, the "
		    "texts are joined with a blank.",
	    .example = "--cmdline \"quiet init=/bin/sh\"",
	    .repeatable = true },
	  config_parse_cmdline },
	{ { .name = "cmdline-only",
	    .value = "false",
	    .summary = "pass --cmdline alone, without vireo's own part",
	    .help = "The kernel gets exactly the text of --cmdline.",
	    .advanced = true,
	    .example = "--cmdline-only --cmdline \"console=ttyS0 nosmp\"" },
	  config_parse_cmdline_only },
	{ { .name = "unpack",
	    .value = "false",
	    .summary = "unpack a bzImage on the host; boots faster, no KASLR",
	    .help = "Decompresses the kernel inside a bzImage (lz4, zstd, xz, "
		    "gzip) on the host and starts it by PVH, which is faster "
		    "than the kernel's own decompressor. The price: the "
		    "guest's kernel lies at a fixed address (no KASLR). An "
		    "unknown compression falls back to the kernel's own.",
	    .advanced = true,
	    .example = "--unpack" },
	  config_parse_unpack },
	{ { .name = "memory",
	    .arg = "SIZE[,backing=B]",
	    .value = "256M",
	    .summary = "guest RAM (1G with a command)",
	    .help = "At least 1M, rounded up to 4 KiB. backing=private "
		    "(default; huge pages where the host has them), memfd "
		    "(can be shared with other processes), hugetlb (2 MiB "
		    "pages from the host's pool, reserved at once).",
	    .example = "--memory 512M",
	    .letter = 'm' },
	  config_parse_memory },
	{ { .name = "cpus",
	    .arg = "N",
	    .value = "1",
	    .summary = "virtual CPUs",
	    .help = "From 1 to what this host's KVM allows; vireo check tells "
		    "the limit.",
	    .example = "--cpus 4",
	    .letter = 'c' },
	  config_parse_cpus },
	{ { .name = "cpu",
	    .arg = "host[,-F,+F]",
	    .value = "host",
	    .summary = "CPU features, taken away or insisted on by name",
	    .help = "The guest sees what KVM supports on this host. -NAME "
		    "hides a feature; +NAME makes its absence an error "
		    "instead of a surprise in the guest. Names are those of "
		    "/proc/cpuinfo (avx2, x2apic, tsc_deadline_timer, ...) "
		    "and of KVM (kvmclock, kvm_pv_eoi, kvm_asyncpf, "
		    "kvm_steal_time).",
	    .advanced = true,
	    .example = "--cpu host,-avx512f,+aes" },
	  config_parse_cpu },
	{ { .name = "irqchip",
	    .arg = "auto|full|split",
	    .value = "auto",
	    .summary = "where the interrupt controllers are",
	    .help = "full: PIC, IOAPIC and LAPIC in the host's kernel. split: "
		    "only the LAPIC there, the IOAPIC in vireo (less kernel "
		    "code that a guest can reach; needs a guest that uses the "
		    "IOAPIC). auto: split, but full with --pit or where KVM "
		    "has no split one.",
	    .advanced = true,
	    .example = "--irqchip full" },
	  config_parse_irqchip },
	{ { .name = "pit",
	    .value = "false",
	    .summary = "an i8254 timer, for guests without a LAPIC timer",
	    .help = "Linux does not need it; old kernels and some test "
		    "programs do. Not with irqchip=split.",
	    .advanced = true,
	    .example = "--pit" },
	  config_parse_pit },
	{ { .name = "console",
	    .arg = "KIND[,device=D][,name=NAME]",
	    .value = "stdio",
	    .summary = "where the guest's console goes; more are ports",
	    .help = "KIND: stdio (this terminal or these pipes), pty (a new "
		    "pseudo-terminal, its path is told; pty=LINK makes a "
		    "symbolic link to it), file=PATH (output to a new or "
		    "emptied file, no input), socket=PATH (a unix socket "
		    "for one client at a time), none. The first is the main console: the "
		    "serial port, or with device=virtio hvc0. Each further "
		    "one is a virtio console: hvcN in the guest, or with "
		    "name=NAME a byte stream, /dev/virtio-ports/NAME. Panics "
		    "and --idle-timeout are looked for on the main console. "
		    "At most 16.",
	    .example = "--console pty --console socket=a.sock,name=org.example",
	    .repeatable = true },
	  config_parse_console },
	{ { .name = "testdev",
	    .value = "false",
	    .summary = "debug-exit port 0xf4 and debug console 0xe9",
	    .help = "Writing V to port 0xf4 ends the VM with status "
		    "((V << 1) | 1) & 255. Bytes written to port 0xe9 go to "
		    "the console.",
	    .advanced = true,
	    .example = "--testdev" },
	  config_parse_testdev },
	{ { .name = "disk",
	    .arg = "PATH[,ro]...",
	    .summary = "a disk: a raw image or a block device",
	    .help = "ro: read-only. overlay=FILE|tmp: changes go there, PATH "
		    "is never written. serial=TEXT. queues=N. direct: past "
		    "the page cache. engine=auto|threads. bps=SIZE and "
		    "iops=N: limits per second. The format is raw, always: "
		    "contents are never probed.",
	    .example = "--disk root.img --disk base.img,overlay=tmp",
	    .repeatable = true },
	  config_parse_disk },
	{ { .name = "net",
	    .arg = "KIND[,mac=M]...",
	    .value = "none",
	    .summary = "a network: user, passt, tap=NAME, connect=..., ...",
	    .help = "user: no privileges needed; forward=[tcp:|udp:]HOST:GUEST "
		    "(repeatable), restricted, host-loopback. passt: the "
		    "distribution's passt, forward as well. tap=NAME or "
		    "fd=N: queues=N. connect=ADDRESS, listen=ADDRESS: a "
		    "stream to another VM or switch; dgram=PEER,local=OWN: "
		    "datagrams; addresses are unix:PATH or HOST:PORT. All: "
		    "mac=..., mtu=N, bps=SIZE, pps=N; with a command "
		    "ip=dhcp|none|ADDRESS/BITS, gateway=, dns=. none: no "
		    "network.",
	    .example = "--net user,forward=8080:80",
	    .repeatable = true },
	  config_parse_net },
	{ { .name = "share",
	    .arg = "DIR,tag=NAME[,ro]",
	    .summary = "a directory of the host's for the guest (virtiofs)",
	    .help = "The guest mounts it by its tag: mount -t virtiofs NAME "
		    "DIR. ro: it changes nothing. cache=auto|none|always: how "
		    "long the guest believes what it knows (auto: a second). "
		    "writeback: writes may wait in the guest. hide=PATH "
		    "(repeatable): does not exist for the guest. "
		    "owner=auto|host|stored: where owners and modes are kept "
		    "that the host's files cannot have (auto: in their "
		    "attributes, unless vireo is root's or it is ro). "
		    "locks=guest|host: against whom the guest's processes lock "
		    "files, each other or the host's too.",
	    .advanced = true,
	    .example = "--share src,tag=src,ro",
	    .repeatable = true },
	  config_parse_share },
	{ { .name = "rng",
	    .value = "false",
	    .summary = "a source of entropy",
	    .help = "Gives the guest random bytes of the host's getrandom(2).",
	    .advanced = true,
	    .example = "--rng" },
	  config_parse_rng },
	{ { .name = "balloon",
	    .value = "false",
	    .summary = "memory the guest does not use goes back to the host",
	    .help = "A balloon with free page reporting, statistics and "
		    "deflation when the guest runs out of memory.",
	    .advanced = true,
	    .example = "--balloon" },
	  config_parse_balloon },
	{ { .name = "vsock",
	    .arg = "PATH[,cid=N]",
	    .summary = "sockets between host and guest",
	    .help = "Host programs connect to the unix socket PATH and say "
		    "\"CONNECT PORT\"; what the guest connects to at port P "
		    "arrives at the socket PATH_P. cid: 3 unless given.",
	    .advanced = true,
	    .example = "--vsock /run/user/1000/vm.sock" },
	  config_parse_vsock },
	{ { .name = "transport",
	    .arg = "pci|mmio",
	    .value = "pci",
	    .summary = "how virtio devices are attached",
	    .help = "pci: a PCI Express bus, which every distribution kernel "
		    "has. mmio: fewer exits at boot, for kernels with the "
		    "virtio-mmio driver.",
	    .advanced = true,
	    .example = "--transport mmio" },
	  config_parse_transport },
	{ { .name = "command",
	    .arg = "WORD",
	    .summary = "a word of the command to run: after \"--\"",
	    .help = "Each word after \"--\" is one of these. With a command "
		    "the VM's root is a throwaway copy of the host's, and "
		    "vireo ends with the command's status.",
	    .advanced = true,
	    .example = "--command make --command test",
	    .repeatable = true },
	  config_parse_command },
	{ { .name = "volume",
	    .arg = "HOST:GUEST[:ro]",
	    .summary = "a directory of the host's for the command",
	    .help = "What the command changes there stays; everything else is "
		    "thrown away. GUEST is absolute. :ro: it changes nothing. "
		    ":owner=... and :locks=... as with --share, after commas.",
	    .example = "--volume .:/src --workdir /src -- make",
	    .letter = 'v',
	    .repeatable = true },
	  config_parse_volume },
	{ { .name = "workdir",
	    .arg = "DIR",
	    .summary = "where the command starts (default: here)",
	    .help = "An absolute path in the guest.",
	    .example = "--workdir /tmp -- pwd",
	    .advanced = true,
	    .letter = 'w' },
	  config_parse_workdir },
	{ { .name = "env",
	    .arg = "NAME=VALUE",
	    .summary = "a variable for the command",
	    .help = "PATH, HOME, USER, LANG, LC_* and TERM are carried over; "
		    "what is given here comes after them.",
	    .example = "--env CC=clang -- make",
	    .letter = 'e',
	    .repeatable = true },
	  config_parse_env },
	{ { .name = "user",
	    .arg = "UID[:GID]",
	    .summary = "whom the command runs as (default: you)",
	    .help = "Numbers. 0 is the guest's root, whoever you are on the "
		    "host.",
	    .example = "--user 0 -- id",
	    .advanced = true },
	  config_parse_user },
	{ { .name = "tty",
	    .value = "false",
	    .summary = "the command gets a terminal",
	    .help = "A pseudo-terminal of the guest's; input, output and "
		    "errors are then one.",
	    .advanced = true,
	    .example = "--tty -- bash",
	    .letter = 't' },
	  config_parse_tty },
	{ { .name = "rootfs",
	    .arg = "DIR|IMAGE",
	    .summary = "another root for the command (default: /)",
	    .help = "A directory with a Linux system, or a file or block "
		    "device with a file system (ext4, xfs, btrfs, squashfs, "
		    "erofs) that holds one. It is never changed.",
	    .example = "--rootfs debian -- cat /etc/os-release",
	    .advanced = true },
	  config_parse_rootfs },
	{ { .name = "layer",
	    .arg = "auto|guest|server",
	    .value = "auto",
	    .summary = "where changes of the command's root are kept",
	    .help = "They are thrown away at the end. guest: in the guest's "
		    "memory, by its kernel's overlayfs. server: by vireo, in "
		    "its memory and a file without a name in /var/tmp: the "
		    "guest needs no memory for it, and its kernel no "
		    "overlayfs; names are found sooner, what is changed of a "
		    "large file costs little, many new small files take "
		    "longer. auto: guest, where its kernel has overlayfs. A "
		    "root that is an image has it in the guest.",
	    .advanced = true,
	    .example = "--layer server -- make" },
	  config_parse_layer },
	{ { .name = "init",
	    .arg = "PATH",
	    .summary = "the guest's own first process, not a command",
	    .help = "A program of the guest's root, such as /sbin/init: it "
		    "gets the root of --rootfs (or the host's) below a "
		    "throwaway layer, volumes and networks, as a command "
		    "does, and the console. The VM ends when it powers off.",
	    .example = "--rootfs /srv/debian --init /sbin/init",
	    .advanced = true },
	  config_parse_init },
	{ { .name = "initramfs",
	    .arg = "auto|always|never",
	    .value = "auto",
	    .summary = "how the command's kernel finds its root",
	    .help = "always: an initramfs with the modules it takes. never: "
		    "the kernel mounts the root itself, which takes "
		    "virtio-pci and virtiofs built into it. auto: without "
		    "one where it is known that this works. Images have one.",
	    .example = "--initramfs always -- make",
	    .advanced = true },
	  config_parse_initramfs },
	{ { .name = "out",
	    .arg = "DIR",
	    .summary = "a directory that the command has as /out",
	    .help = "What is written there is in DIR at once, and stays after "
		    "a panic or a deadline too.",
	    .example = "--out artifacts -- make check",
	    .advanced = true },
	  config_parse_out },
	{ { .name = "cache",
	    .arg = "DIR|none",
	    .summary = "where kernels and unpacked modules are kept",
	    .help = "The kernels that --kernel names; and for the next run, "
		    "unpacked, the kernel with --unpack and a command's "
		    "modules. vireo run: $XDG_CACHE_HOME/vireo, or "
		    "~/.cache/vireo.",
	    .example = "--cache none -- make",
	    .advanced = true },
	  config_parse_cache },
	{ { .name = "hide",
	    .arg = "PATH",
	    .summary = "what of the root the command does not see",
	    .help = "An absolute path in the root.",
	    .example = "--hide /srv/secrets -- make",
	    .advanced = true,
	    .repeatable = true },
	  config_parse_hide },
	{ { .name = "timeout",
	    .arg = "DURATION",
	    .summary = "end the VM after this time with status 124",
	    .help = "Wall clock since the start: 250ms, 30s, 5m, 2h.",
	    .example = "--timeout 5m" },
	  config_parse_timeout },
	{ { .name = "idle-timeout",
	    .arg = "DURATION",
	    .summary = "end the VM after this time without console output",
	    .help = "As --timeout, but each byte of console output starts the "
		    "time anew.",
	    .advanced = true,
	    .example = "--idle-timeout 60s" },
	  config_parse_idle_timeout },
	{ { .name = "pin",
	    .arg = "LIST",
	    .summary = "the host's CPUs that the vCPUs run on",
	    .help = "vCPU 0 runs on the first of them and nowhere else, vCPU 1 "
		    "on the second, and so on, from the first again when there "
		    "are more vCPUs.",
	    .advanced = true,
	    .example = "--cpus 2 --pin 2-3" },
	  config_parse_pin },
	{ { .name = "cpu-time",
	    .arg = "DURATION",
	    .summary = "end the VM when its vCPUs have run this long",
	    .help = "Processor time of all vCPUs together, guest and exits: "
		    "then the VM ends with status 124.",
	    .advanced = true,
	    .example = "--cpu-time 10s" },
	  config_parse_cpu_time },
	{ { .name = "exit-rate",
	    .arg = "N",
	    .summary = "no more exits than this a second",
	    .help = "A guest that leaves to vireo more often is slowed down: "
		    "each vCPU has its share of N, and 100 ms of it at once.",
	    .advanced = true,
	    .example = "--exit-rate 20000" },
	  config_parse_exit_rate },
	{ { .name = "on-reboot",
	    .arg = "exit|restart",
	    .value = "exit",
	    .summary = "what a guest's reset does",
	    .help = "exit: the VM ends with status 0. restart: it starts "
		    "again from the kernel image, with fresh memory.",
	    .advanced = true,
	    .example = "--on-reboot restart" },
	  config_parse_on_reboot },
	{ { .name = "name",
	    .arg = "NAME",
	    .summary = "a name for this VM",
	    .help = "Letters, digits, '.', '_' and '-', at most 63, starting "
		    "with a letter or digit; no other VM of yours that runs "
		    "has it. vireo ps, exec and stop go by it; without one a "
		    "name is made up.",
	    .advanced = true,
	    .example = "--name web1" },
	  config_parse_name },
	{ { .name = "vmcore",
	    .arg = "FILE",
	    .summary = "the guest's memory, when its kernel went wrong",
	    .help = "After a panic, a triple fault, a deadline or an error of "
		    "KVM: an ELF core for gdb and crash, with registers and "
		    "VMCOREINFO. Pages of zeros take no room. Only its owner "
		    "may read it.",
	    .example = "--vmcore core --timeout 60s -- ./stress",
	    .advanced = true },
	  config_parse_vmcore },
	{ { .name = "symbols",
	    .arg = "FILE",
	    .summary = "names for where a guest hangs",
	    .help = "A vmlinux, or a System.map that is not a distribution's "
		    "stub. Without it the names are those that the guest's "
		    "kernel has itself (Linux 6.0 and newer), or of a "
		    "System.map beside it.",
	    .example = "--symbols vmlinux --timeout 60s -- ./stress",
	    .advanced = true },
	  config_parse_symbols },
	{ { .name = "gdb",
	    .arg = "tcp:PORT|unix:PATH[,wait]",
	    .summary = "lets gdb debug the guest's kernel",
	    .help = "gdb connects with \"target remote :PORT\" (or PATH): the "
		    "guest stands still until gdb lets it go on. wait: from "
		    "its first instruction. A vCPU is a thread. Any user of "
		    "this machine can connect to tcp:PORT, nobody else. "
		    "--timeout goes on counting. In Linux use hbreak before "
		    "the kernel has unpacked itself, and nokaslr.",
	    .example = "--gdb tcp:1234,wait --cmdline nokaslr",
	    .advanced = true },
	  config_parse_gdb },
	{ { .name = "stats",
	    .value = "false",
	    .summary = "print exits and times at the end",
	    .help = "The figures go to stderr after the VM has ended. The "
		    "boot time counts to a byte written to port 0xf8, or to "
		    "the kernel's line \"Run ... as init process\".",
	    .example = "--stats" },
	  config_parse_stats },
	{ { .name = "log-level",
	    .arg = "LEVEL",
	    .value = "warn",
	    .summary = "error, warn, info or debug",
	    .help = "How much vireo tells about itself on stderr. Lines that "
		    "a guest can cause are limited to 10 in 5 seconds.",
	    .advanced = true,
	    .example = "--log-level debug" },
	  config_parse_log_level },
};

const struct key *key_at(size_t index)
{
	return index < ARRAY_SIZE(keys) ? &keys[index] : NULL;
}

const struct key *key_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (!strcmp(keys[i].pub.name, name))
			return &keys[i];
	return NULL;
}
