# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# Sourced by prepare and run: disk images for emulators.

# disk FOLDER IMAGE SPARE: an ext4 image with FOLDER's files and SPARE MB more
disk() {
	local files size
	files=$(find "$1" | wc -l)
	# du counts blocks; a file and its inode need a bit more
	size=$(($(du -sm "$1" | cut -f1) * 11 / 10 + files / 500 + $3 + 8))
	rm -f "$2"
	truncate -s "${size}M" "$2"
	mke2fs -q -F -t ext4 -O ^has_journal,^metadata_csum -m 0 -N $((files + 4096)) \
		-E lazy_itable_init=0,root_owner=0:0 -d "$1" "$2"
}

# initrd FOLDER: FOLDER/initrd from busybox, our first script and the modules in
# FOLDER, which are loaded in the order of their names
initrd() {
	local dir recipe name
	recipe=$(cksum <"$here/guest/initrd")
	! is_made "$1" "$recipe" || return 0
	dir=$(mktemp -d -p "$scratch")
	mkdir -p "$dir"/{bin,dev,proc,sys,new,lower,upper,modules}
	cp "$(command -v busybox)" "$dir/bin/busybox"
	for name in sh insmod mkdir mount sleep switch_root uname; do
		ln -s busybox "$dir/bin/$name"
	done
	install -m 755 "$here/guest/initrd" "$dir/init"
	find "$1" -name '*.ko' -exec cp -t "$dir/modules" {} +
	(cd "$dir" && find . | cpio -o -H newc --quiet) >"$1/initrd"
	rm -rf "$dir"
	made "$1" "$recipe"
}
