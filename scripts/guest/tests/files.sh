# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034,SC2012,SC2016
#
# Files, directories, links and what is open but unlinked, across two kexecs.

MEM=2G
CMDLINE="memmap=256M!1G pkernfs=256M!1G"

# A sum of all names, kinds, owners, link counts, times, contents and targets.
sum_tree() {
	(cd /mnt && find . | sort | while read -r name; do
		stat -c '%n %f %u %g %h %s %Y' "$name"
		if [ -L "$name" ]; then
			readlink "$name"
		elif [ -f "$name" ]; then
			md5sum <"$name"
		fi
	done) | md5sum | cut -d ' ' -f 1
}

in_use() {
	stat -f -c '%b %f %c %d' /mnt | { read -r b f c d && echo $((b - f)) $((c - d)); }
}

populate() {
	mkdir -p /mnt/a/b/c /mnt/many
	echo hello >/mnt/a/hello
	ln /mnt/a/hello /mnt/a/b/again
	ln -s ../hello /mnt/a/b/link
	ln -s "$(printf 'x%.0s' $(seq 200))" /mnt/a/b/long
	mkfifo /mnt/a/fifo
	mknod /mnt/a/null c 1 3
	dd if=/dev/urandom of=/mnt/a/small bs=1000 count=40 2>/dev/null
	dd if=/dev/urandom of=/mnt/a/large bs=1M count=9 2>/dev/null
	dd if=/dev/urandom of=/mnt/a/sparse bs=4096 seek=1000 count=3 2>/dev/null
	for i in $(seq 300); do
		echo "$i" >"/mnt/many/file$i"
	done
	chown 5:6 /mnt/a/small
	chmod 2755 /mnt/many
	mv /mnt/many/file1 /mnt/a/b/c/moved
	mv /mnt/many/file2 /mnt/many/file3
	rm /mnt/many/file4
}

boot1() {
	check "a new region is formatted" mount -t pkernfs pkernfs0 /mnt
	check "a tree of every kind of file is made" populate
	check "a file replaced by rename has the other one's content" \
		test "$(cat /mnt/many/file3)" = 2
	check "readdir lists each name once" \
		test "$(ls /mnt/many | sort -u | wc -l)/$(ls /mnt/many | wc -l)" = 297/297
	check "a file without name stays usable" sh -c '
		exec 3<>/mnt/unlinked && rm /mnt/unlinked &&
		echo data >&3 && test "$(cat /proc/self/fd/3)" = data'
	truncate -s 5M /mnt/a/large
	truncate -s 8M /mnt/a/large
	check "a file that shrank and grew reads as zeroes there" \
		sh -c 'tail -c 3145728 /mnt/a/large | cmp -n 3145728 - /dev/zero'
	exec 4<>/mnt/orphan
	dd if=/dev/zero bs=1M count=8 >&4 2>/dev/null
	rm /mnt/orphan
	check "handles of files" sh -c "
		file_op handle /mnt/a/hello && file_op handle /mnt/many/file5"
	next_kernel -s "$CMDLINE sum=$(sum_tree) handles=$(tr '\n' ',' </tmp/out)"
}

# handle N: what the last kernel noted
handle() {
	sed -n 's/.* handles=\([0-9a-f,]*\).*/\1/p' /proc/cmdline | cut -d , -f "$1"
}

boot2() {
	check "the next kernel mounts it" mount -t pkernfs pkernfs0 /mnt
	check "every file is there as it was" grep -q "sum=$(sum_tree)" /proc/cmdline
	check "a file handle is good across kexec" \
		test "$(file_op read /mnt "$(handle 1)")" = hello
	rm /mnt/many/file5
	check_fails "but not when the file is gone" "Stale file handle" \
		file_op read /mnt "$(handle 2)"
	umount /mnt
	check "the check finds nothing, the open unlinked file is gone" \
		mount -t pkernfs -o check pkernfs0 /mnt
	rm -r /mnt/a /mnt/many
	check "everything can be removed" test "$(ls /mnt | wc -l)" -eq 0
	check "and all of its space is free" test "$(in_use)" = "0 1"
	umount /mnt
	check "the check finds nothing again" mount -t pkernfs -o check pkernfs0 /mnt
	populate
	next_kernel -c "$CMDLINE sum=$(sum_tree)"
}

boot3() {
	check "a third kernel mounts it, checked" mount -t pkernfs -o check pkernfs0 /mnt
	check "every file is there as it was, again" \
		grep -q "sum=$(sum_tree)" /proc/cmdline
}
