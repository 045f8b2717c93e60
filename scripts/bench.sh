#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make bench: measure pkernfs beside what people would use instead, in one guest.
# ICOUNT=1 does it a second time with a clock that counts instructions, whatever
# else the machine does. Installs and builds what that needs; what comes out is in
# build/bench/.

set -euo pipefail
# Not for debugging, but likewise a kernel of its own.
export DEBUG=bench
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
BENCH=$BUILD/bench

# measure KIND GUEST: run a file of scripts/guest/.
measure() {
	local dir=$BENCH/$1

	mkdir "$dir"
	"$REPO/scripts/run-guest.sh" "$REPO/scripts/guest/$2.sh" "$dir"
	! grep -A 30 '^not ok' "$dir/tap"
}

# The pause that a KVM guest sees, by the kernel that has KVM.
live_update() {
	DEBUG='' "$REPO/scripts/demo.sh" >"$BENCH/live-update.txt"
}

"$REPO/scripts/install-deps.sh" bench
"$REPO/scripts/prepare-kernel.sh"
"$REPO/scripts/build-kernel.sh"
"$REPO/scripts/build-initramfs.sh" mkfs.ext4 fio
find_kernel
ACCEL=$(DEBUG='' "$REPO/scripts/choose-accel.sh")
export ACCEL
rm -rf "$BENCH"
mkdir -p "$BENCH"
step "Measuring a live update" live_update
step "Measuring ($ACCEL)" measure timed bench
[[ ${ICOUNT:-} != 1 ]] ||
	ACCEL=tcg step "Counting instructions" measure icount bench-icount
"$REPO/scripts/bench-report.py" "$BENCH"
