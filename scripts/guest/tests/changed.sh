# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034
#
# Parameters that are not those of the kernel before: each loses nothing and says
# what to do.

MEM=2G
TIMEOUT=500
CMDLINE="memmap=256M!1G pkernfs=256M!1G"

# shellcheck source=scripts/guest/data-lib.sh
. /pkernfs/tests/data-lib.sh

boot1() {
	check "the region is formatted" mount -t pkernfs pkernfs0 /mnt
	dd if=/dev/urandom of=/mnt/data bs=1M count=32 2>/dev/null
	next_kernel -s "memmap=256M!1G $(sum)"
}

boot2() {
	says "memmap= without pkernfs= is told" \
		"0x40000000-0x4fffffff holds a filesystem, but no valid pkernfs= names it"
	check "the range is claimed all the same" grep -q '40000000-4fffffff : pkernfs' /proc/iomem
	check "so no /dev/pmem takes it" test ! -e /dev/pmem0
	next_kernel -c "pkernfs=256M!1G $SUM"
}

boot3() {
	says "pkernfs= without memmap= is told" \
		"pkernfs0: only the kernel before keeps it; add memmap=256M!1G"
	check "and can be mounted, checked" mount -t pkernfs -o check pkernfs0 /mnt
	check "with every byte" test "$SUM" = "$(sum)"
	next_kernel -s "memmap=128M!1G pkernfs=128M!1G $SUM"
}

boot4() {
	check_fails "a smaller size" "formatted with size 0x10000000, but pkernfs= says 0x8000000" \
		mount -t pkernfs pkernfs0 /mnt
	next_kernel -s "memmap=256M!1152M pkernfs=256M!1152M $SUM"
}

boot5() {
	says "an address that is too high" "pkernfs=256M!1152M refused: it is partly outside of 0x40000000-0x4fffffff"
	next_kernel -s "memmap=64M!1088M pkernfs=64M!1088M $SUM"
}

boot6() {
	check_fails "an address inside of the old region" \
		"holds no filesystem, but the kernel before kept it" \
		mount -t pkernfs pkernfs0 /mnt
	next_kernel -c "memmap=512M!896M pkernfs=512M!896M $SUM"
}

boot7() {
	says "an address that is too low" "pkernfs=512M!896M refused: it is partly outside of 0x40000000-0x4fffffff"
	next_kernel -s "memmap=256M!1G pkernfs=128M!1G,128M!1088M $SUM"
}

boot8() {
	says "regions that overlap" "pkernfs=128M!1G refused: it overlaps pkernfs=128M!1088M"
	next_kernel -s "memmap=512M!1G pkernfs=512M!1G $SUM"
}

boot9() {
	says "a larger size" "pkernfs=512M!1G refused: it is partly outside of 0x40000000-0x4fffffff"
	next_kernel -s "$CMDLINE $SUM"
}

boot10() {
	check "with the parameters of before it mounts, checked" \
		mount -t pkernfs -o check pkernfs0 /mnt
	check "and every byte is there" test "$SUM" = "$(sum)"
	next_kernel -s "memmap=128M!896M,256M!1G pkernfs=128M!896M,256M!1G $SUM"
}

boot11() {
	check "an empty region just before it is claimed" \
		grep -q '38000000-3fffffff : pkernfs0' /proc/iomem
	check "and changes nothing" mount -t pkernfs -o check pkernfs1 /mnt
	next_kernel -s "memmap=256M!1G $SUM"
}

boot12() {
	says "without pkernfs= the filesystem behind it is found" \
		"0x40000000-0x4fffffff holds a filesystem, but no valid pkernfs= names it"
	check "so no /dev/pmem takes that" sh -c '! ls /dev/pmem*'
}
