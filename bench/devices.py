# SPDX-License-Identifier: BSD-3-Clause
"""The rows of bench/run about virtio devices in guests.

The VMs run in bench/disk-host, net-host and idle-host: on this host's KVM, or
all of a part in one emulated host. There the guests' clocks go on while other
programs have this machine's processors; so a figure is taken twice, by the
guest's clock and by the CPU time that the emulated host used meanwhile, which
others do not disturb. Ratios are of the latter.
"""
import glob
import json
import lzma
import os
import statistics
import subprocess
import sys
import tempfile
import time

TREE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOADS = {  # what guest_load is told: name, unit, bar
    'read.random.4.1': ('4 KiB random read, depth 1', 'IOPS', 1.25),
    'read.random.4.32': ('4 KiB random read, depth 32', 'IOPS', 1.25),
    'read.linear.1024.1': ('1 MiB linear read', 'MiB/s', 1.0),
    'write.linear.1024.1': ('1 MiB linear write', 'MiB/s', 1.0),
}
SHARE_LOADS = {'read': 'a file of 1 GiB over the share',
               'find': 'find over 50,000 files in the share'}
LAYER_LOADS = {'true': 'the whole of vireo run -- /bin/true',
               'new': 'a new file of 64 MiB',
               'many': 'tar: 1,000 small files',
               'append': '100 lines to files of 8 MiB',
               'move': 'a folder of 500 files moved',
               'find_files': 'find over 5,000 files'}
WAYS = {'out': 'guest to host', 'in': 'host to guest'}


def image(build, guests):
    """The initramfs: parts that the kernel unpacks one over the other."""
    out = build + '/bench/guest.cpio'
    with tempfile.TemporaryDirectory() as work:
        os.makedirs(work + '/opt/bin')
        for source, to in ((TREE + '/bench/guest-init', '/init'),
                           (build + '/bench/guest_load',
                            '/opt/bin/guest_load')):
            subprocess.run(['install', '-m', '755', source, work + to],
                           check=True)
        ours = subprocess.run(
            ['cpio', '-o', '-H', 'newc', '-R', '0:0', '--quiet'], cwd=work,
            input=b'init\nopt\nopt/bin\nopt/bin/guest_load\n',
            stdout=subprocess.PIPE, check=True).stdout
    with open(out, 'wb') as f:
        for part in (guests + '/6.12/device-initrd', guests + '/tools-net'):
            with open(part, 'rb') as p:
                f.write(p.read())
        f.write(ours)
    return out


class Clock:
    """The CPU time of the emulated host that runs below a process; without
    one, the usual time."""

    def __init__(self, parent):
        self.parent = parent
        self.clock = None

    def find(self):
        for pid in filter(str.isdigit, os.listdir('/proc')):
            try:
                with open(f'/proc/{pid}/stat') as f:
                    name, _, rest = f.read().rpartition(')')
            except OSError:
                continue
            if 'qemu-system' in name and self.is_below(rest.split()[1]):
                self.clock = ~int(pid) << 3 | 2  # clock_getcpuclockid(3)

    def is_below(self, pid):
        while int(pid) > 1 and int(pid) != self.parent:
            with open(f'/proc/{pid}/stat') as f:
                pid = f.read().rpartition(')')[2].split()[1]
        return int(pid) == self.parent

    def read(self):
        if self.clock is None and self.parent:
            self.find()
        return time.clock_gettime(self.clock or time.CLOCK_MONOTONIC)


class Table:
    """Figures by row and column; what is shown are medians."""

    def __init__(self):
        self.cells = {}

    def add(self, row, column, value):
        self.cells.setdefault(row, {}).setdefault(column, []).append(value)

    def columns(self, row):
        return self.cells.get(row, {})

    def median(self, row, column):
        return statistics.median(self.cells[row][column])

    def best(self, row, word):
        return max((self.median(row, c) for c in self.columns(row)
                    if word in c), default=0)


def guest_directory(*words):
    return subprocess.run([TREE + '/tests/linux/prepare', *words],
                          stdout=subprocess.PIPE, text=True,
                          check=True).stdout.strip()


def records(args, script, *more, kernel='vmlinux'):
    """What the script emits; what a load took, by the two clocks, is added."""
    guests = guest_directory('devices')
    subprocess.run(['ninja', '-C', args.build, 'bench/guest_load',
                    'src/cli/vireo'], check=True, stdout=subprocess.DEVNULL)
    vireo = args.build + '/src/cli/vireo'
    command = [sys.executable, f'{TREE}/bench/{script}', '--vireo', vireo,
               '--kernel', f'{guests}/6.12/{kernel}', '--initrd',
               image(args.build, guests), '--cache', os.path.dirname(guests),
               '--seconds', str(args.seconds), f'--only={args.only}', *more]
    if args.against:
        command += ['--against', os.path.abspath(args.against)]
    emulated = subprocess.run([vireo, 'check'],
                              stdout=subprocess.DEVNULL).returncode
    if emulated:
        command = [TREE + '/scripts/kvm-host', '--timeout', '60m', '--',
                   *command]
    else:
        command += ['--on', args.build + '/bench']
    sys.stdout.flush()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    clock = Clock(child.pid if emulated else None)
    began = 0
    for line in child.stdout:
        if not line.startswith('@'):
            print(line, end='')
            continue
        record = json.loads(line[1:])
        if record['what'] in ('BEGIN', 'START'):
            began = clock.read()
        if record['what'] in ('TELL', 'END'):
            record['cpu'] = clock.read() - began
        yield record
    if child.wait():
        sys.exit(f'{script}: status {child.returncode}')


def show(table, row, unit, bars):
    """bars: {words of the other VMs: the least ratio to their fastest}"""
    cpu = row + ' cpu'
    print(f'  {"":30}{unit:>10}{"min-max":>14}{"per cpu s":>10}', end='')
    for word, bar in bars.items():
        print(f'{f"{bar} x {word}":>18}', end='')
    print()
    for c, values in table.columns(row).items():
        spread = f'{min(values):.0f}-{max(values):.0f}'
        rate = table.median(cpu, c)
        print(f'  {c:30}{table.median(row, c):10.0f}{spread:>14}'
              f'{rate:10.0f}', end='')
        for word in bars:
            best = table.best(cpu, word)
            print(f'{rate / best:18.2f}' if best else '', end='')
        print()
    sys.stdout.flush()


def bench_disk(args, _):
    """The best of QEMU's machines and engines is what counts."""
    loads = [load for load in LOADS
             if all(w in load for w in args.loads.split(','))]
    table = Table()
    for r in records(args, 'disk-host', '--rounds', str(args.device_rounds),
                     '--loads', ','.join(loads),
                     *args.extra.split()):
        load, _, disk = r['key'].partition('/')
        if r['what'] == 'TELL' and load in LOADS:
            requests, us = (int(word) for word in r['value'].split())
            name = f'{r["vm"]} {disk}'
            table.add(load, name, requests * 1e6 / us)
            table.add(load + ' cpu', name, requests / r['cpu'])
    print('\n(h) virtio-blk in a guest; the image in the page cache, QEMU '
          'with an iothread, cache=writeback')
    for load in loads:
        name, unit, bar = LOADS[load]
        print(f' {name}')
        show(table, load, unit, {'QEMU': bar, 'microvm': bar})


def bench_exits_disk(args, _):
    boot = {}
    requests = 0
    print('\n(i) exits to user space per 1,000 reads of 4 KiB at depth 32 '
          '(bar on PCI: 20)')
    for r in records(args, 'disk-host', '--exits', '--loads', ''):
        if r['what'] == 'TELL' and '/' in r['key']:
            requests = int(r['value'].split()[0])
        if r['what'] != 'EXITS':
            continue
        if not r['key']:
            boot[r['vm']] = int(r['value'])
        else:
            more = int(r['value']) - boot[r['vm']]
            print(f'  {r["vm"]:30}{more * 1e3 / requests:10.1f}   '
                  f'({requests} reads)')


def overlay_module(args):
    """Of the guests' kernel, unpacked."""
    release = sorted(glob.glob(args.cache + '/guests/6.12/lib/modules/*'))[-1]
    packed = release + '/kernel/fs/overlayfs/overlay.ko.xz'
    out = args.build + '/bench/overlay.ko'
    with lzma.open(packed) as f, open(out, 'wb') as to:
        to.write(f.read())
    return out


def bench_share(args, _):
    """What the whole run takes, and loads on a shared folder."""
    whole = Table()
    loads = Table()
    part = []
    args.cache = os.path.dirname(guest_directory('devices'))
    for r in records(args, 'share-host', '--rounds', str(args.device_rounds),
                     '--layer', overlay_module(args), kernel='boot/bzImage'):
        if r['what'] == 'END' and r['key'] == 'true':
            whole.add('s', r['vm'], float(r['value']))
            whole.add('cpu', r['vm'], r['cpu'])
        if r['what'] == 'INIT':
            part.append(float(r['value']) / 1e6)
        if r['what'] == 'TELL' and r['key'] in SHARE_LOADS:
            loads.add(r['key'], r['vm'], int(r['value']) / 1e3)
            loads.add(r['key'] + ' cpu', r['vm'], r['cpu'])
    print('\n(m) vireo run -- /bin/true: exec to exit (bar: 0.7 x QEMU with '
          'the same layer)')
    show_times(whole, 's', 'cpu')
    if part:
        share = statistics.median(part) / whole.median('s', 'vireo')
        print(f'  guest init, of the whole (bar: 12 %) {share * 100:10.1f} %')
    for load, text in SHARE_LOADS.items():
        print(f'\n(n) {text} (bar: 1 / 1.2 = 0.83)')
        show_times(loads, load, load + ' cpu')


def bench_layer(args, _):
    """A command's throwaway layer: in its guest or in the file server."""
    table = Table()
    for r in records(args, 'layer-host', '--rounds', str(args.device_rounds),
                     kernel='boot/bzImage'):
        if r['what'] == 'END' or r['what'] == 'TELL':
            scale = 1 if r['what'] == 'END' else 1e-3
            table.add(r['key'], r['vm'], float(r['value']) * scale)
            table.add(r['key'] + ' cpu', r['vm'], r['cpu'])
    for load, text in LAYER_LOADS.items():
        print(f'\n(o) {text}')
        show_times(table, load, load + ' cpu', 'in the guest')


def show_times(table, row, cpu, word='QEMU'):
    others = [c for c in table.columns(row) if word in c]
    print(f'  {"":30}{"s":>10}{"min-max":>14}{"cpu s":>10}', end='')
    for other in others:
        print(f'{"x " + other:>26}', end='')
    print()
    for c, values in table.columns(row).items():
        spread = f'{min(values):.2f}-{max(values):.2f}'
        print(f'  {c:30}{table.median(row, c):10.2f}{spread:>14}'
              f'{table.median(cpu, c):10.2f}', end='')
        for other in others:
            print(f'{table.median(cpu, c) / table.median(cpu, other):26.2f}',
                  end='')
        print()
    sys.stdout.flush()


def bench_net(args, _):
    table = Table()
    for r in records(args, 'net-host', '--rounds', str(args.device_rounds)):
        if r['what'] == 'TELL':
            if not r['value'][:1].isdigit():
                print(f'  {r["vm"]} {r["key"]}: no figure: {r["value"]}')
                continue
            mbits = float(r['value'])
            table.add(r['key'], r['vm'], mbits)
            table.add(r['key'] + ' cpu', r['vm'],
                      mbits * args.seconds / r['cpu'])
    for way, text in WAYS.items():
        print(f'\n(j) TCP stream over tap, {text}')
        show(table, way, 'Mbit/s', {'vhost=off': 1.25, 'vhost=on': 0.8})


def is_vcpu(name):
    return name.startswith('vcpu') or name.startswith('CPU ')


def bench_idle(args, _):
    threads = {}
    for r in records(args, 'idle-host'):
        if r['what'] == 'THREAD':
            cpu, wakes = (float(word) for word in r['value'].split())
            threads.setdefault(r['vm'], []).append((r['key'], cpu, wakes))
    print('\n(k) an idle guest (bar: 0.1 % of a core, no periodic wake-ups '
          "of vireo's own)\n"
          f'  {"":50}{"% of core":>10}{"wake-ups/s":>12}')
    for vm, rows in threads.items():
        for title, part in (('vCPUs: the guest\'s timers',
                             [r for r in rows if is_vcpu(r[0])]),
                            ('all other threads',
                             [r for r in rows if not is_vcpu(r[0])])):
            print(f'  {vm:20}{title:30}{sum(r[1] for r in part):10.3f}'
                  f'{sum(r[2] for r in part):12.2f}')
        for name, cpu, wakes in rows:
            if not is_vcpu(name) and (cpu or wakes):
                print(f'  {"":20}  {name:28}{cpu:10.3f}{wakes:12.2f}')
