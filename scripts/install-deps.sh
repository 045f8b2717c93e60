#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# install-deps.sh [fuzz]: install what building and testing, and fuzzing, need and
# this machine lacks. Needs root and apt (Debian, Ubuntu); elsewhere it prints
# what to install and fails.

set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

# package: what shows that it is there, a command or a file
NEEDS='
	gcc: gcc
	libc6-dev: /usr/include/stdio.h
	make: make
	patch: patch
	perl: perl
	python3: python3
	python3-docutils: rst2html
	bc: bc
	bison: bison
	flex: flex
	libelf-dev: /usr/include/libelf.h
	libssl-dev: /usr/include/openssl/ssl.h
	xz-utils: xz
	cpio: cpio
	e2fsprogs: mke2fs
	rsync: rsync
	git: git
	ccache: ccache
	sparse: sparse
	shellcheck: shellcheck
	kexec-tools: kexec
	busybox-static: busybox
	qemu-system-x86: qemu-system-x86_64
'

[[ ${1:-} != fuzz ]] || NEEDS+='
	clang: clang
	libclang-rt-14-dev: /usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-x86_64.a
'
[[ ${1:-} != bench ]] || NEEDS+='
	e2fsprogs: mkfs.ext4
	fio: fio
	gnuplot-nox: gnuplot
'

present() {
	case $1 in
	busybox)
		# The guest has no libraries for a dynamic one.
		command -v busybox >/dev/null &&
			! ldd "$(command -v busybox)" >/dev/null 2>&1
		;;
	/*)
		compgen -G "$1" >/dev/null
		;;
	*)
		command -v "$1" >/dev/null
		;;
	esac
}

missing() {
	local package probe

	while IFS=': ' read -r package probe; do
		[[ -z $package ]] || present "$probe" || echo "$package"
	done < <(tr -d '\t' <<<"$NEEDS")
	# A tree that the caller named needs no package.
	[[ -n ${KSRC:-} ]] || present '/usr/src/linux-source-6.12*.tar.*' ||
		echo linux-source-6.12
}

install() {
	export DEBIAN_FRONTEND=noninteractive
	# The lists may be absent or too old to name files that still exist.
	apt-get install -y --no-install-recommends "$@" || {
		apt-get update &&
			apt-get install -y --no-install-recommends "$@"
	}
}

mapfile -t packages < <(missing)
[[ ${#packages[@]} -gt 0 ]] || exit 0

if ! command -v apt-get >/dev/null; then
	die "these are missing (Debian's package names): ${packages[*]}" \
		"install them and run this again"
fi
if [[ $(id -u) -ne 0 ]]; then
	die "these packages are missing: ${packages[*]}" \
		"run this as root: apt-get install --no-install-recommends ${packages[*]}"
fi
step "Installing ${packages[*]}" install "${packages[@]}"

mapfile -t packages < <(missing)
[[ ${#packages[@]} -eq 0 ]] ||
	die "still missing after the installation: ${packages[*]}"
