# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034
#
# The formatting policy. Kernel 1 formats eight regions. Kernel 2, which has no
# pkernfs=, damages each in its way through /dev/pmem. Kernel 3 mounts them: what
# is damaged must be refused, each with its reason. Kernel 4 has no pkernfs= again
# and verifies that no byte of the refused ones changed.

MEM=2G
CMDLINE="memmap=16M!1024M memmap=16M!1056M memmap=16M!1088M memmap=16M!1120M memmap=16M!1152M memmap=16M!1184M memmap=16M!1216M memmap=16M!1248M pkernfs=16M!1024M,16M!1056M,16M!1088M,16M!1120M,16M!1152M,16M!1184M,16M!1216M,16M!1248M"
MEMMAP=${CMDLINE%% pkernfs=*}
BACKUP=1048576

# flip FILE OFFSET: change the byte there
flip() {
	local byte

	byte=$(dd if="$1" bs=1 skip="$2" count=1 2>/dev/null | hexdump -e '/1 "%u"')
	# shellcheck disable=SC2059 # the format is an octal escape made here
	printf "\\$(printf %o $((byte ^ 1)))" |
		dd of="$1" bs=1 seek="$2" count=1 conv=notrunc 2>/dev/null
}

# The sum of all regions that must be refused: 0 to 3, 6 and 7.
sum_refused() {
	cat /dev/pmem0 /dev/pmem1 /dev/pmem2 /dev/pmem3 /dev/pmem6 /dev/pmem7 |
		md5sum | cut -d ' ' -f 1
}

boot1() {
	for i in 0 1 2 3 4 5 6 7; do
		check "region $i is formatted" mount -t pkernfs pkernfs$i /mnt
		umount /mnt
	done
	next_kernel -s "$MEMMAP"
}

boot2() {
	check "without pkernfs= the ranges are /dev/pmem0 to 7" test -b /dev/pmem7
	flip /dev/pmem0 40
	flip /dev/pmem1 $((BACKUP + 40))
	flip /dev/pmem2 40
	flip /dev/pmem2 $((BACKUP + 40))
	dd if=/dev/zero of=/dev/pmem3 bs=4096 count=1 2>/dev/null
	dd if=/dev/urandom of=/dev/pmem4 bs=1M count=2 2>/dev/null
	# "pfsfmt": a format that was interrupted
	printf 'pfsfmt\0\0' | dd of=/dev/pmem5 bs=8 count=1 conv=notrunc 2>/dev/null
	# Region 7 was formatted at another address; region 6 gets another size.
	dd if=/dev/pmem5 of=/dev/pmem7 bs=1M 2>/dev/null
	printf '\163\146\156\162\145\153\160\0' |
		dd of=/dev/pmem7 bs=8 count=1 conv=notrunc 2>/dev/null
	sync
	next_kernel -s "$(echo "$CMDLINE" | sed 's/,16M!1216M/,12M!1216M/') sum=$(sum_refused)"
}

# refuses N NAME REASON
refuses() {
	check_fails "$2" "pkernfs$1 was not mounted and not changed: $3" \
		mount -t pkernfs "pkernfs$1" /mnt
}

formats() {
	check "$2" mount -t pkernfs "pkernfs$1" /mnt
	check "$2, as generation 1" \
		sh -c "dmesg | grep -q 'pkernfs$1: formatted, .* generation 1'"
	umount /mnt
}

boot3() {
	refuses 0 "primary damaged" "primary superblock at 0x0: checksum is"
	refuses 1 "backup damaged" "backup superblock at 0x100000: checksum is"
	refuses 2 "both damaged" "primary superblock at 0x0: checksum is"
	refuses 3 "primary lost" "primary superblock at 0x0: magic number is 0x0"
	refuses 6 "other size" "formatted with size 0x1000000, but pkernfs= says 0xc00000"
	refuses 7 "other base" "formatted at address 0x4a000000, but pkernfs= says 0x4e000000"
	formats 4 "garbage is formatted"
	formats 5 "an interrupted format is begun again"
	next_kernel -s "$MEMMAP sum=$(sed -n 's/.* sum=\([0-9a-f]*\).*/\1/p' /proc/cmdline)"
}

boot4() {
	check "no byte of the refused regions changed" \
		grep -q "sum=$(sum_refused)" /proc/cmdline
}
