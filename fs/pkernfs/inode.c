// SPDX-License-Identifier: GPL-2.0-only
/*
 * Inodes: between struct inode and what media/ keeps of it.
 *
 * The media is memory, so it is what counts: an operation changes it in one
 * transaction, and the struct inode follows when that is committed. Nothing is
 * dirty and nothing is written back.
 */
#define pr_fmt(fmt) "pkernfs: " fmt

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/stat.h>

#include "pkernfs.h"

static struct timespec64 to_timespec(const struct pkernfs_timestamp *t)
{
	return (struct timespec64) { .tv_sec = t->sec, .tv_nsec = t->nsec };
}

static struct pkernfs_timestamp from_timespec(struct timespec64 ts)
{
	return (struct pkernfs_timestamp) { .sec = ts.tv_sec, .nsec = ts.tv_nsec };
}

static void set_times(const struct inode *inode, struct pkernfs_attr *attr)
{
	attr->atime = from_timespec(inode_get_atime(inode));
	attr->mtime = from_timespec(inode_get_mtime(inode));
	attr->ctime = from_timespec(inode_get_ctime(inode));
}

/* What the VFS may change of an inode without telling the filesystem first. */
static void set_owner(struct inode *inode, struct pkernfs_attr *attr)
{
	attr->mode = inode->i_mode;
	attr->uid = i_uid_read(inode);
	attr->gid = i_gid_read(inode);
	set_times(inode, attr);
}

static void load_attr(struct inode *inode, const struct pkernfs_attr *attr)
{
	set_nlink(inode, attr->nlink);
	i_size_write(inode, attr->size);
	inode_set_atime_to_ts(inode, to_timespec(&attr->atime));
	inode_set_mtime_to_ts(inode, to_timespec(&attr->mtime));
	inode_set_ctime_to_ts(inode, to_timespec(&attr->ctime));
}

/**
 * pkernfs_refresh_inode() - make an inode what the media says
 * @inode: an inode that a committed transaction changed; locked, so that no
 *         other one can
 */
void pkernfs_refresh_inode(struct inode *inode)
{
	struct pkernfs_attr attr;

	if (!pkernfs_inode_read(pkernfs_media(inode->i_sb), inode->i_ino, &attr))
		load_attr(inode, &attr);
}

/* The S_* flags that the VFS has for times, as media/ knows them. */
static unsigned int times_of(int flags)
{
	BUILD_BUG_ON(S_ATIME != PKERNFS_ATIME || S_MTIME != PKERNFS_MTIME ||
		     S_CTIME != PKERNFS_CTIME);
	return flags & (S_ATIME | S_MTIME | S_CTIME);
}

/**
 * pkernfs_change_inode() - change an inode's link count and times on media
 * @tx: the transaction
 * @inode: the inode, locked or new; pkernfs_refresh_inode() makes it follow
 * @nlink: added to the link count
 * @flags: S_MTIME, S_CTIME: times to set to now
 *
 * Return: 0, -EUCLEAN for damaged media, or an error of the journal.
 */
int pkernfs_change_inode(struct pkernfs_tx *tx, struct inode *inode, int nlink,
			 int flags)
{
	struct pkernfs_timestamp now = from_timespec(current_time(inode));
	const struct pkernfs_attr attr = { .mtime = now, .ctime = now };
	int err = 0;

	if (nlink)
		err = pkernfs_inode_add_links(tx, inode->i_ino, nlink);
	return err ?: pkernfs_inode_write_times(tx, inode->i_ino, &attr,
						times_of(flags));
}

/**
 * pkernfs_set_size() - write an inode's size, and its owner, mode and times
 * @tx: the transaction
 * @inode: the inode, locked
 * @size: bytes; the rest is what the struct inode says
 *
 * Return: 0, -EUCLEAN for damaged media, or an error of the journal.
 */
int pkernfs_set_size(struct pkernfs_tx *tx, struct inode *inode, loff_t size)
{
	struct pkernfs_attr attr;
	int err;

	err = pkernfs_inode_read(tx->m, inode->i_ino, &attr);
	if (err)
		return err;
	attr.size = size;
	set_owner(inode, &attr);
	return pkernfs_inode_write(tx, inode->i_ino, &attr);
}

/**
 * pkernfs_change_size() - pkernfs_set_size() in a transaction of its own
 * @inode: the inode, locked; its size follows
 * @size: bytes; may be what it is, to write the rest
 *
 * Return: 0, -EUCLEAN for damaged media, or an error of the journal.
 */
int pkernfs_change_size(struct inode *inode, loff_t size)
{
	struct pkernfs_tx tx;
	int err;

	err = pkernfs_tx_begin(pkernfs_media(inode->i_sb), &tx);
	if (err)
		return err;
	err = pkernfs_set_size(&tx, inode, size);
	err = pkernfs_tx_end(&tx, err);
	if (!err)
		i_size_write(inode, size);
	return err;
}

static void set_operations(struct inode *inode)
{
	switch (inode->i_mode & S_IFMT) {
	case S_IFREG:
		inode->i_op = &pkernfs_file_inode_operations;
		inode->i_fop = &pkernfs_file_operations;
		break;
	case S_IFDIR:
		inode->i_op = &pkernfs_dir_inode_operations;
		inode->i_fop = &pkernfs_dir_operations;
		break;
	case S_IFLNK:
		inode->i_op = &pkernfs_symlink_inode_operations;
		break;
	default:
		inode->i_op = &pkernfs_special_inode_operations;
		init_special_inode(inode, inode->i_mode, inode->i_rdev);
	}
}

static int load_inode(struct inode *inode)
{
	struct pkernfs_attr attr;
	int err;

	err = pkernfs_inode_read(pkernfs_media(inode->i_sb), inode->i_ino, &attr);
	if (err)
		return err;
	inode->i_mode = attr.mode;
	inode->i_generation = attr.generation;
	inode->i_rdev = new_decode_dev(attr.rdev);
	i_uid_write(inode, attr.uid);
	i_gid_write(inode, attr.gid);
	PKERNFS_I(inode)->btime = to_timespec(&attr.btime);
	load_attr(inode, &attr);
	set_operations(inode);
	return 0;
}

/*
 * An inode without links may be one that another task is making, and not yet make
 * sense; only the orphan list says that it is not. It cannot get links while its
 * number is hashed here, see pkernfs_create_inode().
 */
static struct inode *get_inode(struct super_block *sb, u32 ino, bool orphan)
{
	struct inode *inode;
	int err;

	inode = iget_locked(sb, ino);
	if (!inode)
		return ERR_PTR(-ENOMEM);
	if (!(inode->i_state & I_NEW))
		return inode;
	if (orphan || pkernfs_inode_has_links(pkernfs_media(sb), ino))
		err = load_inode(inode);
	else
		err = -ESTALE;
	if (err) {
		iget_failed(inode);
		return ERR_PTR(err);
	}
	unlock_new_inode(inode);
	return inode;
}

/**
 * pkernfs_iget() - get an inode by its number
 * @sb: the superblock
 * @ino: any number; it may come from media or from a file handle
 *
 * Return: the inode, ERR_PTR(-ENOMEM), ERR_PTR(-ESTALE) when no inode has this
 * number or it has no links, or ERR_PTR(-EUCLEAN) for a damaged one.
 */
struct inode *pkernfs_iget(struct super_block *sb, u32 ino)
{
	return get_inode(sb, ino, false);
}

/**
 * pkernfs_create_inode() - make a new inode, on media and in memory
 * @tx: the transaction
 * @inode: a new inode with mode, owner, times and device set
 * @nlink: its link count
 * @parent: a directory's parent, otherwise 0
 * @target: a symlink's target, otherwise NULL
 *
 * The transaction is to be ended by pkernfs_end_creation().
 *
 * Return: 0; the inode is hashed and I_NEW. Or -ENOSPC, -EUCLEAN, or an error of
 * the journal.
 */
int pkernfs_create_inode(struct pkernfs_tx *tx, struct inode *inode,
			 unsigned int nlink, u32 parent, const char *target)
{
	/* Without links, so that no file handle can get it before it is hashed. */
	struct pkernfs_attr attr = {
		.rdev	= new_encode_dev(inode->i_rdev),
		.parent	= parent,
	};
	u32 ino;
	int err;

	set_owner(inode, &attr);
	attr.btime = attr.ctime;
	err = pkernfs_inode_create(tx, &attr, &ino);
	if (err)
		return err;
	inode->i_ino = ino;
	err = insert_inode_locked(inode);
	if (err)
		return err;
	pkernfs_inode_set_new_links(tx, ino, nlink);
	set_nlink(inode, nlink);
	inode->i_generation = attr.generation;
	PKERNFS_I(inode)->btime = inode_get_ctime(inode);
	set_operations(inode);
	if (!target)
		return 0;
	i_size_write(inode, strlen(target));
	return pkernfs_symlink_write(tx, ino, target, strlen(target));
}

/**
 * pkernfs_end_creation() - end a transaction that makes an inode
 * @tx: the transaction
 * @inode: the inode, for pkernfs_create_inode()
 * @err: 0, or why the transaction is to be undone
 *
 * Return: 0, or @err. Then the inode is gone.
 */
int pkernfs_end_creation(struct pkernfs_tx *tx, struct inode *inode, int err)
{
	bool is_hashed = inode->i_state & I_NEW;

	if (!err)
		return pkernfs_tx_end(tx, 0);
	/* As long as nobody can get the same number, or find anything at it. */
	if (is_hashed) {
		pkernfs_inode_set_new_links(tx, inode->i_ino, 0);
		remove_inode_hash(inode);
	}
	pkernfs_tx_abort(tx);
	/* It is not on media, so that nothing must be deleted there. */
	set_nlink(inode, 1);
	if (is_hashed)
		discard_new_inode(inode);
	else
		iput(inode);
	return err;
}

/**
 * pkernfs_delete_inode() - free what is left of an inode
 * @m: the region
 * @ino: number of an inode that has no name and no user any more
 * @mode: its mode
 *
 * Return: 0, -EUCLEAN, or an error of the journal. It is an orphan then as before.
 */
int pkernfs_delete_inode(struct pkernfs_media *m, u32 ino, umode_t mode)
{
	struct pkernfs_tx tx;
	int err;

	if (S_ISREG(mode) && pkernfs_inode_blocks(m, ino)) {
		err = pkernfs_free_pages(m, ino, 0, PKERNFS_MAX_FILE_PAGES);
		if (err)
			return err;
	}
	err = pkernfs_tx_begin(m, &tx);
	if (err)
		return err;
	err = pkernfs_orphan_del(&tx, ino);
	if (!err)
		err = pkernfs_inode_free(&tx, ino);
	return pkernfs_tx_end(&tx, err);
}

/**
 * pkernfs_is_writable() - whether a superblock may be changed
 * @sb: the superblock
 *
 * Return: false when it is mounted read-only, or was found damaged.
 */
bool pkernfs_is_writable(const struct super_block *sb)
{
	return !sb_rdonly(sb) && !READ_ONCE(pkernfs_sb_region(sb)->media.broken);
}

/**
 * pkernfs_evict_inode() - the last user of an inode is gone
 * @inode: the inode
 *
 * An inode without name is deleted. If that fails it stays on the orphan list,
 * for the next mount or fsck.
 */
void pkernfs_evict_inode(struct inode *inode)
{
	struct super_block *sb = inode->i_sb;
	int err;

	truncate_inode_pages_final(&inode->i_data);
	if (!inode->i_nlink && !is_bad_inode(inode) && pkernfs_is_writable(sb)) {
		sb_start_intwrite(sb);
		err = pkernfs_delete_inode(pkernfs_media(sb), inode->i_ino,
					   inode->i_mode);
		sb_end_intwrite(sb);
		if (err)
			pr_warn_ratelimited("%s: inode %lu stays until the next mount, with %llu KiB: error %d\n",
					    sb->s_id, inode->i_ino,
					    pkernfs_inode_blocks(pkernfs_media(sb), inode->i_ino) *
					    (PKERNFS_BLOCK_SIZE / SZ_1K), err);
	}
	clear_inode(inode);
}

/* Returns 0 when the inode is not an orphan any more, or -EBUSY if it is used. */
static int reclaim(struct super_block *sb, u32 ino)
{
	struct inode *inode = get_inode(sb, ino, true);
	int err = 0;

	if (IS_ERR(inode))
		return PTR_ERR(inode);
	if (inode->i_nlink) {
		inode_lock(inode);
		filemap_invalidate_lock(inode->i_mapping);
		err = pkernfs_finish_truncate(inode);
		filemap_invalidate_unlock(inode->i_mapping);
		inode_unlock(inode);
	} else if (atomic_read(&inode->i_count) > 1) {
		err = -EBUSY;
	}
	/* This deletes an inode without links, unless somebody has it open. */
	iput(inode);
	return err;
}

/* An inode that is still where it was cannot be deleted now. */
static void reclaim_list(struct super_block *sb, unsigned int list)
{
	struct pkernfs_media *m = pkernfs_media(sb);
	u32 ino, last = 0, stays = 0;
	int err;

	while (!pkernfs_orphan_next(m, list, stays, &ino) && ino) {
		err = -EUCLEAN;
		if (ino == m->limbo)
			err = -EBUSY;
		else if (ino != last)
			err = reclaim(sb, ino);
		if (err)
			stays = ino;
		if (err && err != -EBUSY)
			pr_warn_ratelimited("%s: inode %u remains an orphan\n",
					    sb->s_id, ino);
		last = ino;
	}
}

/**
 * pkernfs_reclaim_orphans() - end what an earlier kernel did not
 * @sb: a superblock that has become writable, without a reaper
 *
 * An orphan that cannot be reclaimed is left for fsck: it must not keep the rest
 * of the region from being used.
 */
void pkernfs_reclaim_orphans(struct super_block *sb)
{
	unsigned int list;

	for (list = 0; list < PKERNFS_NR_ORPHAN_LISTS; list++)
		reclaim_list(sb, list);
}

/* What the VFS has changed is to be as before, since the media is. */
static void reload_owner(struct inode *inode)
{
	struct pkernfs_attr attr;

	if (pkernfs_inode_read(pkernfs_media(inode->i_sb), inode->i_ino, &attr))
		return;
	inode->i_mode = attr.mode;
	i_uid_write(inode, attr.uid);
	i_gid_write(inode, attr.gid);
	load_attr(inode, &attr);
}

/**
 * pkernfs_setattr() - chmod, chown, utimensat, truncate
 * @idmap: idmap of the mount
 * @dentry: whose inode, which is locked
 * @attr: what to change
 *
 * Return: 0 or an errno of setattr_prepare(), the journal, or truncation.
 */
int pkernfs_setattr(struct mnt_idmap *idmap, struct dentry *dentry,
		    struct iattr *attr)
{
	struct inode *inode = d_inode(dentry);
	int err;

	err = setattr_prepare(idmap, dentry, attr);
	if (err)
		return err;
	setattr_copy(idmap, inode, attr);
	/* truncate(2) leaves this to the filesystem, see vfs_truncate(). */
	if (attr->ia_valid & ATTR_SIZE && !(attr->ia_valid & ATTR_MTIME) &&
	    attr->ia_size != i_size_read(inode))
		inode_set_mtime_to_ts(inode, inode_set_ctime_current(inode));
	if (attr->ia_valid & ATTR_SIZE)
		err = pkernfs_truncate(inode, attr->ia_size);
	else
		err = pkernfs_change_size(inode, i_size_read(inode));
	if (err)
		reload_owner(inode);
	return err;
}

/**
 * pkernfs_getattr() - stat
 * @idmap: idmap of the mount
 * @path: whose inode
 * @stat: the result
 * @request_mask: STATX_*
 * @flags: AT_STATX_*
 *
 * Return: 0.
 */
int pkernfs_getattr(struct mnt_idmap *idmap, const struct path *path,
		    struct kstat *stat, u32 request_mask, unsigned int flags)
{
	struct inode *inode = d_inode(path->dentry);

	generic_fillattr(idmap, request_mask, inode, stat);
	/* A page fault may have filled holes. */
	stat->blocks = pkernfs_inode_blocks(pkernfs_media(inode->i_sb),
					    inode->i_ino) <<
		       (PKERNFS_BLOCK_SHIFT - 9);
	stat->btime = PKERNFS_I(inode)->btime;
	stat->result_mask |= STATX_BTIME;
	return 0;
}

/**
 * pkernfs_update_time() - set times on access or change
 * @inode: the inode; not necessarily locked, since pipes do not
 * @flags: S_ATIME, S_MTIME, S_CTIME
 *
 * Only what is asked for is written: somebody who holds the lock may be changing
 * the rest of the inode, and a reader knows nothing of mtime and ctime.
 *
 * Return: 0 or an error of the journal.
 */
int pkernfs_update_time(struct inode *inode, int flags)
{
	struct pkernfs_attr attr;
	struct pkernfs_tx tx;
	int err;

	err = pkernfs_tx_begin(pkernfs_media(inode->i_sb), &tx);
	if (err)
		return err;
	inode_update_timestamps(inode, flags);
	set_times(inode, &attr);
	err = pkernfs_inode_write_times(&tx, inode->i_ino, &attr,
					times_of(flags));
	return pkernfs_tx_end(&tx, err);
}

const struct inode_operations pkernfs_special_inode_operations = {
	.setattr	= pkernfs_setattr,
	.getattr	= pkernfs_getattr,
	.update_time	= pkernfs_update_time,
};
