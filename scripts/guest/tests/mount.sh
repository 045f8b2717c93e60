# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034,SC2016
#
# Mounting: one superblock a region, options, remount, who may mount.

MEM=2G
LEAKS=1
CMDLINE="memmap=256M!1G pkernfs=256M!1G"

options() {
	grep ' /mnt ' /proc/mounts | cut -d ' ' -f 4
}

boot1() {
	mkdir /tmp/second
	check_fails "a user namespace's root may not mount" "ermission denied" \
		unshare -U -r -m mount -t pkernfs pkernfs0 /mnt
	check_fails "an unknown region" "'pkernfs1' is not one of pkernfs0" \
		mount -t pkernfs pkernfs1 /mnt
	check_fails "an unknown option" "Unknown parameter 'colour'" \
		mount -t pkernfs -o colour=red pkernfs0 /mnt
	check_fails "a wrong data block size" "block=4194304: a data block is 2M or 1G" \
		mount -t pkernfs -o block=4M pkernfs0 /mnt
	check_fails "a data block the region cannot hold" "too small for the format" \
		mount -t pkernfs -o block=1G pkernfs0 /mnt
	check_fails "a wrong number" "inodes=many: expected a number" \
		mount -t pkernfs -o inodes=many pkernfs0 /mnt
	check_fails "a small zone beyond the region" "small=1073741824" \
		mount -t pkernfs -o small=1G pkernfs0 /mnt
	check_fails "an empty region cannot be mounted read-only" "a read-only mount cannot do" \
		mount -t pkernfs -o ro pkernfs0 /mnt

	check "format options are taken" \
		mount -t pkernfs -o inodes=5000,small=16M pkernfs0 /mnt
	check "and shown" sh -c "grep -q 'block=2M,small=.*K,inodes=500[0-9]' /proc/mounts"
	check "/proc/mounts shows the region's name" grep -q '^pkernfs0 /mnt pkernfs ' /proc/mounts
	check "stat -f shows the type" test "$(stat -f -c %t /mnt)" = 706b65726e6673
	check "df works" df /mnt
	check "statfs counts inodes" test "$(stat -f -c '%c' /mnt)" -ge 5000
	check "ls works" ls -la /mnt

	check "a second mount" mount -t pkernfs none /tmp/second
	chmod 751 /mnt
	check "shares the superblock" test "$(stat -c %a,%d /tmp/second)" = "751,$(stat -c %d /mnt)"
	check_fails "a second mount cannot format" "unmount it before formatting" \
		mount -t pkernfs -o format none /tmp/second
	check_fails "a second mount cannot differ in ro" "already mounted read-write" \
		mount -t pkernfs -o ro none /tmp/second
	check_fails "a second mount cannot have another layout" "only -o format changes that" \
		mount -t pkernfs -o block=1G none /tmp/second
	check "the first mount is unharmed by refused ones" chmod 750 /mnt
	umount /tmp/second

	check_fails "a remount cannot format" "a remount cannot format" \
		mount -o remount,format /mnt
	check "a remount to read-only" mount -o remount,ro /mnt
	check_fails "which then is" "Read-only file system" chmod 700 /mnt
	check "and back" mount -o remount,rw /mnt
	check "which then is writable" chmod 700 /mnt
	check "unmount" umount /mnt
	check "mount read-only" mount -t pkernfs -o ro pkernfs0 /mnt
	check "with the mode that was set" test "$(stat -c %a /mnt)" = 700
	check "with the options shown accepted" mount -o "remount,$(options)" /mnt
	umount /mnt
	check_fails "a larger layout than the region's" "only -o format changes that" \
		mount -t pkernfs -o inodes=6000 pkernfs0 /mnt
	mkdir /tmp/a /tmp/b
	check "two processes can mount and unmount at once" sh -c '
		loop() {
			for i in $(seq 40); do
				mount -t pkernfs pkernfs0 $1 && umount $1 || exit 1
			done
		}
		loop /tmp/a & pid=$!
		loop /tmp/b && wait $pid'
	check "the region stays claimed when it is unmounted" \
		grep -q '40000000-4fffffff : pkernfs0' /proc/iomem
}
