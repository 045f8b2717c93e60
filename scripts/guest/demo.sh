# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034
#
# What `make demo` shows. Its "demo:" notes are the lines of the timeline.

MEM=2G
CMDLINE="memmap=512M!1G pkernfs=512M!1G"
TIMEOUT=60

# What the kernel says about the mount, without its time stamp.
mounted() {
	dmesg | sed -n 's/.*pkernfs: \(pkernfs0: .*generation.*\)/\1/p' | tail -n 1
}

boot1() {
	note "demo: kernel 1 is up ($(uname -r))"
	check "kernel 1 mounts pkernfs0" mount -t pkernfs pkernfs0 /mnt
	note "demo: mount -t pkernfs: $(mounted)"
	check "kernel 1 formatted it" sh -c 'dmesg | grep -q "pkernfs0: formatted.*generation 1,"'
	check "its root directory takes a mark" chmod 751 /mnt
	note "demo: mode of its root directory set to $(stat -c %a /mnt)"
	check "umount" umount /mnt
	note "demo: kexec"
	next_kernel
}

boot2() {
	note "demo: kernel 2 is up ($(uname -r))"
	check "kernel 2 mounts pkernfs0" mount -t pkernfs pkernfs0 /mnt
	note "demo: mount -t pkernfs: $(mounted)"
	check "kernel 2 restored it" sh -c 'dmesg | grep -q "pkernfs0: restored.*generation 2,"'
	check "the mark is still there" test "$(stat -c %a /mnt)" = 751
	note "demo: mode of its root directory is $(stat -c %a /mnt)"
}
