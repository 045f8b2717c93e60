# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034
#
# Kernels that are started with neither memmap= nor pkernfs=, by both ways of
# loading them: they must not use the region, and a later kernel with the
# parameters finds everything.

MEM=2G
TIMEOUT=400
CMDLINE="memmap=256M!1G pkernfs=256M!1G"

# shellcheck source=scripts/guest/data-lib.sh
. /pkernfs/tests/data-lib.sh

system_ram_in_region() {
	awk -F '[- ]' '/System RAM/ {
		start = sprintf("%16s", $1); end = sprintf("%16s", $2)
		if (start <= "        4fffffff" && end >= "        40000000")
			found = 1
	} END { exit !found }' /proc/iomem
}

# A kernel that had the region for RAM would use it for this.
fill_memory() {
	local size

	size=$(awk '/MemAvailable/ { print int($2 * 0.85 / 1024) }' /proc/meminfo)
	note "filling $size MiB"
	mount -o remount,size=100% /tmp
	dd if=/dev/zero of=/tmp/fill bs=1M count="$size" 2>/dev/null
	rm /tmp/fill
}

forgetful() {
	check "kernel $BOOT has neither parameter" sh -c "! grep -q pkernfs= /proc/cmdline &&
		! grep -q memmap= /proc/cmdline"
	if system_ram_in_region; then
		not_ok "kernel $BOOT leaves the range alone"
	else
		ok "kernel $BOOT leaves the range alone"
	fi
	check "and says what to do" sh -c \
		'dmesg | grep -q "0x40000000-0x4fffffff holds a filesystem, but no valid pkernfs= names it"'
	check "no /dev/pmem takes it" test ! -e /dev/pmem0
	check_fails "root cannot read it through /dev/mem" "" \
		dd if=/dev/mem bs=4096 skip=262144 count=1 of=/dev/null
	fill_memory
}

finds_all() {
	check "kernel $BOOT mounts it, checked" mount -t pkernfs -o check pkernfs0 /mnt
	check "kernel $BOOT finds every byte" test "$SUM" = "$(sum)"
}

boot1() {
	check "the region is formatted" mount -t pkernfs pkernfs0 /mnt
	dd if=/dev/urandom of=/mnt/data bs=1M count=64 2>/dev/null
	next_kernel -s "$(sum)"
}

boot2() {
	forgetful
	next_kernel -s "$CMDLINE $SUM"
}

boot3() {
	finds_all
	next_kernel -c "$SUM"
}

boot4() {
	forgetful
	next_kernel -c "$CMDLINE $SUM"
}

boot5() {
	finds_all
}
