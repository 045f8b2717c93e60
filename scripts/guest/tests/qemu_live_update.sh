# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034
#
# Two QEMU guests that count together over a TCP connection, in RAM on pkernfs,
# live through two kexecs: by tools/pkernfs/pkernfs-live-update, as an operator
# would do it. scripts/guest/inner-init is what they run.

MEM=2G
# With two emulated CPUs the host has crashed now and then; see the README.
SMP=1
# QEMU 7.2 loses an interrupt now and then while KVM waits for its guest to take one:
# helper_vmrun() sets a bit of interrupt_request without the lock that others hold to
# do that. A timer set for one time has rung for the last time then; one that ticks
# rings again.
CMDLINE="memmap=512M!1G pkernfs=512M!1G highres=off"
TIMEOUT=1200
DISK=guest-disk.img

PATH=$PATH:/usr/bin:/usr/sbin

# What QEMU needs from the host it runs on; nothing of it survives.
prepare_host() {
	mkdir -p /usr /tmp/boot
	mount -t ext2 -o ro /dev/vdc /usr
	ip link set lo up
	cat /dev/vda >/tmp/boot/kernel
	cat /dev/vdb >/tmp/boot/initrd
	mount -t pkernfs pkernfs0 /mnt
}

# qemu NAME ARGUMENTS...
qemu() {
	local name="$1"
	shift

	qemu-system-x86_64 -name "$name" -accel kvm -cpu host -m 128M \
		-nodefaults -no-user-config -display none -daemonize \
		-qmp "unix:/tmp/$name.qmp,server=on,wait=off" "$@"
}

# guest NAME OWN-PORT PEER-PORT MAC: start one of the two.
guest() {
	qemu "$1" -machine pc,memory-backend=mem \
		-object "memory-backend-file,id=mem,size=128M,mem-path=/mnt/$1.ram,share=on,align=2M" \
		-chardev "file,id=console,path=/mnt/$1.console,append=on" \
		-serial chardev:console \
		-netdev "socket,id=net,localaddr=127.0.0.1:$2,udp=127.0.0.1:$3" \
		-device "virtio-net-pci,netdev=net,mac=$4,romfile=" \
		-kernel /tmp/boot/kernel -initrd /usr/share/inner.cpio.gz \
		-append "console=ttyS0 quiet tsc=reliable no_timer_check inner=$1"
}

steps() {
	grep -c 'inner: [0-9]' "/mnt/$1.console"
}

# Both guests count on from where they are; false after five minutes without it.
count_on() {
	local name end target

	for name in client server; do
		target=$(($(steps $name) + 3))
		end=$(($(cut -d . -f 1 /proc/uptime) + 300))
		until [ "$(steps $name)" -ge $target ]; do
			if [ "$(cut -d . -f 1 /proc/uptime)" -gt $end ]; then
				tail -n 10 /mnt/$name.console
				return 1
			fi
			usleep 200000
		done
	done
}

# From the first step on none is missing, the clock never runs backwards, the
# memory's sum stays, and the guest has nothing to complain about.
is_continuous() {
	# A line that is still being written has no end.
	sed -n 's/\r$//p' "/mnt/$1.console" | awk '
		/inner: [0-9]/ {
			if ($2 != ++n || $4 < uptime || (n > 1 && $6 != sum)) {
				print "step " n ": " $0
				exit bad = 1
			}
			uptime = $4
			sum = $6
			next
		}
		/inner: / && !/listens/ {
			print
			exit bad = 1
		}
		END { exit bad || !n }'
}

check_guests() {
	check "both guests count on" count_on
	check "the client has lost nothing" is_continuous client
	check "the server has lost nothing" is_continuous server
	note "steps: client $(steps client), server $(steps server)"
}

sockets="/tmp/client.qmp /tmp/server.qmp"

save_guests() {
	# shellcheck disable=SC2086 # two words
	pkernfs-live-update save /mnt $sockets
}

load_next() {
	pkernfs-live-update load /tmp/boot/kernel /tmp/boot/initrd \
		"$(next_cmdline "$CMDLINE")"
}

# must NAME COMMAND...: a step that only shows when it fails: the next kernel was
# told how many verdicts there are when it was loaded.
must() {
	local name="$1"
	shift

	"$@" >/tmp/out 2>&1 && return
	not_ok "$name"
	explain /tmp/out
	done_testing
}

live_update() {
	must "the next kernel is loaded" load_next
	must "both guests are saved" save_guests
	explain /tmp/out
	must "no QEMU is left" sh -c '! pidof qemu-system-x86_64'
	drain_tap
	must "the next kernel starts" pkernfs-live-update kexec
}

refusals() {
	qemu plain -machine pc
	check_fails "RAM that is not in a file is refused" "is a memory-backend-ram" \
		pkernfs-live-update check /tmp/plain.qmp
	qemu elsewhere -machine pc,memory-backend=mem \
		-object memory-backend-file,id=mem,size=128M,mem-path=/tmp/ram,share=on
	check_fails "a file elsewhere is refused" "/tmp/ram is not a file on pkernfs" \
		pkernfs-live-update check /tmp/elsewhere.qmp
	check_fails "QEMU itself refuses a file on pkernfs without share=on" \
		"Invalid argument" qemu private -machine pc,memory-backend=mem \
		-object memory-backend-file,id=mem,size=128M,mem-path=/mnt/ram
	rm -f /mnt/ram
	check_fails "a guest that is not there is refused" "no QEMU answers" \
		pkernfs-live-update save /mnt /tmp/nobody.qmp
	check_fails "a directory elsewhere is refused" "not a directory on pkernfs" \
		pkernfs-live-update save /tmp /tmp/plain.qmp
	check_fails "a next kernel without memmap= is refused" \
		"pkernfs0: memmap= does not keep it" \
		pkernfs-live-update load /tmp/boot/kernel /tmp/boot/initrd "pkernfs=512M!1G"
	check_fails "a next kernel with another pkernfs= is refused" \
		"pkernfs0: pkernfs=256M!1G is another range" \
		pkernfs-live-update load /tmp/boot/kernel /tmp/boot/initrd \
		"memmap=512M!1G pkernfs=256M!1G"
	check_fails "kexec without a next kernel is refused" "no kernel is loaded" \
		pkernfs-live-update kexec
	killall qemu-system-x86_64
}

refusals_with_guests() {
	check_fails "saving without space fails" "No space left" save_without_space
	check "and the guests count on" count_on
	check "and nothing of it is left" sh -c '! ls /mnt/*.state*'
	load_next
	check_fails "kexec is refused while a guest runs" "still uses /mnt/" \
		pkernfs-live-update kexec
}

save_without_space() {
	local status=0

	dd if=/dev/zero of=/mnt/filler bs=4k
	save_guests || status=$?
	rm /mnt/filler
	return $status
}

boot1() {
	prepare_host
	refusals
	# Interrupts that take 4 ms leave no time for anything else; live_update.sh
	# takes a smaller guest through a kexec.
	if [ -n "$(param debug)" ]; then
		skip "two guests of QEMU live through two kexecs" \
			"on a debug kernel they do nothing but serve their timers"
		done_testing
	fi
	guest server 5001 5002 52:54:00:00:00:01
	guest client 5002 5001 52:54:00:00:00:02
	check "both guests count" count_on || done_testing
	refusals_with_guests
	for stat in pages_2m pages_4k; do
		note "kvm: $stat $(cat /sys/kernel/debug/kvm/$stat)"
	done
	check_guests
	live_update
}

boot2() {
	prepare_host
	mv /mnt/client.state /mnt/kept
	check_fails "restoring a guest whose state is gone fails" \
		"client: /mnt/client.state is missing" pkernfs-live-update restore /mnt
	mv /mnt/kept /mnt/client.state
	check "the other one was restored, now it is too" pkernfs-live-update restore /mnt
	explain /tmp/out
	check_fails "no guest is restored twice" "no saved guest" \
		pkernfs-live-update restore /mnt
	check_guests
	live_update
}

boot3() {
	prepare_host
	check "both guests are restored" pkernfs-live-update restore /mnt
	explain /tmp/out
	check_guests
}
