# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# Sourced by prepare: what a module is built against.  Headers are unpacked into
# the cache instead of installed: from 6.12 on the packages pull in a kernel
# image, and nobody asked for another kernel on this host.

compiler_packages=(gcc gcc-12 libc6-dev make perl rsync pahole libelf1 sparse)

# headers KERNEL FLAVOUR: a folder with a file `kerneldir`, which names the
# folder to build against (for 7.3 as seen in the builder)
headers() {
	local dir=$CACHE/headers/$1-$2 rel
	rel=$(release "$1")
	[ "$1" != 7.3 ] || builder
	host_packages "${compiler_packages[@]}"
	! is_made "$dir" "$rel" || return 0
	long "headers-$1-$2" "fetching the headers of Linux $1 ($2)" \
		headers_fetch "$1" "$2" "$rel"
	made "$dir" "$rel"
}

headers_fetch() {
	local kernel=$1 flavour=$2 rel=$3 prefix=$CACHE/headers/$1
	local path=/usr/src/linux-headers-$rel-$flavour
	local dir=$CACHE/headers/$kernel-$flavour
	local packages=("linux-headers-$rel-$flavour") common=common kbuild=$rel

	[ "$kernel" != 7.3 ] || prefix=$CACHE/builder/root
	[ "$kernel" != 6.1 ] || kbuild=6.1
	case $kernel-$flavour in
	6.*-rt-amd64) common="common-rt" ;;
	esac
	[ -e "$prefix/usr/lib/linux-kbuild-$kbuild" ] || packages+=("linux-kbuild-$kbuild")
	[ -e "$prefix/usr/src/linux-headers-$rel-$common" ] ||
		packages+=("linux-headers-$rel-$common")
	fetch "$prefix" "${packages[@]}"
	rm -rf "$dir"
	mkdir -p "$dir"
	if [ "$kernel" = 7.3 ]; then
		# Kbuild asks this script whether C= can work; the package
		# forgets it.  The builder's sparse is new enough.
		printf '#!/bin/sh\necho 1\n' >"$prefix$path/scripts/checker-valid.sh"
		chmod 755 "$prefix$path/scripts/checker-valid.sh"
		echo "$path" >"$dir/kerneldir"
	else
		sed -i "s,/usr/src/,$prefix/usr/src/," "$prefix$path/Makefile"
		echo "$prefix$path" >"$dir/kerneldir"
	fi
}

# builder: a trixie root to build for 7.3 in, whose kbuild programs want a
# newer libc than bookworm has
builder() { locked builder builder_make; }

builder_make() {
	local dir=$CACHE/builder
	local parts=gcc,gcc-14,libc6-dev,make,perl,libelf1t64,libssl3t64,zlib1g,pahole
	! is_made "$dir" "$parts" || return 0
	host_packages mmdebstrap
	pool
	rm -rf "$dir" "$CACHE"/headers/7.3-*
	mkdir -p "$dir"
	long builder "making a trixie root with gcc 14 to build for 7.3 in (1-2 minutes)" \
		builder_install "$dir/root" "$parts"
	made "$dir" "$parts"
}

builder_install() {
	trixie_root "$1" "$2"
	fetch "$1" sparse/sid # older ones do not know __typeof_unqual__
}

# trixie_root FOLDER PACKAGE,...: a small Debian root without documents
trixie_root() {
	echo "deb [signed-by=$keyring] $(suite_uri trixie) trixie main" |
		nice mmdebstrap --variant=essential --include="$2" \
			--aptopt='APT::Install-Recommends "false"' \
			--dpkgopt='path-exclude=/usr/share/doc/*' \
			--dpkgopt='path-exclude=/usr/share/man/*' \
			--dpkgopt='path-exclude=/usr/share/info/*' \
			--dpkgopt='path-exclude=/usr/share/locale/*' \
			trixie "$1" -
	rm -rf "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/*
}
