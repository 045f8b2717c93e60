// SPDX-License-Identifier: GPL-2.0-only
/* File handles: an inode number and its generation, valid across kexec. */
#include <linux/exportfs.h>
#include <linux/fs.h>

#include "pkernfs.h"

static struct inode *get_inode(struct super_block *sb, u64 ino, u32 generation)
{
	struct inode *inode;

	if (ino > U32_MAX)
		return ERR_PTR(-ESTALE);
	inode = pkernfs_iget(sb, ino);
	if (IS_ERR(inode))
		return inode;
	if (inode->i_generation != generation || !inode->i_nlink) {
		iput(inode);
		return ERR_PTR(-ESTALE);
	}
	return inode;
}

static struct dentry *pkernfs_fh_to_dentry(struct super_block *sb,
					   struct fid *fid, int len, int type)
{
	return generic_fh_to_dentry(sb, fid, len, type, get_inode);
}

static struct dentry *pkernfs_fh_to_parent(struct super_block *sb,
					   struct fid *fid, int len, int type)
{
	return generic_fh_to_parent(sb, fid, len, type, get_inode);
}

static struct dentry *pkernfs_get_parent(struct dentry *child)
{
	struct super_block *sb = child->d_sb;
	struct pkernfs_attr attr;
	int err;

	err = pkernfs_inode_read(pkernfs_media(sb), d_inode(child)->i_ino, &attr);
	if (err)
		return ERR_PTR(err);
	return d_obtain_alias(pkernfs_iget(sb, attr.parent));
}

const struct export_operations pkernfs_export_operations = {
	.encode_fh	= generic_encode_ino32_fh,
	.fh_to_dentry	= pkernfs_fh_to_dentry,
	.fh_to_parent	= pkernfs_fh_to_parent,
	.get_parent	= pkernfs_get_parent,
};
