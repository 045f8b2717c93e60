/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of pkernfs share.
 *
 * Lock order, outermost first:
 *
 *	s_umount
 *	  pkernfs_region.reap_lock (under it, freezing is never waited for)
 *	  inode lock (the VFS orders those of several inodes)
 *	    mmap_lock, while data is copied from or to user memory
 *	      invalidate_lock of the inode's mapping, also under reap_lock
 *	        a slot of the journal, by pkernfs_tx_begin()
 *	          limbo and orphan lists, see media.h
 *	            pkernfs_media.alloc_lock
 *	        i_mmap_rwsem, to clear page tables
 *	  pkernfs_region.lock
 *	    make_lock, see pages.c
 */
#ifndef _PKERNFS_H
#define _PKERNFS_H

#include <linux/exportfs.h>
#include <linux/fs.h>
#include <linux/llist.h>
#include <linux/memremap.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include "media/media.h"

struct e820_table;
struct vm_area_struct;

#define PKERNFS_MAX_REGIONS	8
#define PKERNFS_NR_PAGEMAPS	2

/* What is done when a mounted region is found to be damaged: errors= */
enum pkernfs_errors {
	PKERNFS_ERRORS_REMOUNT_RO = 1,
	PKERNFS_ERRORS_CONTINUE,
	PKERNFS_ERRORS_PANIC,
};

/**
 * struct pkernfs_region - a range of memory that pkernfs= names
 * @name: "pkernfs0" and so on, by ascending address
 * @value: what the user wrote behind pkernfs=
 * @refused: why the region cannot be used; empty for a usable one
 * @inherited: the kernel before has kept it
 * @lock: protects media.state, in memory and on media, once mounted
 * @media: the open region; its base is NULL while it is not mapped
 * @errors: what is done when damage is found
 * @policy_sb: the superblock that this is done to; NULL while damage has other
 *             consequences, or none
 * @told_broken: the log says that the region becomes read-only
 * @counted: this kernel is counted in the region's generation
 * @pages_error: 0 when there are struct pages, -EAGAIN when they may be tried to be
 *               made; changed under @lock
 * @pages: struct pages of the small and of the data zone
 * @put: inodes that @reap is to put
 * @reap: reuses blocks that were pinned when they went out of use
 * @reap_lock: protects @sb, and keeps it as it is
 * @sb: the superblock while it is set up and writable
 *
 * Regions exist from boot to shutdown. Each has at most one superblock.
 */
struct pkernfs_region {
	char name[24];
	char value[64];
	struct pkernfs_message refused;
	bool inherited;
	struct mutex lock;		/* see above */
	struct pkernfs_media media;
	enum pkernfs_errors errors;
	struct super_block *policy_sb;
	bool told_broken;
	bool counted;
	int pages_error;
	struct dev_pagemap *pages;
	struct llist_head put;
	struct delayed_work reap;
	struct mutex reap_lock;		/* see above */
	struct super_block *sb;
};

/* region.c */
extern struct pkernfs_region pkernfs_regions[PKERNFS_MAX_REGIONS];
extern unsigned int pkernfs_nr_regions;
int pkernfs_parse_size(const char **s, u64 *bytes);
int pkernfs_parse_region(const char *value, u64 *phys, u64 *size,
			 struct pkernfs_message *why);
int pkernfs_check_map(const struct e820_table *table, u64 phys, u64 size,
		      bool *inherited, struct pkernfs_message *why);
struct pkernfs_region *pkernfs_find_region(const char *name,
					   struct pkernfs_message *why);
int pkernfs_map_region(struct pkernfs_region *region);
void pkernfs_unmap_region(struct pkernfs_region *region);

/* guard.c */
int pkernfs_begin_use(void);
void pkernfs_end_use(void);

/* pages.c */
void pkernfs_make_pages(struct pkernfs_region *region);
bool pkernfs_are_pages_made(const struct pkernfs_region *region);
int pkernfs_drop_pages(struct pkernfs_region *region);
bool pkernfs_has_page(const struct pkernfs_region *region, u64 offset);
bool pkernfs_is_pinned(struct pkernfs_media *m, u64 offset);
void pkernfs_await_unpin(struct pkernfs_media *m, u64 offset);
void pkernfs_reap(struct work_struct *work);
void pkernfs_start_reaper(struct pkernfs_media *m);
void pkernfs_set_reaper(struct pkernfs_region *region, struct super_block *sb);

/* memory_failure.c */
int pkernfs_memory_failure(struct dev_pagemap *pgmap, unsigned long pfn,
			   unsigned long nr_pages, int flags);
void pkernfs_put_inodes(struct pkernfs_region *region);

/**
 * struct pkernfs_inode_info - an inode in memory
 * @btime: when it was created
 * @put: its place in pkernfs_region.put, by whoever has the last reference
 * @vfs_inode: the VFS's part
 */
struct pkernfs_inode_info {
	struct timespec64 btime;
	struct llist_node put;
	struct inode vfs_inode;
};

static inline struct pkernfs_inode_info *PKERNFS_I(const struct inode *inode)
{
	return container_of(inode, struct pkernfs_inode_info, vfs_inode);
}

static inline bool pkernfs_is_usable(const struct pkernfs_region *region)
{
	return !region->refused.text[0];
}

static inline struct pkernfs_region *
pkernfs_sb_region(const struct super_block *sb)
{
	return sb->s_fs_info;
}

static inline struct pkernfs_media *pkernfs_media(struct super_block *sb)
{
	return &pkernfs_sb_region(sb)->media;
}

/* End a transaction: commit it, or abort it because of @err. Returns @err. */
static inline int pkernfs_tx_end(struct pkernfs_tx *tx, int err)
{
	if (err)
		pkernfs_tx_abort(tx);
	else
		pkernfs_tx_commit(tx);
	return err;
}

/* inode.c */
extern const struct inode_operations pkernfs_special_inode_operations;
struct inode *pkernfs_iget(struct super_block *sb, u32 ino);
int pkernfs_create_inode(struct pkernfs_tx *tx, struct inode *inode,
			 unsigned int nlink, u32 parent, const char *target);
int pkernfs_end_creation(struct pkernfs_tx *tx, struct inode *inode, int err);
void pkernfs_refresh_inode(struct inode *inode);
int pkernfs_change_inode(struct pkernfs_tx *tx, struct inode *inode, int nlink,
			 int flags);
int pkernfs_set_size(struct pkernfs_tx *tx, struct inode *inode, loff_t size);
int pkernfs_change_size(struct inode *inode, loff_t size);
int pkernfs_delete_inode(struct pkernfs_media *m, u32 ino, umode_t mode);
bool pkernfs_is_writable(const struct super_block *sb);
void pkernfs_evict_inode(struct inode *inode);
void pkernfs_reclaim_orphans(struct super_block *sb);
int pkernfs_setattr(struct mnt_idmap *idmap, struct dentry *dentry,
		    struct iattr *attr);
int pkernfs_getattr(struct mnt_idmap *idmap, const struct path *path,
		    struct kstat *stat, u32 request_mask, unsigned int flags);
int pkernfs_update_time(struct inode *inode, int flags);

/* namei.c */
extern const struct inode_operations pkernfs_dir_inode_operations;
extern const struct inode_operations pkernfs_symlink_inode_operations;

/* dir.c */
extern const struct file_operations pkernfs_dir_operations;

/* file.c */
extern const struct file_operations pkernfs_file_operations;
extern const struct inode_operations pkernfs_file_inode_operations;
void pkernfs_unmap_pages(struct inode *inode, u64 first, u64 end);
int pkernfs_fill_pages(struct inode *inode, u64 page, u64 count,
		       loff_t size_after, struct pkernfs_extent *extent);
int pkernfs_free_pages(struct pkernfs_media *m, u32 ino, u64 first, u64 end);
int pkernfs_truncate(struct inode *inode, loff_t size);
int pkernfs_finish_truncate(struct inode *inode);

/* mmap.c */
int pkernfs_mmap(struct file *file, struct vm_area_struct *vma);
unsigned long pkernfs_get_unmapped_area(struct file *file, unsigned long addr,
					unsigned long len, unsigned long pgoff,
					unsigned long flags);

/* export.c */
extern const struct export_operations pkernfs_export_operations;

#endif /* _PKERNFS_H */
