# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034
#
# Mappings, pins, truncation and deletion of the same files at once. A debug kernel
# does it for a minute. The second range becomes /dev/pmem1, a device for O_DIRECT.

MEM=2G
SMP=3
CMDLINE="memmap=128M!1G,16M!1280M pkernfs=128M!1G"
TIMEOUT=120

boot1() {
	local seconds=5

	[ -z "$(param debug)" ] || seconds=60
	check "mount" mount -t pkernfs -o small=4M pkernfs0 /mnt
	# Space is to run out now and then.
	fallocate -l 80M /mnt/ballast
	check "every process sees its own files' data only" \
		mmap_stress /mnt $((seconds * $(param soak))) /dev/pmem1
	note "$(tail -n 1 /tmp/out)"
	umount /mnt
	check "a check finds nothing wrong" mount -t pkernfs -o check pkernfs0 /mnt
	rm /mnt/*
	umount /mnt
	check "nor when all files are gone" mount -t pkernfs -o check pkernfs0 /mnt
	check "all memory is free again" test "$(stat -f -c %b-%f /mnt)" = \
		"$(stat -f -c %b-%b /mnt)"
}
