/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of media/ share among themselves. */
#ifndef _PKERNFS_MEDIA_INTERNAL_H
#define _PKERNFS_MEDIA_INTERNAL_H

#include <asm/byteorder.h>
#include <linux/align.h>
#include <linux/bitops.h>
#include <linux/types.h>

#include "media.h"

/* How many runs of blocks a transaction can free. */
#define PKERNFS_TX_MAX_FREES	64

/* How many blocks one record of the journal can be about. */
#define PKERNFS_MAX_RUN		4096ULL

/* Blocks that a transaction frees when it is committed. */
struct pkernfs_run {
	u64 first;
	u32 count;
	u32 zone;
};

/* A slot of the journal, in memory. */
struct pkernfs_slot_state {
	struct mutex lock;	/* held by the transaction that uses the slot */
	u32 nr_frees;
	struct pkernfs_run frees[PKERNFS_TX_MAX_FREES];
};

struct pkernfs_journal {
	struct mutex limbo_lock;				/* see media.h */
	struct mutex orphan_lock[PKERNFS_NR_ORPHAN_LISTS];	/* see media.h */
	u32 nr_slots;
	struct pkernfs_slot_state slot[];
};

static inline void *pkernfs_at(const struct pkernfs_media *m, u64 offset)
{
	return m->base + offset;
}

static inline u64 pkernfs_offset(const struct pkernfs_media *m, const void *p)
{
	return p - m->base;
}

static inline struct pkernfs_journal_head *
pkernfs_journal_head(const struct pkernfs_media *m)
{
	return pkernfs_at(m, m->geo.area[PKERNFS_AREA_JOURNAL].start);
}

static inline struct pkernfs_slot *pkernfs_slot(const struct pkernfs_media *m,
						u32 i)
{
	return pkernfs_at(m, m->geo.area[PKERNFS_AREA_JOURNAL].start +
			     PKERNFS_BLOCK_SIZE + (u64)i * PKERNFS_SLOT_SIZE);
}

/* @ino is in range. */
static inline struct pkernfs_inode *
pkernfs_inode(const struct pkernfs_media *m, u32 ino)
{
	return pkernfs_at(m, m->geo.area[PKERNFS_AREA_INODES].start +
			     (ino - 1ULL) * PKERNFS_INODE_SIZE);
}

static inline bool pkernfs_is_ino(const struct pkernfs_media *m, u32 ino)
{
	return ino && ino <= m->zone[PKERNFS_ZONE_INODES].count;
}

static inline u64 pkernfs_block_offset(const struct pkernfs_media *m,
				       enum pkernfs_zone_id id, u64 n)
{
	return m->zone[id].start + (n << m->zone[id].shift);
}

/* @offset is that of a block, see pkernfs_is_block(). */
static inline u64 pkernfs_block_number(const struct pkernfs_media *m,
				       enum pkernfs_zone_id id, u64 offset)
{
	return (offset - m->zone[id].start) >> m->zone[id].shift;
}

static inline bool pkernfs_is_block(const struct pkernfs_media *m,
				    enum pkernfs_zone_id id, u64 offset)
{
	const struct pkernfs_zone *zone = &m->zone[id];

	/* What is before the zone or not aligned becomes a huge number. */
	return ror64(offset - zone->start, zone->shift) < zone->count;
}

static inline u64 pkernfs_ptr_offset(u64 ptr)
{
	return ptr & ~PKERNFS_PTR_TYPE_MASK;
}

static inline unsigned int pkernfs_ptr_type(u64 ptr)
{
	return ptr & PKERNFS_PTR_TYPE_MASK;
}

/* alloc.c */
void pkernfs_zones_init(struct pkernfs_media *m);
void pkernfs_bits_change(struct pkernfs_media *m, enum pkernfs_zone_id id,
			 u64 first, u64 count, bool set);
int pkernfs_meta_alloc(struct pkernfs_tx *tx, u64 *offset);
int pkernfs_meta_zalloc(struct pkernfs_tx *tx, u64 *offset);
int pkernfs_meta_free(struct pkernfs_tx *tx, u64 offset);

/* journal.c */
int pkernfs_tx_log_alloc(struct pkernfs_tx *tx, enum pkernfs_zone_id id,
			 u64 first, u32 count);

/* inode.c */
bool pkernfs_is_type(u32 mode);
void pkernfs_inode_fill(struct pkernfs_inode *inode,
			const struct pkernfs_attr *attr);
int pkernfs_inode_get(struct pkernfs_media *m, u32 ino, u32 type,
		      struct pkernfs_inode **inode);
int pkernfs_inode_add_blocks(struct pkernfs_tx *tx, struct pkernfs_inode *inode,
			     s64 count);

/* bad.c */
u64 pkernfs_bad_count_free(const struct pkernfs_media *m,
			   enum pkernfs_zone_id id);
int pkernfs_bad_check(struct pkernfs_media *m);

/* map.c */
int pkernfs_map_add_to_limbo(struct pkernfs_tx *tx, enum pkernfs_zone_id id,
			     u64 n);

/* limbo.c */
int pkernfs_limbo_lock(struct pkernfs_tx *tx);
u64 pkernfs_limbo_page(const struct pkernfs_media *m, enum pkernfs_zone_id id,
		       u64 n);

/* symlink.c */
int pkernfs_symlink_free(struct pkernfs_tx *tx, u32 ino);

#endif /* _PKERNFS_MEDIA_INTERNAL_H */
