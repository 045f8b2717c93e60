#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# qemu-kexec-test.sh [NAME...]: run tests in guests, scripts/guest/tests/NAME.sh
# or all of them, two at a time, and print their TAP. Needs a built kernel and
# initramfs. What each one left is in build/<base>/test/NAME/.

set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
find_kernel
TESTS=$REPO/scripts/guest/tests
RESULTS=$KDIR/test
declare -A running=()

run_one() {
	local start

	start=$(now)
	mkdir -p "$RESULTS/$1"
	setpriv --pdeathsig TERM "$REPO/scripts/run-guest.sh" "$TESTS/$1.sh" "$RESULTS/$1"
	seconds_since "$start" >"$RESULTS/$1/seconds"
}

# report NAME STATUS: a test's verdicts, as a TAP subtest.
report() {
	local dir=$RESULTS/$1 kernels

	[[ $2 -eq 0 ]] || echo "not ok 0 - the harness itself works" >>"$dir/tap"
	kernels=$(grep -c '^# kernel ' "$dir/tap" || :)
	printf '\n# %s: %s s, kernels: %d\n' "$1" \
		"$(cat "$dir/seconds" 2>/dev/null || echo '?')" "$kernels"
	grep -vE '^# (kernel |done)|^1\.\.' "$dir/tap" | sed 's/^/    /'
	! grep -q '^not ok' "$dir/tap" || echo "    # look into $(shown "$dir")/serial.log"
}

wait_for_one() {
	local pid status=0

	wait -n -p pid || status=$?
	report "${running[$pid]}" $status
	unset "running[$pid]"
}

# cases PATTERN: the lines of this run's TAP that match.
cases() {
	local name

	for name in "${names[@]}"; do
		grep -hE "$1" "$RESULTS/$name/tap" | sed "s/^/$name: /" || :
	done
}

summary() {
	local failed skipped all

	failed=$(cases '^not ok ')
	skipped=$(cases '^ok .*# SKIP')
	all=$(cases '^(not )?ok ' | wc -l)
	[[ -z $skipped ]] || printf '\nSkipped:\n%s\n' "${skipped//: ok /: }"
	[[ -z $failed ]] || printf '\nFailed:\n%s\n' "${failed//: not ok /: }"

	failed=$(grep -c . <<<"$failed" || :)
	skipped=$(grep -c . <<<"$skipped" || :)
	printf '\n%d passed, %d failed' $((all - failed - skipped)) "$failed"
	[[ $skipped -eq 0 ]] || printf ', %d skipped' "$skipped"
	echo
	[[ $failed -eq 0 ]]
}

[[ -f $KDIR/obj/arch/x86/boot/bzImage && -f $KDIR/initramfs.cpio.gz ]] ||
	die "no kernel has been built for $KBASE yet" \
		"run make test, or scripts/build-kernel.sh and scripts/build-initramfs.sh"
names=("$@")
[[ $# -gt 0 ]] || mapfile -t names < <(basename -s .sh -a "$TESTS"/*.sh)
for name in "${names[@]}"; do
	[[ -f $TESTS/$name.sh ]] || die "there is no test $name in $(shown "$TESTS")"
done

# Two runs would write to the same files.
exec {lock}>"$KDIR/test.lock"
flock -n $lock || echo "waiting for another run of the guest tests"
flock $lock

ACCEL=$("$REPO/scripts/choose-accel.sh")
export ACCEL
echo "${#names[@]} guest tests, Linux $KBASE, accelerator $ACCEL"
# shellcheck disable=SC2046 # pids are words
trap 'kill $(jobs -p) 2>/dev/null || :' EXIT
trap 'exit 130' INT TERM
for name in "${names[@]}"; do
	[[ ${#running[@]} -lt 2 ]] || wait_for_one
	run_one "$name" &
	running[$!]=$name
done
while [[ ${#running[@]} -gt 0 ]]; do
	wait_for_one
done
summary
