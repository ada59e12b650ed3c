# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# Sourced by run: what in a kernel log fails a run.

splats=(
	'\[ cut here \]' 'BUG:' 'kernel BUG' 'BUG at' 'WARNING:' 'Oops' 'Kernel panic'
	'general protection' 'KASAN' 'KFENCE' 'UBSAN' 'ODEBUG' 'refcount_t:'
	'unreferenced object' 'unregister_netdevice: waiting' 'ref_tracker:'
	'leaked reference' 'suspicious RCU' 'possible .*(locking|deadlock|recursion)'
	'INFO: (possible|trying|task|rcu)' 'inconsistent lock' 'circular locking'
	'bad unlock' 'scheduling while atomic' 'sleeping function called'
	'objects remaining' 'Object already free' 'Poison overwritten' 'Redzone'
	'page allocation failure' 'Bad page' 'soft lockup'
	'rcu: .*(detected stalls|self-detected stall|kthread starved)'
)
# lines of a healthy boot that look like one
harmless='Spectre|CPU bug|mitigations|Speculative|stall warnings timeout|KernelAddressSanitizer initialized|kfence: initialized'

# print_splats LOG MACHINE: true if there are any
print_splats() {
	local pattern numbers
	pattern=$(IFS='|' && echo "${splats[*]}")
	numbers=$(grep -anE "$pattern" "$1" 2>/dev/null | grep -avE "$harmless" | cut -d: -f1)
	[ -n "$numbers" ] || return 1
	{
		echo "======== kernel log of $2: $(wc -l <<<"$numbers") bad lines"
		sed -n "$(head -n 30 <<<"$numbers" | sed 's/$/p/')" "$1"
		echo "-------- from the first of them on"
		sed -n "$(head -n 1 <<<"$numbers"),+60p" "$1"
		echo "========"
	} >&2
}
