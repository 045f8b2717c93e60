// SPDX-License-Identifier: GPL-2.0-only
/*
 * The orphan lists: inodes that are deleted when their last user is gone, or
 * that are being truncated. A mount ends what was begun. There are several
 * lists, so that few transactions wait for each other: a list stays locked from
 * its first change to the end of the transaction.
 */
#include <linux/compiler.h>
#include <linux/errno.h>

#include "internal.h"

static int lock_list(struct pkernfs_tx *tx, u32 ino)
{
	int list = ino % PKERNFS_NR_ORPHAN_LISTS;

	if (tx->orphan_list == list)
		return 0;
	/* A second lock would need an order. */
	if (tx->orphan_list >= 0)
		return -EINVAL;
	mutex_lock(&tx->m->journal->orphan_lock[list]);
	tx->orphan_list = list;
	/* Who had it before may have left it half changed. */
	return READ_ONCE(tx->m->broken) ? -EROFS : 0;
}

static __le32 *list_head(const struct pkernfs_media *m, u32 ino)
{
	return &pkernfs_journal_head(m)->orphan[ino % PKERNFS_NR_ORPHAN_LISTS];
}

/* Can @neighbour stand beside @ino in a list? */
static int check_neighbour(struct pkernfs_media *m, u32 ino, u32 neighbour)
{
	if (neighbour != ino && pkernfs_is_ino(m, neighbour) &&
	    neighbour % PKERNFS_NR_ORPHAN_LISTS == ino % PKERNFS_NR_ORPHAN_LISTS &&
	    pkernfs_is_allocated(m, PKERNFS_ZONE_INODES, neighbour - 1))
		return 0;
	return pkernfs_corrupt(m, ino, pkernfs_offset(m, pkernfs_inode(m, ino)),
			       "orphan list leads to inode %u", neighbour);
}

static bool is_listed(const struct pkernfs_media *m, u32 ino)
{
	return pkernfs_inode(m, ino)->orphan_prev ||
	       le32_to_cpu(*list_head(m, ino)) == ino;
}

/* What points to @ino from before it: checked. */
static int find_link(struct pkernfs_media *m, u32 ino, __le32 **link)
{
	u32 prev = le32_to_cpu(pkernfs_inode(m, ino)->orphan_prev);
	int err;

	*link = list_head(m, ino);
	if (prev) {
		err = check_neighbour(m, ino, prev);
		if (err)
			return err;
		*link = &pkernfs_inode(m, prev)->orphan_next;
	}
	if (le32_to_cpu(**link) != ino)
		return pkernfs_corrupt(m, ino, pkernfs_offset(m, *link),
				       "orphan list has inode %u here",
				       le32_to_cpu(**link));
	return 0;
}

/* Make @prev what stands before @ino, if there is an @ino. */
static int set_prev(struct pkernfs_tx *tx, u32 ino, u32 expected, u32 prev)
{
	struct pkernfs_inode *inode;

	if (!ino)
		return 0;
	inode = pkernfs_inode(tx->m, ino);
	if (le32_to_cpu(inode->orphan_prev) != expected)
		return pkernfs_corrupt(tx->m, ino,
				       pkernfs_offset(tx->m, &inode->orphan_prev),
				       "orphan list leads back to inode %u, expected %u",
				       le32_to_cpu(inode->orphan_prev), expected);
	return pkernfs_tx_set_le32(tx, &inode->orphan_prev, prev);
}

/**
 * pkernfs_orphan_add() - put an inode on its orphan list
 * @tx: the transaction
 * @ino: inode number; nothing is done if it is on the list
 *
 * The list is locked until the transaction ends; a transaction can change one
 * list only. The caller holds the inode exclusively.
 *
 * Return: 0, -ESTALE, -EFBIG, -EINVAL for a second list, -EUCLEAN.
 */
int pkernfs_orphan_add(struct pkernfs_tx *tx, u32 ino)
{
	struct pkernfs_media *m = tx->m;
	struct pkernfs_inode *inode;
	u32 first;
	int err;

	err = pkernfs_inode_get(m, ino, 0, &inode);
	if (!err)
		err = lock_list(tx, ino);
	if (err || is_listed(m, ino))
		return err;

	first = le32_to_cpu(*list_head(m, ino));
	if (first)
		err = check_neighbour(m, ino, first);
	if (!err)
		err = set_prev(tx, first, 0, ino);
	if (!err)
		err = pkernfs_tx_set_le32(tx, &inode->orphan_next, first);
	if (!err)
		err = pkernfs_tx_set_le32(tx, list_head(m, ino), ino);
	return err;
}

/**
 * pkernfs_orphan_del() - take an inode off its orphan list
 * @tx: the transaction
 * @ino: inode number; nothing is done if it is not on the list
 *
 * See pkernfs_orphan_add().
 *
 * Return: 0, -ESTALE, -EFBIG, -EINVAL for a second list, -EUCLEAN.
 */
int pkernfs_orphan_del(struct pkernfs_tx *tx, u32 ino)
{
	struct pkernfs_media *m = tx->m;
	struct pkernfs_inode *inode;
	u32 next, prev;
	__le32 *link;
	int err;

	err = pkernfs_inode_get(m, ino, 0, &inode);
	if (!err)
		err = lock_list(tx, ino);
	if (err || !is_listed(m, ino))
		return err;

	err = find_link(m, ino, &link);
	if (err)
		return err;
	next = le32_to_cpu(inode->orphan_next);
	prev = le32_to_cpu(inode->orphan_prev);
	if (next)
		err = check_neighbour(m, ino, next);
	if (!err)
		err = set_prev(tx, next, ino, prev);
	if (!err)
		err = pkernfs_tx_set_le32(tx, link, next);
	if (!err)
		err = pkernfs_tx_set_le32(tx, &inode->orphan_next, 0);
	if (!err)
		err = pkernfs_tx_set_le32(tx, &inode->orphan_prev, 0);
	return err;
}

/**
 * pkernfs_orphan_next() - find an inode of an orphan list
 * @m: the region
 * @list: which list, below PKERNFS_NR_ORPHAN_LISTS
 * @after: an inode of the list, 0 for its begin
 * @ino: set to the number of the inode behind it, 0 at the end
 *
 * For a mount, which takes off what it can delete and passes over the rest. What
 * an inode says is before it is checked, so no list goes in a circle. The caller
 * excludes changes of the list.
 *
 * Return: 0 or -EUCLEAN.
 */
int pkernfs_orphan_next(struct pkernfs_media *m, unsigned int list, u32 after,
			u32 *ino)
{
	const __le32 *link = &pkernfs_journal_head(m)->orphan[list];
	u32 next;

	if (after)
		link = &pkernfs_inode(m, after)->orphan_next;
	next = le32_to_cpu(READ_ONCE(*link));
	if (next &&
	    (!pkernfs_is_ino(m, next) ||
	     next % PKERNFS_NR_ORPHAN_LISTS != list ||
	     !pkernfs_is_allocated(m, PKERNFS_ZONE_INODES, next - 1) ||
	     le32_to_cpu(pkernfs_inode(m, next)->orphan_prev) != after))
		return pkernfs_corrupt(m, after, pkernfs_offset(m, link),
				       "orphan list leads to inode %u", next);
	*ino = next;
	return 0;
}
