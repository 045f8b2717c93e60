# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034,SC2016
#
# Data blocks of 1 GiB: a region with two of them, across a kexec. Each step says
# what df has to be: block by block, none more and none less.

MEM=6G
CMDLINE="memmap=3G!4G pkernfs=3G!4G"
TIMEOUT=500
# In units of 4 KiB.
GIB=262144

free() {
	stat -f -c %f /mnt
}

# takes BLOCKS: how many there are less than in the empty region
takes() {
	check "df is exact: $1 blocks are in use" test $((START - $(free))) -eq "$1"
}

# sum FILE MIB COUNT: of COUNT MiB of a file
sum() {
	dd if="/mnt/$1" bs=1M skip="$2" count="$3" 2>/dev/null |
		md5sum | cut -d ' ' -f 1
}

# zeroes FILE MIB COUNT
zeroes() {
	test "$(sum "$@")" = "$(head -c $(($3 << 20)) /dev/zero |
		md5sum | cut -d ' ' -f 1)"
}

# fill FILE MIB COUNT: with something at random, noted in /tmp/sum
fill() {
	head -c $(($3 << 20)) /dev/urandom >/tmp/random
	md5sum /tmp/random | cut -d ' ' -f 1 >/tmp/sum
	dd if=/tmp/random of="/mnt/$1" bs=1M seek="$2" conv=notrunc 2>/dev/null
}

boot1() {
	local kept

	check "a region with data blocks of 1 GiB" \
		mount -t pkernfs -o block=1G pkernfs0 /mnt
	check "/proc/mounts says so" grep -q ',block=1024M,' /proc/mounts
	check "and df has both, and the small zone" test "$(free)" -gt $((2 * GIB))
	START=$(free)

	check "fallocate takes a data block" fallocate -l 1G /mnt/a
	takes $GIB
	check "which is zeroes where one looks" zeroes a 1020 4
	check "a write" fill a 1000 8
	takes $GIB
	check "is read" test "$(sum a 1000 8)" = "$(cat /tmp/sum)"

	# A file of that size: its first GiB gets the other data block, and what is
	# behind finds no third one.
	truncate -s 1026M /mnt/b
	check "a write across the end of the other data block" fill b 1022 4
	takes $((2 * GIB + 512))
	check "is read, too" test "$(sum b 1022 4)" = "$(cat /tmp/sum)"
	check "and what is before it is zeroes" zeroes b 1000 4

	check_fails "a third data block is one too many" "No space left" \
		fallocate -l 2G /mnt/c
	rm -f /mnt/c
	takes $((2 * GIB + 512))

	kept=$(sum a 1000 4)
	truncate -s 1004M /mnt/a
	takes $((2 * GIB + 512))
	truncate -s 1G /mnt/a
	check "what was cut off is zeroes" zeroes a 1004 4
	check "what was not is still there" test "$(sum a 1000 4)" = "$kept"
	check "a part is punched" file_op punch /mnt/b 1072693248 1048576
	takes $((2 * GIB + 512))
	check "and is zeroes" zeroes b 1023 1
	check "a whole data block is punched" file_op punch /mnt/a 0 1073741824
	takes $((GIB + 512))
	check "and is zeroes, too" zeroes a 1000 4
	check "a new write takes it again" fill a 100 2
	check "without what was in it" zeroes a 1000 4
	takes $((2 * GIB + 512))
	next_kernel -s "$CMDLINE start=$START sum=$(sum a 100 2)$(sum b 1022 4)"
}

boot2() {
	check "the next kernel finds nothing wrong" \
		mount -t pkernfs -o check pkernfs0 /mnt
	START=$(sed -n 's/.* start=\([0-9]*\).*/\1/p' /proc/cmdline)
	takes $((2 * GIB + 512))
	check "and everything as it was" \
		grep -q "sum=$(sum a 100 2)$(sum b 1022 4)" /proc/cmdline
	truncate -s 0 /mnt/a
	takes $((GIB + 512))
	rm /mnt/a /mnt/b
	takes 0
	umount /mnt
	check "the check finds nothing after that" \
		mount -t pkernfs -o check pkernfs0 /mnt
}
