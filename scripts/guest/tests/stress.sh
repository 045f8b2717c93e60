# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034,SC2016
#
# Many processes in the same directories and files for a minute (times SOAK), with
# freezing and remounting, then the check. The same is ended by a panic: the crash
# kernel checks and reads everything, and removes it.

MEM=2G
SMP=4
CMDLINE="memmap=256M!1G pkernfs=256M!1G crashkernel=192M"
TIMEOUT=400
LOG_ALLOW='Kernel panic - not syncing: sysrq triggered crash|Call Trace'
DURATION=$((60 * $(param soak)))

boot1() {
	check "the region is formatted" mount -t pkernfs pkernfs0 /mnt
	check "all processes end without an error" stress run /mnt $DURATION
	check "every file has its own bytes only" stress verify /mnt
	note "names: $(find /mnt | wc -l), inodes in use: $(stat -f -c '%c %d' /mnt)"
	umount /mnt
	check "the check finds nothing" mount -t pkernfs -o check pkernfs0 /mnt
	load_kernel -p "${CMDLINE% crashkernel=*} nr_cpus=1 reset_devices"
	mkfifo /tmp/started
	stress run /mnt 600 >/tmp/started &
	read -r line </tmp/started
	note "stress: $line"
	# Any moment will do; every operation is under way several times a second.
	usleep 3000000
	kill -0 $! || not_ok "the stress goes on until the panic"
	drain_tap
	echo c >/proc/sysrq-trigger
}

boot2() {
	check "the crash kernel mounts it, checked" \
		mount -t pkernfs -o check pkernfs0 /mnt
	check_fails "read-only" "Read-only file system" touch /mnt/x
	check "every file has its own bytes only" stress verify /mnt
	note "names: $(find /mnt | wc -l), inodes in use: $(stat -f -c '%c %d' /mnt)"
	check "it becomes writable when asked" mount -o remount,rw /mnt
	check "everything can be removed" sh -c 'rm -r /mnt/*'
	check "only the root directory is left" \
		test "$(stat -f -c '%c %d' /mnt | { read -r c d && echo $((c - d)); })" = 1
	check "and every block is free" \
		test "$(stat -f -c '%b' /mnt)" = "$(stat -f -c '%f' /mnt)"
	umount /mnt
	check "the check finds nothing" mount -t pkernfs -o check pkernfs0 /mnt
}
