#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make test: every level of tests, fastest first. Installs and builds what they
# need. The last line is the sum, and the exit status follows it.
#
# make soak, run-tests.sh soak: the long variants of those that have one. SOAK is
# how many times longer guests run, SOAK_SECONDS how long each in user space.
#
# make test DEBUG=1: the tests in guests, on each of the debug kernels, or on the
# one that DEBUG names; see debug-*.config.

set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
MODE=${1:-test}
# Where many do things at once: where there can be data races.
CONCURRENT=(mmap_stress selftests stress workload)
started=$(now)
passed=0 failed=0 skipped=0
table=

# count PATTERN FILE
count() {
	grep -cE "$1" "$2" || :
}

# add_up NAME STATUS LOG: what a level says in its last line, or else what its
# TAP says, or else its exit status.
add_up() {
	local name=$1 status=$2 log=$3 p f s

	s=$(count '^ok .*# SKIP' "$log")
	if [[ $(tail -n 1 "$log") =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed(,\ ([0-9]+)\ skipped)?$ ]]; then
		p=${BASH_REMATCH[1]} f=${BASH_REMATCH[2]} s=${BASH_REMATCH[4]:-$s}
	else
		f=$(count '^not ok ' "$log")
		p=$(($(count '^ok ' "$log") - s))
		((p + f + s > 0 || status > 0)) || p=1
	fi
	((status == 0 || f > 0)) || f=1
	((passed += p, failed += f, skipped += s, 1))
	table+=$(printf '%-11s %5d passed, %d failed, %d skipped  %8s s' \
		"$name" "$p" "$f" "$s" "$(seconds_since "$start")")$'\n'
}

# level NAME COMMAND...
level() {
	local name=$1 start status=0 log
	shift

	log=$LOGS/level-$name.log
	mkdir -p "$LOGS"
	start=$(now)
	printf '\n== %s ==\n' "$name"
	"$@" 2>&1 | tee "$log" || status=$?
	add_up "$name" $status "$log"
	return $status
}

build() {
	"$REPO/scripts/build-kernel.sh" && "$REPO/scripts/build-initramfs.sh" &&
		"$REPO/scripts/build-guest-disk.sh"
}

user_tests() {
	local target=check

	[[ $MODE != soak ]] || target=soak
	make -s -C "$REPO/tools/testing/pkernfs" BUILD="$BUILD/user" $target
}

guest_tests() {
	if [[ $MODE == soak ]]; then
		SOAK=${SOAK:-10} "$REPO/scripts/qemu-kexec-test.sh" workload panic qemu_live_update
	elif [[ ${DEBUG:-} == kcsan ]]; then
		"$REPO/scripts/qemu-kexec-test.sh" "${CONCURRENT[@]}"
	else
		"$REPO/scripts/qemu-kexec-test.sh"
	fi
}

# guests SUFFIX: build the kernel and run tests on it; the suffix is for the
# names of these two levels.
guests() {
	if level "build$1" build; then
		level "guest$1" guest_tests || :
	else
		echo "guest tests cannot run without a kernel"
	fi
}

"$REPO/scripts/install-deps.sh"
if [[ -n ${DEBUG:-} ]]; then
	[[ $DEBUG != 1 ]] || DEBUG="kasan kcsan"
	for kernel in $DEBUG; do
		export DEBUG=$kernel
		"$REPO/scripts/prepare-kernel.sh"
		guests "-$kernel"
	done
else
	"$REPO/scripts/prepare-kernel.sh"
	[[ $MODE == soak || ! -f $REPO/scripts/lint.sh ]] ||
		level lint "$REPO/scripts/lint.sh" || :
	[[ ! -d $REPO/tools/testing/pkernfs ]] || level user user_tests || :
	guests ""
fi

printf '\n%s%s s in all\n\n' "$table" "$(seconds_since "$started")"
printf '%d passed, %d failed' $passed $failed
[[ $skipped -eq 0 ]] || printf ', %d skipped' $skipped
echo
[[ $failed -eq 0 ]]
