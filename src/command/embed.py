#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes a file as a C array: embed.py INPUT OUTPUT SYMBOL."""
import sys

data = open(sys.argv[1], 'rb').read()
name = sys.argv[3]
with open(sys.argv[2], 'w') as out:
    out.write('/* Made by embed.py. */\n#include "command/guest_init.h"\n\n')
    out.write(f'const size_t {name}_size = {len(data)};\n')
    out.write(f'const uint8_t {name}[{len(data)}] = {{\n')
    for i in range(0, len(data), 16):
        out.write('\t' + ','.join(map(str, data[i:i + 16])) + ',\n')
    out.write('};\n')
