# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034,SC2016
#
# memmap=nn$ss without its $, which a boot loader takes for the start of a variable:
# that limits the kernel to nn of memory, and keeps nothing.

MEM=2G
TIMEOUT=240
CMDLINE='memmap=960M1G pkernfs=960M!1G'

# shellcheck source=scripts/guest/data-lib.sh
. /pkernfs/tests/data-lib.sh

boot1() {
	check "the kernel has no more memory than that" \
		awk '/MemTotal/ { exit $2 > 960 * 1024 }' /proc/meminfo
	says "a region behind that memory is refused" \
		"pkernfs=960M!1G refused: no memmap= with ! or $ keeps it; use memmap=960M!1G"
	check_fails "it cannot be mounted" "pkernfs=960M!1G was refused at boot" \
		mount -t pkernfs pkernfs0 /mnt
	next_kernel -s 'memmap=960M$1G pkernfs=960M!1G'
}

boot2() {
	check "with the \$ it is formatted" mount -t pkernfs pkernfs0 /mnt
	dd if=/dev/urandom of=/mnt/data bs=1M count=32 2>/dev/null
	next_kernel -s "$CMDLINE $(sum)"
}

boot3() {
	says "one that the kernel before kept is used" \
		"pkernfs0: only the kernel before keeps it; add memmap=960M!1G"
	check "it mounts, checked" mount -t pkernfs -o check pkernfs0 /mnt
	check "with every byte" test "$SUM" = "$(sum)"
}
