# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034
#
# A random workload through ten kernels (times SOAK). Every other one is
# replaced while the workload goes on.

MEM=2G
# One CPU stops the kernel while the others work.
SMP=3
CMDLINE="memmap=256M!1G pkernfs=256M!1G"
TIMEOUT=600
KERNELS=$((10 * $(param soak)))

# shellcheck source=scripts/guest/workload-lib.sh
. /pkernfs/tests/workload-lib.sh

for i in $(seq $KERNELS); do
	eval "boot$i() { live; }"
done

# The two sorts of damage that verifying is there for.
damage() {
	local file byte

	file=$(find /mnt/tree -type f -size +200c | head -n 1)
	byte=$(dd if="$file" bs=1 skip=150 count=1 2>/dev/null | hexdump -e '/1 "%u"')
	# shellcheck disable=SC2059 # the format is the byte
	printf "\\$(printf %o $((byte ^ 1)))" |
		dd of="$file" bs=1 seek=150 conv=notrunc 2>/dev/null
	check_fails "verifying names a file with one wrong bit" \
		"${file#/mnt/}: checksum" workload verify /mnt
	mv "$file" /mnt/tmp
	check_fails "verifying names a file that is gone" \
		"${file#/mnt/}: is object 0" workload verify /mnt
	rm -r /mnt/tree /mnt/tmp /mnt/ledger.*
}

live() {
	local how=-s

	[ $((BOOT % 4)) -ne 0 ] || how=-c
	check "kernel $BOOT mounts it, checked" \
		mount -t pkernfs -o check pkernfs0 /mnt || done_testing
	verify_workload "kernel $BOOT finds it as it was"
	[ "$BOOT" -lt $KERNELS ] || return 0
	check "kernel $BOOT works on it" workload run /mnt "$(random 1000000000)" 1
	note "workload: $(head -n 1 /tmp/out)"
	verify_workload "kernel $BOOT finds what it did itself"
	if [ "$BOOT" -eq 1 ]; then
		damage
	elif [ $((BOOT % 2)) -eq 0 ]; then
		load_kernel $how
		start_workload
		reach_random_moment
		start_kernel
	fi
	next_kernel
}
