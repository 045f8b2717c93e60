// SPDX-License-Identifier: GPL-2.0-only
/*
 * Limbo: blocks that no file has any more, but that must not be reused yet, since
 * the caller's is_busy() says so: a device may still write to them. They belong
 * to a hidden orphan, whose map has a place for each block of the region. So a
 * stop, or an unmount, loses none of them: the next mount deletes the orphan,
 * and what is busy even then goes to the limbo of that mount.
 */
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/sched.h>
#include <linux/stat.h>

#include "internal.h"

/**
 * pkernfs_limbo_lock() - keep others from limbo until the transaction ends
 * @tx: the transaction; it has no orphan list yet
 *
 * Return: 0, or -EROFS when who had it before has left it half changed.
 */
int pkernfs_limbo_lock(struct pkernfs_tx *tx)
{
	if (tx->limbo_locked)
		return 0;
	mutex_lock(&tx->m->journal->limbo_lock);
	tx->limbo_locked = true;
	return READ_ONCE(tx->m->broken) ? -EROFS : 0;
}

/**
 * pkernfs_limbo_page() - the place of a block in limbo
 * @m: the region
 * @id: PKERNFS_ZONE_SMALL or PKERNFS_ZONE_DATA
 * @n: number of the block
 *
 * Return: the page of the orphan, below PKERNFS_MAX_FILE_PAGES for every region
 * up to 2 PiB.
 */
u64 pkernfs_limbo_page(const struct pkernfs_media *m, enum pkernfs_zone_id id,
		       u64 n)
{
	const struct pkernfs_zone *data = &m->zone[PKERNFS_ZONE_DATA];
	u32 shift = data->shift - PKERNFS_BLOCK_SHIFT;

	return id == PKERNFS_ZONE_DATA ? n << shift : (data->count << shift) + n;
}

static int create(struct pkernfs_tx *tx)
{
	struct pkernfs_attr attr = { .mode = S_IFREG };
	u32 ino;
	int err;

	err = pkernfs_limbo_lock(tx);
	if (err || tx->m->limbo)
		return err;
	err = pkernfs_inode_create(tx, &attr, &ino);
	if (!err)
		err = pkernfs_orphan_add(tx, ino);
	/* Committing cannot fail, and nobody looks before. */
	if (!err)
		WRITE_ONCE(tx->m->limbo, ino);
	return err;
}

/**
 * pkernfs_limbo_create() - have a limbo
 * @m: the region
 *
 * To be called when pkernfs_map_punch() says -EBUSY, outside of a transaction.
 *
 * Return: 0, -ENOSPC when all inodes are in use, -EROFS, -EUCLEAN.
 */
int pkernfs_limbo_create(struct pkernfs_media *m)
{
	struct pkernfs_tx tx;
	int err;

	err = pkernfs_tx_begin(m, &tx);
	if (err)
		return err;
	err = create(&tx);
	if (err)
		pkernfs_tx_abort(&tx);
	else
		pkernfs_tx_commit(&tx);
	return err;
}

/* Delete the orphan if nothing is left in it. */
static int delete_empty(struct pkernfs_tx *tx)
{
	u32 ino = tx->m->limbo;
	int err;

	if (pkernfs_inode_blocks(tx->m, ino))
		return 0;
	err = pkernfs_orphan_del(tx, ino);
	if (!err)
		err = pkernfs_inode_free(tx, ino);
	if (!err)
		WRITE_ONCE(tx->m->limbo, 0);
	return err;
}

/* One transaction's worth. Returns 1 if there is more, 0 if not, or an errno. */
static int reap_some(struct pkernfs_tx *tx, u64 *page)
{
	int more;

	more = pkernfs_limbo_lock(tx);
	if (more || !tx->m->limbo)
		return more;
	more = pkernfs_map_punch(tx, tx->m->limbo, page, PKERNFS_MAX_FILE_PAGES);
	return more ?: delete_empty(tx);
}

/**
 * pkernfs_limbo_reap() - free what is not busy any more
 * @m: the region, writable
 *
 * Return: 0, -EUCLEAN, or an error of the journal.
 */
int pkernfs_limbo_reap(struct pkernfs_media *m)
{
	struct pkernfs_tx tx;
	u64 page = 0;
	int more;

	do {
		more = pkernfs_tx_begin(m, &tx);
		if (more)
			return more;
		more = reap_some(&tx, &page);
		if (more < 0)
			pkernfs_tx_abort(&tx);
		else
			pkernfs_tx_commit(&tx);
		cond_resched();
	} while (more > 0);
	return more;
}
