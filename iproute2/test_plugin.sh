#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2317	# functions that are called as arguments of check
# test_plugin.sh - does link_vtep.so work with the ip program of this machine?
#
# Needs neither the module nor root: a small library keeps the requests of ip
# from the kernel, and those for vtep must be those for vxlan but for the kind.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0

export IP_LIB_DIR=$here

check() { # check WHAT COMMAND...
	local what=$1
	shift
	if "$@" >"$scratch/log" 2>&1; then
		echo "ok   $what"
	else
		echo "FAIL $what"
		cat "$scratch/log"
		failed=1
	fi
}

shows() { # shows TEXT COMMAND...: in its output, whatever its status
	local text=$1
	shift
	{ "$@" 2>&1 || true; } | tee "$scratch/out" | grep -qF -- "$text" ||
		{ cat "$scratch/out"; return 1; }
}

# A library that is loaded before libc writes what would be sent to a file and
# fails, so that nothing reaches the kernel.
cat >"$scratch/catch.c" <<'END'
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	FILE *out = fopen(getenv("CATCH"), "a");
	size_t i;

	for (i = 0; i < msg->msg_iovlen; i++)
		fwrite(msg->msg_iov[i].iov_base, 1, msg->msg_iov[i].iov_len,
		       out);
	fclose(out);
	errno = EPERM;
	return -1;
}
END
${CC:-cc} -shared -fPIC -o "$scratch/catch.so" "$scratch/catch.c"

request() { # request FILE KIND OPTION...: the bytes, with the kind's name hidden
	local file=$1 kind=$2
	shift 2
	: >"$scratch/raw"
	CATCH=$scratch/raw LD_PRELOAD=$scratch/catch.so \
		ip link add test0 type "$kind" "$@" || true
	LC_ALL=C sed "s/$kind/KIND/g" "$scratch/raw" >"$file"
	[ -s "$file" ]
}

# All before the name of the kind depends on its length and on the time; behind
# it, and behind its padding, the options begin with two bytes of length.
same_request() {
	request "$scratch/a" vxlan "$@" && request "$scratch/b" vtep "$@" &&
		python3 - "$scratch/a" "$scratch/b" <<'END'
import sys

def options(name):
    data = open(name, "rb").read()
    return data[data.index(b"KIND") + 4:].lstrip(b"\0")[2:]

sys.exit(not options(sys.argv[1]) == options(sys.argv[2]) != b"")
END
}

check "help" shows "vxlan id VNI" ip link help vtep
check "same request as for vxlan, IPv4" same_request id 100 remote 192.0.2.1 \
	local 192.0.2.2 dstport 4789 ttl 5 tos inherit noudpcsum nolearning
check "same request as for vxlan, IPv6" same_request id 16777215 \
	remote 2001:db8::1 dstport 1234 srcport 5 10 udp6zerocsumtx ageing 7
check "unknown option" shows 'unknown command' ip link add test0 type vtep id 1 bogus
check "missing VNI" shows 'virtual network identifier' ip link add test0 type vtep ttl 5

# A program that has no vxlan_link_util.
cat >"$scratch/bare.c" <<'END'
#include <dlfcn.h>
#include <stdio.h>

struct link_util {
	void *next;
	const char *id;
	int maxattr;
	int (*parse_opt)(void *lu, int argc, char **argv, void *request);
};

int main(int argc, char **argv)
{
	void *plugin = dlopen(argv[1], RTLD_LAZY);
	struct link_util *lu = plugin ? dlsym(plugin, "vtep_link_util") : 0;

	return lu ? lu->parse_opt(lu, 0, 0, 0) != -1 : 2;
}
END
${CC:-cc} -o "$scratch/bare" "$scratch/bare.c" -ldl
check "a program without vxlan" "$scratch/bare" "$here/link_vtep.so"
check "the sentence for it" shows "does not export" "$scratch/bare" "$here/link_vtep.so"

exit "$failed"
