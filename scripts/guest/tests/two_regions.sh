# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034,SC2016
#
# Two regions, one in low memory and one above 4 GiB, given in the wrong order,
# one kept by memmap=nn!ss and one by memmap=nn$ss.

MEM=5G
CMDLINE='memmap=128M!4608M memmap=64M$512M memmap=32M!1G pkernfs=128M!4608M,64M!512M pkernfs=128M!4608M,64M!1G'

boot1() {
	check "names follow the addresses" \
		sh -c 'dmesg | grep -q "pkernfs0: 64 MiB at 0x20000000" &&
			dmesg | grep -q "pkernfs2: 128 MiB at 0x120000000"'
	check "memmap=nn\$ss: the range is claimed" \
		grep -q '20000000-23ffffff : pkernfs0' /proc/iomem
	check "a region that is given twice counts once" \
		sh -c 'dmesg | grep -q "pkernfs=128M!4608M is given twice"'
	check "half of a range in System RAM is refused" \
		sh -c 'dmesg | grep -qF "pkernfs=64M!1G refused: it overlaps System RAM"'
	check_fails "source none with two regions lists them" \
		"'none' is not one of pkernfs0 pkernfs1 pkernfs2" mount -t pkernfs none /mnt
	mkdir /tmp/low /tmp/high
	check "the low region is formatted" mount -t pkernfs pkernfs0 /tmp/low
	check "the high region is formatted" mount -t pkernfs pkernfs2 /tmp/high
	chmod 711 /tmp/low
	chmod 722 /tmp/high
	next_kernel
}

boot2() {
	mkdir /tmp/low /tmp/high
	check "the low region is restored" mount -t pkernfs pkernfs0 /tmp/low
	check "the high region is restored" mount -t pkernfs pkernfs2 /tmp/high
	check "each has its own root directory" \
		test "$(stat -c %a /tmp/low)/$(stat -c %a /tmp/high)" = 711/722
	check "each has its own size" \
		sh -c 'test $(stat -f -c %b /tmp/high) -gt $(stat -f -c %b /tmp/low)'
	check "each has its own generation" \
		test "$(dmesg | grep -c 'restored, .* generation 2')" -eq 2
}
