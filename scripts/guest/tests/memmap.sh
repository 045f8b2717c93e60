# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034
#
# Forms of memmap= in which the next kernel may be put into the region: each is
# warned about by name.

MEM=2G
TIMEOUT=240
# pkernfs0 is kept by a form that KASLR does not know; pkernfs1 by the first four
# ranges, pkernfs2 by a fifth one in the same parameter, which switches KASLR off,
# so that the one after is safe.
CMDLINE="memmap=16M%1024M+12 memmap=16M!1056M memmap=16M!1088M,1M!1120M,1M!1124M,16M!1152M memmap=16M!1184M pkernfs=16M!1024M,16M!1056M,16M!1152M,16M!1184M"

not_warned() {
	check "$1" sh -c "! dmesg | grep -F 'is not safe' | grep -qF '$2'"
}

boot1() {
	says "memmap=nn%ss" "pkernfs: pkernfs0: memmap=16M%1024M+12 is not safe"
	not_warned "memmap=nn!ss" "memmap=16M!1056M"
	not_warned "a fifth range in one parameter" "memmap=16M!1152M"
	not_warned "and what follows then" "memmap=16M!1184M"
	check "all regions are claimed" test "$(grep -c ' : pkernfs[0-9]$' /proc/iomem)" -eq 4
	next_kernel -s "memmap=16M!1024M memmap=1M!1056M memmap=1M!1088M memmap=1M!1092M memmap=16M!1152M memmap=16M!1184M pkernfs=16M!1024M,16M!1152M"
}

boot2() {
	says "a fifth memmap= parameter" "pkernfs: pkernfs1: memmap=16M!1152M is not safe"
	says "what to do is said" \
		"give all ranges in one memmap=, separated by commas"
	not_warned "one of the first four" "memmap=16M!1024M"
	not_warned "one that is no region's" "memmap=16M!1184M"
}
