# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# Sourced by run: starts the machine and waits for its end.  The command's
# output is streamed; console.log and result/ are left in $tmp.

# wait_for COMMAND...: until it ends or the time limit is over (sets $late)
wait_for() {
	local status=0
	ulimit -c 0
	# not SIGTERM: User-Mode Linux would complain in its log while it ends
	timeout -s KILL "$limit" nice "$@" </dev/null &
	boot_pid=$!
	{ wait "$boot_pid" || status=$?; } 2>/dev/null
	boot_pid=
	[ $status != 137 ] || late=1 # 128 + SIGKILL
}

# One attempt decides for this host and kernel whether KVM works: where this host
# is a guest itself, kernels may die in it before they say a word.
choose_accel() {
	local file=$CACHE/kvm-works
	if [ -n "${VXLAN_ACCEL:-}" ]; then
		echo "$VXLAN_ACCEL"
		return
	fi
	if [ -w /dev/kvm ] && [ ! -e "$file" ]; then
		echo no >"$file"
		timeout -k 1 20 qemu-system-x86_64 -machine q35 -accel kvm -cpu host -m 512 \
			-display none -nodefaults -no-reboot -no-user-config \
			-kernel "$1/vmlinuz" -append 'console=ttyS0 panic=-1' \
			-serial "file:$tmp/kvm.log" </dev/null >/dev/null 2>&1 || true
		# without a root file system it ends in a panic of its own
		! grep -q 'Unable to mount root' "$tmp/kvm.log" 2>/dev/null || echo yes >"$file"
	fi
	if [ -w /dev/kvm ] && [ "$(cat "$file")" = yes ]; then
		echo kvm
	else
		echo tcg
	fi
}

boot_stock() { # boot_stock FOLDER
	local accel cpu count=() disks=() image
	local args='console=ttyS0 loglevel=5 panic=-1 oops=panic log_buf_len=8M'
	args+=' net.ifnames=0 mitigations=off nosoftlockup nowatchdog random.trust_cpu=on'
	args+=' rcupdate.rcu_cpu_stall_timeout=120 unknown_nmi_panic' # see last_words.py
	# those that are there, but never started
	[ -z "$possible" ] || args+=" maxcpus=${smp:-1}"
	accel=$(choose_accel "$1")
	case ${icount:+icount}$accel in
	icount*) accel=tcg,thread=single,tb-size=512 cpu=max count=(-icount "shift=0,sleep=on") ;;
	kvm) cpu=host ;;
	*) accel=tcg,thread=multi,tb-size=512 cpu=max ;;
	esac
	disk "$tmp/job" "$tmp/job.ext4" 0
	disk "$tmp/result" "$tmp/result.ext4" 1024
	for image in "$CACHE/root/disk.ext4,snapshot=on" "$1/modules.ext4,readonly=on" \
		"$tmp/job.ext4,readonly=on" "$tmp/result.ext4"; do
		disks+=(-drive "if=virtio,format=raw,cache=unsafe,file=$image")
	done
	mkfifo "$tmp/stdout"
	cat "$tmp/stdout" &
	cat_pid=$!
	export TMPDIR=$tmp
	wait_for qemu-system-x86_64 -machine q35 -accel "$accel" -cpu "$cpu" \
		-smp "${possible:-${smp:-1}}" -m "${mem:-1536}" \
		-display none -nodefaults -no-reboot -no-user-config \
		-monitor "unix:$tmp/monitor,server=on,wait=off" \
		-kernel "$1/vmlinuz" -initrd "$1/boot/initrd" \
		-append "$args $append" \
		"${count[@]}" "${disks[@]}" -device virtio-rng-pci -device virtio-serial-pci \
		-chardev "file,id=stdout,path=$tmp/stdout" -device virtserialport,chardev=stdout \
		-serial "file:$tmp/console.log" >"$tmp/emulator.log" 2>&1
	# an end for `cat`, should the emulator not have opened the other one
	: <>"$tmp/stdout"
	wait "$cat_pid"
	cat_pid=
	[ -s "$tmp/console.log" ] || cp "$tmp/emulator.log" "$tmp/console.log"
	debugfs -R "rdump / $tmp/result" "$tmp/result.ext4" 2>"$tmp/debugfs.log"
}

boot_uml() { # boot_uml FOLDER
	local args
	case $flavour in
	# KASAN reports once unless told otherwise, and SLUB's own poisoning
	# disturbs it
	uml-debug) args='slab_debug=- kasan_multi_shot' ;;
	*) args='' ;;
	esac
	export TMPDIR=$tmp
	[ ! -w /dev/shm ] || TMPDIR=/dev/shm
	# shellcheck disable=SC2086 # several arguments
	wait_for "$1/linux" umid=machine uml_dir="$tmp/" mem="${mem:-3072}M" \
		ncpus="${smp:-1}" initrd="$1/boot/initrd" \
		host_root="$CACHE/root/tree" host_job="$tmp/job" host_result="$tmp/result" \
		host_modules="$(echo "$1"/modules/lib/modules/*)" \
		con=null con0=null,fd:2 con1=null,fd:1 ssl=null console=tty0 \
		loglevel=7 panic=-1 noreboot seccomp=auto $args $append 2>"$tmp/console.log"
}
