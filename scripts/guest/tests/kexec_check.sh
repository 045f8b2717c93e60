# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034,SC2016
#
# pkernfs-kexec-check, which an operator asks before a kexec. Kernel 2 then shows
# that it was right about one of the answers.

MEM=2G
TIMEOUT=240
CMDLINE="memmap=256M!1G,64M!1408M pkernfs=256M!1G,64M!1408M"

# answers NAME STATUS TEXT COMMAND-LINE
answers() {
	local status=0

	pkernfs-kexec-check "$4" >/tmp/answer 2>&1 || status=$?
	if [ $status -eq "$2" ] && grep -qF "$3" /tmp/answer; then
		ok "$1"
		return
	fi
	not_ok "$1"
	note "  exit status $status ($2 expected), expected text: $3"
	explain /tmp/answer
}

boot1() {
	answers "the same parameters" 0 "will survive, and can be mounted" "$CMDLINE"
	answers "other spellings of the same" 0 "will survive, and can be mounted" \
		'quiet memmap=0x10000000$0x40000000 pkernfs=67108864!0x58000000 pkernfs=262144K!1024M memmap=64M$1408M'
	answers "one memmap= for more than both" 0 "pkernfs1: memmap= keeps it" \
		"memmap=1G!1G pkernfs=256M!1G,64M!1408M"
	answers "neither parameter" 1 "pkernfs1: no pkernfs= names it" "quiet"
	answers "but that loses nothing" 1 "The regions will survive" "quiet"
	answers "pkernfs= without memmap=" 1 "pkernfs0: memmap= does not keep it" \
		"pkernfs=256M!1G,64M!1408M"
	answers "memmap= without pkernfs=" 1 "pkernfs0: no pkernfs= names it, so the next kernel cannot mount it; add pkernfs=262144K!0x40000000" \
		"memmap=256M!1G,64M!1408M"
	answers "another size" 1 "pkernfs=128M!1G is another range" \
		"memmap=256M!1G,64M!1408M pkernfs=128M!1G,64M!1408M"
	answers "another address" 1 "pkernfs=256M!1088M is another range" \
		"memmap=256M!1088M,64M!1408M pkernfs=256M!1088M,64M!1408M"
	answers "half a memmap=" 1 "pkernfs0: memmap= does not keep it, or not all of it" \
		"memmap=128M!1G,64M!1408M pkernfs=256M!1G,64M!1408M"
	answers "a form that is not safe" 1 "memmap=256M%1G has a form that is not safe" \
		"memmap=256M%1G,64M!1408M pkernfs=256M!1G,64M!1408M"
	answers "a fifth memmap= parameter" 1 "memmap=64M!1408M comes behind 4 other ranges" \
		"memmap=256M!1G memmap=1M!600M memmap=1M!700M memmap=1M!800M memmap=64M!1408M pkernfs=256M!1G,64M!1408M"
	answers "a fifth range in one parameter" 0 "can be mounted" \
		"memmap=256M!1G,1M!600M,1M!700M,1M!800M,64M!1408M pkernfs=256M!1G,64M!1408M"
	answers "what follows -- is not the kernel's" 1 "no pkernfs= names it" "quiet -- $CMDLINE"
	mount -t tmpfs tmpfs /sys/firmware
	answers "a kernel that does not keep it" 1 "load the kernel with kexec -s only" "$CMDLINE"
	answers "nor does the command line" 3 "may be overwritten" "quiet"
	umount /sys/firmware
	check "without an argument it takes this kernel's command line" pkernfs-kexec-check
	check "it notes that the next kernel's abilities are unknown" sh -c \
		'pkernfs-kexec-check | grep -q "^note: cannot tell whether the next kernel has pkernfs"'
	touch /tmp/vmlinuz-x
	echo CONFIG_PKERNFS_FS=y >/tmp/config-x
	check "a kernel with pkernfs" sh -c \
		'pkernfs-kexec-check -k /tmp/vmlinuz-x | grep -q "^ok: the next kernel has pkernfs"'
	echo "# CONFIG_PKERNFS_FS is not set" >/tmp/config-x
	check_fails "a kernel without it" "the next kernel has no pkernfs" \
		pkernfs-kexec-check -k /tmp/vmlinuz-x
	check "a mounted region is noted" sh -c 'mount -t pkernfs pkernfs0 /mnt &&
		pkernfs-kexec-check | grep -q "^note: pkernfs0: mounted"'
	load_kernel -s quiet
	check "a loaded kernel is noted" sh -c \
		'pkernfs-kexec-check | grep -q "^note: a kernel is loaded already"'
	kexec -u
	echo data >/mnt/file
	next_kernel -s "quiet"
}

boot2() {
	check_fails "no region" "this kernel has no region" pkernfs-kexec-check
	check "it was right that the region survives without parameters" sh -c \
		'dmesg | grep -qF "0x40000000-0x4fffffff holds a filesystem"'
}
