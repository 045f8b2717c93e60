/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of pkernfs share.
 *
 * Lock order, outermost first:
 *
 *	s_umount
 *	  inode lock
 *	    pkernfs_region.lock
 */
#ifndef _PKERNFS_H
#define _PKERNFS_H

#include <linux/fs.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include "media/media.h"

#define PKERNFS_MAX_REGIONS	8

/**
 * struct pkernfs_region - a range of memory that pkernfs= names
 * @name: "pkernfs0" and so on, by ascending address
 * @value: what the user wrote behind pkernfs=
 * @refused: why the region cannot be used; empty for a usable one
 * @lock: protects the state on media and its copy in @media
 * @media: the open region; its base is NULL while it is not mapped
 * @counted: this kernel is counted in the region's generation
 *
 * Regions exist from boot to shutdown. Each has at most one superblock.
 */
struct pkernfs_region {
	char name[24];
	char value[48];
	struct pkernfs_message refused;
	struct mutex lock;		/* see above */
	struct pkernfs_media media;
	bool counted;
};

/* region.c */
int pkernfs_parse_size(const char **s, u64 *bytes);
int pkernfs_parse_region(const char *value, u64 *phys, u64 *size,
			 struct pkernfs_message *why);
struct pkernfs_region *pkernfs_find_region(const char *name,
					   struct pkernfs_message *why);
int pkernfs_map_region(struct pkernfs_region *region);
void pkernfs_unmap_region(struct pkernfs_region *region);

/* inode.c */
struct inode *pkernfs_root_inode(struct super_block *sb);

static inline struct pkernfs_region *pkernfs_sb_region(struct super_block *sb)
{
	return sb->s_fs_info;
}

#endif /* _PKERNFS_H */
