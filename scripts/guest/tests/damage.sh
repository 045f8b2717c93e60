# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034
#
# The formatting policy. Kernel 1 formats six regions. Kernel 2, which has no
# pkernfs=, damages each in its way through /dev/mem, and prepares two more.
# Kernel 3 mounts them: what is damaged must be refused, each with its reason.
# Kernel 4 has no pkernfs= again and verifies that no byte of the refused ones
# changed.

MEM=2G
# One memmap= for all: of several, KASLR heeds the first four only, and may put
# the kernel into the fifth range.
CMDLINE="memmap=16M!1024M,16M!1056M,16M!1088M,16M!1120M,16M!1152M,16M!1184M,16M!1216M,16M!1248M pkernfs=16M!1024M,16M!1056M,16M!1088M,16M!1120M,16M!1152M,16M!1184M"
# For /dev/mem the ranges are reserved, not persistent memory, nor protected.
MEMMAP="$(echo "${CMDLINE%% pkernfs=*}" | tr '!' '$') iomem=relaxed"
BACKUP=1048576

# shellcheck source=scripts/guest/devmem-lib.sh
. /pkernfs/tests/devmem-lib.sh

# The sum of all regions that must be refused.
sum_refused() {
	for i in 0 1 2 4 5; do
		megabytes $i 16
	done | md5sum | cut -d ' ' -f 1
}

boot1() {
	for i in 0 1 2 3 4 5; do
		check "region $i is formatted" mount -t pkernfs pkernfs$i /mnt
		umount /mnt
	done
	next_kernel -s "$MEMMAP"
}

boot2() {
	check "without pkernfs= the ranges can be read" \
		test "$(megabytes 0 1 | head -c 7)" = sfnrekp
	flip 0 40
	flip 1 $((BACKUP + 40))
	flip 2 40
	flip 2 $((BACKUP + 40))
	head -c 4096 /dev/zero | put 3 0
	# Region 5 was formatted at another address; region 4 gets another size.
	megabytes 4 2 | dd of=/dev/mem bs=1M seek=1184 conv=notrunc 2>/dev/null
	dd if=/dev/urandom of=/dev/mem bs=1M seek=1216 count=2 conv=notrunc 2>/dev/null
	# "pfsfmt": a format that was interrupted
	printf 'pfsfmt\0\0' | put 7 0
	printf 'pfsfmt\0\0' | put 7 $BACKUP
	next_kernel -s "${CMDLINE%,16M!1152M,*},12M!1152M,16M!1184M,16M!1216M,16M!1248M sum=$(sum_refused)"
}

# refuses N NAME REASON
refuses() {
	check_fails "$2" "pkernfs$1 was not mounted and not changed: $3" \
		mount -t pkernfs "pkernfs$1" /mnt
}

formats() {
	local region="$1" name="$2"
	shift 2

	check "$name" mount -t pkernfs "$@" "pkernfs$region" /mnt
	check "$name, as generation 1" \
		sh -c "dmesg | grep -q 'pkernfs$region: formatted, .* generation 1'"
	umount /mnt
}

boot3() {
	refuses 0 "primary damaged" "primary superblock at 0x0: checksum is"
	refuses 1 "backup damaged" "backup superblock at 0x100000: checksum is"
	refuses 2 "both damaged" "primary superblock at 0x0: checksum is"
	refuses 3 "primary lost" "primary superblock at 0x0: magic number is 0x0"
	refuses 4 "other size" "formatted with size 0x1000000, but pkernfs= says 0xc00000"
	refuses 5 "other base" "formatted at address 0x48000000, but pkernfs= says 0x4a000000"
	formats 3 "-o format makes a damaged region new" -o format
	formats 6 "garbage is formatted"
	formats 7 "an interrupted format is begun again"
	next_kernel -s "$MEMMAP sum=$(sed -n 's/.* sum=\([0-9a-f]*\).*/\1/p' /proc/cmdline)"
}

boot4() {
	check "no byte of the refused regions changed" \
		grep -q "sum=$(sum_refused)" /proc/cmdline
}
