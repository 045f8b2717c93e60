# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034
#
# A region at the top of RAM, where kexec_load() would have kernel and initrd put
# by kexec-tools, which has its memory map from /sys/firmware/memmap.

MEM=2G
TIMEOUT=300
CMDLINE="memmap=500M!1536M pkernfs=500M!1536M"
START=$((0x60000000))
END=$((0x7f400000))

# shellcheck source=scripts/guest/data-lib.sh
. /pkernfs/tests/data-lib.sh

# The segments that kexec -d lists, "START SIZE" in hexadecimal.
segments() {
	sed -n 's/^segment\[[0-9]*\]\.mem *= *\(0x[0-9a-f]*\).*/\1/p
		s/^segment\[[0-9]*\]\.memsz *= *\(0x[0-9a-f]*\).*/\1/p' /tmp/debug |
		paste -d ' ' - -
}

list_segments() {
	cat /dev/vda >/tmp/kernel
	cat /dev/vdb >/tmp/initrd
	kexec -d -c -l /tmp/kernel --initrd=/tmp/initrd --command-line=x >/tmp/debug 2>&1
	rm /tmp/kernel /tmp/initrd
	kexec -u
	test "$(segments | wc -l)" -ge 3
}

none_in_region() {
	local mem size inside=0

	segments >/tmp/segments
	while read -r mem size; do
		if [ $((mem)) -lt $END ] && [ $((mem + size)) -gt $START ]; then
			echo "$mem, $size bytes"
			inside=1
		fi
	done </tmp/segments
	return $inside
}

boot1() {
	check "the region is formatted" mount -t pkernfs pkernfs0 /mnt
	dd if=/dev/urandom of=/mnt/data bs=1M count=64 2>/dev/null
	# The section from 0x78000000 on has RAM behind the region.
	check_fails "a file cannot be mapped: no device" "No such device" \
		file_op map /mnt/data
	check "the log names the section" \
		sh -c 'dmesg | grep "files cannot be mapped: the 128 MiB at 0x78000000"'
	check "kexec -c lists its segments" list_segments
	check "kexec -c puts no segment into the region" none_in_region
	next_kernel -c "$CMDLINE $(sum)"
}

boot2() {
	check "the next kernel mounts it, checked" \
		mount -t pkernfs -o check pkernfs0 /mnt
	check "every byte is there" test "$SUM" = "$(sum)"
	check "kexec -c lists its segments again" list_segments
	check "kexec -c puts none into the region" none_in_region
	next_kernel -s "$CMDLINE $SUM"
}

boot3() {
	check "kexec -s keeps it as well" mount -t pkernfs -o check pkernfs0 /mnt
	check "with every byte" test "$SUM" = "$(sum)"
}
