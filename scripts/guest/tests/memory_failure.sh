# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034
#
# A page of a guest's memory that the hardware reports as damaged: that guest is
# told, others are not, and the page stays out of use through kexecs.

MEM=2G
CMDLINE="memmap=256M!1G pkernfs=256M!1G"
MIB=16
BAD=$((5 << 20))

# shellcheck source=scripts/guest/vmm-lib.sh
. /pkernfs/tests/vmm-lib.sh

used() {
	stat -f -c '%b %f' /mnt | { read -r b f && echo $((b - f)); }
}

# read_page MIB: the page that is MIB MiB behind the start of guest 1's memory
read_page() {
	dd if=$VMS/vm1/memory of=/dev/null bs=4096 count=1 skip=$(($1 << 8))
}

# bad_stays_bad KERNEL
bad_stays_bad() {
	check_fails "$1 cannot read the page" "Input/output error" read_page 5
	check "but the one before it" read_page 4
}

killed_by_sigbus() {
	wait "$(vm_pid 1)"
	test $? -eq $((128 + 7))
}

boot1() {
	check "a new region is formatted" mount -t pkernfs pkernfs0 /mnt
	for n in 1 2; do
		run_vm $n start $MIB
		check "guest $n runs" vm_says $n running
	done
	check "a page of guest 1's memory is reported" poison $VMS/vm1/memory $BAD
	check "guest 1's VMM gets SIGBUS" killed_by_sigbus
	check "guest 2 has gone on" pause_vm 2
	bad_stays_bad "this kernel"
	next_kernel
}

boot2() {
	check "the next kernel mounts it, checked" \
		mount -t pkernfs -o check pkernfs0 /mnt || done_testing
	bad_stays_bad "the next kernel"
	rm -r $VMS/vm1
	run_vm 2 resume
	check "guest 2 is resumed" vm_says 2 resumed
	check "guest 2 goes on" vm_says 2 running
	check "guest 2 pauses" pause_vm 2
	rm -r $VMS/vm2
	# One data block, and the tables that lead to it.
	check "the page's block stays in use" test "$(used)" -eq 512
	next_kernel
}

boot3() {
	check "a third kernel mounts it, checked" \
		mount -t pkernfs -o check pkernfs0 /mnt || done_testing
	check "the page's block is still in use" test "$(used)" -eq 512
	dd if=/dev/zero of=/mnt/all bs=1M 2>/dev/null
	check "all else can be used" test "$(df -k /mnt | awk 'END { print $4 }')" -eq 0
	check "and read" md5sum /mnt/all
}
