# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# Sourced by prepare: the root file system of every machine, a small trixie
# with sid's iproute2 (bookworm's is too old for what we test).

root_packages=(
	bash coreutils util-linux mount kmod procps psmisc python3 python3-pytest
	python3-scapy tcpdump ethtool iputils-ping iputils-arping ndisc6 nftables
	iptables iperf3 jq socat ncat conntrack netbase
	# libraries of sid's iproute2
	libbpf1 libcap2 libcap2-bin libdb5.3t64 libelf1t64 libmnl0 libselinux1
	libtirpc3t64 libxtables12
)

# root: $CACHE/root/tree for User-Mode Linux, $CACHE/root/disk.ext4 for emulators
root() { locked root root_make; }

root_make() {
	local dir=$CACHE/root recipe="1 ${root_packages[*]}"
	! is_made "$dir" "$recipe" || return 0
	host_packages mmdebstrap e2fsprogs
	pool
	rm -rf "$dir"
	mkdir -p "$dir"
	long root "making the machines' root, a small trixie (1-2 minutes)" \
		root_install "$dir/tree"
	long root-disk "making its disk image" disk "$dir/tree" "$dir/disk.ext4" 256
	made "$dir" "$recipe"
}

root_install() {
	local IFS=,
	trixie_root "$1" "${root_packages[*]}"
	fetch "$1" iproute2/sid
	rm -rf "$1"/usr/share/{doc,man,bash-completion}
	mkdir -p "$1/job" "$1/result" "$1/usr/lib/modules"
	echo machine >"$1/etc/hostname"
	echo '127.0.0.1 localhost machine' >"$1/etc/hosts"
	chroot "$1" ip -V
	chroot "$1" python3 -c 'import scapy, pytest'
}
