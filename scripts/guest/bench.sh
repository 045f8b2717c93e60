# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034
#
# What `make bench` runs, see scripts/bench.sh. Lines that begin with "# bench: "
# are measurements, "TEST.OPERATION CONTENDER NANOSECONDS" or "... BYTES B".
#
# Memory of the machine, in GiB:
#	0-3, 4-6, 8-9, 11-12	the kernel's, and so tmpfs's and hugetlbfs's
#	6-8			pkernfs0, a contender
#	9-11			/dev/pmem1, for ext4
#	12, 13, 14-22, 22-86, 86-598
#				pkernfs1 to pkernfs5, to be mounted after kexec
# Only what is touched costs memory of the host.
#
# No erms: QEMU emulates copies by "rep movsb" byte by byte, as no CPU does it.

MEM=597G
QEMU_ARGS="-cpu max,-erms -object memory-backend-ram,id=ram,size=597G,reserve=off -machine memory-backend=ram"
CMDLINE="memmap=2G!6G,2G!9G,586G!12G pkernfs=2G!6G,1G!12G,1G!13G,8G!14G,64G!22G,512G!86G hugepagesz=1G hugepages=1 hugepagesz=2M hugepages=600"
TIMEOUT=3600
ROUNDS=$((10 * $(param soak)))

NAMES="pkernfs=/mnt/pkernfs tmpfs=/mnt/tmpfs tmpfs-huge=/mnt/tmpfs-huge ext4-dax=/mnt/ext4"
MAPS="$NAMES hugetlbfs=/mnt/hugetlbfs"

# measure TEST ROUNDS CONTENDER...
measure() {
	if ! bench "$@" >/tmp/measured 2>/tmp/err; then
		not_ok "bench $1"
		explain /tmp/err
		return
	fi
	sed 's/^/# bench: /' /tmp/measured >&3
	ok "bench $1"
}

# fio_jobs NAME=DIRECTORY...: what fio is to do, one job after the other. Its buffer
# is mapped, as those of databases and VMMs are: to and from what malloc() gives TCG
# copies up to three times as long, depending on where that is. Without create_on_open
# the file to be read would be there before the first job.
fio_jobs() {
	local job contender

	printf '%s\n' '[global]' thread stonewall ioengine=psync fallocate=none \
		create_on_open=1 mem=mmap bs=1M size=32M
	for contender; do
		for job in first-write-1m:write write-1m:write read-1m:read; do
			printf '[%s %s]\nfilename=%s/fio\nrw=%s\n' "${job%:*}" \
				"${contender%%=*}" "${contender#*=}" "${job#*:}"
		done
		echo unlink=1
	done
}

# The mean time of a request, by fio: of the fields of its "terse" format 3 the
# third is the job's name, 40 and 81 are microseconds of reads and of writes.
measure_fio() {
	local round=0

	fio_jobs "$@" >/tmp/jobs
	while [ $round -le "$ROUNDS" ]; do
		if ! fio --minimal /tmp/jobs >/tmp/measured 2>/tmp/err; then
			not_ok "bench by fio"
			explain /tmp/err
			return
		fi
		# The first one warms up.
		[ $round -eq 0 ] || awk -F ';' \
			'{ printf "# bench: fio.%s %.0f\n", $3, ($40 + $81) * 1000 }' \
			/tmp/measured >&3
		round=$((round + 1))
	done
	ok "bench by fio"
}

mount_contenders() {
	mkdir -p /mnt/pkernfs /mnt/tmpfs /mnt/tmpfs-huge /mnt/ext4 /mnt/hugetlbfs \
		/mnt/giant /mnt/hugetlbfs-1g /mnt/bench
	check "pkernfs" mount -t pkernfs pkernfs0 /mnt/pkernfs
	check "tmpfs" mount -t tmpfs -o huge=never,size=4G tmpfs /mnt/tmpfs
	check "tmpfs with huge pages" \
		mount -t tmpfs -o huge=always,size=4G tmpfs /mnt/tmpfs-huge
	check "ext4" mkfs.ext4 -q -b 4096 -E stride=512,stripe_width=512 /dev/pmem1
	check "ext4 by DAX" mount -t ext4 -o dax=always /dev/pmem1 /mnt/ext4
	check "hugetlbfs" mount -t hugetlbfs -o pagesize=2M hugetlbfs /mnt/hugetlbfs
	check "pkernfs with blocks of 1 GiB" \
		mount -t pkernfs -o block=1G pkernfs5 /mnt/giant
	check "hugetlbfs of 1 GiB" \
		mount -t hugetlbfs -o pagesize=1G hugetlbfs /mnt/hugetlbfs-1g
}

# A file as large as a guest's memory, every byte written.
make_guest() {
	dd if=/dev/zero of="$1" bs=1M count=1536
}

# What the next kernels mount.
fill_regions() {
	check "a region of 1 GiB with 10 files" mount -t pkernfs -o inodes=200000 pkernfs1 /mnt/bench
	check "10 files" bench fill 1 pkernfs=/mnt/bench/10
	umount /mnt/bench
	check "a region of 1 GiB for 100,000" mount -t pkernfs -o inodes=200000 pkernfs2 /mnt/bench
	check "100,000 files" bench fill 1 pkernfs=/mnt/bench/100000
	umount /mnt/bench
	check "a region of 8 GiB" mount -t pkernfs pkernfs3 /mnt/bench
	umount /mnt/bench
	check "a region of 64 GiB" mount -t pkernfs pkernfs4 /mnt/bench
	measure fallocate-8g 1 pkernfs=/mnt/bench
	umount /mnt/bench
	umount /mnt/giant
	check "a guest's memory in pkernfs" make_guest /mnt/pkernfs/guest
	check "a guest's memory in ext4" make_guest /mnt/ext4/guest
	umount /mnt/ext4
}

# shellcheck disable=SC2086 # words are contenders
measure_contenders() {
	measure limit "$ROUNDS" limit=/tmp
	measure names "$ROUNDS" $NAMES
	measure small "$ROUNDS" $NAMES
	measure io "$ROUNDS" $NAMES
	measure_fio $NAMES
	measure map-4k "$ROUNDS" $NAMES
	measure map-2m "$ROUNDS" $MAPS
	measure map-1g 3 pkernfs=/mnt/giant hugetlbfs=/mnt/hugetlbfs-1g
	measure fallocate-1g 3 $NAMES
	[ "$(nproc)" -eq 1 ] || measure processes "$ROUNDS" $NAMES
	measure directory "$ROUNDS" $NAMES
}

# What a kernel finds that was started by kexec. A file can be restored only once in
# each, since struct pages stay; who is first alternates.
measure_mounts() {
	set -- pkernfs=pkernfs:pkernfs0::guest \
		ext4-dax=ext4:/dev/pmem1:dax=always:guest:namespace1.0
	[ $((BOOT % 2)) -eq 0 ] || set -- "$2" "$1"
	mkdir -p /mnt/bench
	measure restore 1 "$@"
	# Of 2 GiB, and pkernfs of other sizes.
	measure mount "$ROUNDS" pkernfs=pkernfs:pkernfs0: \
		ext4-dax=ext4:/dev/pmem1:dax=always \
		1-gib=pkernfs:pkernfs1: 100000-files=pkernfs:pkernfs2: \
		8-gib=pkernfs:pkernfs3: 64-gib=pkernfs:pkernfs4: 512-gib=pkernfs:pkernfs5:
}

# Pages that struct pages take, as the kernel counts them where it makes them. The page
# tables that map them are not among these: one for each 128 MiB.
count_memmap() {
	sed -n 's/^nr_memmap_pages //p' /proc/vmstat
}

# Bytes that the struct pages of a region take, once a file has been opened.
measure_pages() {
	local before

	mount -t pkernfs "$1" /mnt/bench
	before=$(count_memmap)
	if [ -n "$before" ]; then
		: >/mnt/bench/opened
		echo "# bench: struct-pages.$2 pkernfs $((($(count_memmap) - before) * 4096)) B" >&3
		rm /mnt/bench/opened
	else
		skip "bench struct-pages.$2" "before 6.12 the kernel does not count them"
	fi
	umount /mnt/bench
}

boot1() {
	mount_contenders
	measure_contenders
	fill_regions
	next_kernel
}

boot2() {
	measure_mounts
	next_kernel
}

boot3() {
	boot2
}

boot4() {
	boot2
}

boot5() {
	measure_mounts
	measure_pages pkernfs1 1-gib
	measure_pages pkernfs3 8-gib
	measure_pages pkernfs4 64-gib
	measure_pages pkernfs5 512-gib-by-1-gib
}
