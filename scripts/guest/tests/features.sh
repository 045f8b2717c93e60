# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034
#
# Superblocks of other versions: kernel 1 formats, kernel 2 (no pkernfs=) edits
# both copies with checksums that fit, kernel 3 mounts.

MEM=2G
# One memmap= for all: of several, KASLR heeds the first four only, and may put
# the kernel into the fifth range.
CMDLINE="memmap=16M!1024M,16M!1056M,16M!1088M,16M!1120M,16M!1152M pkernfs=16M!1024M,16M!1056M,16M!1088M,16M!1120M,16M!1152M"
# For /dev/mem the ranges are reserved, not persistent memory.
MEMMAP=$(echo "${CMDLINE%% pkernfs=*}" | tr '!' '$')

boot1() {
	for i in 0 1 2 3 4; do
		check "region $i is formatted" mount -t pkernfs pkernfs$i /mnt
		umount /mnt
	done
	next_kernel -s "$MEMMAP"
}

boot2() {
	check "version 2" edit_superblock /dev/mem $(((1024 + 32 * 0) << 20)) version 2
	check "a compat bit" edit_superblock /dev/mem $(((1024 + 32 * 1) << 20)) compat 0x100
	check "a ro_compat bit" edit_superblock /dev/mem $(((1024 + 32 * 2) << 20)) ro_compat 0x200
	check "an incompat bit" edit_superblock /dev/mem $(((1024 + 32 * 3) << 20)) incompat 0x400
	check "an impossible block size" edit_superblock /dev/mem $(((1024 + 32 * 4) << 20)) data_block_shift 64
	next_kernel
}

boot3() {
	mkdir /tmp/second
	check_fails "wrong version" "format version 2, this kernel knows version 1" \
		mount -t pkernfs pkernfs0 /mnt
	check "an unknown compat bit is ignored" mount -t pkernfs pkernfs1 /mnt
	check "and the mount is writable" chmod 700 /mnt
	umount /mnt
	check "an unknown ro_compat bit mounts read-only" mount -t pkernfs pkernfs2 /mnt
	check "and says so" sh -c 'dmesg | grep -q "pkernfs2 becomes read-only: it has unknown features 0x200"'
	check_fails "nothing can be changed there" "Read-only file system" chmod 700 /mnt
	check_fails "nor remounted writable" "stays read-only" mount -o remount,rw /mnt
	check "a second mount gets the same" mount -t pkernfs pkernfs2 /tmp/second
	umount /tmp/second
	umount /mnt
	check_fails "an unknown incompat bit" "incompatible features 0x400" \
		mount -t pkernfs pkernfs3 /mnt
	check_fails "an impossible geometry" "data block of 2^64 bytes" \
		mount -t pkernfs pkernfs4 /mnt
	check_fails "a read-only mount does not format" "a read-only mount cannot do" \
		mount -t pkernfs -o ro,format pkernfs3 /mnt
	check "-o format is the deliberate way" mount -t pkernfs -o format pkernfs3 /mnt
	check "it starts at generation 1" \
		sh -c 'dmesg | grep -q "pkernfs3: formatted, .* generation 1"'
}
