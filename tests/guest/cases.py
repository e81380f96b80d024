# SPDX-License-Identifier: BSD-3-Clause
"""The table of guest tests: what is started, how, and what must come of it.

A name that starts with a letter and two digits covers that entry of the
catalogue of hostile inputs.
"""

from dataclasses import dataclass, field

# Exit codes of `vireo run`; a debug exit of V gives (V << 1) | 1.
OK = 0
PASS = 1
PANIC = 117
TRIPLE_FAULT = 118
KVM_ERROR = 119
DEADLINE = 124
REFUSED = 125


@dataclass
class Case:
    """One run. `lines`: patterns that must match whole lines of the output,
    in this order. `alone`: nothing else is in the output."""
    name: str
    image: str
    exit: int = PASS
    lines: list = field(default_factory=list)
    options: list = field(default_factory=list)
    cmdline: str = ''
    alone: bool = False
    timeout: str = '60s'     # vireo's own
    testdev: bool = True
    stdin: bytes = b''
    initrd: bytes = None     # goes into a file, its name to --initrd
    files: dict = field(default_factory=dict)  # name -> size, in {dir}
    echo: str = None         # a socket in {dir} that gives back what it gets
    stderr: str = None       # a pattern; None: must be empty
    cpu_max: float = None    # seconds of processor time, at most


def passes(name, image=None, *lines, **more):
    image = image or name
    return Case(name, f'{image}.elf', PASS,
                [*lines, f'PASS {image}'], **more)


def virtio(image, *lines, idle=None, **more):
    """The same case by both transports. With `idle` the first one naps where
    the host may not be busy, and must stay below so many seconds of time."""
    given = more.pop('options', [])
    nap = {'cmdline': 'nap', 'cpu_max': idle} if idle else {}
    return [passes(f'{image}_pci', image, *lines, **more, **nap,
                   options=given + ['--transport', 'pci']),
            passes(f'{image}_mmio', image, *lines, **more,
                   options=given + ['--transport', 'mmio'])]


def options(text):
    return text.split()


FULL = options('--irqchip full')  # the default is split


# {dir} is a folder of the test's own, with its `files`.
DISK = options('--disk {dir}/disk')
CROSSED = options('--net dgram=unix:{dir}/b,local=unix:{dir}/a '
                  '--net dgram=unix:{dir}/a,local=unix:{dir}/b')
VSOCK = options('--vsock {dir}/vsock')
DISK_FILE = {'disk': 1 << 20}
# All that a broken device says, and that a failing disk request says.
BROKEN = (r'\A(vireo: (suppressed \d+ lines|\w+: (stopped until its reset|'
          r'queue \d+ has a bad|\w+ failed at byte)).*\n)*\Z')
REFUSED_PORT = r'\A(vireo: (suppressed \d+ lines|vsock\d*: the guest is ' \
               r'refused port).*\n)*\Z'


def entries(prefix, *numbers):
    """A hostile guest's line for each entry it has survived."""
    return [f'{prefix}{number:02} ok' for number in numbers]

CASES = [
    # The whole way: start, one line, power off.
    Case('hello', 'hello.elf', OK, ['hello'], alone=True),
    Case('hello_min', 'hello_min.elf', alone=True),
    Case('stats_off', 'hello.elf', OK, ['hello'], alone=True,
         options=['--stats=off']),
    Case('stats_on', 'hello.elf', OK, ['hello'], alone=True,
         options=['--stats=on'], stderr=r'(?s)time\n.*exits\n.*process\n'),
    Case('flag_with_a_value', 'hello.elf', 125, alone=True,
         options=['--quiet=false'], stderr='--quiet: takes no value'),

    # What the CPU and the chips do.
    passes('pio', 'pio', 'pio: by rep outsb', 'pio: debug console'),
    passes('mmio'),
    passes('irq', 'irq', 'irq: sent by interrupts'),
    passes('irq_full', 'irq', 'irq: sent by interrupts', options=FULL),
    passes('timer', 'timer', r'timer: TSC \d+ kHz.*'),
    passes('timer_full', 'timer', options=FULL),
    passes('cpl3', 'cpl3', 'cpl3: by sysret', 'cpl3: by iret'),
    passes('smp_1', 'smp', 'smp: 1 CPUs', cmdline='cpus=1'),
    passes('smp_2', 'smp', 'smp: 2 CPUs', cmdline='cpus=2',
           options=options('--cpus 2')),
    passes('smp_4', 'smp', 'smp: 4 CPUs', cmdline='cpus=4',
           options=options('--cpus 4')),
    passes('smp_4_full', 'smp', 'smp: 4 CPUs', cmdline='cpus=4',
           options=options('--cpus 4') + FULL),

    # The drivers of firmware/lib against well-behaved devices.
    *virtio('virtio_blk', 'virtio_blk: .*, 2048 sectors', 'virtio_blk: split',
            'virtio_blk: packed', 'virtio_blk: interrupts', files=DISK_FILE,
            options=DISK),
    *virtio('virtio_rng', options=['--rng']),
    *virtio('virtio_net', 'virtio_net: split', 'virtio_net: packed',
            options=CROSSED),
    *virtio('virtio_console', 'split: the first line',
            'packed: and the second', alone=True,
            stdin=b'the first line\nand the second\n',
            options=options('--console stdio,device=virtio')),
    *virtio('virtio_vsock', 'virtio_vsock: cid 3', 'virtio_vsock: split',
            'virtio_vsock: packed', options=VSOCK, echo='vsock_1234',
            stderr=REFUSED_PORT),

    # What the loader hands over.
    passes('acpi', 'acpi', 'acpi: XSDT .*', 'acpi: DSDT .*', 'acpi: MADT .*',
           cmdline='cpus=1'),
    passes('acpi_3_cpus', 'acpi', cmdline='cpus=3',
           options=options('--cpus 3')),
    passes('cmdline', 'cmdline', 'boot: pvh',
           r'cmdline: \[console=ttyS0 .*one  two=3\]',
           cmdline='one  two=3'),
    # What goes before hvc0 is up comes by the serial port.
    passes('cmdline_console_virtio', 'cmdline',
           r'cmdline: \[earlyprintk=ttyS0 console=hvc0 panic=-1 one\]',
           cmdline='one', options=options('--console stdio,device=virtio')),
    passes('cmdline_only', 'cmdline', r'cmdline: \[one two\]',
           cmdline='one two', options=['--cmdline-only']),
    passes('memory_2M', 'memory', cmdline='ram_mib=2',
           options=options('--memory 2M')),
    passes('memory_64M', 'memory', cmdline='ram_mib=64',
           options=options('--memory 64M')),
    passes('memory_3G', 'memory', cmdline='ram_mib=3072',
           options=options('--memory 3G')),
    passes('memory_4G', 'memory', cmdline='ram_mib=4096 high',
           options=options('--memory 4G')),
    passes('memory_memfd', 'memory', cmdline='ram_mib=64',
           options=options('--memory 64M,backing=memfd')),

    # Other ways to start.
    Case('multiboot', 'multiboot.elf,format=multiboot', PASS,
         [r'multiboot: \[.*a=b\]', 'PASS multiboot'], cmdline='a=b'),
    Case('multiboot_module', 'multiboot.elf,format=multiboot', PASS,
         ['PASS multiboot'], cmdline='modules=1',
         initrd=b'module one, and more of it'),
    Case('multiboot_memory_map', 'memory.elf,format=multiboot', PASS,
         ['PASS memory'], cmdline='ram_mib=64',
         options=options('--memory 64M')),
    Case('multiboot_cmdline', 'cmdline.elf,format=multiboot', PASS,
         ['boot: multiboot', r'cmdline: \[.*one two\]', 'PASS cmdline'],
         cmdline='one two'),
    Case('pvh', 'cmdline.elf,format=pvh', PASS,
         ['boot: pvh', 'PASS cmdline']),
    Case('real16', 'real16.bin,format=flat', PASS, ['PASS real16'],
         alone=True),

    # Ends.
    Case('reset_i8042', 'reset_i8042.elf', OK, ['reset_i8042'], alone=True),
    Case('reset_acpi', 'reset_acpi.elf', OK, ['reset_acpi'], alone=True),
    Case('G08_reset_restarts_until_the_deadline', 'reset_i8042.elf', DEADLINE,
         ['reset_i8042', 'reset_i8042', 'reset_i8042'],
         options=options('--on-reboot restart'), timeout='5s', stderr='.*'),
    Case('G01_triple_fault', 'triple_fault.elf', TRIPLE_FAULT,
         ['triple_fault'], alone=True, stderr='vireo: .*'),
    Case('G02_bad_jump', 'bad_jump.elf', KVM_ERROR, ['bad_jump'], alone=True,
         stderr='vireo: .*'),
    *(Case(f'G13_jump_into_{name}', 'bad_jump.elf', KVM_ERROR, ['bad_jump'],
           alone=True, stderr='vireo: .*', cmdline=f'to={address}',
           options=options(f'--rng --transport {transport}'))
      for name, address, transport in (
          ('ecam', 0xe0000000, 'pci'), ('lapic', 0xfee00000, 'pci'),
          ('ioapic', 0xfec00000, 'pci'), ('virtio', 0xfeb00000, 'mmio'),
          ('the_end', 0xfffffffe, 'pci'))),
    Case('panic', 'panic.elf', PANIC, ['panic'], alone=True,
         stderr='vireo: .*'),
    Case('panic_line', 'panic_line.elf', PANIC,
         ['Kernel panic - not syncing: test'], alone=True, stderr='vireo: .*'),
    Case('G06_spin', 'spin.elf', DEADLINE, ['spin'], alone=True,
         timeout='1s', stderr='vireo: .*'),
    Case('G03_hlt', 'hlt.elf', DEADLINE, ['hlt'], alone=True, timeout='3s',
         stderr='vireo: .*', cpu_max=0.5),
    Case('idle_timeout', 'hlt.elf', DEADLINE, ['hlt'], alone=True,
         options=options('--idle-timeout 1s'), stderr='vireo: .*'),

    # Hostile.
    passes('G04_bad_port_scan', 'bad_port_scan'),
    Case('G04_bad_rep', 'bad_rep.elf', DEADLINE, ['bad_rep'], alone=True,
         timeout='1s', stderr='vireo: .*'),
    Case('G05_bad_exits', 'bad_exits.elf', DEADLINE, ['bad_exits'],
         alone=True, timeout='1s', stderr='vireo: .*'),
    Case('G07_bad_storm', 'bad_storm.elf', DEADLINE, ['bad_storm'],
         alone=True, timeout='1s', stderr='vireo: .*'),
    passes('G07_bad_nmi', 'bad_nmi', options=options('--cpus 2')),
    passes('bad_tables', 'bad_tables', 'G14 ok'),
    *virtio('bad_virtio_split', *entries('Q', *range(1, 20)),
            files=DISK_FILE, options=DISK + ['--rng'], cpu_max=5),
    *virtio('bad_virtio_ring', *entries('Q', 20, *range(20, 25),
                                        *range(24, 28), 29, 30),
            files=DISK_FILE, options=DISK + options('--rng --cpus 2'),
            stderr=BROKEN),
    *virtio('bad_virtio_packed', *entries('P', 1, 2, 3, *range(3, 6), 5, 6, 7,
                                          7, 8, *range(8, 15)),
            files=DISK_FILE, options=DISK + options('--rng --cpus 2'),
            stderr=BROKEN, cpu_max=15),
    *virtio('bad_virtio_transport',
            *entries('T', 3, *range(5, 14), *range(13, 22), 21, 23, 30),
            files={'disk': 16 << 20}, stderr=BROKEN,
            # With threads, large requests are in flight for a while.
            options=options('--disk {dir}/disk,engine=threads --rng')),
    passes('bad_virtio_pci', 'bad_virtio_pci',
           *entries('T', 1, 4, *range(24, 30), 29, 34),
           files=DISK_FILE, options=DISK + ['--rng']),
    passes('bad_virtio_pci_full_irqchip', 'bad_virtio_pci',
           *entries('T', *range(24, 29)), files=DISK_FILE,
           options=DISK + ['--rng'] + FULL),
    passes('bad_virtio_mmio', 'bad_virtio_mmio',
           *entries('T', 1, 2, 4, 31, 34), files=DISK_FILE,
           options=DISK + options('--rng --transport mmio')),
    passes('bad_virtio_race_pci', 'bad_virtio_race',
           'X10 ok', 'X10 ok', 'X05 ok', *entries('G', 9, 9, 9),
           files=DISK_FILE, options=DISK + options('--rng --cpus 2'),
           stderr=BROKEN),
    passes('bad_virtio_race_mmio', 'bad_virtio_race',
           'X10 ok', 'X10 ok', 'X05 ok', files=DISK_FILE, stderr=BROKEN,
           options=DISK + options('--rng --cpus 2 --transport mmio')),
    *virtio('bad_virtio_blk',
            *entries('DB', *range(1, 9), 11, 12, 14, 15, 16),
            files={'disk': 1 << 20, 'fixed': 1 << 20},
            options=options('--disk {dir}/disk,queues=2 '
                            '--disk {dir}/fixed,ro --rng'), stderr=BROKEN),
    *virtio('bad_virtio_rng', *entries('DR', 1, 1, 2, 4),
            files=DISK_FILE, options=DISK + ['--rng']),
    *virtio('bad_virtio_net', *entries('DN', *range(1, 8), 9, 9, 10, 11),
            options=CROSSED + options('--rng --cpus 2'), stderr=BROKEN,
            idle=5.5),
    *virtio('bad_virtio_vsock', *entries('DV', *range(1, 10), 9, 11, 14, 15),
            options=VSOCK + options('--rng --cpus 2'), echo='vsock_1234',
            stderr=REFUSED_PORT, idle=3.5),
    *virtio('bad_virtio_balloon', *entries('DL', 1, *range(1, 9)), 'Q28 ok',
            'G17 ok',
            files=DISK_FILE, options=DISK + ['--balloon'], stderr=BROKEN),
    # Alone: no byte of what had to be dropped is in the output.
    *virtio('bad_virtio_console',
            'virtio console', 'DC01 ok', 'virtio console', 'DC02 ok',
            'DC03: in single bytes', 'DC03: in three parts',
            'virtio console', 'DC03 ok', 'virtio console', 'DC04 ok',
            'DC05: before DRIVER_OK', 'virtio console', 'DC05 ok',
            'virtio console', 'DC08 ok', alone=True, idle=2,
            stderr='.*/dev/pts/.*',
            options=options('--console stdio,device=virtio '
                            '--console file={dir}/out,name=org.one '
                            '--console pty,name=org.two '
                            '--console none,name=org.three --rng')),
    Case('port_0xf4_without_testdev', 'hello_min.elf', DEADLINE, alone=True,
         testdev=False, timeout='1s', stderr='vireo: .*'),
    Case('no_such_kernel', 'nothing.elf', REFUSED, alone=True,
         stderr='vireo: .*nothing.elf.*'),
]
