# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034
#
# What happens when a mounted region turns out to be damaged: errors=. Kernel 1
# makes files, kernel 2 (no pkernfs=) damages the inode of one in each region,
# kernel 3 meets the damage. Its panic starts kernel 4.

MEM=2G
LEAKS=1
CMDLINE="memmap=16M!1024M,16M!1056M,16M!1088M pkernfs=16M!1024M,16M!1056M,16M!1088M crashkernel=256M"
# For /dev/mem the ranges are reserved, not persistent memory.
MEMMAP="$(echo "${CMDLINE%% pkernfs=*}" | tr '!' '$') iomem=relaxed"
LOG_ALLOW='Kernel panic - not syncing: pkernfs: pkernfs2 is damaged, and mounted with errors=panic|Call Trace'

# shellcheck source=scripts/guest/devmem-lib.sh
. /pkernfs/tests/devmem-lib.sh

boot1() {
	for i in 0 1 2; do
		check "region $i is formatted" mount -t pkernfs pkernfs$i /mnt
		echo good >/mnt/good
		echo bad >/mnt/bad
		mkdir /mnt/dir
		[ "$(stat -c %i /mnt/bad)" -eq 3 ] || not_ok "the bad file is inode 3"
		umount /mnt
	done
	next_kernel -s "$MEMMAP"
}

# The mode of a file of no type.
boot2() {
	for i in 0 1 2; do
		printf '\0\0' | put $i "$(inode_offset $i 3)"
	done
	next_kernel
}

meets_damage() {
	check_fails "$1" "Structure needs cleaning" stat /mnt/bad
}

has_options() {
	grep -q " /mnt pkernfs $1,.*errors=$2," /proc/mounts
}

# Everything that changes something, also by what was open before.
changes_nothing() {
	check_fails "$1: no new file" "Read-only file system" touch /mnt/new
	check_fails "$1: no deletion" "Read-only file system" rm /mnt/good
	check_fails "$1: no truncation" "Read-only file system" sh -c ': >/mnt/good'
	check_fails "$1: no write by an open file" "Read-only file system" \
		sh -c 'cat /proc/version >&4'
	check_fails "$1: not writable again" "stays read-only, since it is damaged" \
		mount -o remount,rw /mnt
	check "$1: what is not damaged can be read" test "$(cat /mnt/good)" = good
}

becomes_read_only() {
	exec 4<>/mnt/good
	meets_damage "$1: damage is met"
	check "$1: and it is shown" has_options rw,.*emergency_ro remount-ro
	changes_nothing "$1"
	check_fails "$1: a refused remount changes nothing" "stays read-only" \
		mount -o remount,rw,errors=panic /mnt
	check "$1: not even errors=" has_options rw,.*emergency_ro remount-ro
	exec 4>&-
	check "$1: it can become read-only for good" mount -o remount,ro /mnt
	check "$1: which is shown" has_options ro,.*emergency_ro remount-ro
	umount /mnt
}

# A superblock that becomes SB_RDONLY while it is frozen is never thawed.
meets_damage_frozen() {
	check "frozen" mount -t pkernfs pkernfs0 /mnt
	exec 4<>/mnt/good
	check "frozen: it is" fsfreeze --freeze /mnt
	meets_damage "frozen: damage is met"
	check "frozen: and thawed again" fsfreeze --unfreeze /mnt
	changes_nothing "frozen"
	exec 4>&-
	check "frozen: it is unmounted" umount /mnt
}

boot3() {
	mkdir /tmp/second
	check "by default" mount -t pkernfs pkernfs0 /mnt
	check "damage makes it read-only" has_options rw remount-ro
	becomes_read_only "remount-ro"
	meets_damage_frozen
	check_fails "a check finds it at once" "did not pass the check" \
		mount -t pkernfs -o check pkernfs0 /mnt
	check "a new mount is writable until damage is met" mount -t pkernfs pkernfs0 /mnt
	check "indeed" touch /mnt/new
	umount /mnt

	check_fails "another word is refused" "Bad value for 'errors'" \
		mount -t pkernfs -o errors=ignore pkernfs1 /mnt
	check "errors=continue" mount -t pkernfs -o errors=continue pkernfs1 /mnt
	check "it is shown" has_options rw continue
	check_fails "a second mount cannot have another" "already mounted with errors=continue" \
		mount -t pkernfs -o errors=panic pkernfs1 /tmp/second
	meets_damage "errors=continue: damage is met"
	check "errors=continue: and the rest goes on" touch /mnt/new
	meets_damage "errors=continue: damage is met again"
	check "errors=continue: it stays writable" has_options rw continue
	check "a remount changes the policy" mount -o remount,errors=remount-ro /mnt
	becomes_read_only "after the remount"

	check "errors=panic" mount -t pkernfs -o errors=panic pkernfs2 /mnt
	check "it is shown" has_options rw panic
	check "a remount of something else leaves it" mount -o remount,noatime /mnt
	check "it is shown still" has_options rw panic
	load_kernel -p "${CMDLINE% crashkernel=*} nr_cpus=1 reset_devices"
	note "errors=panic: damage is met"
	drain_tap
	stat /mnt/bad
	not_ok "errors=panic: the kernel panics"
}

boot4() {
	ok "errors=panic: the kernel panics"
	check "the crash kernel is one" test -e /proc/vmcore
}
