#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Print the accelerator for test guests, kvm or tcg. $ACCEL decides if set.
# Otherwise kvm, but only once a guest has run with it: there are hosts on which
# /dev/kvm opens, creates a machine and never runs it. Asked once a host boot.

set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
find_kernel
KNOWN=$BUILD/accel

probe() {
	ACCEL=kvm "$REPO/scripts/run-guest.sh" "$REPO/scripts/guest/probe.sh" "$KDIR/probe"
	! grep '^not ok' "$KDIR/probe/tap"
}

case ${ACCEL:-} in
kvm | tcg)
	echo "$ACCEL"
	exit
	;;
?*)
	die "ACCEL=$ACCEL is neither kvm nor tcg"
	;;
esac

boot_id=$(cat /proc/sys/kernel/random/boot_id)
if [[ $(cat "$KNOWN" 2>/dev/null) != *" $boot_id" ]]; then
	accel=tcg
	if [[ -w /dev/kvm ]]; then
		printf 'Trying /dev/kvm ...' >&2
		start=$(now)
		! probe >/dev/null 2>&1 || accel=kvm
		printf ' %s s, taking %s\n' "$(seconds_since "$start")" $accel >&2
	fi
	echo "$accel $boot_id" >"$KNOWN"
fi
cut -d ' ' -f 1 "$KNOWN"
