# SPDX-License-Identifier: BSD-3-Clause
"""Guests for bench/disk-host, net-host and idle-host.

A stock kernel with the initramfs of tests/linux/devices, whose /init is
replaced by guest-init and which carries guest_load and iperf3 as well. The
same for vireo and for QEMU, each by its own transport.

What a guest tells goes to standard output as records, see emit(): bench/
devices.py reads them outside, where the emulated host's own CPU time can be
read too.
"""
import argparse
import glob
import json
import os
import re
import subprocess
import sys

MEMORY = 256
IMAGE_MIB = 256
LIMIT = 300  # seconds that a guest may take
QEMU = ['qemu-system-x86_64', '-enable-kvm', '-cpu', 'host', '-nodefaults',
        '-no-user-config', '-display', 'none', '-no-reboot', '-smp', '1',
        '-name', 'guest,debug-threads=on', '-m', str(MEMORY),
        '-serial', 'stdio']
MACHINES = {
    'microvm': ['-M', 'microvm,x-option-roms=off,rtc=on,acpi=on', '-global',
                'virtio-mmio.force-legacy=false'],
    'q35': ['-M', 'q35'],
}


def options(about):
    """What the three scripts have in common; given by bench/devices.py."""
    parser = argparse.ArgumentParser(description=about.split('\n')[0])
    parser.add_argument('--vireo', required=True)
    parser.add_argument('--kernel', required=True)
    parser.add_argument('--initrd', required=True)
    parser.add_argument('--cache', required=True)
    parser.add_argument('--against', help='another build of vireo')
    parser.add_argument('--on', help='a directory for the disk image '
                        '(default: made in the emulated host)')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--seconds', type=int, default=2)
    parser.add_argument('--only', default='',
                        help='VMs whose name has one of these words')
    return parser


def vireos(args):
    return {'vireo': args.vireo} | (
        {'other vireo': args.against} if args.against else {})


def vireo(args, words, transport, *more, program=None):
    return [program or args.vireo, 'run', '--kernel', args.kernel, '--initrd',
            args.initrd, '--memory', f'{MEMORY}M', '--transport', transport,
            '--timeout', f'{LIMIT}s', '--quiet', '--cmdline',
            'quiet ' + words, *more]


def qemu(args, words, machine, *more):
    return QEMU + MACHINES[machine] + [
        '-kernel', args.kernel, '-initrd', args.initrd, '-append',
        'console=ttyS0 panic=-1 quiet ' + words, *more]


def emit(**record):
    print('@' + json.dumps(record), flush=True)


def run(name, command):
    """Passes on what the guest tells; returns the VMM's stderr."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True, errors='replace')
    seen = ''
    for line in child.stdout:
        seen += line
        found = re.match(r'VIREO-(BEGIN|TELL): ([^\s=]+)=?([^\r\n]*)', line)
        if found:
            emit(vm=name, what=found.group(1), key=found.group(2),
                 value=found.group(3))
    errors = child.stderr.read()
    if child.wait() or 'VIREO-TELL' not in seen:
        sys.exit(f'{" ".join(command)}: status {child.returncode}\n'
                 f'{seen[-2000:]}{errors[-2000:]}')
    return errors


def chosen(args, commands):
    words = args.only.split(',')
    return {name: c for name, c in commands.items()
            if any(w in name for w in words)}


def rounds(args, commands):
    """All of them in each round, so that a busy machine slows all alike."""
    for number in range(args.rounds):
        for name, command in chosen(args, commands).items():
            run(name, command)
        print(f'  (round {number + 1} of {args.rounds})', file=sys.stderr,
              flush=True)


def sh(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def insmod(cache, *names):
    """The emulated host's own kernel's modules, from the cache."""
    release = os.uname().release
    for name in names:
        name, *values = name.split()
        found = glob.glob(f'{cache}/kernels/*/lib/modules/{release}/kernel/'
                          f'**/{name}.ko*', recursive=True)
        if found:
            subprocess.run(['insmod', found[0], *values], check=False,
                           stderr=subprocess.DEVNULL)


def make_place(args):
    """An ext4 file system on a RAM disk; nothing is written back meanwhile.
    Others behave otherwise: what 9p and tmpfs have in memory cannot be read
    without waiting (RWF_NOWAIT)."""
    place = '/run/bench-disk'
    insmod(args.cache, f'brd rd_nr=1 rd_size={(IMAGE_MIB + 128) * 1024}',
           'crc16', 'crc32c_generic', 'libcrc32c', 'mbcache', 'jbd2', 'ext4')
    os.makedirs(place, exist_ok=True)
    sh('mkfs.ext4', '-q', '-F', '-E', 'nodiscard,lazy_itable_init=0',
       '/dev/ram0')
    sh('mount', '-o', 'noatime', '/dev/ram0', place)
    for name, value in (('writeback_centisecs', 0), ('ratio', 90),
                        ('background_ratio', 80)):
        with open('/proc/sys/vm/dirty_' + name, 'w') as f:
            f.write(str(value))
    return place


def make_image(args):
    """All of it is in the page cache afterwards."""
    image = (args.on or make_place(args)) + '/image'
    sh('dd', 'if=/dev/zero', 'of=' + image, 'bs=1M', f'count={IMAGE_MIB}',
       'status=none', 'conv=fsync')
    return image
