# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034
#
# A region through three kernels in a row: with KASLR, without, and with it
# again, by both ways of loading a kernel; X86_PMEM_LEGACY is built in.

MEM=2G
CMDLINE="memmap=256M!1G pkernfs=256M!1G"

mounted_as() {
	dmesg | grep -E "pkernfs0: $1, 256 MiB, generation $2, [0-9]+ us"
}

root_is() {
	test "$(stat -c '%a %u %g %Y' /mnt)" = "$1"
}

boot1() {
	check "the range is claimed by name" \
		grep -q '40000000-4fffffff : pkernfs0' /proc/iomem
	check "no /dev/pmem takes it" test ! -e /dev/pmem0
	check "a zeroed region is formatted" mount -t pkernfs none /mnt
	check "the log says so, with generation 1" mounted_as formatted 1
	check "one line a mount" test "$(dmesg | grep -c 'pkernfs0: .* generation')" -eq 1
	check "a new root directory has mode 755" test "$(stat -c %a /mnt)" = 755
	chmod 2751 /mnt
	chown 1001:1002 /mnt
	touch -d '2001-02-03 04:05:06' /mnt
	next_kernel -s "$CMDLINE nokaslr"
}

boot2() {
	check "kernel 2 restores" mount -t pkernfs pkernfs0 /mnt
	check "generation 2" mounted_as restored 2
	check "the root directory kept mode, owner and time" \
		root_is "2751 1001 1002 981173106"
	check "unmounts" umount /mnt
	check "mounts again" mount -t pkernfs pkernfs0 /mnt
	check "the generation counts kernels, not mounts" \
		test "$(mounted_as restored 2 | wc -l)" -eq 2
	chmod 700 /mnt
	umount /mnt
	next_kernel -c
}

boot3() {
	check "kernel 3 restores" mount -t pkernfs pkernfs0 /mnt
	check "generation 3" mounted_as restored 3
	check "the root directory kept what kernel 2 set" \
		root_is "700 1001 1002 981173106"
	check "the range is still claimed" \
		grep -q '40000000-4fffffff : pkernfs0' /proc/iomem
}
