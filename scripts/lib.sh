#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What the scripts share: packages, the cache, stock kernels, initramfs
# images. Sourced by them; by itself it answers a few questions:
#
#   scripts/lib.sh packages SECTION...   the packages of these sections
#   scripts/lib.sh kernel NAME           a kernel's directory in the cache
#
# The cache is $VIREO_CACHE, else vireo/ below $XDG_CACHE_HOME or ~/.cache.
# It may be deleted at any time.

VIREO_TREE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
VIREO_ME=${0##*/}

# The kernel that plays the emulated host. It has to know 9p (the cloud flavour
# does not), and timers in guests stall under an emulated 6.1.
# shellcheck disable=SC2034 # used by those who source this
HOST_KERNEL=linux-image-6.12-amd64

say() {
	printf '%s\n' "$*" >&2
}

# The scripts' own trouble: 125, as for env(1).
die() {
	say "$VIREO_ME: $*"
	exit 125
}

cache_dir() {
	local dir=${VIREO_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/vireo}

	mkdir -p "$dir" || die "$dir: cannot create the cache directory"
	(cd "$dir" && pwd)
}

# packages_of SECTION...: the names, one a line.
packages_of() {
	local section

	for section; do
		awk -v want="[$section]" '
			{ sub(/#.*/, "") }
			/^\[/ { on = $1 == want; found = found || on; next }
			on && NF { print $1 }
			END { exit !found }
		' "$VIREO_TREE/scripts/packages" ||
			die "scripts/packages has no section [$section]"
	done
}

# One line per named package that is not installed.
missing_packages() {
	local name

	for name; do
		dpkg-query -W -f '${db:Status-Abbrev}\n' "$name" 2>/dev/null |
			grep -q '^.i' || echo "$name"
	done
}

# Package lists may be absent on a fresh image.
update_lists() {
	apt-get -q update >"$1" 2>&1 && return
	tail -n 5 "$1" >&2
	return 1
}

# need_packages SECTION...: installs what is missing, or names it and ends.
need_packages() {
	local names missing log

	command -v dpkg-query >/dev/null ||
		die "no dpkg here: install by hand what scripts/packages lists"
	names=$(packages_of "$@") || exit 125
	# shellcheck disable=SC2086 # a list of names
	missing=$(missing_packages $names | tr '\n' ' ')
	missing=${missing% }
	[ -n "$missing" ] || return 0
	if [ "$(id -u)" != 0 ]; then
		say "$VIREO_ME: missing packages: $missing"
		die "apt-get install --no-install-recommends $missing"
	fi
	say "installing: $missing"
	log=$(cache_dir)/apt.log
	if ! apt_install "$log" "$missing"; then
		update_lists "$log" || die "apt-get update failed"
		apt_install "$log" "$missing" || {
			tail -n 10 "$log" >&2
			die "apt-get install $missing failed"
		}
	fi
}

apt_install() {
	# shellcheck disable=SC2086 # a list of names
	DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 \
		install --no-install-recommends $2 >"$1" 2>&1 </dev/null
}

# fetch_kernel NAME: the directory that holds the kernel which the meta package
# NAME depends on, unpacked but not installed; fetched once. Without a network
# a cached one is used. Returns 1 and says why when it cannot be had.
fetch_kernel() {
	local name=$1 dir

	dir=$(cache_dir)/kernels || return 1
	mkdir -p "$dir"
	if [ ! -e "$dir/$name/boot" ]; then
		(
			flock 9
			[ -e "$dir/$name/boot" ] || download_kernel "$name" "$dir"
		) 9>"$dir/lock" || return 1
	fi
	(cd -P "$dir/$name" && pwd)
}

# Called with the cache's lock held.
download_kernel() (
	name=$1 dir=$2
	package=$(real_kernel_package "$name") || package=
	if [ -z "$package" ] && [ "$(id -u)" = 0 ]; then
		update_lists "$dir/apt.log" || true
		package=$(real_kernel_package "$name") || package=
	fi
	if [ -z "$package" ]; then
		say "$VIREO_ME: no package $name known here (apt-get update?)"
		return 1
	fi
	work=$(mktemp -d "$dir/tmp.XXXXXX") || return 1
	trap 'rm -rf "$work"' EXIT
	say "fetching $package"
	cd "$work" || return 1
	if ! apt-get -q download "$package" >"$dir/apt.log" 2>&1; then
		# The lists may be older than the archive.
		if [ "$(id -u)" != 0 ] || ! update_lists "$dir/apt.log" ||
			! package=$(real_kernel_package "$name") ||
			! apt-get -q download "$package" >"$dir/apt.log" 2>&1; then
			tail -n 5 "$dir/apt.log" >&2
			return 1
		fi
	fi
	mkdir tree && dpkg-deb -x ./*.deb tree && chmod 755 tree || return 1
	rm -rf "${dir:?}/$package"
	mv tree "$dir/$package" && ln -sfn "$package" "$dir/$name"
)

real_kernel_package() {
	apt-cache depends --no-recommends --no-suggests "$1" 2>/dev/null |
		sed -n 's/^ *Depends: \(linux-image-[0-9].*\)$/\1/p' |
		head -n 1 | grep .
}

# The image and the release of an unpacked kernel package.
kernel_image() {
	echo "$1"/boot/vmlinuz-*
}

kernel_release() {
	basename "$(kernel_image "$1")" | sed 's/^vmlinuz-//'
}

# kernel_modules DIR NAME...: the files of these modules and of those they
# need, in loading order. A name that is built in, or that this kernel does
# not have, is passed over.
kernel_modules() {
	local dir=$1

	shift
	module_seen=' '
	module_files=$(find "$dir"/lib/modules "$dir"/usr/lib/modules \
		-name '*.ko*' 2>/dev/null)
	while [ $# -gt 0 ]; do
		module_visit "$1"
		shift
	done
}

module_visit() {
	local file needed name=${1//-/_}

	case $module_seen in
	*" $name "*) return 0 ;;
	esac
	module_seen+="$name "
	file=$(grep -m 1 "/${name//_/[-_]}\.ko" <<<"$module_files") || return 0
	for needed in $(modinfo -F depends "$file" | tr ',' ' '); do
		module_visit "$needed"
	done
	echo "$file"
}

# pack_initramfs OUT INIT KERNEL_DIR MODULE...: an initramfs of busybox, INIT
# as /init and the modules (unpacked: busybox's insmod wants them plain),
# which /modules lists in loading order. Appears at OUT whole or not at all.
pack_initramfs() (
	out=$1 init=$2 dir=$3
	shift 3
	work=$(mktemp -d "$out.XXXXXX") || return 1
	trap 'rm -rf "$work"' EXIT
	mkdir -p "$work"/root/{bin,dev,proc,sys,run,tmp,mnt,lib/modules}
	cd "$work/root" || return 1
	cp "$(command -v busybox)" bin/busybox && cp "$init" init &&
		chmod 755 init bin/busybox && ln -s busybox bin/sh || return 1
	: >modules
	if [ $# -gt 0 ]; then
		for file in $(kernel_modules "$dir" "$@"); do
			name=${file##*/}
			name=${name%%.ko*}.ko
			case $file in
			*.xz) xz -dc "$file" >"lib/modules/$name" ;;
			*.zst) zstd -q -dc "$file" >"lib/modules/$name" ;;
			*) cp "$file" "lib/modules/$name" ;;
			esac || return 1
			echo "$name" >>modules
		done
	fi
	find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet \
		>"$work/image" && mv "$work/image" "$out"
)

# elapsed: seconds since the script began, as m:ss.
elapsed() {
	printf '%d:%02d' $((SECONDS / 60)) $((SECONDS % 60))
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
	set -euo pipefail
	case ${1-} in
	packages)
		shift
		packages_of "$@"
		;;
	kernel)
		fetch_kernel "${2:?which kernel?}"
		;;
	*)
		sed -n '4,11s/^# \{0,1\}//p' "$0"
		exit 125
		;;
	esac
fi
