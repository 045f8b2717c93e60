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
	test "$(stat -c '%a %u %g %X %Y' /mnt)" = "$1"
}

# Where the kernel is mapped: ffffffff81000000 unless KASLR has moved it.
kernel_start() {
	sed -n 's/ T _text$//p' /proc/kallsyms
}

boot1() {
	check "the range is claimed by name" \
		grep -q '40000000-4fffffff : pkernfs0' /proc/iomem
	check "no /dev/pmem takes it" test ! -e /dev/pmem0
	check "KASLR has moved this kernel" test "$(kernel_start)" != ffffffff81000000
	check "root cannot read it through /dev/mem" \
		sh -c '! dd if=/dev/mem bs=4096 skip=262144 count=1 of=/dev/null'
	check "a zeroed region is formatted" mount -t pkernfs none /mnt
	check "the log says so, with generation 1" mounted_as formatted 1
	check "one line a mount" test "$(dmesg | grep -c 'pkernfs0: .* generation')" -eq 1
	check "a new root directory has mode 755" test "$(stat -c %a /mnt)" = 755
	chmod 2751 /mnt
	chown 1001:1002 /mnt
	touch -m -d '2001-02-03 04:05:06' /mnt
	touch -a -d '2002-03-04 05:06:07' /mnt
	next_kernel -s "$CMDLINE nokaslr"
}

boot2() {
	check "this kernel was not moved" test "$(kernel_start)" = ffffffff81000000
	check "kernel 2 restores" mount -t pkernfs pkernfs0 /mnt
	check "generation 2" mounted_as restored 2
	check "the root directory kept mode, owner and times" \
		root_is "2751 1001 1002 1015218367 981173106"
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
		root_is "700 1001 1002 1015218367 981173106"
	check "the range is still claimed" \
		grep -q '40000000-4fffffff : pkernfs0' /proc/iomem
	# rodata=off: v6.8 has a race between that and pmem's memory hotplug.
	next_kernel -s "memmap=256M!1280M rodata=off"
}

# Or else the check in kernel 1 would prove nothing.
boot4() {
	check "a range without pkernfs= is a /dev/pmem" test -b /dev/pmem0
}
