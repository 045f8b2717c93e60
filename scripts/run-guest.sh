#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# run-guest.sh TEST DIRECTORY: boot the guest and let it run one test, a file
# of scripts/guest/. Leaves in DIRECTORY
#   tap         the verdicts, as the guest wrote them
#   serial.log  the log of all its kernels
#   qemu.log    QEMU's own complaints
#   monitor.log the state of the processors, if the guest hung
# and adds to the verdicts what only the host can see: that the guest ran to
# its end, and that its kernels logged no warning. ACCEL is tcg or kvm. SOAK is
# how many times longer tests run that can run as long as one likes. DEBUG names
# a debug kernel, see find_kernel().

set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
find_kernel
shopt -s extglob
TEST=$1
DIR=$2
SOAK=${SOAK:-1}
KERNEL=$KDIR/obj/arch/x86/boot/bzImage
INITRD=$KDIR/initramfs.cpio.gz

# What a healthy kernel never logs.
TROUBLE='WARNING:|BUG:|BUG |Oops|KASAN|KFENCE|UBSAN|Kernel panic|Call Trace'
TROUBLE+='|general protection|unable to handle|possible [a-z]* *(lock|dead|recurs|deadlock)'
TROUBLE+='|suspicious RCU|inconsistent lock|turning off the locking|suspected memory leak'
TROUBLE+='|leaked|stall|hung task'
TROUBLE+='|blocked for more than|lockup|list_(add|del) corruption|refcount_t|segfault'
TROUBLE+='|Bad page|bad p[4gmu]d|scheduling while atomic|sleeping function|nobody cared|traps:'

# The test's settings, which stand in its file as plain assignments.
read_settings() {
	MEM=1G SMP=2 CMDLINE='' TIMEOUT=120 LOG_ALLOW='' QEMU_ARGS='' DISK='' LEAKS=''
	IOMMU='' DEBUG_ARGS=''
	eval "$(grep -E '^(MEM|SMP|CMDLINE|TIMEOUT|LOG_ALLOW|QEMU_ARGS|DISK|LEAKS|IOMMU)=' "$TEST")"
	TIMEOUT=$((TIMEOUT * SOAK))
	[[ -n ${DEBUG:-} && $DEBUG != bench ]] || return 0
	# A debug kernel is slow, and keeps books about memory in memory.
	TIMEOUT=$((TIMEOUT * 6))
	MEM=$(($(numfmt --from=iec "$MEM") / 1048576 + 1024))M
	CMDLINE=${CMDLINE/crashkernel=*([0-9])M/crashkernel=640M}
	# The ACPI code that tells PCI interrupts takes half of the time to boot, and
	# runs into its timeouts. Without it no IOMMU is found: a test that needs one
	# says IOMMU=1.
	[[ -n $IOMMU ]] || DEBUG_ARGS=' pci=noacpi,nomsi'
	[[ -z $LEAKS ]] || DEBUG_ARGS+=' kmemleak=on'
}

boot() {
	local args append ended status=0

	: >"$DIR/tap"
	: >"$DIR/serial.log"
	rm -f "$DIR"/monitor.*
	mkfifo "$DIR/monitor.in" "$DIR/monitor.out"
	# Kept by every kernel up to pkernfs_test.*; see next_cmdline in the guest.
	append="console=ttyS0 earlyprintk=ttyS0 panic=-1 oops=panic unknown_nmi_panic"
	# On a busy host an emulated guest measures its TSC wrong, up to a clock
	# that runs eight times too fast; so it has to use the HPET.
	[[ $ACCEL != tcg ]] || append+=" tsc=unstable"
	append+=$DEBUG_ARGS
	append+=" pkernfs_test.name=$(basename "$TEST" .sh)"
	append+=" pkernfs_test.boot=1 pkernfs_test.count=0 pkernfs_test.soak=$SOAK"
	append+=" pkernfs_test.debug=${DEBUG:-} $CMDLINE"
	args=(
		-machine pc -accel "$ACCEL" -cpu max -smp "$SMP" -m "$MEM"
		-nodefaults -no-user-config -display none -no-reboot
		-serial "file:$DIR/serial.log" -serial "file:$DIR/tap"
		-chardev "pipe,id=monitor,path=$DIR/monitor" -mon chardev=monitor
		-kernel "$KERNEL" -initrd "$INITRD" -append "$append"
		# For kexec, as /dev/vda and vdb.
		-drive "file=$KERNEL,format=raw,if=virtio,readonly=on"
		-drive "file=$INITRD,format=raw,if=virtio,readonly=on"
	)
	# The test's own, a file of build/<base>, as /dev/vdc.
	[[ -z $DISK ]] ||
		args+=(-drive "file=$KDIR/$DISK,format=raw,if=virtio,readonly=on")
	# shellcheck disable=SC2206 # words are what the test means
	args+=($QEMU_ARGS)
	# Neither may outlive this script, however it ends.
	setpriv --pdeathsig KILL qemu-system-x86_64 "${args[@]}" >"$DIR/qemu.log" 2>&1 &
	qemu=$!
	setpriv --pdeathsig KILL sleep "$TIMEOUT" &
	timer=$!
	trap 'kill -KILL $qemu $timer 2>/dev/null || :' EXIT
	trap 'exit 1' INT TERM
	wait -n -p ended $qemu $timer || status=$?
	if [[ $ended -eq $timer ]]; then
		tell_where_it_hangs
		kill -KILL $qemu 2>/dev/null || :
		status=124
	fi
	kill $timer 2>/dev/null || :
	wait || :
	trap - EXIT
	rm "$DIR/monitor.in" "$DIR/monitor.out"
	return $status
}

# tell_where_it_hangs: QEMU's view of the processors goes to monitor.log, and the
# kernel's own to serial.log: an NMI makes it panic, if it takes one.
tell_where_it_hangs() {
	# But for the lines where it edits what it reads.
	timeout 10 sed -u '/(qemu)/d' "$DIR/monitor.out" >"$DIR/monitor.log" &
	# Open for both: QEMU may end meanwhile, and nobody read it.
	printf '%s\n' 'info registers -a' 'info lapic' 'info pic' nmi 1<>"$DIR/monitor.in"
	timeout 10 tail -f --pid=$qemu /dev/null || :
}

# verdict ok|'not ok' NAME: one more line of TAP, from the host.
verdict() {
	echo "$1 $(($(grep -cE '^(not )?ok ' "$DIR/tap") + 1)) - $2" >>"$DIR/tap"
}

# excerpt FILE: lines of it as TAP's diagnostics.
excerpt() {
	tr -d '\r' | sed 's/^/#   /' >>"$DIR/tap"
}

judge_end() {
	local status=$1 why plan count

	plan=$(sed -n 's/^1\.\.\([0-9]*\)$/\1/p' "$DIR/tap")
	count=$(grep -cE '^(not )?ok ' "$DIR/tap" || :)
	if [[ $status -eq 124 ]]; then
		why="hung: no end after $TIMEOUT s"
	elif [[ $status -ne 0 ]]; then
		why="QEMU failed with status $status"
	elif grep 'Kernel panic' "$DIR/serial.log" | grep -qvE "${LOG_ALLOW:-^$}"; then
		why="its kernel panicked"
	elif ! grep -qx '# done' "$DIR/tap"; then
		why="stopped before the test was done"
	elif [[ $plan != "$count" ]]; then
		why="announced ${plan:-no} verdicts, gave $count"
	else
		verdict ok "guest ran to its end"
		return
	fi
	verdict 'not ok' "guest ran to its end: $why"
	excerpt <"$DIR/qemu.log"
	grep -sE '^(CPU#|RIP=|IRR|ISR)' "$DIR/monitor.log" | excerpt || :
	tail -n 25 "$DIR/serial.log" | excerpt
}

# own_races: KCSAN finds data races all over the kernel. Make empty lines of its
# reports in which pkernfs has no part.
own_races() {
	awk '
	function flush(    i) {
		for (i = 1; i <= n; i++)
			print foreign ? "" : line[i]
		n = foreign = 0
	}
	/==========$/ && n < 2 { flush(); line[n = 1] = $0; next }
	n == 1 { foreign = /BUG: KCSAN:/; if (!foreign) flush() }
	!n { print; next }
	{ line[++n] = $0 }
	/pkernfs/ { foreign = 0 }
	/==========$/ { flush() }
	END { flush() }
	'
}

# is_checked: whether the kernel says that it checks what it is there to check.
is_checked() {
	case ${DEBUG:-} in
	kasan) grep -q 'KernelAddressSanitizer initialized' "$DIR/serial.log" ;;
	kcsan) grep -q 'kcsan: enabled' "$DIR/serial.log" ;;
	esac
}

judge_log() {
	local found

	if ! is_checked; then
		verdict 'not ok' "log clean: nothing says that $DEBUG is at work"
		return
	fi
	found=$(tr -d '\r' <"$DIR/serial.log" | own_races | grep -nv ' tap: ' |
		grep -E "$TROUBLE" | grep -vE "${LOG_ALLOW:-^$}" | head -n 20 || :)
	if [[ -z $found ]]; then
		verdict ok "log clean"
		return
	fi
	verdict 'not ok' "log clean"
	excerpt <<<"$found"
}

read_settings
mkdir -p "$DIR"
status=0
boot || status=$?
# QEMU 7.2 has died of SIGSEGV while it reset an emulated machine. That is no
# verdict about the guest, so it gets one more try, from the beginning.
if [[ $status -eq 139 ]]; then
	echo "QEMU crashed; running $(basename "$TEST" .sh) once more" >&2
	status=0
	boot || status=$?
fi
judge_end $status
judge_log
