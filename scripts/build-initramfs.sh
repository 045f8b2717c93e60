#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# build-initramfs.sh [PROGRAM...]: build the test guest's initramfs,
# build/<base>/initramfs.cpio.gz: busybox, kexec, the PROGRAMs of this machine,
# scripts/guest and the kselftests.

set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
find_kernel
ROOT=$KDIR/initramfs
PROGRAMS=("$@")
SELFTESTS=tools/testing/selftests/pkernfs

# copy_program FILE DIRECTORY: with the libraries it is linked to.
copy_program() {
	local lib

	cp -L "$1" "$ROOT/$2/"
	for lib in $(ldd "$1" 2>/dev/null | grep -o '/[^ ]*'); do
		mkdir -p "$ROOT${lib%/*}"
		cp -Lu "$lib" "$ROOT$lib"
	done
}

# The C programs see the headers of the kernel they run on.
build_selftests() {
	kmake headers
	mkdir -p "$KDIR/selftests"
	make -C "$KDIR/src/$SELFTESTS" -j"$(nproc)" OUTPUT="$KDIR/selftests" \
		KHDR_INCLUDES="-isystem $KDIR/obj/usr/include"
}

# Tests go to where the guest finds them all, their helpers into its PATH.
copy_selftests() {
	local source program

	for source in "$REPO/$SELFTESTS"/*.c; do
		program=$KDIR/selftests/$(basename "$source" .c)
		case $program in
		*_test) copy_program "$program" pkernfs/selftests ;;
		*) copy_program "$program" bin ;;
		esac
	done
}

pack() {
	local program

	rm -rf "$ROOT"
	mkdir -p "$ROOT"/{bin,dev,proc,sys,tmp,mnt,pkernfs/{tests,selftests,golden}}
	copy_program "$(command -v busybox)" bin
	"$ROOT/bin/busybox" --list | grep -vx busybox |
		sed "s|.*|$ROOT/bin/&|" | xargs -n 1 ln -s busybox
	for program in kexec "${PROGRAMS[@]}"; do
		copy_program "$(command -v "$program")" bin
	done

	cp "$REPO/scripts/guest/init" "$ROOT/init"
	chmod 755 "$ROOT/init"
	cp "$REPO/scripts/guest/lib.sh" "$ROOT/pkernfs/"
	cp "$REPO"/scripts/guest/*.sh "$REPO"/scripts/guest/tests/*.sh "$ROOT/pkernfs/tests/"
	copy_selftests
	cp "$REPO/tools/pkernfs/pkernfs-kexec-check" "$ROOT/bin/"
	cp "$REPO"/tools/testing/pkernfs/golden/*.gz "$ROOT/pkernfs/golden/"
	(cd "$ROOT" && find . | cpio -o -H newc -R 0:0 --quiet) |
		gzip -1 >"$KDIR/initramfs.cpio.gz"
}

build() {
	build_selftests
	pack
}

step "Building the ${DEBUG:+$DEBUG }initramfs" build
