# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034
#
# What `make demo` shows: a KVM guest that goes on counting in the next kernel. Its
# "demo:" notes are the lines of the timeline; scripts/demo.sh takes the times of
# some of them, and adds up what "pkernfs:" notes say, in microseconds.

MEM=2G
CMDLINE="memmap=512M!1G pkernfs=512M!1G"
TIMEOUT=120
MIB=64

# shellcheck source=scripts/guest/vmm-lib.sh
. /pkernfs/tests/vmm-lib.sh

# step WHAT COMMAND...: a part of the live update, by the name to fail with
step() {
	check "$@" || done_testing
}

show() {
	note "demo: $*"
}

mount_region() {
	step "mount" mount -t pkernfs pkernfs0 /mnt
	LINE=$(dmesg | sed -n 's/.*pkernfs: \(pkernfs0: .* us\)$/\1/p' | tail -n 1)
	note "pkernfs: $(echo "$LINE" | sed 's/.*, \([0-9]*\) us$/\1/')"
	show "mounted: $LINE"
}

boot1() {
	show "kernel 1 is up ($(uname -r))"
	mount_region
	run_vm 1 start $MIB
	step "start the guest" vm_says 1 running
	show "a KVM guest with $MIB MiB in /mnt/vm1/memory is $LINE"
	# Loaded before the pause. Verdicts are counted up to here: only a failure may
	# follow.
	load_kernel -s
	kill -TERM "$(vm_pid 1)"
	if ! vm_says 1 paused; then
		not_ok "pause the guest: $LINE"
		done_testing
	fi
	steps >/mnt/steps
	show "guest paused, its CPU saved in /mnt/vm1/state: $LINE"
	note "pkernfs: $(microseconds)"
	show "kexec: the old kernel lets go"
	start_kernel
}

boot2() {
	show "kernel 2 is up ($(uname -r))"
	mount_region
	run_vm 1 resume
	step "map the guest's memory and restore its CPU" vm_says 1 resumed
	note "pkernfs: $(microseconds)"
	show "guest $LINE"
	step "resume at the step where it was paused" test "$(steps)" = "$(cat /mnt/steps)"
	step "run the guest" vm_says 1 running
	show "guest runs again: $LINE"
	step "let the counter go on" test "$(steps)" -gt "$(cat /mnt/steps)"
	step "pause it once more, all of its memory as it left it" pause_vm 1
	show "guest has counted on, and was $LINE"
}
