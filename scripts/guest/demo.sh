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

sum_state() {
	md5sum </mnt/state | cut -c 1-8
}

boot1() {
	note "demo: kernel 1 is up ($(uname -r))"
	check "kernel 1 mounts pkernfs0" mount -t pkernfs pkernfs0 /mnt
	note "demo: mount -t pkernfs: $(mounted)"
	check "kernel 1 formatted it" sh -c 'dmesg | grep -q "pkernfs0: formatted.*generation 1,"'
	echo "hello from kernel 1" >/mnt/greeting
	dd if=/dev/urandom of=/mnt/state bs=1M count=16 2>/dev/null
	note "demo: /mnt/greeting says: $(cat /mnt/greeting)"
	note "demo: /mnt/state has $(stat -c %s /mnt/state) bytes, md5 $(sum_state)"
	note "demo: kexec"
	next_kernel -s "$CMDLINE sum=$(sum_state)"
}

boot2() {
	note "demo: kernel 2 is up ($(uname -r))"
	check "kernel 2 mounts pkernfs0" mount -t pkernfs pkernfs0 /mnt
	note "demo: mount -t pkernfs: $(mounted)"
	check "kernel 2 restored it" sh -c 'dmesg | grep -q "pkernfs0: restored.*generation 2,"'
	check "the greeting is still there" \
		test "$(cat /mnt/greeting)" = "hello from kernel 1"
	note "demo: /mnt/greeting says: $(cat /mnt/greeting)"
	check "every byte of the state is still there" \
		grep -q "sum=$(sum_state)" /proc/cmdline
	note "demo: /mnt/state has $(stat -c %s /mnt/state) bytes, md5 $(sum_state)"
}
