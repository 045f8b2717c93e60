# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034
#
# By how large pages KVM maps a guest's memory: as large as data blocks are. KVM's
# own counters tell.

MEM=6G
CMDLINE="memmap=384M!1G,2G!4G pkernfs=384M!1G,2G!4G"
TIMEOUT=240

# shellcheck source=scripts/guest/vmm-lib.sh
. /pkernfs/tests/vmm-lib.sh

# pages 4k|2m|1g: how many such pages guest 1 is mapped by
pages() {
	cat "/sys/kernel/debug/kvm/$(vm_pid 1)-"*"/pages_$1"
}

# maps REGION MIB 4K 2M 1G: a guest of MIB MiB has that many pages of each size
maps() {
	local region="$1" mib="$2" counts

	VMS=/tmp/$region
	mkdir "$VMS"
	shift 2
	check "$region is formatted" mount -t pkernfs -o format,"$BLOCK" "$region" "$VMS"
	run_vm 1 start "$mib"
	check "a guest of $mib MiB has written to all of it" vm_says 1 running
	counts="$(pages 4k) $(pages 2m) $(pages 1g)"
	note "pages of 4 KiB, 2 MiB, 1 GiB: $counts"
	check "KVM maps it by $* pages of 4 KiB, 2 MiB and 1 GiB" test "$counts" = "$*"
	check "the guest pauses" pause_vm 1
	umount "$VMS"
}

boot1() {
	BLOCK=block=2M
	maps pkernfs0 128 0 64 0
	BLOCK=block=1G
	maps pkernfs1 1024 0 0 1
	next_kernel
}

boot2() {
	VMS=/tmp/pkernfs1
	mkdir $VMS
	check "the next kernel mounts it, checked" mount -t pkernfs -o check pkernfs1 $VMS
	run_vm 1 resume
	check "the guest is resumed" vm_says 1 resumed
	note "$LINE"
	check "and goes on" vm_says 1 running
	# What it has touched since is in the one page.
	check "by one page of 1 GiB" test "$(pages 4k) $(pages 2m) $(pages 1g)" = "0 0 1"
	check "and pauses" pause_vm 1
}
