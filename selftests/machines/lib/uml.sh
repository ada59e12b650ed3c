# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# Sourced by prepare: User-Mode Linux, a kernel that is a process.  Module code
# runs at native speed in it, and it can have debug options that no stock
# kernel has.

uml_packages=(gcc libc6-dev make flex bison bc libelf-dev libssl-dev python3 patch
	rsync kmod cpio busybox-static xz-utils)

# uml FLAVOUR KERNEL: `linux` and `boot/initrd` in a folder, `build` to build modules
# against and `modules` with those of the kernel
uml() {
	local dir rel
	[ -r "$here/uml/$1.config" ] || die "unknown User-Mode Linux flavour '$1' (debug, perf)"
	[ "$2" = 7.3 ] || die "User-Mode Linux is made from 7.3 only"
	root
	dir=$(uml_dir "$1" "$2")
	rel=$(release "$2")
	host_packages "${uml_packages[@]}"
	is_made "$dir" "$rel" || {
		locked source source_make "$2"
		# objects of another release may look newer than its sources
		[ "$(cat "$dir/building" 2>/dev/null)" = "$rel" ] || rm -rf "$dir"
		mkdir -p "$dir/build" "$dir/boot"
		echo "$rel" >"$dir/building"
		long "uml-$1-$2" "building User-Mode Linux $1-$2 (10-25 minutes)" \
			uml_build "$1" "$2" "$dir"
		made "$dir" "$rel"
	}
	initrd "$dir/boot"
}

uml_build() {
	local source dir=$3 fragment=$3/build/fragment mk
	source=$(source_dir "$2")
	mk=(nice make -C "$source" "O=$dir/build" ARCH=um)

	cat "$here/uml/base.config" "$here/uml/$1.config" >"$fragment"
	"${mk[@]}" KCONFIG_ALLCONFIG="$fragment" alldefconfig
	uml_config_check "$fragment" "$dir/build/.config"
	"${mk[@]}" -j"$(nproc)" linux modules
	rm -rf "$dir/modules"
	"${mk[@]}" INSTALL_MOD_PATH="$dir/modules" modules_install
	cp "$dir/build/linux" "$dir/linux"
}

# Kconfig drops without a word what cannot be had; a debug kernel that does not
# look for anything is worse than none.
uml_config_check() {
	local lost
	lost=$(grep -E '^(CONFIG_|# CONFIG_.* is not set)' "$1" | grep -vxFf "$2" || true)
	[ -z "$lost" ] || {
		echo "options that Kconfig did not take: $lost"
		return 1
	}
}

# source_dir KERNEL: Debian's source of it with our patches
source_dir() {
	echo "$CACHE/src/linux-source-$1-$(cat "$here"/uml/*.patch | cksum | cut -d ' ' -f 1)"
}

source_make() {
	local dir rel
	dir=$(source_dir "$1")
	rel=$(release "$1")
	! is_made "$dir" "$rel" || return 0
	host_packages xz-utils patch
	rm -rf "$dir"
	mkdir -p "$dir"
	long "source-$1" "fetching the source of Linux $1" source_fetch "$1" "$dir"
	made "$dir" "$rel"
}

source_fetch() {
	local dir=$2 tmp=$2.deb patch
	rm -rf "$tmp"
	fetch "$tmp" "linux-source-$1"
	tar -xf "$tmp/usr/src/linux-source-$1.tar.xz" -C "$dir" --strip-components=1
	rm -rf "$tmp"
	for patch in "$here"/uml/*.patch; do
		patch -d "$dir" -p1 -N -s --no-backup-if-mismatch <"$patch"
	done
}
