# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034
#
# Hostile media: a kernel without pkernfs= damages the metadata of four regions,
# the next one mounts and uses them, and makes them new. Whatever they say, nothing
# may happen but errors; in a debug kernel this is a stronger statement. Each
# region's seed is noted, so that it can be had again. SOAK gives more rounds.

MEM=2G
# Files can be mapped: no region shares a section of 128 MiB with the kernel.
CMDLINE="memmap=128M!1024M,128M!1152M,128M!1280M,128M!1408M pkernfs=128M!1024M,128M!1152M,128M!1280M,128M!1408M"
# For /dev/mem the ranges are reserved, not persistent memory.
MEMMAP="$(echo "${CMDLINE%% pkernfs=*}" | tr '!' '$') iomem=relaxed"
TIMEOUT=300
ROUNDS=$((3 * $(param soak)))

# shellcheck source=scripts/guest/devmem-lib.sh
. /pkernfs/tests/devmem-lib.sh
STRIDE=128
# shellcheck source=scripts/guest/workload-lib.sh
. /pkernfs/tests/workload-lib.sh

for i in $(seq $ROUNDS); do
	eval "boot$((2 * i - 1))() { use_all; make_all; next_kernel -s \"\$MEMMAP seed=\$(random 1000000)\"; }"
	eval "boot$((2 * i))() { damage_all; next_kernel -s \"\$CMDLINE seed=\$(seed)\"; }"
done
eval "boot$((2 * ROUNDS + 1))() { use_all; }"

seed() {
	sed -n 's/.* seed=\([0-9]*\).*/\1/p' /proc/cmdline
}

# populate: something of everything
populate() {
	mkdir -p /mnt/dir/sub /mnt/many
	ln -s target /mnt/dir/short
	ln -s "$(printf 'x%.0s' $(seq 200))" /mnt/dir/long
	mkfifo /mnt/dir/fifo
	mknod /mnt/dir/null c 1 3
	echo hello >/mnt/dir/hello
	ln /mnt/dir/hello /mnt/dir/sub/again
	dd if=/dev/urandom of=/mnt/sparse bs=4096 seek=700 count=3 2>/dev/null
	dd if=/dev/urandom of=/mnt/large bs=1M count=3 2>/dev/null
	for n in 1 2 3 4 5 6 7 8 9 10 11 12; do
		echo $n >"/mnt/many/$n$(printf 'n%.0s' $(seq 200))"
	done
}

make_all() {
	local i

	for i in 0 1 2 3; do
		check "region $i is made new" mount -t pkernfs -o format pkernfs$i /mnt ||
			continue
		populate
		umount /mnt
	done
}

damage_all() {
	local i

	for i in 0 1 2 3; do
		check "region $i is damaged" \
			hostile damage /dev/mem "$(start $i)" $(($(seed) + i))
	done
}

use_all() {
	local i

	[ "$BOOT" -gt 1 ] || return 0
	for i in 0 1 2 3; do
		use_region $i $(($(seed) + i))
	done
}

# use_region N SEED: it can be mounted or not, checked or not.
use_region() {
	local policy=continue

	mount -t pkernfs -o check pkernfs"$1" /mnt 2>/dev/null && umount /mnt
	[ $(($2 % 3)) -ne 0 ] || policy=remount-ro
	if ! mount -t pkernfs -o errors=$policy pkernfs"$1" /mnt 2>/dev/null; then
		ok "region $1, seed $2: refused"
		return
	fi
	check "region $1, seed $2: used with errors=$policy" hostile use /mnt "$2"
	umount /mnt
	! mount -t pkernfs pkernfs"$1" /mnt 2>/dev/null || umount /mnt
}
