# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034
#
# The kernel does not undo struct pages that it made in part. Without memory for all
# of them none may be made: files can be read and written then, and mapped as soon as
# there is memory.

MEM=7G
CMDLINE="memmap=3G!4G pkernfs=3G!4G"

HUGEPAGES=/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages

available() {
	awk '/MemAvailable/ { print int($2 / 1024) }' /proc/meminfo
}

# leave MIB: take all other memory.
leave() {
	local pages

	pages=$((($(available) - $1) / 2))
	echo $pages >$HUGEPAGES
	[ "$(cat $HUGEPAGES)" -eq $pages ]
}

boot1() {
	# Struct pages for the small blocks alone need 24 MiB, those of the data blocks
	# and all page tables less than 8.
	check "mount" mount -t pkernfs -o small=1536M pkernfs0 /mnt
	check "there is not much memory" leave 16
	check "a file can be written" sh -c "echo text >/mnt/file"
	check "and read" grep -qx text /mnt/file
	check_fails "but not mapped" "No such device" file_op map /mnt/file
	dmesg >/tmp/dmesg
	check "the log says why" grep \
		"cannot be mapped: their struct pages need \(2[4-9]\|3[01]\) MiB of memory, .* MiB are available" \
		/tmp/dmesg
	check "there is memory again" sh -c "echo 0 >$HUGEPAGES"
	check "then it is mapped" file_op map /mnt/file
}
