#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Prepare build/<base>/src: the kernel tree with pkernfs in it. It consists of
# symbolic links: to the pristine tree (KSRC or the unpacked package), whole
# directories where it can, and for pkernfs's own files to this repo. Only files
# that patches/ edits are copies.

set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/ours.sh
. "$REPO/scripts/ours.sh"
find_kernel
SRC=$KDIR/src
STAMP=$KDIR/src.stamp
LINKED=$KDIR/src.linked
shopt -s dotglob nullglob

unpack() {
	rm -rf "$KSRC" "$KSRC.new"
	mkdir -p "$KSRC.new"
	tar -xf "$TARBALL" --strip-components=1 -C "$KSRC.new"
	mv "$KSRC.new" "$KSRC"
	# A newer tarball has another size or date.
	tarball_id >"$KSRC.stamp"
}

tarball_id() {
	stat -c '%n %s %Y' "$TARBALL"
}

unpacked() {
	[[ $(cat "$KSRC.stamp" 2>/dev/null) == "$(tarball_id)" ]]
}

# Everything that the tree is made from.
state() {
	echo "$KSRC"
	git -C "$KSRC" rev-parse HEAD 2>/dev/null || :
	edits "$KBASE" | xargs sha256sum "$0" "$KSRC/Makefile"
	edited_files "$KBASE" | sed "s|^|$KSRC/|" | xargs stat -c '%n %s %Y'
}

# built_in_place: was KSRC not only unpacked, but built in?
built_in_place() {
	[[ -e $KSRC/.config || -e $KSRC/include/config ||
		-e $KSRC/include/generated ]]
}

# Kbuild would take up what an earlier build left, so the new tree must be
# without. That needs a link a file.
link_files() {
	cp -as "$KSRC" "$1"
	rm -rf "$1/.git"
	make -s -C "$1" mrproper
	# mrproper looks for these among plain files only.
	find "$1" -type l \( -name '*.[aios]' -o -name '*.ko' -o -name '*.mod' \
		-o -name '*.mod.c' -o -name '.*.cmd' -o -name '.*.d' -o -name '*.lst' \
		-o -name '.tmp_*' -o -name 'modules.order' -o -name '*.lex.c' \
		-o -name '*.tab.[ch]' -o -name '*.asn1.[ch]' -o -name '*.su' \) -delete
}

# own_directory TREE DIRECTORY: turn a link to the pristine DIRECTORY into a
# directory of links to its entries, so that entries can differ.
own_directory() {
	local entry

	# Parents first: seen through a link to its parent, none is a link.
	[[ $2 == . ]] || own_directory "$1" "$(dirname "$2")"
	[[ ! -d $1/$2 || -L $1/$2 ]] || return 0
	[[ ! -L $1/$2 ]] || rm "$1/$2"
	mkdir -p "$1/$2"
	for entry in "$KSRC/$2"/*; do
		[[ ${entry##*/} == .git ]] || ln -s "$entry" "$1/$2/"
	done
}

apply_patches() {
	local file patch

	while read -r file; do
		[[ -f $KSRC/$file ]] ||
			die "patches/ edits $file, which $KSRC does not have"
		own_directory "$1" "$(dirname "$file")"
		cp --remove-destination -L "$KSRC/$file" "$1/$file"
	done < <(edited_files "$KBASE")
	while read -r patch; do
		is_in "$patch" "$1" || apply_edit "$patch" "$1" ||
			die "$(shown "$patch") does not apply to Linux $(kernel_version "$KSRC") in $KSRC" \
				"if that tree is not a plain release, try one that is, or adapt the patch"
	done < <(edits "$KBASE")
}

# Copies that came out as before keep their date, so nothing is built again.
keep_dates() {
	local file

	while read -r file; do
		! cmp -s "$SRC/$file" "$1/$file" || cp -p "$SRC/$file" "$1/$file"
	done < <(edited_files "$KBASE")
}

build_tree() {
	rm -rf "$SRC.new"
	mkdir -p "$KDIR"
	if built_in_place; then
		link_files "$SRC.new"
	else
		own_directory "$SRC.new" .
	fi
	apply_patches "$SRC.new"
	keep_dates "$SRC.new"
	rm -rf "$SRC"
	mv "$SRC.new" "$SRC"
}

# Always done anew, for files come and go; it takes no time.
link_own_files() {
	local file

	[[ ! -f $LINKED ]] || (cd "$SRC" && xargs -r -d '\n' rm -f) <"$LINKED"
	new_files | tee "$LINKED" | while read -r file; do
		own_directory "$SRC" "$(dirname "$file")"
		ln -s "$REPO/$file" "$SRC/$file"
	done
}

prepare() {
	[[ ! -e $KSRC/fs/pkernfs ]] ||
		die "$KSRC already has fs/pkernfs" \
			"KSRC must be a tree without it: the build adds its own"
	if [[ ! -d $SRC || $(cat "$STAMP" 2>/dev/null) != "$(state)" ]]; then
		rm -f "$STAMP" "$LINKED"
		build_tree
		state >"$STAMP"
	fi
	link_own_files
}

[[ -z $TARBALL ]] || unpacked || step "Unpacking ${TARBALL##*/}" unpack
step "Preparing Linux $(kernel_version "$KSRC") (from $KSRC)" prepare
