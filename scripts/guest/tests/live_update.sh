# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034
#
# Live update: KVM guests that count and check their memory go on counting through
# three kexecs, with no step lost and no byte changed.

MEM=2G
CMDLINE="memmap=512M!1G pkernfs=512M!1G"
TIMEOUT=240
GUESTS="1 2 3"
MIB=48

# shellcheck source=scripts/guest/vmm-lib.sh
. /pkernfs/tests/vmm-lib.sh

sum_memory() {
	md5sum <"$VMS/vm$1/memory"
}

# Pause all, and write down where they are.
pause_all() {
	local n

	for n in $GUESTS; do
		check "guest $n pauses, without errors" pause_vm "$n"
		steps >"$VMS/vm$n/steps"
		sum_memory "$n" >"$VMS/vm$n/sum"
	done
}

resume_all() {
	local n before

	for n in $GUESTS; do
		before=$(cat "$VMS/vm$n/steps")
		check "no byte of guest $n's memory has changed" \
			test "$(cat "$VMS/vm$n/sum")" = "$(sum_memory "$n")"
		run_vm "$n" resume
		check "guest $n is resumed" vm_says "$n" resumed
		note "$LINE"
		check "no step of guest $n is lost" test "$(steps)" = "$before"
		check "guest $n goes on" vm_says "$n" running
		check "its counter too" test "$(steps)" -gt "$before"
	done
}

boot1() {
	local n

	check "a new region is formatted" mount -t pkernfs pkernfs0 /mnt
	for n in $GUESTS; do
		run_vm "$n" start $MIB
		check "guest $n runs" vm_says "$n" running
		note "$LINE"
	done
	pause_all
	next_kernel
}

go_on() {
	check "kernel $BOOT mounts it, checked" \
		mount -t pkernfs -o check pkernfs0 /mnt || done_testing
	resume_all
	pause_all
}

boot2() {
	go_on
	next_kernel -c
}

boot3() {
	go_on
	next_kernel
}

# What the guest is there for: one wrong byte in the middle of its memory.
boot4() {
	go_on
	printf 'X' | dd of=$VMS/vm1/memory bs=1 seek=$((MIB << 19)) conv=notrunc 2>/dev/null
	check_fails "a guest notices a wrong byte" "the guest found" vmm resume $VMS/vm1
	check_fails "and is not resumed again from before that" \
		"vm1/state: No such file" vmm resume $VMS/vm1
}
