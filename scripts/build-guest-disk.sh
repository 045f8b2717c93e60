#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Build build/<base>/guest-disk.img, for test guests that run guests of their own
# with QEMU. They mount it at /usr. It has QEMU, python3 for pkernfs-live-update,
# and the initramfs of the inner guests, scripts/guest/inner-init. Other tests do
# without, and boot the faster for it.

set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
find_kernel
ROOT=$KDIR/guest-disk
IMAGE=$KDIR/guest-disk.img
# Not another one that PATH may have first.
PYTHON=/usr/bin/python3

# copy_file FILE: to the same place, below /usr.
copy_file() {
	local place=${1#/usr}

	mkdir -p "$ROOT${place%/*}"
	cp -L "$1" "$ROOT$place"
}

copy_program() {
	local lib

	copy_file "$1"
	for lib in $(ldd "$1" | grep -o '/[^ ]*'); do
		copy_file "$lib"
	done
}

# A PC with a virtio network card that boots by -kernel needs no more than this.
copy_qemu() {
	local name

	copy_program /usr/bin/qemu-system-x86_64
	copy_file /usr/share/seabios/bios-256k.bin
	for name in kvmvapic.bin linuxboot_dma.bin; do
		copy_file /usr/share/qemu/$name
	done
}

# The standard library, without what only tests and developers use.
copy_python() {
	local library

	copy_program "$PYTHON"
	library=$($PYTHON -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')
	mkdir -p "$ROOT${library#/usr}"
	cp -r "$library"/*.py "$library"/{collections,encodings,importlib,json,re,lib-dynload} \
		"$ROOT${library#/usr}"
}

pack_inner() {
	local inner=$KDIR/inner

	rm -rf "$inner"
	mkdir -p "$inner"/{bin,dev,proc,tmp}
	cp "$(command -v busybox)" "$inner/bin/"
	"$inner/bin/busybox" --list | grep -vx busybox |
		sed "s|.*|$inner/bin/&|" | xargs -n 1 ln -s busybox
	install -m 755 "$REPO/scripts/guest/inner-init" "$inner/init"
	(cd "$inner" && find . | cpio -o -H newc -R 0:0 --quiet) |
		gzip -1 >"$ROOT/share/inner.cpio.gz"
}

build() {
	rm -rf "$ROOT"
	mkdir -p "$ROOT/sbin"
	copy_qemu
	copy_python
	ln -s /bin/env "$ROOT/bin/env"
	install -m 755 "$REPO/tools/pkernfs/pkernfs-live-update" "$ROOT/sbin/"
	pack_inner
	rm -f "$IMAGE"
	mke2fs -q -t ext2 -d "$ROOT" "$IMAGE" "$(($(du -sm "$ROOT" | cut -f 1) * 5 / 4 + 8))M"
}

step "Building the disk for guests with guests" build
