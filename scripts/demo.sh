#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make demo: a KVM guest, its memory on pkernfs, goes on counting while the host
# changes its kernel. Installs and builds what that needs. The last line tells how
# long the guest was paused and how much of that pkernfs took, or which step failed.

set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

# What the guest notes, with the time at which the host reads it, in milliseconds.
timeline() {
	local line

	tail -n +1 -f -s 0.05 --pid="$guest" "$DIR/tap" | while IFS= read -r line; do
		[[ $line != '# demo: '* ]] ||
			echo "$((($(now) - start) / 1000)) ${line#\# demo: }"
	done
}

show() {
	local ms text

	while read -r ms text; do
		printf '  %3d.%03d s  %s\n' $((ms / 1000)) $((ms % 1000)) "$text"
	done
}

# time_of TEXT: when the line that begins with it came, in milliseconds
time_of() {
	sed -n "s/^\([0-9]*\) $1.*/\1/p" "$DIR/timeline" | tail -n 1
}

# What pkernfs took between pause and resume: saving, mounting, mapping.
pkernfs_us() {
	sed -n 's/^# pkernfs: \([0-9]*\)$/\1/p' "$DIR/tap" |
		awk 'NR > 1 { sum += $1 } END { print sum + 0 }'
}

# tenths MICROSECONDS: in milliseconds
tenths() {
	printf '%d.%d' $(($1 / 1000)) $(($1 % 1000 / 100))
}

failed_step() {
	sed -n 's/^not ok [0-9]* - //p' "$DIR/tap" | head -n 1
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
echo "0 QEMU starts a host ($ACCEL)" | show
timeline | tee "$DIR/timeline" | show
wait $guest

echo
if grep -q '^not ok' "$DIR/tap"; then
	grep -A 30 '^not ok' "$DIR/tap"
	printf '\nlive update FAILED at: %s; see above and %s\n' "$(failed_step)" \
		"$(shown "$DIR")/serial.log"
	exit 1
fi
us=$(pkernfs_us)
paused=$(time_of 'guest paused')
released=$(time_of 'kexec')
mounted=$(time_of 'mounted')
runs=$(time_of 'guest runs again')
printf '  pause      %6d ms, of it\n' $((runs - paused))
printf '  old kernel %6d ms  from the pause until kexec\n' $((released - paused))
printf '  new kernel %6d ms  from kexec until the region is mounted\n' $((mounted - released))
printf '  resume     %6d ms  from the mount until the guest runs\n' $((runs - mounted))
printf '  pkernfs    %6s ms  saving, mounting and mapping, in all of these\n\n' "$(tenths "$us")"
echo "live update OK: paused $((runs - paused)) ms, pkernfs $(tenths "$us") ms"
