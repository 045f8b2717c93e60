#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Does the crash sweep notice? Break a copy of media/ in one place at a time,
# most often by moving a store or taking a barrier away, and require violations.

set -u
media=../../../fs/pkernfs/media
build=${BUILD:-build}/broken
n=0
failed=0

rm -rf "${build:?}/media"
mkdir -p "$build"
cp -r $media "$build/media"

# broken NAME FILE SED-SCRIPT
broken()
{
	n=$((n + 1))
	sed -z -i -E "$3" "$build/media/$2"
	if cmp -s "$build/media/$2" "$media/$2"; then
		verdict="not ok $n - $1: $2 has changed, adapt this test"
	elif ! make -s MEDIA="$build/media" BUILD="$build" \
		   "$build/crash_sweep" >"$build/log" 2>&1; then
		verdict="not ok $n - $1: does not build, see $build/log"
	elif "$build/crash_sweep" -f >"$build/log"; then
		verdict="not ok $n - $1: the sweep did not notice"
	elif ! grep -q ' 1 violations$' "$build/log"; then
		verdict="not ok $n - $1: the sweep failed, see $build/log"
	else
		verdict="ok $n - $1: noticed after $(sed -n \
			's/^crash sweep: //;s/ stop points,.*//p' \
			"$build/log" | tail -n 1) stops"
	fi
	cp "$media/$2" "$build/media/$2"
	echo "$verdict"
	case $verdict in
	not*)	failed=$((failed + 1)) ;;
	esac
}

broken "record becomes part of the log before it is written" journal.c \
	's/(\tif \(len\)\n\t\tmemcpy\(record, old, len\);)/\tset_used(tx->slot, tx->used + padded + sizeof(undo));\n\1/'
broken "no barrier between a record and the log's length" journal.c \
	's/(memcpy\(record \+ padded[^\n]*\n[^\n]*\n)\tsmp_wmb\(\);/\1/'
broken "no barrier between the log's length and the change" journal.c \
	's/(set_used\(tx->slot, tx->used\);\n[^\n]*\n)\tsmp_wmb\(\);/\1/'
broken "change before its record" journal.c \
	's/int err = pkernfs_tx_save\(tx, p, sizeof\(\*p\)\);\n\n\tif \(!err\)\n\t\tWRITE_ONCE\(\*p, cpu_to_le64\(value\)\);/__le64 old = *p;\n\tint err;\n\n\tWRITE_ONCE(*p, cpu_to_le64(value));\n\terr = pkernfs_tx_save(tx, \&old, 0) ?: pkernfs_tx_save(tx, p, sizeof(*p));/'
broken "log forgotten before the frees" journal.c \
	's/(\tspin_lock\(&tx->m->alloc_lock\);\n)(\tcommit_frees)/\1\tset_used(tx->slot, 0);\n\2/'
broken "no barrier before the log is forgotten" journal.c \
	's/(commit_counters\(tx\);\n[^\n]*\n)\tsmp_wmb\(\);/\1/'
broken "recovery forgets a record before it is put back" journal.c \
	's/(\t\tapply\(m, &undo, slot_log\(slot\) \+ used\);\n)/\t\tset_used(slot, used);\n\1/'
broken "recovery puts back the first record first" journal.c \
	's/\tu32 used = le32_to_cpu\(slot->used\);\n(\tstruct pkernfs_undo undo;\n\tint err;\n\n)\twhile \(used\) \{/\tu32 used = le32_to_cpu(slot->used);\n\1\tif (used > 200) {\n\t\tused -= 200;\n\t\tset_used(slot, used \& ~7U);\n\t}\n\twhile (used) {/'
broken "blocks are not zeroed" map.c \
	's/\tzero\(tx->m, offset, got << zone->shift\);\n//'
broken "a data block does not get what it replaces" map.c \
	's/\t\t\tif \(copy_mc_to_kernel\([^;]*;\n//'
broken "a data block that replaces small ones keeps old contents" map.c \
	's/\t\t\tzero\(m, offset, size\);\n//'
broken "a data block is linked without being logged" map.c \
	's/\terr = pkernfs_tx_set_le64\(tx, &c->entries\[c->index\],\n[^\n]*offset \| PKERNFS_PTR_DATA\);/\tc->entries[c->index] = cpu_to_le64(offset | PKERNFS_PTR_DATA);/'
broken "small blocks that were replaced are forgotten" map.c \
	's/return pkernfs_orphan_add\(tx, ino\);/return 0;/'
broken "a busy block is freed" map.c \
	's/\tbool busy = is_busy\(m, entry\);/\tbool busy = false;/'
broken "a busy block is linked in limbo without being logged" map.c \
	's/err = pkernfs_tx_set_le64\(tx, &to->entries\[to->index\],\n[^\n]*offset \| type\);/to->entries[to->index] = cpu_to_le64(offset | type);/'
broken "a busy block is copied by a promotion" map.c \
	's/\t\tif \(!c.level && !is_movable\(m, entry\)\)\n\t\t\treturn -ENOSPC;\n//'
broken "limbo is not an orphan" limbo.c \
	's/\tif \(!err\)\n\t\terr = pkernfs_orphan_add\(tx, ino\);\n//'
broken "an empty limbo is deleted but not forgotten" limbo.c \
	's/\tif \(!err\)\n\t\tWRITE_ONCE\(tx->m->limbo, 0\);\n//'
broken "freed blocks are free before the commit" alloc.c \
	's/(\tif \(state->nr_frees == PKERNFS_TX_MAX_FREES\)\n)/\tpkernfs_bits_change(tx->m, id, n, 1, false);\n\1/'
broken "a name is visible before it is written" dir.c \
	's/(\td->key = cpu_to_le64\(key\);\n)/\tw->leaf->used = cpu_to_le16(w->used + size);\n\1/'
broken "the second copy of the state is begun too early" superblock.c \
	's/\tmemcpy\(&first->state, &state, sizeof\(state\)\);\n/\tmemcpy(\&second->state, \&state, 12);\n\0/'

echo "1..$n"
echo "# $((n - failed)) passed, $failed failed"
[ $failed = 0 ]
