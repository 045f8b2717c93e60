# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# For tests that damage regions through /dev/mem, in a kernel without pkernfs=.
# Region N begins at 1024 MiB + N * STRIDE MiB.

STRIDE=32

# start N: where region N begins in /dev/mem
start() {
	echo $(((1024 + STRIDE * $1) << 20))
}

# put N OFFSET: write standard input there
put() {
	dd of=/dev/mem bs=1 seek=$(($(start "$1") + $2)) conv=notrunc 2>/dev/null
}

# flip N OFFSET: change the byte there
flip() {
	local byte

	byte=$(dd if=/dev/mem bs=1 skip=$(($(start "$1") + $2)) count=1 2>/dev/null |
		hexdump -e '/1 "%u"')
	# shellcheck disable=SC2059 # the format is the byte
	printf "\\$(printf %o $((byte ^ 1)))" | put "$1" "$2"
}

# megabytes N COUNT: the first ones of region N
megabytes() {
	dd if=/dev/mem bs=1M skip=$((1024 + STRIDE * $1)) count="$2" 2>/dev/null
}

# number N OFFSET: the 4 bytes there
number() {
	dd if=/dev/mem bs=4 skip=$((($(start "$1") + $2) / 4)) count=1 2>/dev/null |
		od -An -N4 -tu4
}

# inode_offset N INO: where an inode is in region N. The table's place is in the
# superblock, see struct pkernfs_sb.
inode_offset() {
	echo $(($(number "$1" 160) + ($2 - 1) * 256))
}
