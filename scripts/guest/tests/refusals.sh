# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034
#
# Every value of pkernfs= that must be refused, all on one command line with one
# good region, which must not suffer.

MEM=2G
# Malformed values first, then, by address: BIOS, System RAM, the good one, two
# that overlap, too small, beyond RAM, beyond the CPU's address bits.
CMDLINE="memmap=128M!1G memmap=64K!1408M pkernfs=512M pkernfs=512M@1G,512M!1Gx,0!1G,16777216T!1G,4097!1G,512M! pkernfs=64K!0xf0000,64M!512M,128M!1G,64M!1280M,64M!1312M,64K!1408M pkernfs=128M!4G,1G!0x10000000000000,16M!640M"

refused() {
	dmesg | grep -F "pkernfs=$1 refused: " | grep -qF "$2"
}

names_refusal() {
	check "$1" refused "$2" "$3"
}

boot1() {
	names_refusal "missing separator" "512M" "expected !ss"
	names_refusal "other separator" "512M@1G" "followed by '@1G'"
	names_refusal "trailing rubbish" "512M!1Gx" "followed by 'x'"
	names_refusal "zero size" "0!1G" "size is zero"
	names_refusal "overflow" "16777216T!1G" "exceeds 64 bits"
	names_refusal "not page aligned" "4097!1G" "multiples of the page size"
	names_refusal "missing address" "512M!" "address is not a number"
	names_refusal "ninth region" "16M!640M" "there are 8 regions already"
	names_refusal "firmware range" "64K!0xf0000" "reserved by the firmware"
	names_refusal "System RAM" "64M!512M" "add memmap=64M!512M"
	names_refusal "overlap, first region" "64M!1280M" "overlaps pkernfs=64M!1312M"
	names_refusal "overlap, second region" "64M!1312M" "overlaps pkernfs=64M!1280M"
	names_refusal "too small for the format" "64K!1408M" "too small for the format"
	names_refusal "beyond the machine's RAM" "128M!4G" "there is no memory at 0x100000000"
	names_refusal "beyond the physical address width" "1G!0x10000000000000" \
		"physical address bits"

	check "refused ranges are not claimed" \
		test "$(grep -c pkernfs /proc/iomem)" -eq 1
	check_fails "mounting a refused region repeats the reason" \
		"pkernfs=64M!512M was refused at boot: it overlaps System RAM" \
		mount -t pkernfs pkernfs1 /mnt
	check_fails "a malformed value makes no region" "is not one of pkernfs0" \
		mount -t pkernfs pkernfs8 /mnt
	check "the good region keeps its number and mounts" \
		mount -t pkernfs pkernfs2 /mnt
}
