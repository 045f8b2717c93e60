# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034,SC2016
#
# Damaged inodes. Kernel 1 leaves 48 open files without names, kernel 2, which has
# no pkernfs=, damages one of them and a file through /dev/mem. Kernel 3 must say
# what is damaged and where, and use the rest.

MEM=2G
CMDLINE="memmap=64M!1G pkernfs=64M!1G"
# For /dev/mem the range is reserved, not persistent memory, nor protected.
MEMMAP='memmap=64M$1G iomem=relaxed'
REGION=$((1 << 30))
TIMEOUT=300

inode_of() {
	stat -c %i "/mnt/$1"
}

# damaged NAME: the number of the inode that the command line has
damaged() {
	sed -n "s/.* $1=\([0-9]*\).*/\1/p" /proc/cmdline
}

# put OFFSET: write standard input there
put() {
	dd of=/dev/mem bs=1 seek=$((REGION + $1)) conv=notrunc 2>/dev/null
}

# The superblock tells where the inode table begins.
inode_table() {
	dd if=/dev/mem bs=4 skip=$(((REGION + 160) / 4)) count=1 2>/dev/null |
		hexdump -e '/4 "%u"'
}

inode_offset() {
	echo $(($(inode_table) + ($(damaged "$1") - 1) * 256))
}

leave_open() {
	for i in $(seq 48); do
		echo "$i" >"/mnt/open$i"
		tail -f /dev/null <"/mnt/open$i" &
	done
}

boot1() {
	local orphan

	check "a new region is formatted" mount -t pkernfs pkernfs0 /mnt
	echo text >/mnt/file
	echo text >/mnt/links
	leave_open
	# The last one to go is the first one on its list.
	orphan=$(inode_of open9)
	rm /mnt/open*
	next_kernel -s "$MEMMAP orphan=$orphan file=$(inode_of file) links=$(inode_of links)"
}

boot2() {
	# Their modes, and a link count: no file can have more.
	printf '\0\0' | put "$(inode_offset orphan)"
	printf '\0\0' | put "$(inode_offset file)"
	printf '\377\377\377\177' | put $(($(inode_offset links) + 4))
	next_kernel -s "$CMDLINE orphan=$(damaged orphan) file=$(damaged file) offset=$(inode_offset file)"
}

boot3() {
	# It would become read-only with the first damage that is met.
	check "it is mounted" mount -t pkernfs -o errors=continue pkernfs0 /mnt
	check "the damaged orphan is named" sh -c \
		"dmesg | grep -q 'inode $(damaged orphan) remains an orphan'"
	check "the others are gone" \
		test "$(stat -f -c '%c %d' /mnt | { read -r c d; echo $((c - d)); })" -eq 4
	check_fails "a damaged file is not read" "Structure needs cleaning" \
		cat /mnt/file
	check "and the log says where" sh -c "dmesg | grep -q \"$(printf \
		'inode %u, offset 0x%x: inode has an invalid mode' \
		"$(damaged file)" "$(damaged offset)")\""
	check_fails "a file has no more links than it can have" "Too many links" \
		ln /mnt/links /mnt/another
	check "the rest can be used" sh -c 'echo 1 >/mnt/new && rm /mnt/new'
	umount /mnt
	check_fails "-o check refuses it" "pkernfs0 did not pass the check" \
		mount -t pkernfs -o check pkernfs0 /mnt
	check "and the log says what is wrong" sh -c \
		"dmesg | grep 'inode $(damaged file), offset 0x' | grep -q 'mode is 00'"
}
