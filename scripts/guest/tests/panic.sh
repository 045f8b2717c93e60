# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034
#
# Ten panics (times SOAK) at random moments of a random workload. Each starts the
# crash kernel, which finds all of it and resets the machine. RAM survives that in
# QEMU, the region lies far from where QEMU loads kernel (1 MiB) and initrd (end
# of RAM), and the first kernel boots again. Only pkernfs can tell it that it is
# not the first time: how far the test got is in a file there.

MEM=2G
# One CPU stops the kernel while the others work.
SMP=3
CMDLINE="memmap=256M!1G pkernfs=256M!1G crashkernel=192M"
QEMU_ARGS="-action reboot=reset"
TIMEOUT=600
LOG_ALLOW='Kernel panic - not syncing: sysrq triggered crash|Call Trace'
PANICS=$((10 * $(param soak)))

# shellcheck source=scripts/guest/workload-lib.sh
. /pkernfs/tests/workload-lib.sh

# remember NAME: who comes next, A or the crash kernel B
remember() {
	echo "CYCLE=$CYCLE COUNT=$COUNT NEXT=$1" >/mnt/progress.new
	mv /mnt/progress.new /mnt/progress
}

mount_and_recall() {
	CYCLE=0 NEXT=A
	mount -t pkernfs -o check pkernfs0 /mnt || return
	# shellcheck source=/dev/null
	[ ! -f /mnt/progress ] || . /mnt/progress
}

# recover NAME TITLE
recover() {
	check "$2 mounts it, checked" mount_and_recall || done_testing
	if [ "$NEXT" != "$1" ]; then
		not_ok "$2 is next after panic $CYCLE, not kernel $NEXT"
		done_testing
	fi
}

find_everything() {
	verify_workload "$1 finds everything, panic $CYCLE"
}

boot1() {
	recover A "the next kernel"
	find_everything "the next kernel"
	[ "$CYCLE" -lt $PANICS ] || done_testing
	CYCLE=$((CYCLE + 1))
	remember B
	load_kernel -p "${CMDLINE% crashkernel=*} nr_cpus=1 reset_devices"
	start_workload
	reach_random_moment
	drain_tap
	echo c >/proc/sysrq-trigger
}

boot2() {
	recover B "the crash kernel"
	check "it is one indeed" test -e /proc/vmcore
	check_fails "there the mount is read-only" "Read-only file system" touch /mnt/x
	check "until it is asked for more" mount -o remount,rw /mnt
	# This ends operations that were interrupted, and so writes.
	find_everything "the crash kernel"
	remember A
	drain_tap
	reboot -f
}
