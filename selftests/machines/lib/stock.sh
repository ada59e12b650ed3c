# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# Sourced by prepare: Debian's own kernels, to be booted in an emulator.

# stock KERNEL FLAVOUR: vmlinuz, boot/initrd and modules.ext4 in a folder
stock() {
	local dir=$CACHE/stock/$1-$2 rel
	root
	rel=$(release "$1")
	host_packages qemu-system-x86 e2fsprogs busybox-static cpio kmod xz-utils zstd
	is_made "$dir" "$rel" || {
		rm -rf "$dir"
		mkdir -p "$dir/boot"
		long "stock-$1-$2" "fetching Linux $1 ($2) and making its disk image" \
			stock_fetch "$1" "$2" "$rel" "$dir"
		made "$dir" "$rel"
	}
	initrd "$dir/boot"
}

stock_fetch() {
	local kernel=$1 flavour=$2 rel=$3 dir=$4 tmp=$4/tmp tree file n=10
	case $kernel in
	7.3) fetch "$tmp" "linux-binary-$rel-$flavour" "linux-modules-$rel-$flavour" ;;
	*) fetch "$tmp" "linux-image-$rel-$flavour" ;;
	esac
	cp "$(find "$tmp" -name 'vmlinuz*' -type f | head -n 1)" "$dir/vmlinuz"

	# what no test uses is left out; loading is faster uncompressed
	tree=$dir/tree/lib/modules/$rel-$flavour
	mkdir -p "${tree%/*}"
	mv "$(find "$tmp" -path "*/modules/$rel-$flavour" -type d)" "$tree"
	rm -rf "$tmp" "$tree"/{vmlinuz,build,source}
	(cd "$tree/kernel" && rm -rf sound drivers/{gpu,media,infiniband,scsi,staging,hid,iio,ata,mtd,nvme,usb,isdn} \
		drivers/net/{wireless,ethernet,usb} fs/{xfs,btrfs,ocfs2,gfs2,ceph,smb,nfs,nfsd})
	find "$tree" -name '*.ko.xz' -print0 | xargs -0r xz -d
	find "$tree" -name '*.ko.zst' -print0 | xargs -0r zstd -q -d --rm
	depmod -b "$dir/tree" "$rel-$flavour"

	# what the initrd loads, numbered
	for name in virtio_pci virtio_blk ext4 virtio_console virtio_rng; do
		modprobe -d "$dir/tree" -S "$rel-$flavour" --show-depends "$name" 2>/dev/null |
			awk '$1 == "insmod" { print $2 }' || true # built in
	done | awk '!seen[$0]++' | while read -r file; do
		cp "$file" "$dir/boot/$((n++))-${file##*/}"
	done
	disk "$tree" "$dir/modules.ext4" 0
	rm -rf "$dir/tree"
}
