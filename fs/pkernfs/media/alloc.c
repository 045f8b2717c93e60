// SPDX-License-Identifier: GPL-2.0-only
/*
 * Blocks and inodes in use: a bitmap for each zone. alloc_lock protects all
 * bitmaps and is held for the search and the change of a few words.
 */
#include <asm/barrier.h>
#include <asm/page.h>
#include <linux/bitops.h>
#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/error-injection.h>
#include <linux/log2.h>
#include <linux/minmax.h>

#include "internal.h"

#define WORD_BITS	64ULL

static __le64 *bitmap_word(const struct pkernfs_media *m,
			   const struct pkernfs_zone *zone, u64 bit)
{
	return (__le64 *)pkernfs_at(m, zone->bitmap) + bit / WORD_BITS;
}

/* The first bit of [@bit, @end) that is @set; @end if there is none. */
static u64 find_bit(const struct pkernfs_media *m,
		    const struct pkernfs_zone *zone, u64 bit, u64 end, bool set)
{
	u64 word;

	while (bit < end) {
		word = le64_to_cpu(READ_ONCE(*bitmap_word(m, zone, bit)));
		if (!set)
			word = ~word;
		word &= ~0ULL << (bit % WORD_BITS);
		bit = ALIGN_DOWN(bit, WORD_BITS);
		if (word)
			return min(bit + __ffs64(word), end);
		bit += WORD_BITS;
	}
	return end;
}

/* How many of @count blocks from @n on are before one with a bad page. */
static u64 count_good(const struct pkernfs_media *m, enum pkernfs_zone_id id,
		      u64 n, u64 count)
{
	u32 shift = m->zone[id].shift;

	return pkernfs_good_size(m, pkernfs_block_offset(m, id, n),
				 count << shift) >> shift;
}

/* The first block of [@n, @end) that is free and good; @end if there is none. */
static u64 find_usable(const struct pkernfs_media *m, enum pkernfs_zone_id id,
		       u64 n, u64 end)
{
	for (;; n++) {
		n = find_bit(m, &m->zone[id], n, end, false);
		if (n == end || count_good(m, id, n, 1))
			return n;
	}
}

/* The first one: what was used last is most likely in the caches still. */
static u64 find_free(const struct pkernfs_media *m, enum pkernfs_zone_id id)
{
	const struct pkernfs_zone *zone = &m->zone[id];

	return zone->free ? find_usable(m, id, zone->first_free, zone->count) :
			    zone->count;
}

/**
 * pkernfs_bits_change() - set or clear bits of a bitmap
 * @m: the region
 * @id: the zone
 * @first: the first bit
 * @count: how many; all are inside the zone
 * @set: set or clear
 *
 * Called with alloc_lock held, after the change has been logged.
 */
void pkernfs_bits_change(struct pkernfs_media *m, enum pkernfs_zone_id id,
			 u64 first, u64 count, bool set)
{
	struct pkernfs_zone *zone = &m->zone[id];
	u64 n, mask, old;
	__le64 *word;

	if (!set)
		zone->first_free = min(zone->first_free, first);

	for (; count; first += n, count -= n) {
		n = min(count, WORD_BITS - first % WORD_BITS);
		mask = (~0ULL >> (WORD_BITS - n)) << (first % WORD_BITS);
		word = bitmap_word(m, zone, first);
		old = le64_to_cpu(*word);
		WRITE_ONCE(*word, cpu_to_le64(set ? old | mask : old & ~mask));
	}
}

/* Allocate blocks that are free. alloc_lock is held. */
static int take_run(struct pkernfs_tx *tx, enum pkernfs_zone_id id, u64 first,
		    u64 count)
{
	struct pkernfs_zone *zone = &tx->m->zone[id];
	int err;

	err = pkernfs_tx_log_alloc(tx, id, first, count);
	if (err)
		return err;
	if (id == PKERNFS_ZONE_INODES)
		pkernfs_inode_set_new_links(tx, first + 1, 0);
	/* What is in use, and has links, is an inode: pkernfs_inode_has_links(). */
	smp_wmb();
	pkernfs_bits_change(tx->m, id, first, count, true);
	tx->in_use[id] += count;
	zone->free -= min(zone->free, count);
	return 0;
}

/**
 * pkernfs_alloc() - allocate a run of blocks
 * @tx: the transaction
 * @id: the zone
 * @want: how many blocks would be welcome, at least 1
 * @first: set to the number of the first block
 * @got: set to the number of blocks, from 1 to @want
 *
 * The blocks hold what their last user left in them: the caller fills them
 * before anything points to them. None has a bad page.
 *
 * Return: 0, -ENOSPC when the zone is full, -EFBIG when the transaction is too
 * large.
 */
int pkernfs_alloc(struct pkernfs_tx *tx, enum pkernfs_zone_id id, u64 want,
		  u64 *first, u64 *got)
{
	struct pkernfs_media *m = tx->m;
	struct pkernfs_zone *zone = &m->zone[id];
	int err = -ENOSPC;
	u64 bit, end;

	spin_lock(&m->alloc_lock);
	bit = find_free(m, id);
	if (bit == zone->count)
		goto unlock;
	end = bit + min3(want, zone->count - bit, PKERNFS_MAX_RUN);
	end = find_bit(m, zone, bit, end, true);
	/* The block may have become bad a moment ago, as one in use may. */
	end = bit + max(count_good(m, id, bit, end - bit), 1ULL);
	err = take_run(tx, id, bit, end - bit);
	if (err)
		goto unlock;
	zone->first_free = end;
	*first = bit;
	*got = end - bit;
unlock:
	spin_unlock(&m->alloc_lock);
	return err;
}
ALLOW_ERROR_INJECTION(pkernfs_alloc, ERRNO);

static bool is_freed(const struct pkernfs_slot_state *state,
		     enum pkernfs_zone_id id, u64 n)
{
	const struct pkernfs_run *run = state->frees;
	u32 i;

	for (i = 0; i < state->nr_frees; i++, run++) {
		if (run->zone == id && n >= run->first &&
		    n - run->first < run->count)
			return true;
	}
	return false;
}

static bool extend_last_run(struct pkernfs_slot_state *state,
			    enum pkernfs_zone_id id, u64 n)
{
	struct pkernfs_run *last;

	if (!state->nr_frees)
		return false;
	last = &state->frees[state->nr_frees - 1];
	if (last->zone != id || last->first + last->count != n ||
	    last->count == PKERNFS_MAX_RUN)
		return false;
	last->count++;
	return true;
}

/**
 * pkernfs_free() - free a block
 * @tx: the transaction
 * @id: the zone
 * @n: number of the block; any value
 *
 * It becomes free when the transaction is committed.
 *
 * Return: 0, -EFBIG when the transaction frees too much, -EUCLEAN when it is not
 * in use.
 */
int pkernfs_free(struct pkernfs_tx *tx, enum pkernfs_zone_id id, u64 n)
{
	struct pkernfs_slot_state *state = tx->state;

	if (!pkernfs_is_allocated(tx->m, id, n) || is_freed(state, id, n))
		return pkernfs_corrupt(tx->m, 0, tx->m->zone[id].bitmap + n / 8,
				       "block %llu of zone %d is to be freed, but not in use",
				       n, id);

	if (extend_last_run(state, id, n))
		return 0;
	if (state->nr_frees == PKERNFS_TX_MAX_FREES)
		return -EFBIG;
	state->frees[state->nr_frees++] = (struct pkernfs_run) {
		.first	= n,
		.count	= 1,
		.zone	= id,
	};
	return 0;
}
ALLOW_ERROR_INJECTION(pkernfs_free, ERRNO);

/**
 * pkernfs_free_count() - how much is free in a zone
 * @m: the region
 * @id: the zone
 *
 * Return: blocks, or inodes for PKERNFS_ZONE_INODES; what open transactions
 * allocated is not free, nor is a block with a bad page.
 */
u64 pkernfs_free_count(const struct pkernfs_media *m, enum pkernfs_zone_id id)
{
	u64 free = READ_ONCE(m->zone[id].free);

	return free - min(free, pkernfs_bad_count_free(m, id));
}

/**
 * pkernfs_is_allocated() - whether a block is in use
 * @m: the region
 * @id: the zone
 * @n: number of the block; any value
 *
 * Return: true if it is.
 */
bool pkernfs_is_allocated(const struct pkernfs_media *m,
			  enum pkernfs_zone_id id, u64 n)
{
	const struct pkernfs_zone *zone = &m->zone[id];

	return n < zone->count &&
	       le64_to_cpu(READ_ONCE(*bitmap_word(m, zone, n))) &
	       BIT_ULL(n % WORD_BITS);
}

/**
 * pkernfs_meta_alloc() - allocate a block of the meta zone
 * @tx: the transaction
 * @offset: set to its offset in the region; the block has its old contents
 *
 * Return: 0, -ENOSPC or -EFBIG, see pkernfs_alloc().
 */
int pkernfs_meta_alloc(struct pkernfs_tx *tx, u64 *offset)
{
	u64 n, got;
	int err;

	err = pkernfs_alloc(tx, PKERNFS_ZONE_META, 1, &n, &got);
	if (!err)
		*offset = pkernfs_block_offset(tx->m, PKERNFS_ZONE_META, n);
	return err;
}

/**
 * pkernfs_meta_zalloc() - allocate a block of the meta zone, all zeroes
 * @tx: the transaction
 * @offset: set to its offset in the region
 *
 * Return: 0, -ENOSPC or -EFBIG, see pkernfs_alloc().
 */
int pkernfs_meta_zalloc(struct pkernfs_tx *tx, u64 *offset)
{
	int err = pkernfs_meta_alloc(tx, offset);

	if (!err)
		clear_page(pkernfs_at(tx->m, *offset));
	return err;
}

/**
 * pkernfs_meta_free() - free a block of the meta zone
 * @tx: the transaction
 * @offset: its offset in the region, which is that of a block
 *
 * Return: 0, -EFBIG or -EUCLEAN, see pkernfs_free().
 */
int pkernfs_meta_free(struct pkernfs_tx *tx, u64 offset)
{
	return pkernfs_free(tx, PKERNFS_ZONE_META,
			    pkernfs_block_number(tx->m, PKERNFS_ZONE_META,
						 offset));
}

static void zone_init(struct pkernfs_media *m, enum pkernfs_zone_id id,
		      enum pkernfs_area_id area, enum pkernfs_area_id bitmap,
		      u32 shift)
{
	m->zone[id] = (struct pkernfs_zone) {
		.start	= m->geo.area[area].start,
		.count	= m->geo.area[area].size >> shift,
		.shift	= shift,
		.bitmap	= m->geo.area[bitmap].start,
	};
}

/**
 * pkernfs_zones_init() - set up the zones from the geometry
 * @m: the region; its geometry has been checked
 */
void pkernfs_zones_init(struct pkernfs_media *m)
{
	zone_init(m, PKERNFS_ZONE_INODES, PKERNFS_AREA_INODES,
		  PKERNFS_AREA_INODE_BITMAP, ilog2(PKERNFS_INODE_SIZE));
	zone_init(m, PKERNFS_ZONE_META, PKERNFS_AREA_META,
		  PKERNFS_AREA_META_BITMAP, PKERNFS_BLOCK_SHIFT);
	zone_init(m, PKERNFS_ZONE_SMALL, PKERNFS_AREA_SMALL,
		  PKERNFS_AREA_SMALL_BITMAP, PKERNFS_BLOCK_SHIFT);
	zone_init(m, PKERNFS_ZONE_DATA, PKERNFS_AREA_DATA,
		  PKERNFS_AREA_DATA_BITMAP, m->geo.data_block_shift);
}
