# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# Sourced by the scripts of this folder: messages, the cache folder, finished
# items, long steps.  $here is this folder, $me the name of the script.

set -euo pipefail
CACHE=${VXLAN_CACHE:-/var/cache/vxlan}

die_status=1
say() { echo "$me: $*" >&2; }
die() { say "$*"; exit "$die_status"; }

usage() { # the comment at the head of the script
	sed -n '3,/^[^#]/s/^# \{0,1\}//p' "$here/$me"
}

need_root() {
	[ "$(id -u)" = 0 ] || die "this needs root; run it with sudo"
	mkdir -p "$CACHE/lock" "$CACHE/log" || die "cannot write to $CACHE"
	CACHE=$(cd "$CACHE" && pwd)
	scratch=$CACHE/tmp
	mkdir -p "$scratch"
}

# Every finished item is a folder with a file that says from what it was made:
# it is made again when its recipe has changed.
is_made() { # is_made FOLDER RECIPE
	[ "$(cat "$1/recipe" 2>/dev/null)" = "$2" ]
}
made() { # made FOLDER RECIPE
	printf '%s\n' "$2" >"$1/recipe"
}

# locked NAME COMMAND...: the command, one process at a time
locked() {
	local name=$1 fd
	shift
	exec {fd}>"$CACHE/lock/$name"
	flock -n "$fd" || {
		say "waiting for another $name"
		flock "$fd"
	}
	"$@"
	exec {fd}>&-
}

# long NAME TEXT COMMAND...: a step that takes longer than a few seconds.  Its
# output goes to a log, its age to the user, the log's end too if it fails.
long() {
	local log=$CACHE/log/$1.log text=$2 start=$SECONDS next=15
	shift 2
	say "$text"
	set -m # a process group of its own, which an interrupt can end as a whole
	"$@" >"$log" 2>&1 </dev/null &
	long_pid=$!
	set +m
	trap 'kill -- -$long_pid 2>/dev/null; exit 130' INT TERM HUP
	while kill -0 "$long_pid" 2>/dev/null; do
		sleep 0.2
		[ $((SECONDS - start)) -ge $next ] || continue
		say "... $((SECONDS - start)) s: $(tail -n 1 "$log" | tr -d '\r' | cut -c 1-60)"
		next=$((next + 15))
	done
	wait "$long_pid" || {
		tail -n 20 "$log" >&2
		die "failed: $text (all of it: $log)"
	}
	trap - INT TERM HUP
	[ $((SECONDS - start)) -lt 5 ] || say "done in $((SECONDS - start)) s"
}

# uml_dir FLAVOUR KERNEL: where it is kept.  Trees with different recipes (branches,
# clones) share the cache, and a build takes long: each recipe has its own.
uml_dir() {
	echo "$CACHE/uml/$1-$2-$(cat "$here/uml/base.config" "$here/uml/$1.config" \
		"$here"/uml/*.patch | cksum | cut -d ' ' -f 1)"
}

# split_target TARGET: sets $kernel and $flavour from `7.3-cloud-amd64`,
# or from `uml-debug-7.3` ($flavour is then `uml-debug`)
split_target() {
	case $1 in
	uml-debug-7.3 | uml-perf-7.3)
		kernel=${1##*-} flavour=${1%-*} ;;
	6.1-*amd64 | 6.12-*amd64 | 7.3-*amd64)
		kernel=${1%%-*} flavour=${1#*-} ;;
	*) die "unknown machine '$1'; try $me --help" ;;
	esac
	case $flavour in
	amd64 | cloud-amd64 | rt-amd64 | uml-*) ;;
	*) die "unknown kernel flavour '$flavour' (amd64, cloud-amd64, rt-amd64)" ;;
	esac
}
