/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What media/ offers to the rest of pkernfs, to fsck and to the tests.
 *
 * media/ knows the format and nothing of the VFS or of memory management. It
 * takes no locks: the caller serialises, and each function says against what.
 */
#ifndef _PKERNFS_MEDIA_H
#define _PKERNFS_MEDIA_H

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
	u32 root_mode;
	u32 root_uid;
	u32 root_gid;
	struct pkernfs_timestamp root_atime;
	struct pkernfs_timestamp root_mtime;
	struct pkernfs_timestamp root_ctime;
	struct pkernfs_timestamp root_btime;
};

/* An open region. @base, @phys and @size are the caller's to set. */
struct pkernfs_media {
	void *base;		/* mapping of the first PKERNFS_HEADER_SIZE bytes */
	u64 phys;		/* physical address of the region */
	u64 size;		/* bytes of the whole region */

	struct pkernfs_geometry geo;
	struct pkernfs_state state;
	u64 unknown_ro_compat;	/* ro_compat bits this kernel does not know */
	u8 uuid[16];
};

/* The part of the region that holds both superblocks. */
#define PKERNFS_HEADER_SIZE	(PKERNFS_SB_BACKUP_OFFSET + PKERNFS_BLOCK_SIZE)

__printf(3, 4)
int pkernfs_refuse(struct pkernfs_message *why, int err, const char *fmt, ...);

int pkernfs_geometry_plan(u64 phys, u64 size,
			  const struct pkernfs_format_options *options,
			  struct pkernfs_geometry *geo,
			  struct pkernfs_message *why);
int pkernfs_geometry_check(u64 phys, u64 size,
			   const struct pkernfs_geometry *geo,
			   struct pkernfs_message *why);
u64 pkernfs_geometry_inodes(const struct pkernfs_geometry *geo);

int pkernfs_sb_read(struct pkernfs_media *m, struct pkernfs_message *why);
void pkernfs_sb_format(struct pkernfs_media *m);
void pkernfs_sb_write_state(struct pkernfs_media *m);

#endif /* _PKERNFS_MEDIA_H */
