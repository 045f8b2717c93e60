# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# What tests in the guest use. A test is a file that defines boot1, boot2, ...,
# run in the first, second, ... kernel; see tests/smoke.sh for a small one.
#
#   check NAME COMMAND...             passes, and returns 0, when COMMAND succeeds
#   check_fails NAME TEXT COMMAND...  passes when COMMAND fails and TEXT is in
#                                     its output or in what the kernel logs
#   says NAME TEXT                    passes when TEXT is in the kernel's log
#   ok NAME | not_ok NAME             a verdict reached in another way
#   skip NAME REASON
#   note TEXT                         a line for the report that is no verdict
#   next_kernel [-s|-c] [CMDLINE]     kexec into the next kernel: -s loads it by
#                                     kexec_file_load (default), -c by
#                                     kexec_load; CMDLINE replaces the test's
#                                     own ("$CMDLINE nokaslr" extends it)
#   load_kernel [-s|-c|-p] [CMDLINE]  the first half of next_kernel; -p loads the
#                                     kernel that a panic starts
#   start_kernel                      the second half
#   done_testing                      the end, implied after the last bootN
#
# Plain assignments at the head of the file are settings of the machine:
#
#   MEM SMP CMDLINE       its memory, its CPUs, the kernel's parameters
#   TIMEOUT               seconds for all of the test
#   LOG_ALLOW             what may be in the kernel's log although it looks like
#                         trouble, a pattern of grep -E
#   DISK QEMU_ARGS        a file of build/<base>/ as /dev/vdc; arguments for QEMU
#   LEAKS=1 IOMMU=1       on a debug kernel look for leaks; keep the IOMMU there
#
# Commands must not read CMDLINE's pkernfs_test.*: those are the harness's.

TAP=/dev/ttyS1

# param NAME: the value of pkernfs_test.NAME on the command line.
param() {
	sed -n "s/.* pkernfs_test\.$1=\([^ ]*\).*/\1/p" /proc/cmdline
}

# Verdicts go to a port of their own, where kernel messages cannot tear them,
# and once more to the kernel log, so that it reads in order.
tap() {
	echo "$1" >&3
	echo "<5>tap: $1" >/dev/kmsg
}

note() {
	tap "# $1"
}

# What a failed command said, as TAP's diagnostics.
explain() {
	head -n 20 "$1" | while IFS= read -r line; do
		note "  $line"
	done
}

ok() {
	COUNT=$((COUNT + 1))
	tap "ok $COUNT - $1"
}

not_ok() {
	COUNT=$((COUNT + 1))
	tap "not ok $COUNT - $1"
}

skip() {
	COUNT=$((COUNT + 1))
	tap "ok $COUNT - $1 # SKIP $2"
}

check() {
	local name="$1" status=0
	shift

	"$@" >/tmp/out 2>&1 || status=$?
	if [ $status -eq 0 ]; then
		ok "$name"
		return
	fi
	not_ok "$name"
	note "  exit status $status of: $*"
	explain /tmp/out
	return 1
}

says() {
	check "$1" sh -c "dmesg | grep -qF '$2'"
}

check_fails() {
	local name="$1" text="$2" status=0 mark
	shift 2

	mark=$(dmesg | wc -l)
	"$@" >/tmp/out 2>&1 || status=$?
	dmesg | tail -n +$((mark + 1)) >/tmp/log
	if [ $status -ne 0 ] && cat /tmp/out /tmp/log | grep -qF -e "$text"; then
		ok "$name"
		return
	fi
	not_ok "$name"
	note "  exit status $status (not 0 expected) of: $*"
	note "  expected in its output or the log: $text"
	explain /tmp/out
	explain /tmp/log
}

# Everything before pkernfs_test.* is the harness's own, kept for each kernel.
next_cmdline() {
	local base soak debug

	base=$(sed 's/ pkernfs_test\..*//' /proc/cmdline)
	soak=$(param soak)
	debug=$(param debug)
	echo "$base pkernfs_test.name=$NAME pkernfs_test.boot=$((BOOT + 1))" \
		"pkernfs_test.count=$COUNT pkernfs_test.soak=$soak" \
		"pkernfs_test.debug=$debug $1"
}

load_kernel() {
	local how='-s -l'

	case ${1-} in
	-s | -c)
		how="$1 -l"
		shift
		;;
	-p)
		how='-s -p'
		shift
		;;
	esac
	# The disks have them; kexec_file_load wants regular files.
	cat /dev/vda >/tmp/kernel
	cat /dev/vdb >/tmp/initrd
	# shellcheck disable=SC2086 # these are two options
	if ! kexec $how /tmp/kernel --initrd=/tmp/initrd \
		--command-line="$(next_cmdline "${1-$CMDLINE}")" >/tmp/out 2>&1; then
		not_ok "kexec $how loads kernel $((BOOT + 1))"
		explain /tmp/out
		done_testing
	fi
	rm /tmp/kernel /tmp/initrd
	note "kexec $how"
}

start_kernel() {
	drain_tap
	kexec -e >/tmp/out 2>&1
	not_ok "kexec -e starts kernel $((BOOT + 1))"
	explain /tmp/out
	done_testing
}

next_kernel() {
	load_kernel "$@"
	start_kernel
}

# A kernel that ends at once would lose what the port has not sent: stty waits.
drain_tap() {
	stty -F $TAP -onlcr
}

# In a debug kernel, if the test has LEAKS=1, let it search for memory that
# nothing leads to any more. It takes an object for leaked that is 5 s old and
# the same in two scans.
check_leaks() {
	local kmemleak=/sys/kernel/debug/kmemleak

	grep -q kmemleak=on /proc/cmdline && [ -e $kmemleak ] || return 0
	umount -a -t pkernfs
	sleep 5
	echo scan >$kmemleak
	echo scan >$kmemleak
	cat $kmemleak >/tmp/leaks
	check "no memory is leaked" test ! -s /tmp/leaks || explain /tmp/leaks
}

# Off, not reboot: there are tests in which the machine survives a reset.
done_testing() {
	check_leaks
	tap "1..$COUNT"
	tap "# done"
	drain_tap
	poweroff -f
}

run_test() {
	NAME=$(param name)
	BOOT=$(param boot)
	COUNT=$(param count)
	drain_tap
	exec 3>$TAP
	note "kernel $BOOT: $(uname -r)"
	# shellcheck source=/dev/null
	. "/pkernfs/tests/$NAME.sh"
	"boot$BOOT"
	if type "boot$((BOOT + 1))" >/dev/null 2>&1; then
		not_ok "boot$BOOT goes on to the next kernel"
	fi
	done_testing
}
