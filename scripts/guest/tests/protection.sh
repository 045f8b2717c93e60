# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034,SC2016
#
# Hibernation while a region is mounted, and a locked down kernel.

MEM=2G
TIMEOUT=240
CMDLINE="memmap=256M!1G pkernfs=256M!1G"

hibernate() {
	echo disk >/sys/power/state
}

boot1() {
	# As SNAPSHOT_MINOR of <linux/miscdevice.h> says; there is no udev.
	mknod /dev/snapshot c 10 231
	check "this kernel can hibernate" grep -qw disk /sys/power/state
	check "with no region mounted, hibernation begins" sh -c 'exec 3</dev/snapshot'
	check_fails "mounting has to wait for its end" "cannot be mounted during hibernation" sh -c \
		'exec 3</dev/snapshot && mount -t pkernfs pkernfs0 /mnt'
	check "then it succeeds" mount -t pkernfs pkernfs0 /mnt
	echo data >/mnt/file
	check_fails "with a region mounted, hibernation is refused" \
		"hibernation refused: regions are mounted" hibernate
	check_fails "user space cannot make an image either" \
		"hibernation refused: regions are mounted" sh -c 'exec 3</dev/snapshot'
	check_fails "nor restore one" \
		"hibernation refused: regions are mounted" sh -c 'exec 3>/dev/snapshot'
	check "the region works on" test "$(cat /mnt/file)" = data
	umount /mnt
	check "unmounting permits it again" sh -c 'exec 3</dev/snapshot'
	next_kernel -s "$CMDLINE lockdown=confidentiality"
}

boot2() {
	mount -t securityfs securityfs /sys/kernel/security
	check "this kernel is locked down" \
		grep -qF '[confidentiality]' /sys/kernel/security/lockdown
	check "the region mounts" mount -t pkernfs -o check pkernfs0 /mnt
	check "and can be read" test "$(cat /mnt/file)" = data
	check "and written" sh -c 'echo more >>/mnt/file'
	check_fails "/dev/mem stays closed" "not permitted" sh -c 'exec 3</dev/mem'
	check_fails "/proc/kcore stays closed" "not permitted" sh -c 'exec 3</proc/kcore'
	cat /dev/vda >/tmp/kernel
	check_fails "kexec_load stays closed" "not permitted" \
		kexec -c -l /tmp/kernel --command-line=x
}
