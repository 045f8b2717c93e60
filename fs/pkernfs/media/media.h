/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What media/ offers to the rest of pkernfs, to fsck and to the tests.
 *
 * media/ knows the format and nothing of the VFS or of memory management.
 *
 * Locking. The caller serialises changes of an inode, its map and its names, and
 * excludes readers of the same inode meanwhile, until the transaction is
 * committed or aborted. What inodes share is locked here, in this order:
 *
 *	pkernfs_slot_state.lock		from begin to commit or abort
 *	  pkernfs_journal.limbo_lock	from the first use to commit or abort
 *	    pkernfs_journal.orphan_lock	likewise
 *	      pkernfs_media.alloc_lock
 *
 * Unless said otherwise functions may sleep, return 0 or a negative errno, and
 * return -EUCLEAN, after a report, when they find the media damaged. A function
 * that takes a transaction and fails may have done part of its work: the caller
 * then aborts the transaction, and need not look if that worked: when not, there
 * are no more transactions.
 */
#ifndef _PKERNFS_MEDIA_H
#define _PKERNFS_MEDIA_H

#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include "format.h"

/* Why something was refused: one sentence without newline, for a person. */
struct pkernfs_message {
	char text[160];
};

/* The bytes from @start up to @start + @size. */
struct pkernfs_range {
	u64 start;
	u64 size;
};

/* What a user may choose when formatting; 0 takes the default. */
struct pkernfs_format_options {
	u64 data_block_size;	/* bytes: 2 MiB or 1 GiB */
	u64 small_size;		/* bytes: the small zone is at least this large */
	u64 inodes;
};

/* Where everything lies; ranges are relative to the start of the region. */
struct pkernfs_geometry {
	u32 data_block_shift;
	struct pkernfs_range area[PKERNFS_NR_AREAS];
};

struct pkernfs_timestamp {
	s64 sec;
	u32 nsec;
};

/* struct pkernfs_sb_state in the CPU's byte order. */
struct pkernfs_state {
	u32 flags;
	u64 generation;
	u64 mounts;
};

/* struct pkernfs_inode in the CPU's byte order, without what media/ keeps. */
struct pkernfs_attr {
	u32 mode;
	u32 nlink;
	u32 uid;
	u32 gid;
	u32 generation;		/* set by media/ */
	u32 rdev;
	u32 parent;		/* directories */
	u64 size;		/* bytes; directories: number of entries */
	u64 blocks;		/* units of 4 KiB; set by media/ */
	struct pkernfs_timestamp atime;
	struct pkernfs_timestamp mtime;
	struct pkernfs_timestamp ctime;
	struct pkernfs_timestamp btime;
};

/* What a bitmap counts. Constant but for @free and @first_free. */
struct pkernfs_zone {
	u64 start;		/* offset of block 0 in the region */
	u64 count;		/* blocks */
	u32 shift;		/* a block has 2^shift bytes */
	u64 bitmap;		/* offset in the region */
	u64 free;		/* blocks; changed under alloc_lock */
	u64 first_free;		/* none before it is good and free; under alloc_lock */
};

struct pkernfs_journal;

/* An open region. The caller sets what stands before @geo. */
struct pkernfs_media {
	void *base;		/* mapping of the whole region */
	u64 phys;		/* physical address of the region */
	u64 size;		/* bytes of the whole region */
	/* Told of all damage; may be NULL. @ino is 0 for none in particular. */
	void (*report)(struct pkernfs_media *m, u32 ino, u64 offset,
		       const char *text);
	/* Must a block that no file leads to not be reused yet? May be NULL. */
	bool (*is_busy)(struct pkernfs_media *m, u64 offset);
	/* A busy block waits in limbo: reap it some time. May be NULL. */
	void (*await)(struct pkernfs_media *m, u64 offset);

	struct pkernfs_geometry geo;
	struct pkernfs_state state;
	u64 unknown_ro_compat;	/* ro_compat bits this kernel does not know */
	u8 uuid[16];

	struct pkernfs_journal *journal;	/* NULL until recovered */
	u32 limbo;		/* inode number, 0 for none; under limbo_lock */
	bool broken;		/* no more transactions; also set by the caller */
	spinlock_t alloc_lock;	/* bitmaps of all zones */
	struct pkernfs_zone zone[PKERNFS_NR_ZONES];
};

/* An open transaction, see pkernfs_tx_begin(). */
struct pkernfs_tx {
	struct pkernfs_media *m;
	struct pkernfs_slot_state *state;	/* the slot, locked */
	struct pkernfs_slot *slot;		/* the same on media */
	u32 used;				/* bytes of log */
	bool limbo_locked;
	int orphan_list;			/* locked, or -1 */
	s64 in_use[PKERNFS_NR_ZONES];		/* blocks allocated */
};

/* @count pages of a file from @page on. */
struct pkernfs_extent {
	u64 page;
	u64 count;
	u64 offset;		/* of the bytes in the region; 0 for a hole */
};

/* A name's meaning. */
struct pkernfs_entry {
	u32 ino;
	u8 type;		/* DT_* */
	u64 key;
};

/*
 * Gets each name of a directory; false ends the walk. @key is the name's
 * position: below 2^63 - 256, higher than that of the name before.
 */
typedef bool (*pkernfs_dir_actor)(void *context, const char *name, u32 len,
				  const struct pkernfs_entry *entry);

/* What a check found. */
struct pkernfs_check_result {
	u64 inodes;		/* in use and readable */
	u64 errors;
	u64 repaired;		/* of these errors */
};

#define PKERNFS_CHECK_REPAIR	0x1	/* change what can be put right */

/* For pkernfs_inode_write_times(). */
#define PKERNFS_ATIME		0x1
#define PKERNFS_MTIME		0x2
#define PKERNFS_CTIME		0x4

/* The part of the region that holds both superblocks. */
#define PKERNFS_HEADER_SIZE	(PKERNFS_SB_BACKUP_OFFSET + PKERNFS_BLOCK_SIZE)

/* superblock.c */
__printf(3, 4)
int pkernfs_refuse(struct pkernfs_message *why, int err, const char *fmt, ...);
__printf(4, 5)
int pkernfs_corrupt(struct pkernfs_media *m, u32 ino, u64 offset,
		    const char *fmt, ...);
bool pkernfs_sb_has_csum(const struct pkernfs_sb *sb);
bool pkernfs_sb_is_present(const struct pkernfs_media *m);
int pkernfs_sb_repair(struct pkernfs_media *m, struct pkernfs_message *why);
int pkernfs_sb_read(struct pkernfs_media *m, struct pkernfs_message *why);
void pkernfs_sb_format(struct pkernfs_media *m, const struct pkernfs_attr *root);
void pkernfs_sb_write_state(struct pkernfs_media *m);

/* geometry.c */
extern const char * const pkernfs_area_names[PKERNFS_NR_AREAS];
int pkernfs_geometry_plan(u64 phys, u64 size,
			  const struct pkernfs_format_options *options,
			  struct pkernfs_geometry *geo,
			  struct pkernfs_message *why);
int pkernfs_geometry_check(u64 phys, u64 size,
			   const struct pkernfs_geometry *geo,
			   struct pkernfs_message *why);
u64 pkernfs_geometry_inodes(const struct pkernfs_geometry *geo);

/* journal.c */
bool pkernfs_is_interrupted(const struct pkernfs_media *m);
u32 pkernfs_drop_damaged_logs(struct pkernfs_media *m);
int pkernfs_recover(struct pkernfs_media *m);
void pkernfs_release(struct pkernfs_media *m);
int pkernfs_tx_begin(struct pkernfs_media *m, struct pkernfs_tx *tx);
int pkernfs_tx_save(struct pkernfs_tx *tx, const void *p, size_t len);
int pkernfs_tx_set_le64(struct pkernfs_tx *tx, __le64 *p, u64 value);
int pkernfs_tx_set_le32(struct pkernfs_tx *tx, __le32 *p, u32 value);
int pkernfs_tx_set_le16(struct pkernfs_tx *tx, __le16 *p, u16 value);
void pkernfs_tx_commit(struct pkernfs_tx *tx);
void pkernfs_tx_abort(struct pkernfs_tx *tx);

/* alloc.c */
int pkernfs_alloc(struct pkernfs_tx *tx, enum pkernfs_zone_id id, u64 want,
		  u64 *first, u64 *got);
int pkernfs_free(struct pkernfs_tx *tx, enum pkernfs_zone_id id, u64 n);
u64 pkernfs_free_count(const struct pkernfs_media *m, enum pkernfs_zone_id id);
bool pkernfs_is_allocated(const struct pkernfs_media *m,
			  enum pkernfs_zone_id id, u64 n);

/* inode.c */
bool pkernfs_inode_has_links(const struct pkernfs_media *m, u32 ino);
int pkernfs_inode_read(struct pkernfs_media *m, u32 ino,
		       struct pkernfs_attr *attr);
int pkernfs_inode_create(struct pkernfs_tx *tx, struct pkernfs_attr *attr,
			 u32 *ino);
int pkernfs_inode_write(struct pkernfs_tx *tx, u32 ino,
			const struct pkernfs_attr *attr);
int pkernfs_inode_write_times(struct pkernfs_tx *tx, u32 ino,
			      const struct pkernfs_attr *attr,
			      unsigned int which);
int pkernfs_inode_add_links(struct pkernfs_tx *tx, u32 ino, int count);
void pkernfs_inode_set_new_links(struct pkernfs_tx *tx, u32 ino, u32 nlink);
u64 pkernfs_inode_blocks(const struct pkernfs_media *m, u32 ino);
int pkernfs_inode_free(struct pkernfs_tx *tx, u32 ino);

/* orphan.c */
int pkernfs_orphan_add(struct pkernfs_tx *tx, u32 ino);
int pkernfs_orphan_del(struct pkernfs_tx *tx, u32 ino);
int pkernfs_orphan_next(struct pkernfs_media *m, unsigned int list, u32 after,
			u32 *ino);

/* limbo.c */
int pkernfs_limbo_create(struct pkernfs_media *m);
int pkernfs_limbo_reap(struct pkernfs_media *m);

/* bad.c */
u64 pkernfs_good_size(const struct pkernfs_media *m, u64 offset, u64 size);
int pkernfs_bad_add(struct pkernfs_media *m, u64 offset);

/* map.c */
int pkernfs_map_lookup(struct pkernfs_media *m, u32 ino, u64 page,
		       u64 max_pages, struct pkernfs_extent *extent);
bool pkernfs_wants_data_blocks(const struct pkernfs_media *m, u64 size);
int pkernfs_map_alloc(struct pkernfs_tx *tx, u32 ino, u64 page, u64 max_pages,
		      u64 size_after, struct pkernfs_extent *extent);
int pkernfs_map_promote(struct pkernfs_tx *tx, u32 ino, u64 page, u32 *orphan);
int pkernfs_map_punch(struct pkernfs_tx *tx, u32 ino, u64 *page, u64 end);

/* dir.c */
int pkernfs_dir_find(struct pkernfs_media *m, u32 dir, const char *name,
		     u32 len, struct pkernfs_entry *entry);
int pkernfs_dir_add(struct pkernfs_tx *tx, u32 dir, const char *name, u32 len,
		    u32 ino, u8 type);
int pkernfs_dir_remove(struct pkernfs_tx *tx, u32 dir, const char *name,
		       u32 len);
int pkernfs_dir_replace(struct pkernfs_tx *tx, u32 dir, const char *name,
			u32 len, u32 ino, u8 type);
int pkernfs_dir_iterate(struct pkernfs_media *m, u32 dir, u64 from_key,
			pkernfs_dir_actor actor, void *context);
u64 pkernfs_dir_hash(const struct pkernfs_media *m, const char *name, u32 len);

/* symlink.c */
int pkernfs_symlink_write(struct pkernfs_tx *tx, u32 ino, const char *target,
			  u32 len);
int pkernfs_symlink_read(struct pkernfs_media *m, u32 ino, char *buf);

/* check.c */
int pkernfs_check(struct pkernfs_media *m, unsigned int flags,
		  struct pkernfs_check_result *result);

#endif /* _PKERNFS_MEDIA_H */
