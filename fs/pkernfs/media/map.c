// SPDX-License-Identifier: GPL-2.0-only
/*
 * The map of a file: from pages to blocks, see struct pkernfs_inode. Like a page
 * table it needs no balancing: every change is that of single entries, and to
 * find one takes at most five loads.
 */
#include <asm/page.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/stat.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "internal.h"

/*
 * How many tables one lookup goes through: a damaged map could have more than
 * anybody has time for.
 */
#define MAX_TABLES	8

/* How much data is zeroed in one transaction, unless one block is more. */
#define MAX_ZEROED	SZ_64M

/* What freeing one run of blocks and the tables above it may need. */
#define FREES_NEEDED	(PKERNFS_MAX_HEIGHT + 1)

/* A place in a map: an entry and the entries beside it. */
struct map_cursor {
	__le64 *entries;	/* of one table, or of the inode */
	u32 count;		/* how many */
	u32 index;
	u32 level;
};

/* The places from the inode's map down to an entry. */
struct map_path {
	struct map_cursor at[PKERNFS_MAX_HEIGHT + 1];
	u32 depth;		/* index of the last one */
};

static u32 level_shift(u32 level)
{
	return level * PKERNFS_TABLE_SHIFT;
}

/* How many pages an entry stands for. */
static u64 level_pages(u32 level)
{
	return 1ULL << level_shift(level);
}

static u32 data_level(const struct pkernfs_media *m)
{
	return (m->geo.data_block_shift - PKERNFS_BLOCK_SHIFT) /
	       PKERNFS_TABLE_SHIFT;
}

/* How many pages a map of this height has. */
static u64 map_pages(u32 height)
{
	return (u64)PKERNFS_MAP_ENTRIES << level_shift(height);
}

/* The level at which blocks of a type stand. */
static u32 level_of(const struct pkernfs_media *m, unsigned int type)
{
	return type == PKERNFS_PTR_DATA ? data_level(m) : 0;
}

static u64 entry_of(const struct map_cursor *c)
{
	return le64_to_cpu(c->entries[c->index]);
}

static bool is_map_empty(const struct pkernfs_inode *inode)
{
	return !memchr_inv(inode->map, 0, sizeof(inode->map));
}

static bool is_table_empty(const struct map_cursor *c)
{
	return !memchr_inv(c->entries, 0, PKERNFS_BLOCK_SIZE);
}

static enum pkernfs_zone_id zone_of(u64 entry)
{
	switch (pkernfs_ptr_type(entry)) {
	case PKERNFS_PTR_SMALL:
		return PKERNFS_ZONE_SMALL;
	case PKERNFS_PTR_DATA:
		return PKERNFS_ZONE_DATA;
	default:
		return PKERNFS_ZONE_META;
	}
}

/* Does the entry lead to a block that may stand at this level? */
static bool is_entry(const struct pkernfs_media *m, u64 entry, u32 level)
{
	u64 offset = pkernfs_ptr_offset(entry);
	bool fits;

	switch (pkernfs_ptr_type(entry)) {
	case PKERNFS_PTR_TABLE:
		fits = level > 0;
		break;
	case PKERNFS_PTR_SMALL:
		fits = level == 0;
		break;
	case PKERNFS_PTR_DATA:
		fits = level_shift(level) + PKERNFS_BLOCK_SHIFT ==
		       m->geo.data_block_shift;
		break;
	default:
		return false;
	}
	return fits && pkernfs_is_block(m, zone_of(entry), offset);
}

static int invalid_entry(struct pkernfs_media *m, u32 ino, const __le64 *entry,
			 u32 level)
{
	return pkernfs_corrupt(m, ino, pkernfs_offset(m, entry),
			       "map entry 0x%llx cannot stand at level %u",
			       le64_to_cpu(*entry), level);
}

/*
 * Read an entry; it is a hole, or leads to a block that may stand there. Inline, so
 * that the cursor of a lookup is in registers.
 */
static inline int read_entry(struct pkernfs_media *m, u32 ino,
			     const struct map_cursor *c, u64 *entry)
{
	*entry = entry_of(c);
	if (!*entry || is_entry(m, *entry, c->level))
		return 0;
	return invalid_entry(m, ino, &c->entries[c->index], c->level);
}

/* The place in the inode's own map that leads to @page, which is inside. */
static struct map_cursor root_cursor(struct pkernfs_inode *inode, u64 page)
{
	return (struct map_cursor) {
		.entries	= inode->map,
		.count		= PKERNFS_MAP_ENTRIES,
		.index		= page >> level_shift(inode->height),
		.level		= inode->height,
	};
}

/* The place one level below @c, in the table @entry. */
static struct map_cursor table_cursor(const struct pkernfs_media *m,
				      const struct map_cursor *c, u64 entry,
				      u64 page)
{
	u32 level = c->level - 1;

	return (struct map_cursor) {
		.entries	= pkernfs_at(m, pkernfs_ptr_offset(entry)),
		.count		= PKERNFS_TABLE_ENTRIES,
		.index		= (page >> level_shift(level)) %
				  PKERNFS_TABLE_ENTRIES,
		.level		= level,
	};
}

/* Go down to the entry of @page, which is a hole or a block. */
static int walk(struct pkernfs_media *m, u32 ino, struct pkernfs_inode *inode,
		u64 page, struct map_path *path)
{
	struct map_cursor *c = path->at;
	u64 entry;
	int err;

	*c = root_cursor(inode, page);
	for (;;) {
		path->depth = c - path->at;
		err = read_entry(m, ino, c, &entry);
		if (err || pkernfs_ptr_type(entry) != PKERNFS_PTR_TABLE)
			return err;
		c[1] = table_cursor(m, c, entry, page);
		c++;
	}
}

/* What the entry at @c says about @page and the pages behind it. */
static struct pkernfs_extent extent_at(const struct map_cursor *c, u64 page)
{
	u64 skip = page & (level_pages(c->level) - 1);
	u64 entry = entry_of(c);

	return (struct pkernfs_extent) {
		.page	= page,
		.count	= level_pages(c->level) - skip,
		.offset	= entry ? pkernfs_ptr_offset(entry) +
				  (skip << PKERNFS_BLOCK_SHIFT) : 0,
	};
}

static bool continues(const struct pkernfs_extent *a,
		      const struct pkernfs_extent *b)
{
	if (!a->offset || !b->offset)
		return a->offset == b->offset;
	return b->offset == a->offset + (a->count << PKERNFS_BLOCK_SHIFT);
}

/*
 * Add the entries behind @c, in the same table, that continue the extent. Most
 * lookups end before, and do better when this is not in their way.
 */
static noinline int merge_entries(struct pkernfs_media *m, u32 ino,
				  struct map_cursor c, u64 max_pages,
				  struct pkernfs_extent *extent)
{
	struct pkernfs_extent next;
	u64 entry;
	int err;

	while (extent->count < max_pages && ++c.index < c.count) {
		err = read_entry(m, ino, &c, &entry);
		if (err)
			return err;
		if (pkernfs_ptr_type(entry) == PKERNFS_PTR_TABLE)
			return 0;
		next = extent_at(&c, extent->page + extent->count);
		if (!continues(extent, &next))
			return 0;
		extent->count += next.count;
	}
	return 0;
}

/*
 * Tables go with the last block below them. A map of empty ones, the same one at
 * many places, would have more than anybody has time for.
 */
static int empty_table(struct pkernfs_media *m, u32 ino, const __le64 *entries)
{
	return pkernfs_corrupt(m, ino, pkernfs_offset(m, entries),
			       "a table of the map is empty");
}

/* Find what one table says about @page and the pages behind it. */
static int lookup(struct pkernfs_media *m, u32 ino, struct pkernfs_inode *inode,
		  u64 page, u64 max_pages, struct pkernfs_extent *extent)
{
	struct map_cursor c;
	u64 entry;
	int err;

	if (page >= map_pages(inode->height)) {
		*extent = (struct pkernfs_extent) {
			.page	= page,
			.count	= max_pages,
		};
		return 0;
	}
	c = root_cursor(inode, page);
	for (;;) {
		err = read_entry(m, ino, &c, &entry);
		if (err)
			return err;
		if (pkernfs_ptr_type(entry) != PKERNFS_PTR_TABLE)
			break;
		c = table_cursor(m, &c, entry, page);
	}
	*extent = extent_at(&c, page);
	if (extent->count < max_pages)
		err = merge_entries(m, ino, c, max_pages, extent);
	if (!err && !extent->offset && c.level < inode->height &&
	    extent->count == level_pages(c.level + 1))
		err = empty_table(m, ino, c.entries);
	extent->count = min(extent->count, max_pages);
	return err;
}

/**
 * pkernfs_map_lookup() - find where pages of a file are
 * @m: the region
 * @ino: inode number of a regular file
 * @page: the first page, in units of 4 KiB; any value
 * @max_pages: how many are of interest, at least 1
 * @extent: the result: a hole, or a run that is contiguous in the region. It
 *          begins at @page and has up to @max_pages. What follows may continue it
 *          only when it is very long.
 *
 * Return: 0, -ESTALE, -EINVAL for another type, -EUCLEAN.
 */
int pkernfs_map_lookup(struct pkernfs_media *m, u32 ino, u64 page,
		       u64 max_pages, struct pkernfs_extent *extent)
{
	struct pkernfs_extent next, *part = extent;
	struct pkernfs_inode *inode;
	int err, i = 0;

	err = pkernfs_inode_get(m, ino, S_IFREG, &inode);
	if (err)
		return err;
	max_pages = min(max_pages, U64_MAX - page);
	do {
		err = lookup(m, ino, inode, page, max_pages, part);
		if (err)
			return err;
		if (i) {
			if (!continues(extent, &next))
				return 0;
			extent->count += next.count;
		}
		page += part->count;
		max_pages -= part->count;
		part = &next;
	} while (max_pages && ++i < MAX_TABLES);
	return 0;
}

/* A larger map: what there is becomes the first table. */
static int grow_once(struct pkernfs_tx *tx, struct pkernfs_inode *inode)
{
	u64 offset;
	int err;

	err = pkernfs_tx_save(tx, &inode->height, sizeof(inode->height));
	if (err)
		return err;
	if (is_map_empty(inode)) {
		inode->height++;
		return 0;
	}
	err = pkernfs_meta_zalloc(tx, &offset);
	if (err)
		return err;
	memcpy(pkernfs_at(tx->m, offset), inode->map, sizeof(inode->map));
	err = pkernfs_tx_save(tx, inode->map, sizeof(inode->map));
	if (err)
		return err;
	memset(inode->map, 0, sizeof(inode->map));
	inode->map[0] = cpu_to_le64(offset | PKERNFS_PTR_TABLE);
	inode->height++;
	return pkernfs_inode_add_blocks(tx, inode, 1);
}

/* Make the map large enough for @page and, if it is empty, for @level. */
static int grow(struct pkernfs_tx *tx, struct pkernfs_inode *inode, u64 page,
		u32 level)
{
	int err = 0;

	while (!err && (page >= map_pages(inode->height) ||
			(inode->height < level && is_map_empty(inode))))
		err = grow_once(tx, inode);
	return err;
}

/* Put an empty table into the hole at @c. */
static int add_table(struct pkernfs_tx *tx, struct pkernfs_inode *inode,
		     const struct map_cursor *c)
{
	u64 offset;
	int err;

	err = pkernfs_meta_zalloc(tx, &offset);
	if (!err)
		err = pkernfs_tx_set_le64(tx, &c->entries[c->index],
					  offset | PKERNFS_PTR_TABLE);
	return err ?: pkernfs_inode_add_blocks(tx, inode, 1);
}

/* Go from the entry at @c, a hole, down to @level through new tables. */
static int descend(struct pkernfs_tx *tx, struct pkernfs_inode *inode, u64 page,
		   u32 level, struct map_cursor *c)
{
	int err;

	while (c->level > level) {
		err = add_table(tx, inode, c);
		if (err)
			return err;
		*c = table_cursor(tx->m, c, entry_of(c), page);
	}
	return 0;
}

/*
 * The number of holes from @page on at @level, at most @max. @c leads there, or to
 * where its table is missing.
 */
static u64 count_holes(const struct map_cursor *c, u64 page, u32 level, u64 max)
{
	u64 n = 1;

	if (c->level > level)
		return min(max, PKERNFS_TABLE_ENTRIES -
				(page >> level_shift(level)) % PKERNFS_TABLE_ENTRIES);
	max = min(max, (u64)(c->count - c->index));
	while (n < max && !c->entries[c->index + n])
		n++;
	return n;
}

/* By pages, since processors do that faster than anything else. */
static void zero(const struct pkernfs_media *m, u64 offset, u64 size)
{
	u64 end = offset + size;

	for (; offset < end; offset += PKERNFS_BLOCK_SIZE) {
		clear_page(pkernfs_at(m, offset));
		if (IS_ALIGNED(offset, SZ_2M))
			cond_resched();
	}
}

/*
 * Allocate up to @want blocks, zero them, put them into the holes at @c, or below
 * it, of which the first one has @extent->page.
 *
 * Return: 1 when there is no block of this type. Nothing has been changed then.
 */
static int fill_holes(struct pkernfs_tx *tx, struct pkernfs_inode *inode,
		      struct map_cursor *c, u64 want, unsigned int type,
		      struct pkernfs_extent *extent)
{
	const struct pkernfs_zone *zone = &tx->m->zone[zone_of(type)];
	u32 level = level_of(tx->m, type);
	u64 first, got, offset, i;
	int err;

	want = count_holes(c, extent->page, level, want);
	err = pkernfs_alloc(tx, zone_of(type), want, &first, &got);
	if (err)
		return err == -ENOSPC ? 1 : err;
	err = descend(tx, inode, extent->page, level, c);
	if (err)
		return err;
	offset = pkernfs_block_offset(tx->m, zone_of(type), first);
	zero(tx->m, offset, got << zone->shift);
	/* Saving orders: nothing of the last user is left when it is linked. */
	err = pkernfs_tx_save(tx, &c->entries[c->index],
			      got * sizeof(*c->entries));
	if (err)
		return err;
	for (i = 0; i < got; i++)
		c->entries[c->index + i] =
			cpu_to_le64((offset + (i << zone->shift)) | type);
	*extent = (struct pkernfs_extent) {
		.page	= ALIGN_DOWN(extent->page, level_pages(c->level)),
		.count	= got << level_shift(c->level),
		.offset	= offset,
	};
	return pkernfs_inode_add_blocks(tx, inode, extent->count);
}

/*
 * How many entries at @level the pages from @page on lie in. Zeroing them all
 * must not take for ever.
 */
static u64 count_entries(u64 page, u64 max_pages, u32 level)
{
	u64 last = (page + max_pages - 1) >> level_shift(level);
	u64 limit = (MAX_ZEROED >> PKERNFS_BLOCK_SHIFT) >> level_shift(level);

	return min(last - (page >> level_shift(level)) + 1, max(limit, 1ULL));
}

/*
 * Allocate blocks of one type from @extent->page on. Where small blocks stand
 * already there is no place for a data block.
 *
 * Return: 1 when there is no block of this type, or no place for one.
 */
static int alloc_type(struct pkernfs_tx *tx, u32 ino,
		      struct pkernfs_inode *inode, u64 max_pages,
		      unsigned int type, struct pkernfs_extent *extent)
{
	u32 level = level_of(tx->m, type);
	u64 page = extent->page;
	struct map_path path;
	struct map_cursor *c;
	int err;

	err = grow(tx, inode, page, level);
	if (!err)
		err = walk(tx->m, ino, inode, page, &path);
	if (err)
		return err;
	c = &path.at[path.depth];
	if (entry_of(c)) {
		*extent = extent_at(c, ALIGN_DOWN(page, level_pages(c->level)));
		return 0;
	}
	if (c->level < level)
		return 1;
	return fill_holes(tx, inode, c, count_entries(page, max_pages, level),
			  type, extent);
}

/**
 * pkernfs_wants_data_blocks() - which blocks a file is to have
 * @m: the region
 * @size: bytes of the file
 *
 * Return: true for data blocks, false for small ones.
 */
bool pkernfs_wants_data_blocks(const struct pkernfs_media *m, u64 size)
{
	return size >> m->geo.data_block_shift;
}

/**
 * pkernfs_map_alloc() - put blocks where a file has a hole
 * @tx: the transaction
 * @ino: inode number of a regular file
 * @page: the first page of the hole, in units of 4 KiB
 * @max_pages: how many are wanted, at least 1
 * @size_after: bytes the file is going to have
 * @extent: what has been filled: at least @page, but the whole of its data block
 *
 * Files that have, or are going to have, at least the size of a data block get
 * data blocks, others small blocks. When one zone is full the other one serves.
 * A data block that lies around the pages is allocated whole. The blocks read as
 * zeroes. The caller holds the map exclusively until the transaction ends, and
 * continues with another transaction while pages are missing.
 *
 * Return: 0; -ENOSPC when there is no block left that can be used here, see
 * pkernfs_map_promote(), or no meta block; -EFBIG beyond the largest file;
 * -ESTALE; -EINVAL for another type; -EUCLEAN.
 */
int pkernfs_map_alloc(struct pkernfs_tx *tx, u32 ino, u64 page, u64 max_pages,
		      u64 size_after, struct pkernfs_extent *extent)
{
	unsigned int first = PKERNFS_PTR_SMALL, second = PKERNFS_PTR_DATA;
	struct pkernfs_inode *inode;
	int err;

	if (page >= PKERNFS_MAX_FILE_PAGES)
		return -EFBIG;
	max_pages = min(max_pages, PKERNFS_MAX_FILE_PAGES - page);
	err = pkernfs_inode_get(tx->m, ino, S_IFREG, &inode);
	if (err)
		return err;
	if (pkernfs_wants_data_blocks(tx->m, size_after))
		swap(first, second);
	extent->page = page;
	err = alloc_type(tx, ino, inode, max_pages, first, extent);
	if (err > 0)
		err = alloc_type(tx, ino, inode, max_pages, second, extent);
	return err > 0 ? -ENOSPC : err;
}

/* May the block be in use by somebody that media/ knows nothing of? */
static bool is_busy(struct pkernfs_media *m, u64 entry)
{
	return m->is_busy && m->is_busy(m, pkernfs_ptr_offset(entry));
}

/* Can a small block be given up for a copy of it? */
static bool is_movable(struct pkernfs_media *m, u64 entry)
{
	/* A device goes on writing where the block is now. */
	return !is_busy(m, entry) &&
	       pkernfs_good_size(m, pkernfs_ptr_offset(entry),
				 PKERNFS_BLOCK_SIZE) == PKERNFS_BLOCK_SIZE;
}

/*
 * Copy the small blocks from @c on, to the end of the table, to the data block at
 * @offset; holes become zeroes. Adds to *@blocks what there is at @c and below.
 */
static int copy_table(struct pkernfs_media *m, u32 ino, struct map_cursor c,
		      u64 offset, u64 *blocks)
{
	u64 size = level_pages(c.level) << PKERNFS_BLOCK_SHIFT;
	u64 entry;
	int err;

	for (; c.index < c.count; c.index++, offset += size) {
		err = read_entry(m, ino, &c, &entry);
		if (err)
			return err;
		if (!entry) {
			zero(m, offset, size);
			continue;
		}
		++*blocks;
		if (!c.level && !is_movable(m, entry))
			return -ENOSPC;
		if (!c.level) {
			/* Memory may be damaged without having been reported. */
			if (copy_mc_to_kernel(pkernfs_at(m, offset),
					      pkernfs_at(m, pkernfs_ptr_offset(entry)),
					      size))
				return -ENOSPC;
			continue;
		}
		err = copy_table(m, ino, table_cursor(m, &c, entry, 0), offset,
				 blocks);
		if (err)
			return err;
		cond_resched();
	}
	return 0;
}

/*
 * Give the table at @c, where data blocks stand, to a new inode without links.
 * @blocks: its own, and what is below.
 */
static int give_table(struct pkernfs_tx *tx, const struct map_cursor *c,
		      u64 blocks, u32 ino)
{
	struct pkernfs_inode *inode = pkernfs_inode(tx->m, ino);

	/* Nothing leads to the inode until it is on the list. */
	inode->height = c->level;
	inode->map[0] = c->entries[c->index];
	inode->blocks = cpu_to_le64(blocks);
	return pkernfs_orphan_add(tx, ino);
}

/* Put a data block in the place of the table at @c. */
static int replace_table(struct pkernfs_tx *tx, u32 ino,
			 struct pkernfs_inode *inode,
			 const struct map_cursor *c, u32 *orphan)
{
	struct pkernfs_attr attr = { .mode = S_IFREG };
	u64 n, got, offset, blocks = 1;
	int err;

	err = pkernfs_alloc(tx, PKERNFS_ZONE_DATA, 1, &n, &got);
	if (!err)
		err = pkernfs_inode_create(tx, &attr, orphan);
	if (err)
		return err;
	offset = pkernfs_block_offset(tx->m, PKERNFS_ZONE_DATA, n);
	err = copy_table(tx->m, ino, table_cursor(tx->m, c, entry_of(c), 0),
			 offset, &blocks);
	/* Others wait for the orphan list from here on: after the copying. */
	if (!err)
		err = give_table(tx, c, blocks, *orphan);
	/* Saving orders: the copy is whole when it is linked. */
	if (!err)
		err = pkernfs_tx_set_le64(tx, &c->entries[c->index],
					  offset | PKERNFS_PTR_DATA);
	return err ?: pkernfs_inode_add_blocks(tx, inode,
					       level_pages(c->level) - blocks);
}

/**
 * pkernfs_map_promote() - put a data block where a file has small blocks
 * @tx: the transaction
 * @ino: inode number of a regular file
 * @page: a page that lies where a data block could, beside small blocks; in units
 *        of 4 KiB
 * @orphan: set to the number of an inode without links that gets the small blocks
 *          and their tables
 *
 * For a hole that pkernfs_map_alloc() has no block for: small blocks keep a data
 * block from being put there. They are copied into one that takes their place,
 * holes between them become zeroes. There may be more of them than a transaction
 * can free, so they go to an inode of their own, on its orphan list. When the
 * transaction is committed, the caller deletes that inode as any other orphan; if
 * it does not come to that, the next mount does it. The caller holds the file
 * exclusively until the transaction ends.
 *
 * Return: 0; -ENOSPC when there are no small blocks around @page, one of them is
 * busy or has a bad page, or there is no data block, inode or meta block; -EFBIG
 * beyond the largest file; -ESTALE; -EINVAL for another type; -EUCLEAN.
 */
int pkernfs_map_promote(struct pkernfs_tx *tx, u32 ino, u64 page, u32 *orphan)
{
	u32 level = data_level(tx->m);
	struct pkernfs_inode *inode;
	struct map_path path;
	int err;

	if (page >= PKERNFS_MAX_FILE_PAGES)
		return -EFBIG;
	err = pkernfs_inode_get(tx->m, ino, S_IFREG, &inode);
	if (err)
		return err;
	if (!pkernfs_free_count(tx->m, PKERNFS_ZONE_DATA))
		return -ENOSPC;
	err = grow(tx, inode, page, level);
	while (!err && inode->height < level)
		err = grow_once(tx, inode);
	if (!err)
		err = walk(tx->m, ino, inode, page, &path);
	if (err)
		return err;
	if (path.at[path.depth].level >= level)
		return -ENOSPC;
	return replace_table(tx, ino, inode, &path.at[inode->height - level],
			     orphan);
}

/**
 * pkernfs_map_add_to_limbo() - put a block into limbo
 * @tx: the transaction, which has limbo locked; there is one
 * @id: PKERNFS_ZONE_SMALL or PKERNFS_ZONE_DATA
 * @n: number of the block, which no file has
 *
 * Return: 0, -ENOSPC when there is no meta block, -EFBIG, -EUCLEAN.
 */
int pkernfs_map_add_to_limbo(struct pkernfs_tx *tx, enum pkernfs_zone_id id,
			     u64 n)
{
	unsigned int type = id == PKERNFS_ZONE_DATA ? PKERNFS_PTR_DATA :
						      PKERNFS_PTR_SMALL;
	u64 page = pkernfs_limbo_page(tx->m, id, n);
	u64 offset = pkernfs_block_offset(tx->m, id, n);
	u32 level = level_of(tx->m, type);
	struct pkernfs_inode *inode;
	struct map_cursor *to;
	struct map_path path;
	int err;

	err = pkernfs_inode_get(tx->m, tx->m->limbo, S_IFREG, &inode);
	if (err)
		return err;
	if (page >= PKERNFS_MAX_FILE_PAGES)
		return -EFBIG;
	err = grow(tx, inode, page, level);
	if (!err)
		err = walk(tx->m, tx->m->limbo, inode, page, &path);
	if (err)
		return err;
	to = &path.at[path.depth];
	if (entry_of(to))
		return pkernfs_corrupt(tx->m, tx->m->limbo, offset,
				       "a block is in limbo twice");
	err = descend(tx, inode, page, level, to);
	if (!err)
		err = pkernfs_tx_set_le64(tx, &to->entries[to->index],
					  offset | type);
	return err ?: pkernfs_inode_add_blocks(tx, inode, level_pages(level));
}

/*
 * Free the block at @c of inode @ino, or give it to limbo, or leave it there.
 * Adds to *@blocks how many units of 4 KiB the inode has lost.
 */
static int punch_entry(struct pkernfs_tx *tx, u32 ino,
		       const struct map_cursor *c, u64 *blocks)
{
	struct pkernfs_media *m = tx->m;
	u64 entry = entry_of(c);
	enum pkernfs_zone_id id = zone_of(entry);
	u64 n = pkernfs_block_number(m, id, pkernfs_ptr_offset(entry));
	bool busy = is_busy(m, entry);
	int err = 0;

	if (busy)
		err = pkernfs_limbo_lock(tx);
	if (err)
		return err;
	if (busy && !m->limbo)
		return -EBUSY;
	if (busy && ino == m->limbo) {
		if (m->await)
			m->await(m, pkernfs_ptr_offset(entry));
		return 0;
	}
	if (busy)
		err = pkernfs_map_add_to_limbo(tx, id, n);
	else
		err = pkernfs_free(tx, id, n);
	*blocks += level_pages(c->level);
	return err ?: pkernfs_tx_set_le64(tx, &c->entries[c->index], 0);
}

/*
 * Free the blocks inside [*@page, @end) from @c on, up to the end of the table,
 * or to one below. *@page tells how far it came.
 */
static int punch_table(struct pkernfs_tx *tx, u32 ino, struct map_cursor c,
		       u64 *page, u64 end, u64 *blocks)
{
	u64 size = level_pages(c.level);
	u64 start = ALIGN_DOWN(*page, size);
	u64 entry;
	int err;

	for (; c.index < c.count && start < end; c.index++, start += size) {
		err = read_entry(tx->m, ino, &c, &entry);
		if (err)
			return err;
		if (pkernfs_ptr_type(entry) == PKERNFS_PTR_TABLE ||
		    tx->state->nr_frees > PKERNFS_TX_MAX_FREES - FREES_NEEDED ||
		    tx->used > PKERNFS_SLOT_LOG_SIZE / 2)
			return 0;
		if (entry && *page <= start && end - start >= size) {
			err = punch_entry(tx, ino, &c, blocks);
			if (err)
				return err;
		}
		*page = start + size;
	}
	return 0;
}

/* Free the tables on the path that have become empty. */
static int free_tables(struct pkernfs_tx *tx, struct pkernfs_inode *inode,
		       const struct map_path *path, u64 *blocks)
{
	const struct map_cursor *c;
	int err;

	for (c = &path->at[path->depth]; c > path->at; c--) {
		if (!is_table_empty(c))
			return 0;
		err = pkernfs_meta_free(tx, pkernfs_offset(tx->m, c->entries));
		if (!err)
			err = pkernfs_tx_set_le64(tx, &c[-1].entries[c[-1].index],
						  0);
		if (err)
			return err;
		++*blocks;
	}
	if (!inode->height || !is_map_empty(inode))
		return 0;
	err = pkernfs_tx_save(tx, &inode->height, sizeof(inode->height));
	if (!err)
		inode->height = 0;
	return err;
}

/**
 * pkernfs_map_punch() - free blocks of a file
 * @tx: the transaction
 * @ino: inode number of a regular file
 * @page: the first page, in units of 4 KiB; set to where to continue
 * @end: the page behind the last one; may be beyond the map
 *
 * Frees the blocks that lie wholly inside, or gives them to limbo while they are
 * busy; others stay, and zeroing the part inside is up to the caller. Does as much
 * as fits into a transaction. The caller holds the inode exclusively until the
 * transaction ends, or limbo's lock if it is limbo.
 *
 * Return: 1 when more is to be done in another transaction, 0 when not, -EBUSY
 * when there must be a limbo first, -ENOSPC when limbo cannot take a block,
 * -ESTALE, -EINVAL for another type, -EFBIG, -EUCLEAN.
 */
int pkernfs_map_punch(struct pkernfs_tx *tx, u32 ino, u64 *page, u64 end)
{
	const struct map_cursor *c;
	struct pkernfs_inode *inode;
	struct map_path path;
	u64 blocks = 0;
	int err;

	err = pkernfs_inode_get(tx->m, ino, S_IFREG, &inode);
	if (err)
		return err;
	end = min(end, map_pages(inode->height));
	if (*page >= end)
		return 0;
	err = walk(tx->m, ino, inode, *page, &path);
	if (err)
		return err;
	c = &path.at[path.depth];
	if (path.depth && is_table_empty(c))
		return empty_table(tx->m, ino, c->entries);
	err = punch_table(tx, ino, *c, page, end, &blocks);
	if (!err && blocks)
		err = free_tables(tx, inode, &path, &blocks);
	if (!err && blocks)
		err = pkernfs_inode_add_blocks(tx, inode, -blocks);
	return err ?: *page < end;
}
