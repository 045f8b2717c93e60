// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that the hardware reports as damaged. The page is listed on media, so that
 * no kernel uses its block again, and taken out of all page tables. Whoever touches
 * it from then on gets SIGBUS (BUS_MCEERR_AR) from the page fault, or EIO; everything
 * else in the file is as before. KVM finds out in the same way, and tells the VMM.
 *
 * The list says all there is to know: struct pages are not marked, since those
 * inside of a block may share their memory (vmemmap_populate_compound_pages()).
 */
#define pr_fmt(fmt) "pkernfs: " fmt

#include <linux/fs.h>
#include <linux/llist.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched.h>

#include "pkernfs.h"

/* Find the page of a file that is at @offset in the region. */
static bool find_page(const struct inode *inode, u64 offset, u64 *page)
{
	struct pkernfs_media *m = pkernfs_media(inode->i_sb);
	struct pkernfs_extent extent;
	u64 next, skip;

	for (next = 0; next < PKERNFS_MAX_FILE_PAGES; next += extent.count) {
		if (pkernfs_map_lookup(m, inode->i_ino, next,
				       PKERNFS_MAX_FILE_PAGES - next, &extent))
			return false;
		skip = (offset - extent.offset) >> PKERNFS_BLOCK_SHIFT;
		if (extent.offset && offset >= extent.offset &&
		    skip < extent.count) {
			*page = next + skip;
			return true;
		}
		cond_resched();
	}
	return false;
}

/* Take a bad page out of all page tables if it is one of this file. */
static void unmap_bad_page(struct inode *inode, u64 offset)
{
	u64 page;

	/* A fault that has not seen the page as bad is over when this is ours. */
	filemap_invalidate_lock(inode->i_mapping);
	if (find_page(inode, offset, &page)) {
		pr_err("%s: inode %lu, offset 0x%llx: its page %llu is lost\n",
		       inode->i_sb->s_id, inode->i_ino, offset, page);
		pkernfs_unmap_pages(inode, page, page + 1);
	}
	filemap_invalidate_unlock(inode->i_mapping);
}

/* Get the inode if it can have mappings. Its list is locked. */
static bool get_mapped(struct inode *inode)
{
	bool mapped;

	spin_lock(&inode->i_lock);
	mapped = !(inode->i_state & (I_NEW | I_FREEING | I_WILL_FREE)) &&
		 mapping_mapped(inode->i_mapping);
	if (mapped)
		__iget(inode);
	spin_unlock(&inode->i_lock);
	return mapped;
}

/*
 * Give up a reference. If it is the last one of a deleted file, its blocks are to be
 * freed. That may wait for a thaw, and takes as long as the file is large: not while
 * all memory failures of the machine wait, but in work.
 */
static void put_inode(struct pkernfs_region *region, struct inode *inode)
{
	if (!inode || atomic_add_unless(&inode->i_count, -1, 1))
		return;
	llist_add(&PKERNFS_I(inode)->put, &region->put);
	schedule_delayed_work(&region->reap, 0);
}

/**
 * pkernfs_put_inodes() - put the inodes that a memory failure has looked at
 * @region: the region, which stays mounted while there are any
 *
 * May wait for a thaw.
 */
void pkernfs_put_inodes(struct pkernfs_region *region)
{
	struct llist_node *list = llist_del_all(&region->put);
	struct pkernfs_inode_info *info, *next;

	llist_for_each_entry_safe(info, next, list, put)
		iput(&info->vfs_inode);
}

/*
 * Which file has a block is nowhere to be looked up; but few files are mapped. As
 * drop_pagecache_sb() in fs/drop_caches.c goes through them.
 */
static void unmap_everywhere(struct pkernfs_region *region, u64 offset)
{
	struct super_block *sb = region->sb;
	struct inode *inode, *last = NULL;

	spin_lock(&sb->s_inode_list_lock);
	list_for_each_entry(inode, &sb->s_inodes, i_sb_list) {
		if (!get_mapped(inode))
			continue;
		spin_unlock(&sb->s_inode_list_lock);
		/* While it is ours it keeps its place in the list. */
		put_inode(region, last);
		last = inode;
		unmap_bad_page(inode, offset);
		cond_resched();
		spin_lock(&sb->s_inode_list_lock);
	}
	spin_unlock(&sb->s_inode_list_lock);
	put_inode(region, last);
}

static int list_bad_page(struct pkernfs_region *region, u64 offset)
{
	struct super_block *sb = region->sb;
	int err;

	if (!sb)
		return -EROFS;
	/* All memory failures of the machine wait for this one. */
	if (!sb_start_intwrite_trylock(sb))
		return -EBUSY;
	err = pkernfs_bad_add(&region->media, offset);
	sb_end_intwrite(sb);
	return err;
}

static int handle(struct pkernfs_region *region, u64 offset)
{
	int err = list_bad_page(region, offset);

	if (err) {
		pr_err("%s: offset 0x%llx: memory is damaged, but cannot be listed as bad, error %d\n",
		       region->name, offset, err);
		return err;
	}
	pr_err("%s: offset 0x%llx: memory is damaged, and will not be used again\n",
	       region->name, offset);
	unmap_everywhere(region, offset);
	return 0;
}

/**
 * pkernfs_memory_failure() - the memory_failure operation of struct dev_pagemap_ops
 * @pgmap: struct pages of a region
 * @pfn: first page
 * @nr_pages: how many
 * @flags: MF_*
 *
 * Called by mm/memory-failure.c with its mutex held, from a task or a work item.
 *
 * Return: 0; -EROFS when the region is not mounted writable, -EBUSY when it is
 * frozen, or an errno of pkernfs_bad_add(): then whoever touched the memory is
 * killed, and it may be used again. -EFAULT with MF_MUST_KILL: all is done, but
 * whoever touched it cannot go on, see kill_me_maybe() in mce/core.c.
 */
int pkernfs_memory_failure(struct dev_pagemap *pgmap, unsigned long pfn,
			   unsigned long nr_pages, int flags)
{
	struct pkernfs_region *region = pgmap->owner;
	int err = 0;

	mutex_lock(&region->reap_lock);
	for (; nr_pages && !err; pfn++, nr_pages--)
		err = handle(region, PFN_PHYS(pfn) - region->media.phys);
	mutex_unlock(&region->reap_lock);
	if (!err && flags & MF_MUST_KILL)
		err = -EFAULT;
	return err;
}
