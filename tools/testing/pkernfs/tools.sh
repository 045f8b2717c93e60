#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# fsck.pkernfs and dump.pkernfs as a user runs them.

set -u
build=${BUILD:-build}
tools=$(realpath "$build")/tools
image=$build/tools.image
n=0
failed=0

make -s -C ../../pkernfs BUILD="$tools" || exit 1

# expect STATUS NAME COMMAND...
expect()
{
	want=$1
	name=$2
	shift 2
	n=$((n + 1))
	"$@" >"$build/output" 2>&1
	got=$?
	if [ $got = "$want" ]; then
		echo "ok $n - $name"
		return
	fi
	echo "not ok $n - $name: status $got, expected $want"
	sed 's/^/# /' "$build/output"
	failed=$((failed + 1))
}

new_image()
{
	"$build/golden" make "$image"
}

# overwrite OFFSET BYTES...
overwrite()
{
	offset=$1
	shift
	# shellcheck disable=SC2059 # the format is the bytes
	printf "$@" | dd of="$image" bs=1 seek="$offset" conv=notrunc status=none
}

says()
{
	text=$1
	shift
	"$@" 2>&1 | grep -q -- "$text"
}

unchanged()
{
	sum=$(cksum <"$image")
	"$@" >"$build/output" 2>&1
	[ "$sum" = "$(cksum <"$image")" ]
}

fsck=$tools/fsck.pkernfs
dump=$tools/dump.pkernfs

new_image
expect 0 "a sound image is clean" "$fsck" "$image"
expect 0 "checking changes nothing" unchanged "$fsck" -n "$image"
expect 0 "dump shows the interrupted transaction" \
	says "interrupted transaction" "$dump" "$image"
expect 0 "dump shows an orphan" says "orphan list .* begins" "$dump" "$image"
expect 0 "dump shows a name" says "[0-9]  sparse$" "$dump" "$image"
expect 0 "dump shows where a file is" says "pages at 0x" "$dump" "$image"
expect 0 "dump of one inode" says "inode 1: mode 0040755" "$dump" -i 1 "$image"
expect 0 "dump changes nothing" unchanged "$dump" "$image"
expect 0 "fsck -y undoes what was interrupted" "$fsck" -y "$image"
expect 1 "then dump shows no transaction" \
	says "interrupted transaction" "$dump" "$image"

# The count of small blocks in slot 0 of the journal.
overwrite $((4096 + 4096 + 8 + 2 * 8)) '\100'
expect 4 "a wrong count is found" "$fsck" -n "$image"
expect 1 "a wrong count is repaired" "$fsck" -y "$image"
expect 0 "a wrong count stays repaired" "$fsck" "$image"

new_image
inodes=$("$dump" "$image" | sed -n 's/^  \(0x[0-9a-f]*\) .*inode table$/\1/p')
overwrite $((inodes)) '\0\0'
expect 4 "a root directory without a mode is found" "$fsck" -n "$image"
expect 4 "it cannot be repaired" "$fsck" -y "$image"
expect 1 "dump says so" "$dump" "$image"

expect 1 "dump says that an inode is not there" "$dump" -i 999999 "$image"
expect 2 "dump takes no number that is no inode's" "$dump" -i 4294967297 "$image"

new_image
overwrite 100 'X'
expect 4 "a damaged superblock is found" "$fsck" "$image"
expect 0 "but not touched" unchanged "$fsck" "$image"
expect 1 "its other copy brings it back" "$fsck" -y "$image"
expect 0 "then it is sound" "$fsck" "$image"
overwrite $((1048576)) 'X'
expect 1 "likewise for the other copy" "$fsck" -y "$image"
expect 0 "which is sound then" "$fsck" "$image"
# Where the region is.
overwrite 56 'X'
expect 1 "an image without its address is repaired, too" "$fsck" -y "$image"
expect 0 "and sound then" "$fsck" "$image"
overwrite 520 'X'
overwrite $((1048576 + 520)) 'Y'
expect 4 "two damaged states are found" "$fsck" "$image"
expect 1 "they begin anew" "$fsck" -y "$image"
expect 0 "and it is sound then" "$fsck" "$image"
# The length of the log in slot 0 of the journal.
overwrite $((4096 + 4096)) '\001'
expect 4 "a log that cannot be read is found" "$fsck" "$image"
expect 1 "it is dropped" "$fsck" -y "$image"
expect 0 "and it is sound then, too" "$fsck" "$image"
expect 1 "and counts as checked" says unchecked "$dump" "$image"
overwrite 100 'X'
overwrite $((1048576 + 100)) 'Y'
expect 4 "with both damaged there is no way back" "$fsck" -y "$image"
dd if=/dev/zero of="$image" bs=1M count=4 status=none
expect 8 "what is no pkernfs is refused" "$fsck" "$image"
expect 8 "a missing image is refused" "$fsck" "$image.none"
expect 8 "a short image is refused" "$fsck" "$0"
expect 16 "wrong usage of fsck" "$fsck" -q "$image"
expect 16 "fsck of nothing" "$fsck"
expect 2 "wrong usage of dump" "$dump" -q "$image"

rm -f "$image" "$build/output"
echo "1..$n"
echo "# $((n - failed)) passed, $failed failed"
[ $failed = 0 ]
