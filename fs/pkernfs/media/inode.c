// SPDX-License-Identifier: GPL-2.0-only
/* The inode table. */
#include <asm/barrier.h>
#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/stat.h>
#include <linux/string.h>
#include <linux/time64.h>

#include "internal.h"

#define MAX_FILE_SIZE	(PKERNFS_MAX_FILE_PAGES << PKERNFS_BLOCK_SHIFT)

/* A bit for each type of inode. */
#define TYPE(mode)	BIT_ULL((mode) >> 12)

static struct pkernfs_timestamp time_from_media(const struct pkernfs_time *t)
{
	return (struct pkernfs_timestamp) {
		.sec	= le64_to_cpu(t->sec),
		.nsec	= le32_to_cpu(t->nsec),
	};
}

static struct pkernfs_time time_to_media(const struct pkernfs_timestamp *t)
{
	return (struct pkernfs_time) {
		.sec	= cpu_to_le64(t->sec),
		.nsec	= cpu_to_le32(t->nsec),
	};
}

static void set_attr(struct pkernfs_inode *inode,
		     const struct pkernfs_attr *attr)
{
	inode->mode = cpu_to_le16(attr->mode);
	inode->nlink = cpu_to_le32(attr->nlink);
	inode->uid = cpu_to_le32(attr->uid);
	inode->gid = cpu_to_le32(attr->gid);
	inode->rdev = cpu_to_le32(attr->rdev);
	inode->size = cpu_to_le64(attr->size);
	inode->atime = time_to_media(&attr->atime);
	inode->mtime = time_to_media(&attr->mtime);
	inode->ctime = time_to_media(&attr->ctime);
	inode->btime = time_to_media(&attr->btime);
	inode->parent = cpu_to_le32(attr->parent);
}

/**
 * pkernfs_inode_fill() - write an inode that is not in use yet
 * @inode: the inode on media, which is not reachable
 * @attr: what it becomes; generation and blocks are not used
 */
void pkernfs_inode_fill(struct pkernfs_inode *inode,
			const struct pkernfs_attr *attr)
{
	struct pkernfs_inode new = {
		.generation = cpu_to_le32(le32_to_cpu(inode->generation) + 1),
	};

	/* The generation counts on from here even after a stop right now. */
	set_attr(&new, attr);
	memcpy(inode, &new, sizeof(*inode));
}

/**
 * pkernfs_is_type() - whether a mode is that of an inode
 * @mode: any value
 *
 * Return: true if its type bits are one of the types, and it has 16 bits.
 */
bool pkernfs_is_type(u32 mode)
{
	const u64 types = TYPE(S_IFREG) | TYPE(S_IFDIR) | TYPE(S_IFLNK) |
			  TYPE(S_IFCHR) | TYPE(S_IFBLK) | TYPE(S_IFIFO) |
			  TYPE(S_IFSOCK);

	return mode <= U16_MAX && types & TYPE(mode);
}

/* What is wrong with the inode, NULL if nothing. */
static const char *inode_defect(const struct pkernfs_media *m,
				const struct pkernfs_attr *attr)
{
	if (!pkernfs_is_type(attr->mode))
		return "mode";
	if (S_ISREG(attr->mode) && attr->size > MAX_FILE_SIZE)
		return "size";
	if (S_ISLNK(attr->mode) &&
	    (!attr->size || attr->size > PKERNFS_MAX_SYMLINK))
		return "size";
	if (S_ISDIR(attr->mode) && !pkernfs_is_ino(m, attr->parent))
		return "parent";
	/* (uid_t)-1 stands for nobody at all. */
	if (attr->uid == U32_MAX || attr->gid == U32_MAX)
		return "owner";
	if (attr->atime.nsec >= NSEC_PER_SEC ||
	    attr->mtime.nsec >= NSEC_PER_SEC ||
	    attr->ctime.nsec >= NSEC_PER_SEC ||
	    attr->btime.nsec >= NSEC_PER_SEC)
		return "time";
	return NULL;
}

static bool is_in_use(const struct pkernfs_media *m, u32 ino)
{
	/* Of 0 this makes a number that no zone has. */
	return pkernfs_is_allocated(m, PKERNFS_ZONE_INODES, ino - 1ULL);
}

/**
 * pkernfs_inode_has_links() - whether there is an inode that names may lead to
 * @m: the region
 * @ino: inode number; any value
 *
 * Needs no lock. An inode that another transaction is making has no links, and may
 * be anything else, until that is told by pkernfs_inode_set_new_links().
 *
 * Return: true if there is.
 */
bool pkernfs_inode_has_links(const struct pkernfs_media *m, u32 ino)
{
	if (!is_in_use(m, ino))
		return false;
	/* Links are cleared before the inode is in use, see take_run(). */
	smp_rmb();
	return READ_ONCE(pkernfs_inode(m, ino)->nlink);
}

/**
 * pkernfs_inode_read() - read an inode's attributes
 * @m: the region
 * @ino: inode number; any value
 * @attr: the result
 *
 * Return: 0; -ESTALE, without a report, when there is no such inode; -EUCLEAN
 * when it makes no sense.
 */
int pkernfs_inode_read(struct pkernfs_media *m, u32 ino,
		       struct pkernfs_attr *attr)
{
	const struct pkernfs_inode *inode;
	const char *defect;

	if (!is_in_use(m, ino))
		return -ESTALE;
	inode = pkernfs_inode(m, ino);
	*attr = (struct pkernfs_attr) {
		.mode		= le16_to_cpu(inode->mode),
		.nlink		= le32_to_cpu(inode->nlink),
		.uid		= le32_to_cpu(inode->uid),
		.gid		= le32_to_cpu(inode->gid),
		.generation	= le32_to_cpu(inode->generation),
		.rdev		= le32_to_cpu(inode->rdev),
		.parent		= le32_to_cpu(inode->parent),
		.size		= le64_to_cpu(inode->size),
		.blocks		= le64_to_cpu(inode->blocks),
		.atime		= time_from_media(&inode->atime),
		.mtime		= time_from_media(&inode->mtime),
		.ctime		= time_from_media(&inode->ctime),
		.btime		= time_from_media(&inode->btime),
	};
	defect = inode_defect(m, attr);
	if (defect)
		return pkernfs_corrupt(m, ino, pkernfs_offset(m, inode),
				       "inode has an invalid %s", defect);
	return 0;
}

/**
 * pkernfs_inode_get() - find an inode on media
 * @m: the region
 * @ino: inode number; any value
 * @type: what it must be, S_IFREG and so on; 0 for anything
 * @inode: the result
 *
 * Return: 0; -ESTALE when there is no such inode; -EINVAL for another type;
 * -EUCLEAN when a file's map has a height that is not possible.
 */
int pkernfs_inode_get(struct pkernfs_media *m, u32 ino, u32 type,
		      struct pkernfs_inode **inode)
{
	if (!is_in_use(m, ino))
		return -ESTALE;
	*inode = pkernfs_inode(m, ino);
	if (type && (le16_to_cpu((*inode)->mode) & S_IFMT) != type)
		return -EINVAL;
	if ((*inode)->height > PKERNFS_MAX_HEIGHT)
		return pkernfs_corrupt(m, ino, pkernfs_offset(m, *inode),
				       "map of height %u, at most %u is possible",
				       (*inode)->height, PKERNFS_MAX_HEIGHT);
	return 0;
}

/**
 * pkernfs_inode_create() - allocate and fill an inode
 * @tx: the transaction, which makes the inode reachable by a name or as orphan
 * @attr: what it becomes; the generation is set here, blocks are not used
 * @ino: set to its number
 *
 * Return: 0, -ENOSPC when all inodes are in use, -EFBIG.
 */
int pkernfs_inode_create(struct pkernfs_tx *tx, struct pkernfs_attr *attr,
			 u32 *ino)
{
	struct pkernfs_inode *inode;
	u64 n, got;
	int err;

	err = pkernfs_alloc(tx, PKERNFS_ZONE_INODES, 1, &n, &got);
	if (err)
		return err;
	*ino = n + 1;
	inode = pkernfs_inode(tx->m, *ino);
	pkernfs_inode_fill(inode, attr);
	attr->generation = le32_to_cpu(inode->generation);
	return 0;
}

/*
 * What lies between belongs to the map, which a page fault may be changing in
 * another transaction: it must not be put back when this one is undone.
 */
static int save_attr(struct pkernfs_tx *tx, const struct pkernfs_inode *inode)
{
	int err;

	err = pkernfs_tx_save(tx, &inode->mode, sizeof(inode->mode));
	if (!err)
		err = pkernfs_tx_save(tx, &inode->nlink,
				      offsetof(struct pkernfs_inode, blocks) -
				      offsetof(struct pkernfs_inode, nlink));
	if (!err)
		err = pkernfs_tx_save(tx, &inode->atime,
				      offsetof(struct pkernfs_inode, orphan_next) -
				      offsetof(struct pkernfs_inode, atime));
	return err;
}

/**
 * pkernfs_inode_write() - change an inode's attributes
 * @tx: the transaction
 * @ino: inode number
 * @attr: all attributes; generation and blocks are not used
 *
 * The caller excludes other changes of the inode, but for those of its map,
 * until the transaction ends.
 *
 * Return: 0, -ESTALE, -EFBIG, -EUCLEAN.
 */
int pkernfs_inode_write(struct pkernfs_tx *tx, u32 ino,
			const struct pkernfs_attr *attr)
{
	struct pkernfs_inode *inode;
	int err;

	err = pkernfs_inode_get(tx->m, ino, 0, &inode);
	if (!err)
		err = save_attr(tx, inode);
	if (!err)
		set_attr(inode, attr);
	return err;
}

static int save_times(struct pkernfs_tx *tx, const struct pkernfs_time *first,
		      u32 count)
{
	return pkernfs_tx_save(tx, first, count * sizeof(*first));
}

/**
 * pkernfs_inode_write_times() - change an inode's atime, mtime, ctime
 * @tx: the transaction
 * @ino: inode number
 * @attr: the times; the rest is not used
 * @which: PKERNFS_ATIME, PKERNFS_MTIME, PKERNFS_CTIME: which of them
 *
 * Needs no lock: of two callers at once, either one's times remain. If one of them
 * is interrupted, the other one's may be undone with it.
 *
 * Return: 0, -ESTALE, -EFBIG, -EUCLEAN.
 */
int pkernfs_inode_write_times(struct pkernfs_tx *tx, u32 ino,
			      const struct pkernfs_attr *attr,
			      unsigned int which)
{
	struct pkernfs_inode *inode;
	int err;

	err = pkernfs_inode_get(tx->m, ino, 0, &inode);
	if (!err && which & PKERNFS_ATIME)
		err = save_times(tx, &inode->atime, 1);
	/* Both, though maybe only one changes: two records would cost more. */
	if (!err && which & (PKERNFS_MTIME | PKERNFS_CTIME))
		err = save_times(tx, &inode->mtime, 2);
	if (err)
		return err;
	if (which & PKERNFS_ATIME)
		inode->atime = time_to_media(&attr->atime);
	if (which & PKERNFS_MTIME)
		inode->mtime = time_to_media(&attr->mtime);
	if (which & PKERNFS_CTIME)
		inode->ctime = time_to_media(&attr->ctime);
	return 0;
}

/**
 * pkernfs_inode_add_links() - count links that an inode gets or loses
 * @tx: the transaction
 * @ino: inode number
 * @count: how many, negative for links that go
 *
 * The caller excludes other changes of the inode, but for those of its map,
 * until the transaction ends.
 *
 * Return: 0; -ESTALE; -EFBIG; -EUCLEAN, also when there are not as many links, or
 * when a directory that still has blocks would lose the last one.
 */
int pkernfs_inode_add_links(struct pkernfs_tx *tx, u32 ino, int count)
{
	struct pkernfs_inode *inode;
	s64 links;
	int err;

	err = pkernfs_inode_get(tx->m, ino, 0, &inode);
	if (err)
		return err;
	links = (s64)le32_to_cpu(inode->nlink) + count;
	if (links < 0 || links > U32_MAX)
		return pkernfs_corrupt(tx->m, ino, pkernfs_offset(tx->m, inode),
				       "%u links, to which %d are to be added",
				       le32_to_cpu(inode->nlink), count);
	if (!links && S_ISDIR(le16_to_cpu(inode->mode)) && inode->blocks)
		return pkernfs_corrupt(tx->m, ino, pkernfs_offset(tx->m, inode),
				       "empty directory with %llu blocks",
				       le64_to_cpu(inode->blocks));
	return pkernfs_tx_set_le32(tx, &inode->nlink, links);
}

/**
 * pkernfs_inode_set_new_links() - set the link count of an inode that is being made
 * @tx: the transaction that makes it
 * @ino: inode number
 * @nlink: how many
 *
 * Nothing leads to the inode before the transaction is committed, so there is
 * nothing to be saved.
 */
void pkernfs_inode_set_new_links(struct pkernfs_tx *tx, u32 ino, u32 nlink)
{
	WRITE_ONCE(pkernfs_inode(tx->m, ino)->nlink, cpu_to_le32(nlink));
}

/**
 * pkernfs_inode_blocks() - how much an inode occupies
 * @m: the region
 * @ino: number of an inode in use
 *
 * Return: units of 4 KiB.
 */
u64 pkernfs_inode_blocks(const struct pkernfs_media *m, u32 ino)
{
	return le64_to_cpu(READ_ONCE(pkernfs_inode(m, ino)->blocks));
}

/**
 * pkernfs_inode_add_blocks() - count blocks that an inode gets or gives up
 * @tx: the transaction
 * @inode: the inode on media
 * @count: units of 4 KiB
 *
 * Return: 0 or -EFBIG.
 */
int pkernfs_inode_add_blocks(struct pkernfs_tx *tx, struct pkernfs_inode *inode,
			     s64 count)
{
	return pkernfs_tx_set_le64(tx, &inode->blocks,
				   le64_to_cpu(inode->blocks) + count);
}

/**
 * pkernfs_inode_free() - free an inode and a symlink's target
 * @tx: the transaction
 * @ino: inode number; nothing leads to it, its map or directory is empty
 *
 * Return: 0, -ESTALE, -EFBIG, -EUCLEAN, also for a map that is not empty.
 */
int pkernfs_inode_free(struct pkernfs_tx *tx, u32 ino)
{
	struct pkernfs_inode *inode;
	int err;

	err = pkernfs_inode_get(tx->m, ino, 0, &inode);
	if (err)
		return err;
	if (S_ISLNK(le16_to_cpu(inode->mode)))
		err = pkernfs_symlink_free(tx, ino);
	else if (memchr_inv(inode->map, 0, sizeof(inode->map)))
		err = pkernfs_corrupt(tx->m, ino, pkernfs_offset(tx->m, inode),
				      "an inode that has blocks is to be freed");
	return err ?: pkernfs_free(tx, PKERNFS_ZONE_INODES, ino - 1);
}
