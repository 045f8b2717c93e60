# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034,SC2012,SC2016
#
# An image of format version 1 that was made once and is never made again: kernel 1
# puts it into memory, kernel 2 mounts it. One transaction in it is interrupted,
# and one open file is without a name.

MEM=2G
CMDLINE='memmap=5760K$0x40060000'
START=$((0x40060000))

boot1() {
	check "the image goes into memory" sh -c "
		gunzip -c /pkernfs/golden/v1.gz |
		dd of=/dev/mem bs=64K seek=$((START >> 16)) iflag=fullblock conv=notrunc"
	next_kernel -s "memmap=5760K!0x40060000 pkernfs=5760K!0x40060000"
}

is() {
	test "$(stat -c '%a %h %u %g %s %Y' "/mnt/$1")" = "$2"
}

boot2() {
	check "it mounts and the check finds nothing" mount -t pkernfs -o check pkernfs0 /mnt
	check "generation 3" sh -c 'dmesg | grep -q "restored, 5 MiB, generation 3"'
	check "the names are there" test "$(ls /mnt | tr '\n' ' ')" = "dir large memory small sparse "
	check "a small file" is small "4755 2 1000 100 5000 1700000008"
	check "a large file with many links" is memory "600 41 0 0 4194304 1700000016"
	check "a sparse file" is sparse "600 1 0 0 62917560 1700000013"
	check "a directory of 40 long names" test "$(ls /mnt/large | wc -l)" -eq 40
	check "the file without name is gone" test "$(stat -f -c %d /mnt)" -eq 53
	umount /mnt
	check "the check finds nothing after that" mount -t pkernfs -o check pkernfs0 /mnt
}
