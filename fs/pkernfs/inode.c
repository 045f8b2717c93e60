// SPDX-License-Identifier: GPL-2.0-only
/* Inodes: between struct inode and what media/ keeps of it. */
#include <linux/fs.h>
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

static void write_root(struct inode *inode)
{
	struct pkernfs_region *region = pkernfs_sb_region(inode->i_sb);
	struct pkernfs_state *s = &region->media.state;

	mutex_lock(&region->lock);
	s->root_mode = inode->i_mode;
	s->root_uid = i_uid_read(inode);
	s->root_gid = i_gid_read(inode);
	s->root_atime = from_timespec(inode_get_atime(inode));
	s->root_mtime = from_timespec(inode_get_mtime(inode));
	s->root_ctime = from_timespec(inode_get_ctime(inode));
	pkernfs_sb_write_state(&region->media);
	mutex_unlock(&region->lock);
}

static int pkernfs_setattr(struct mnt_idmap *idmap, struct dentry *dentry,
			   struct iattr *attr)
{
	struct inode *inode = d_inode(dentry);
	int err;

	err = setattr_prepare(idmap, dentry, attr);
	if (err)
		return err;
	setattr_copy(idmap, inode, attr);
	write_root(inode);
	return 0;
}

static int pkernfs_getattr(struct mnt_idmap *idmap, const struct path *path,
			   struct kstat *stat, u32 request_mask,
			   unsigned int flags)
{
	struct inode *inode = d_inode(path->dentry);
	struct pkernfs_region *region = pkernfs_sb_region(inode->i_sb);

	generic_fillattr(idmap, request_mask, inode, stat);
	stat->btime = to_timespec(&region->media.state.root_btime);
	stat->result_mask |= STATX_BTIME;
	return 0;
}

/*
 * A change reaches the media at once: it is memory, and nothing is written back
 * before a kexec or a panic.
 */
static int pkernfs_update_time(struct inode *inode, int flags)
{
	inode_update_timestamps(inode, flags);
	write_root(inode);
	return 0;
}

static const struct inode_operations pkernfs_dir_inode_operations = {
	.lookup		= simple_lookup,
	.setattr	= pkernfs_setattr,
	.getattr	= pkernfs_getattr,
	.update_time	= pkernfs_update_time,
};

/**
 * pkernfs_root_inode() - make the inode of the root directory
 * @sb: the superblock; its region's state has been read
 *
 * Return: the inode, ERR_PTR(-ENOMEM), or ERR_PTR(-EUCLEAN) for an owner that
 * is no user or group.
 */
struct inode *pkernfs_root_inode(struct super_block *sb)
{
	const struct pkernfs_state *s = &pkernfs_sb_region(sb)->media.state;
	struct inode *inode;

	inode = new_inode(sb);
	if (!inode)
		return ERR_PTR(-ENOMEM);

	inode->i_ino = PKERNFS_ROOT_INO;
	inode->i_mode = s->root_mode;
	i_uid_write(inode, s->root_uid);
	i_gid_write(inode, s->root_gid);
	if (!uid_valid(inode->i_uid) || !gid_valid(inode->i_gid)) {
		iput(inode);
		return ERR_PTR(-EUCLEAN);
	}
	inode_set_atime_to_ts(inode, to_timespec(&s->root_atime));
	inode_set_mtime_to_ts(inode, to_timespec(&s->root_mtime));
	inode_set_ctime_to_ts(inode, to_timespec(&s->root_ctime));
	set_nlink(inode, 2);
	inode->i_op = &pkernfs_dir_inode_operations;
	inode->i_fop = &simple_dir_operations;
	return inode;
}
