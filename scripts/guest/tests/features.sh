# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034,SC2016
#
# Superblocks of other versions: kernel 1 formats, kernel 2 (no pkernfs=) edits
# both copies with checksums that fit, kernel 3 mounts. Region 0 is a golden image,
# which has an interrupted transaction; kernel 4 has no pkernfs= again and verifies
# that no byte of it changed.

MEM=2G
# One memmap= for all: of several, KASLR heeds the first four only, and may put
# the kernel into the fifth range.
CMDLINE="memmap=5760K!0x40060000,16M!1056M,16M!1088M,16M!1120M,16M!1152M,16M!1184M pkernfs=5760K!0x40060000,16M!1056M,16M!1088M,16M!1120M,16M!1152M,16M!1184M"
# For /dev/mem the ranges are reserved, not persistent memory, nor protected.
MEMMAP="$(echo "${CMDLINE%% pkernfs=*}" | tr '!' '$') iomem=relaxed"
GOLDEN=$((0x40060000))
TIMEOUT=300

# start N: where region N begins in /dev/mem
start() {
	echo $(((1024 + 32 * $1) << 20))
}

sum_golden() {
	dd if=/dev/mem bs=64K skip=$((GOLDEN >> 16)) count=90 2>/dev/null |
		md5sum | cut -d ' ' -f 1
}

boot1() {
	for i in 1 2 3 4 5; do
		check "region $i is formatted" mount -t pkernfs pkernfs$i /mnt
		umount /mnt
	done
	next_kernel -s "$MEMMAP"
}

boot2() {
	check "the golden image goes into memory" sh -c "
		gunzip -c /pkernfs/golden/v1.gz |
		dd of=/dev/mem bs=64K seek=$((GOLDEN >> 16)) iflag=fullblock conv=notrunc"
	check "a ro_compat bit there" edit_superblock /dev/mem $GOLDEN ro_compat 0x800
	check "version 2" edit_superblock /dev/mem "$(start 1)" version 2
	check "a compat bit" edit_superblock /dev/mem "$(start 2)" compat 0x100
	check "a ro_compat bit" edit_superblock /dev/mem "$(start 3)" ro_compat 0x200
	check "an incompat bit" edit_superblock /dev/mem "$(start 4)" incompat 0x400
	check "an impossible block size" edit_superblock /dev/mem "$(start 5)" data_block_shift 64
	next_kernel -s "$CMDLINE sum=$(sum_golden)"
}

boot3() {
	mkdir /tmp/second
	check_fails "what an unknown feature may undo otherwise" \
		"pkernfs0 was not changed: it needs recovery but has unknown features 0x800" \
		mount -t pkernfs pkernfs0 /mnt
	check_fails "nor read-only" "it needs recovery but has unknown features 0x800" \
		mount -t pkernfs -o ro pkernfs0 /mnt
	check_fails "wrong version" "format version 2, this kernel knows version 1" \
		mount -t pkernfs pkernfs1 /mnt
	check "an unknown compat bit is ignored" mount -t pkernfs pkernfs2 /mnt
	check "and the mount is writable" chmod 700 /mnt
	umount /mnt
	check "an unknown ro_compat bit mounts read-only" mount -t pkernfs pkernfs3 /mnt
	check "and says so" sh -c 'dmesg | grep -q "pkernfs3 becomes read-only: it has unknown features 0x200"'
	check_fails "nothing can be changed there" "Read-only file system" chmod 700 /mnt
	check_fails "nor remounted writable" "stays read-only" mount -o remount,rw /mnt
	check "a second mount gets the same" mount -t pkernfs pkernfs3 /tmp/second
	umount /tmp/second
	umount /mnt
	check_fails "an unknown incompat bit" "incompatible features 0x400" \
		mount -t pkernfs pkernfs4 /mnt
	check_fails "an impossible geometry" "data block of 2^64 bytes" \
		mount -t pkernfs pkernfs5 /mnt
	check_fails "a read-only mount does not format" "a read-only mount cannot do" \
		mount -t pkernfs -o ro,format pkernfs4 /mnt
	check "-o format is the deliberate way" mount -t pkernfs -o format pkernfs4 /mnt
	check "it starts at generation 1" \
		sh -c 'dmesg | grep -q "pkernfs4: formatted, .* generation 1"'
	next_kernel -s "$MEMMAP sum=$(sed -n 's/.* sum=\([0-9a-f]*\).*/\1/p' /proc/cmdline)"
}

boot4() {
	check "no byte of the refused region changed" \
		grep -q "sum=$(sum_golden)" /proc/cmdline
}
