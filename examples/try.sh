#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# try.sh PATTERN PROGRAM ARG...: runs an example with a test guest, which ends
# by the debug exit (status 1), and looks for a line of its output.
[ -r /dev/kvm ] && [ -w /dev/kvm ] || { echo "no /dev/kvm" && exit 77; }
pattern=$1
shift
out=$("$@")
status=$?
printf '%s\n' "$out"
[ "$status" = 1 ] && printf '%s\n' "$out" | grep -Eqx "$pattern"
