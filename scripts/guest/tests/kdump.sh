# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034
#
# A crash kernel does not format a region that holds nothing: it is there to save
# what another kernel left. Only -o format tells it to.

MEM=2G
CMDLINE="memmap=256M!1G pkernfs=256M!1G crashkernel=192M"
TIMEOUT=240
LOG_ALLOW='Kernel panic - not syncing: sysrq triggered crash|Call Trace'

boot1() {
	load_kernel -p "${CMDLINE% crashkernel=*} nr_cpus=1 reset_devices"
	drain_tap
	echo c >/proc/sysrq-trigger
}

file_is_read() {
	echo text >/mnt/file
	grep -qx text /mnt/file
}

boot2() {
	check "this is a crash kernel" test -e /proc/vmcore
	check_fails "it makes no filesystem" \
		"pkernfs0 holds no filesystem, and a kdump kernel makes none" \
		mount -t pkernfs pkernfs0 /mnt
	check_fails "which is ENODATA" "No data available" \
		mount -t pkernfs pkernfs0 /mnt
	check "unless it is told to" mount -t pkernfs -o format pkernfs0 /mnt
	check "and can read files" file_is_read
	dmesg >/tmp/dmesg
	check_fails "but maps none, which would need its memory" "No such device" \
		file_op map /mnt/file
	check "and says so" grep -q "cannot be mapped: this is a kdump kernel" /tmp/dmesg
}
