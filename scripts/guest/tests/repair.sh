# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034
#
# mount -o repair. Kernel 1 makes a file in each of six regions. Kernel 2, which
# has no pkernfs=, damages a copy of the superblock of the first and of the second,
# a counter of the third, both copies of the fourth, an empty log of the fifth and the
# sixth, and there a file, too. Kernel 3 repairs what can be repaired, and finds the
# files.

MEM=2G
CMDLINE="memmap=16M!1024M,16M!1056M,16M!1088M,16M!1120M,16M!1152M,16M!1184M pkernfs=16M!1024M,16M!1056M,16M!1088M,16M!1120M,16M!1152M,16M!1184M"
# For /dev/mem the ranges are reserved, not persistent memory.
MEMMAP="$(echo "${CMDLINE%% pkernfs=*}" | tr '!' '$') iomem=relaxed"
BACKUP=1048576
# The count of small blocks in slot 0 of the journal, see struct pkernfs_slot.
COUNTER=$((4096 + 4096 + 8 + 2 * 8))
# The length of its log.
LOG=$((4096 + 4096))

# shellcheck source=scripts/guest/devmem-lib.sh
. /pkernfs/tests/devmem-lib.sh

boot1() {
	for i in 0 1 2 3 4 5; do
		check "region $i is formatted" mount -t pkernfs pkernfs$i /mnt
		echo "text $i" >/mnt/file
		umount /mnt
	done
	next_kernel -s "$MEMMAP"
}

boot2() {
	flip 0 40
	flip 1 $((BACKUP + 40))
	flip 2 $COUNTER
	flip 3 40
	flip 3 $((BACKUP + 40))
	flip 4 $LOG
	flip 5 $LOG
	# The last byte of the file's size.
	flip 5 $(($(inode_offset 5 2) + 31))
	next_kernel
}

# repairs N NAME REASON: a check is refused for that reason before, not afterwards
repairs() {
	check_fails "$2: a check refuses it" "$3" \
		mount -t pkernfs -o check "pkernfs$1" /mnt
	check_fails "$2: a read-only mount does not repair it" \
		"pkernfs$1 cannot be repaired by a read-only mount" \
		mount -t pkernfs -o ro,repair "pkernfs$1" /mnt
	check "$2: it is repaired" mount -t pkernfs -o repair "pkernfs$1" /mnt
	check "$2: the file is there" test "$(cat /mnt/file)" = "text $1"
	umount /mnt
	check "$2: a check finds nothing wrong now" \
		mount -t pkernfs -o check "pkernfs$1" /mnt
	check_fails "$2: a mounted one cannot be repaired" "unmount pkernfs$1 first" \
		mount -o remount,repair /mnt
	umount /mnt
}

boot3() {
	repairs 0 "primary superblock" "primary superblock at 0x0: checksum is"
	repairs 1 "backup superblock" "backup superblock at 0x100000: checksum is"
	repairs 2 "counter" "pkernfs2 did not pass the check: 1 errors"
	repairs 4 "log" "pkernfs4 cannot be recovered; see the kernel log and -o repair"
	check "log: it is mounted read-only" mount -t pkernfs -o ro pkernfs4 /mnt
	check "log: what has passed a check may be written to" mount -o remount,rw /mnt
	umount /mnt
	check_fails "with both copies damaged there is no way back" \
		"both copies of the superblock are damaged" \
		mount -t pkernfs -o repair pkernfs3 /mnt
	check_fails "a log is dropped, but there is more damage" \
		"pkernfs5 did not pass the check: 1 errors" \
		mount -t pkernfs -o repair pkernfs5 /mnt
	check_fails "so nobody may write there later" \
		"pkernfs5 did not pass the check: 1 errors" \
		mount -t pkernfs pkernfs5 /mnt
	check "but read" mount -t pkernfs -o ro,errors=continue pkernfs5 /mnt
	check_fails "nor after a remount" "pkernfs5 stays read-only" \
		mount -o remount,rw /mnt
	umount /mnt
	check "what is sound needs no repair" mount -t pkernfs -o repair pkernfs0 /mnt
}
