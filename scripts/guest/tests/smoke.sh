# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034
#
# The harness itself: three kernels in a row, by both ways of loading them.

MEM=1G
LEAKS=1
CMDLINE="memmap=128M!512M"

boot1() {
	check "kernel 1 got the command line" grep -q 'memmap=128M!512M' /proc/cmdline
	check_fails "a failing command's message is found" "No such file" ls /nowhere
	next_kernel -s "$CMDLINE quiet"
}

boot2() {
	check "kernel 2 got its own command line" grep -q 'memmap=128M!512M quiet' /proc/cmdline
	next_kernel -c
}

boot3() {
	check "kernel 3 inherited the test's command line" \
		sh -c '! grep -q quiet /proc/cmdline && grep -q memmap= /proc/cmdline'
	check "the console is ours" test -c /dev/ttyS1
}
