#!/bin/sh
# manual.sh SCDOC VIREO HEAD TAIL: the manual page on standard output, with the
# options' part made by the program.
set -e
{
	cat "$3"
	"$2" options
	cat "$4"
} | "$1"
