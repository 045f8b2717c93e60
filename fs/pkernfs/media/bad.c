// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bad pages: memory of the small and data zones that the hardware has reported as
 * damaged. They are listed on media, since the next kernel knows nothing of what
 * was reported to this one, and must not touch them either.
 *
 * A block with a bad page that is free is passed over when blocks are allocated,
 * and not counted. What else is in a block that is in use can be used as before.
 */
#include <asm/barrier.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/minmax.h>

#include "internal.h"

static u32 count_bad(const struct pkernfs_media *m)
{
	return min_t(u32, le32_to_cpu(READ_ONCE(pkernfs_journal_head(m)->nr_bad)),
		     PKERNFS_MAX_BAD);
}

/* The zone of file data that has the page at @offset. */
static int find_zone(const struct pkernfs_media *m, u64 offset,
		     enum pkernfs_zone_id *id)
{
	for (*id = PKERNFS_ZONE_SMALL; *id <= PKERNFS_ZONE_DATA; ++*id) {
		const struct pkernfs_zone *zone = &m->zone[*id];

		if (offset >= zone->start &&
		    (offset - zone->start) >> zone->shift < zone->count)
			return 0;
	}
	return -EINVAL;
}

/**
 * pkernfs_good_size() - how much can be accessed before a bad page
 * @m: the region
 * @offset: where it begins
 * @size: bytes of interest
 *
 * Needs no lock. Costs a load as long as there is no bad page at all.
 *
 * Return: @size, or how many bytes are before the first bad page; 0 when it is
 * there that the range begins.
 */
u64 pkernfs_good_size(const struct pkernfs_media *m, u64 offset, u64 size)
{
	const struct pkernfs_journal_head *head = pkernfs_journal_head(m);
	u32 i, n = count_bad(m);
	u64 bad;

	/* An entry is there before it is counted. */
	smp_rmb();
	for (i = 0; i < n; i++) {
		bad = le64_to_cpu(READ_ONCE(head->bad[i]));
		if (bad >= offset && bad - offset < size)
			size = bad - offset;
		else if (bad < offset && offset - bad < PKERNFS_BLOCK_SIZE)
			size = 0;
	}
	return size;
}

static u64 block_of(const struct pkernfs_media *m, enum pkernfs_zone_id id,
		    u32 i)
{
	u64 page = le64_to_cpu(READ_ONCE(pkernfs_journal_head(m)->bad[i]));
	const struct pkernfs_zone *zone = &m->zone[id];

	return page < zone->start ? U64_MAX : (page - zone->start) >> zone->shift;
}

/**
 * pkernfs_bad_count_free() - how many blocks are free but have bad pages
 * @m: the region
 * @id: the zone
 *
 * Costs a load as long as there is no bad page at all.
 *
 * Return: their number.
 */
u64 pkernfs_bad_count_free(const struct pkernfs_media *m,
			   enum pkernfs_zone_id id)
{
	u32 i, j, n = count_bad(m);
	u64 block, count = 0;

	/* As in pkernfs_good_size(). */
	smp_rmb();
	for (i = 0; i < n; i++) {
		block = block_of(m, id, i);
		if (block >= m->zone[id].count ||
		    pkernfs_is_allocated(m, id, block))
			continue;
		for (j = 0; j < i && block_of(m, id, j) != block; j++)
			;
		count += j == i;
	}
	return count;
}

static int append(struct pkernfs_tx *tx, u64 page)
{
	struct pkernfs_journal_head *head = pkernfs_journal_head(tx->m);
	u32 n = count_bad(tx->m);
	int err;

	if (!pkernfs_good_size(tx->m, page, PKERNFS_BLOCK_SIZE))
		return 0;
	if (n == PKERNFS_MAX_BAD)
		return -ENOSPC;
	err = pkernfs_tx_set_le64(tx, &head->bad[n], page);
	return err ?: pkernfs_tx_set_le32(tx, &head->nr_bad, n + 1);
}

/**
 * pkernfs_bad_add() - list a bad page, and never hand out its block again
 * @m: the region, writable
 * @offset: somewhere in the page
 *
 * A block that is in use stays where it is. May sleep. The caller excludes other
 * calls for this region.
 *
 * Return: 0, also for a page that is listed already; -EINVAL when there is no
 * file data; -ENOSPC when the list is full; -EUCLEAN, or an error of the journal.
 */
int pkernfs_bad_add(struct pkernfs_media *m, u64 offset)
{
	enum pkernfs_zone_id id;
	struct pkernfs_tx tx;
	int err;

	err = find_zone(m, offset, &id);
	if (err)
		return err;
	err = pkernfs_tx_begin(m, &tx);
	if (err)
		return err;
	err = append(&tx, ALIGN_DOWN(offset, PKERNFS_BLOCK_SIZE));
	if (err)
		pkernfs_tx_abort(&tx);
	else
		pkernfs_tx_commit(&tx);
	return err;
}

/* What is wrong with the list, NULL if nothing. */
static const char *list_defect(const struct pkernfs_media *m)
{
	const struct pkernfs_journal_head *head = pkernfs_journal_head(m);
	enum pkernfs_zone_id id;
	u64 page;
	u32 i;

	if (le32_to_cpu(head->nr_bad) > PKERNFS_MAX_BAD)
		return "too many entries";
	for (i = 0; i < le32_to_cpu(head->nr_bad); i++) {
		page = le64_to_cpu(head->bad[i]);
		if (!IS_ALIGNED(page, PKERNFS_BLOCK_SIZE) ||
		    find_zone(m, page, &id))
			return "an entry that is no page of file data";
	}
	return NULL;
}

/**
 * pkernfs_bad_check() - check the list of bad pages
 * @m: the region, recovered
 *
 * A list that fails is still heeded as far as it makes sense.
 *
 * Return: 0 or -EUCLEAN.
 */
int pkernfs_bad_check(struct pkernfs_media *m)
{
	const struct pkernfs_journal_head *head = pkernfs_journal_head(m);
	const char *defect = list_defect(m);

	if (!defect)
		return 0;
	return pkernfs_corrupt(m, 0, pkernfs_offset(m, &head->nr_bad),
			       "the list of bad pages has %s", defect);
}
