#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make demo: a region is formatted, the kernel replaced by kexec, and the region
# is still there. Installs and builds what that needs.

set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

# What the guest notes, with the time at which the host reads it.
timeline() {
	local line

	printf '  %6s s  %s\n' 0.0 "QEMU starts a machine ($ACCEL)"
	tail -n +1 -f -s 0.05 --pid="$guest" "$DIR/tap" | while IFS= read -r line; do
		[[ $line != '# demo: '* ]] ||
			printf '  %6s s  %s\n' "$(seconds_since "$start")" "${line#\# demo: }"
	done
}

"$REPO/scripts/install-deps.sh"
"$REPO/scripts/prepare-kernel.sh"
"$REPO/scripts/build-kernel.sh"
"$REPO/scripts/build-initramfs.sh"
find_kernel
DIR=$KDIR/demo
ACCEL=$("$REPO/scripts/choose-accel.sh")
export ACCEL

echo
mkdir -p "$DIR"
: >"$DIR/tap"
start=$(now)
"$REPO/scripts/run-guest.sh" "$REPO/scripts/guest/demo.sh" "$DIR" &
guest=$!
trap 'kill $guest 2>/dev/null || :' EXIT
timeline
wait $guest
printf '  %6s s  the machine is off\n\n' "$(seconds_since "$start")"

if grep -q '^not ok' "$DIR/tap"; then
	grep -A 30 '^not ok' "$DIR/tap"
	printf '\nFAILED: see above and %s\n' "$(shown "$DIR")/serial.log"
	exit 1
fi
echo "OK: pkernfs0 survived kexec. The kernel's own words: $(shown "$DIR")/serial.log"
