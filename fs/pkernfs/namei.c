// SPDX-License-Identifier: GPL-2.0-only
/* Names: looking them up, making, moving and removing them. */
#include <linux/fs.h>
#include <linux/fs_types.h>
#include <linux/slab.h>

#include "pkernfs.h"

/* As fs_umode_to_dtype(), which media/ stores. */
static u8 type_of(const struct inode *inode)
{
	return fs_umode_to_dtype(inode->i_mode);
}

static int add_name(struct pkernfs_tx *tx, struct inode *dir,
		    const struct dentry *dentry, const struct inode *inode)
{
	return pkernfs_dir_add(tx, dir->i_ino, dentry->d_name.name,
			       dentry->d_name.len, inode->i_ino, type_of(inode));
}

static int remove_name(struct pkernfs_tx *tx, struct inode *dir,
		       const struct dentry *dentry)
{
	return pkernfs_dir_remove(tx, dir->i_ino, dentry->d_name.name,
				  dentry->d_name.len);
}

static int replace_name(struct pkernfs_tx *tx, struct inode *dir,
			const struct dentry *dentry, const struct inode *inode)
{
	return pkernfs_dir_replace(tx, dir->i_ino, dentry->d_name.name,
				   dentry->d_name.len, inode->i_ino,
				   type_of(inode));
}

static struct dentry *pkernfs_lookup(struct inode *dir, struct dentry *dentry,
				     unsigned int flags)
{
	struct inode *inode = NULL;
	struct pkernfs_entry entry;
	int err;

	if (dentry->d_name.len > PKERNFS_MAX_NAME)
		return ERR_PTR(-ENAMETOOLONG);
	err = pkernfs_dir_find(pkernfs_media(dir->i_sb), dir->i_ino,
			       dentry->d_name.name, dentry->d_name.len, &entry);
	if (!err) {
		inode = pkernfs_iget(dir->i_sb, entry.ino);
		/* A name without inode is damage, not a stale handle. */
		if (inode == ERR_PTR(-ESTALE)) {
			err = pkernfs_corrupt(pkernfs_media(dir->i_sb), dir->i_ino, 0,
					      "a name leads to inode %u, which has none",
					      entry.ino);
			return ERR_PTR(err);
		}
	} else if (err != -ENOENT) {
		return ERR_PTR(err);
	}
	return d_splice_alias(inode, dentry);
}

static struct inode *prepare_inode(struct mnt_idmap *idmap, struct inode *dir,
				   umode_t mode, dev_t rdev)
{
	struct inode *inode = new_inode(dir->i_sb);

	if (!inode)
		return NULL;
	inode_init_owner(idmap, inode, dir, mode);
	inode->i_rdev = rdev;
	simple_inode_init_ts(inode);
	return inode;
}

/*
 * Make an inode with a name, in one transaction. @target is a symlink's. A
 * directory's ".." is a link to its parent.
 */
static int make(struct mnt_idmap *idmap, struct inode *dir,
		struct dentry *dentry, umode_t mode, dev_t rdev,
		const char *target)
{
	struct inode *inode = prepare_inode(idmap, dir, mode, rdev);
	bool is_dir = S_ISDIR(mode);
	struct pkernfs_tx tx;
	int err;

	if (!inode)
		return -ENOMEM;
	err = pkernfs_tx_begin(pkernfs_media(dir->i_sb), &tx);
	if (err) {
		iput(inode);
		return err;
	}
	err = pkernfs_create_inode(&tx, inode, is_dir ? 2 : 1,
				   is_dir ? dir->i_ino : 0, target);
	if (!err)
		err = add_name(&tx, dir, dentry, inode);
	if (!err)
		err = pkernfs_change_inode(&tx, dir, is_dir, S_MTIME | S_CTIME);
	err = pkernfs_end_creation(&tx, inode, err);
	if (err)
		return err;

	pkernfs_refresh_inode(dir);
	d_instantiate_new(dentry, inode);
	return 0;
}

static int pkernfs_create(struct mnt_idmap *idmap, struct inode *dir,
			  struct dentry *dentry, umode_t mode, bool excl)
{
	return make(idmap, dir, dentry, mode, 0, NULL);
}

static int pkernfs_mkdir(struct mnt_idmap *idmap, struct inode *dir,
			 struct dentry *dentry, umode_t mode)
{
	return make(idmap, dir, dentry, S_IFDIR | mode, 0, NULL);
}

static int pkernfs_mknod(struct mnt_idmap *idmap, struct inode *dir,
			 struct dentry *dentry, umode_t mode, dev_t rdev)
{
	return make(idmap, dir, dentry, mode, rdev, NULL);
}

static int pkernfs_symlink(struct mnt_idmap *idmap, struct inode *dir,
			   struct dentry *dentry, const char *target)
{
	return make(idmap, dir, dentry, S_IFLNK | 0777, 0, target);
}

/* A file without name is an orphan until linkat() gives it one. */
static int pkernfs_tmpfile(struct mnt_idmap *idmap, struct inode *dir,
			   struct file *file, umode_t mode)
{
	struct inode *inode = prepare_inode(idmap, dir, mode, 0);
	struct pkernfs_tx tx;
	int err;

	if (!inode)
		return -ENOMEM;
	err = pkernfs_tx_begin(pkernfs_media(dir->i_sb), &tx);
	if (err) {
		iput(inode);
		return err;
	}
	err = pkernfs_create_inode(&tx, inode, 0, 0, NULL);
	if (!err)
		err = pkernfs_orphan_add(&tx, inode->i_ino);
	err = pkernfs_end_creation(&tx, inode, err);
	if (err)
		return err;

	/* Not d_tmpfile(), which would take a link and mark the inode dirty. */
	d_mark_tmpfile(file, inode);
	d_instantiate(file->f_path.dentry, inode);
	unlock_new_inode(inode);
	return finish_open_simple(file, 0);
}

static int pkernfs_link(struct dentry *old_dentry, struct inode *dir,
			struct dentry *dentry)
{
	struct inode *inode = d_inode(old_dentry);
	struct pkernfs_tx tx;
	int err;

	err = pkernfs_tx_begin(pkernfs_media(dir->i_sb), &tx);
	if (err)
		return err;
	if (!inode->i_nlink)
		err = pkernfs_orphan_del(&tx, inode->i_ino);
	if (!err)
		err = add_name(&tx, dir, dentry, inode);
	if (!err)
		err = pkernfs_change_inode(&tx, inode, 1, S_CTIME);
	if (!err)
		err = pkernfs_change_inode(&tx, dir, 0, S_MTIME | S_CTIME);
	err = pkernfs_tx_end(&tx, err);
	if (err)
		return err;

	pkernfs_refresh_inode(dir);
	pkernfs_refresh_inode(inode);
	ihold(inode);
	d_instantiate(dentry, inode);
	return 0;
}

/*
 * Take a link from an inode that loses a name. Without links it is an orphan: it
 * goes when its last user does, or at the next mount. A directory, which is
 * empty here, loses both of its links.
 */
static int drop_link(struct pkernfs_tx *tx, struct inode *inode)
{
	int links = S_ISDIR(inode->i_mode) ? 2 : 1;
	int err;

	err = pkernfs_change_inode(tx, inode, -links, S_CTIME);
	if (!err && inode->i_nlink == links)
		err = pkernfs_orphan_add(tx, inode->i_ino);
	return err;
}

static int remove(struct inode *dir, struct dentry *dentry)
{
	struct inode *inode = d_inode(dentry);
	struct pkernfs_tx tx;
	int err;

	err = pkernfs_tx_begin(pkernfs_media(dir->i_sb), &tx);
	if (err)
		return err;
	err = remove_name(&tx, dir, dentry);
	if (!err)
		err = drop_link(&tx, inode);
	if (!err)
		err = pkernfs_change_inode(&tx, dir, S_ISDIR(inode->i_mode) ? -1 : 0,
					   S_MTIME | S_CTIME);
	err = pkernfs_tx_end(&tx, err);
	if (err)
		return err;

	pkernfs_refresh_inode(dir);
	pkernfs_refresh_inode(inode);
	return 0;
}

static int pkernfs_unlink(struct inode *dir, struct dentry *dentry)
{
	return remove(dir, dentry);
}

/* The size of a directory is the number of its names. */
static int pkernfs_rmdir(struct inode *dir, struct dentry *dentry)
{
	if (i_size_read(d_inode(dentry)))
		return -ENOTEMPTY;
	return remove(dir, dentry);
}

/* The ".." of a directory that moves. */
static int change_parent(struct pkernfs_tx *tx, const struct inode *inode,
			 const struct inode *parent)
{
	struct pkernfs_attr attr;
	int err;

	if (!S_ISDIR(inode->i_mode))
		return 0;
	err = pkernfs_inode_read(tx->m, inode->i_ino, &attr);
	if (err)
		return err;
	attr.parent = parent->i_ino;
	return pkernfs_inode_write(tx, inode->i_ino, &attr);
}

/* What rename does with names; link counts of directories come later. */
static int move_name(struct pkernfs_tx *tx, struct inode *old_dir,
		     struct dentry *old_dentry, struct inode *new_dir,
		     struct dentry *new_dentry, bool exchange)
{
	struct inode *inode = d_inode(old_dentry), *target = d_inode(new_dentry);
	int err;

	if (!target)
		err = add_name(tx, new_dir, new_dentry, inode);
	else
		err = replace_name(tx, new_dir, new_dentry, inode);
	if (err)
		return err;
	if (exchange)
		return replace_name(tx, old_dir, old_dentry, target);
	err = remove_name(tx, old_dir, old_dentry);
	if (!err && target)
		err = drop_link(tx, target);
	return err;
}

/* 1 if the inode's ".." links to its parent. */
static int dot_dot(const struct inode *inode)
{
	return inode && S_ISDIR(inode->i_mode);
}

/*
 * vfs_rename() locks a directory that is moved only if it gets another parent.
 * One that is not locked keeps its ctime.
 */
static bool may_change(const struct inode *inode, bool same_dir)
{
	return !(same_dir && S_ISDIR(inode->i_mode));
}

static int pkernfs_rename(struct mnt_idmap *idmap, struct inode *old_dir,
			  struct dentry *old_dentry, struct inode *new_dir,
			  struct dentry *new_dentry, unsigned int flags)
{
	struct inode *inode = d_inode(old_dentry), *target = d_inode(new_dentry);
	bool exchange = flags & RENAME_EXCHANGE, same_dir = old_dir == new_dir;
	int old_links, new_links, err;
	struct pkernfs_tx tx;

	if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	if (target && !exchange && S_ISDIR(target->i_mode) &&
	    i_size_read(target))
		return -ENOTEMPTY;

	err = pkernfs_tx_begin(pkernfs_media(old_dir->i_sb), &tx);
	if (err)
		return err;
	old_links = (exchange ? dot_dot(target) : 0) - dot_dot(inode);
	new_links = dot_dot(inode) - dot_dot(target);
	err = move_name(&tx, old_dir, old_dentry, new_dir, new_dentry, exchange);
	if (!err && !same_dir)
		err = change_parent(&tx, inode, new_dir);
	if (!err && !same_dir && exchange)
		err = change_parent(&tx, target, old_dir);
	if (!err && may_change(inode, same_dir))
		err = pkernfs_change_inode(&tx, inode, 0, S_CTIME);
	if (!err && exchange && may_change(target, same_dir))
		err = pkernfs_change_inode(&tx, target, 0, S_CTIME);
	if (!err)
		err = pkernfs_change_inode(&tx, old_dir, old_links,
					   S_MTIME | S_CTIME);
	if (!err)
		err = pkernfs_change_inode(&tx, new_dir, new_links,
					   S_MTIME | S_CTIME);
	err = pkernfs_tx_end(&tx, err);
	if (err)
		return err;

	pkernfs_refresh_inode(old_dir);
	pkernfs_refresh_inode(new_dir);
	if (may_change(inode, same_dir))
		pkernfs_refresh_inode(inode);
	if (target && (!exchange || may_change(target, same_dir)))
		pkernfs_refresh_inode(target);
	return 0;
}

const struct inode_operations pkernfs_dir_inode_operations = {
	.lookup		= pkernfs_lookup,
	.create		= pkernfs_create,
	.link		= pkernfs_link,
	.unlink		= pkernfs_unlink,
	.symlink	= pkernfs_symlink,
	.mkdir		= pkernfs_mkdir,
	.rmdir		= pkernfs_rmdir,
	.mknod		= pkernfs_mknod,
	.rename		= pkernfs_rename,
	.tmpfile	= pkernfs_tmpfile,
	.setattr	= pkernfs_setattr,
	.getattr	= pkernfs_getattr,
	.update_time	= pkernfs_update_time,
};

static void free_target(void *target)
{
	kfree(target);
}

static const char *pkernfs_get_link(struct dentry *dentry, struct inode *inode,
				    struct delayed_call *done)
{
	char *target;
	int len;

	if (!dentry)
		return ERR_PTR(-ECHILD);
	target = kmalloc(PKERNFS_MAX_SYMLINK + 1, GFP_KERNEL);
	if (!target)
		return ERR_PTR(-ENOMEM);
	len = pkernfs_symlink_read(pkernfs_media(inode->i_sb), inode->i_ino,
				   target);
	if (len < 0) {
		kfree(target);
		return ERR_PTR(len);
	}
	set_delayed_call(done, free_target, target);
	return target;
}

const struct inode_operations pkernfs_symlink_inode_operations = {
	.get_link	= pkernfs_get_link,
	.setattr	= pkernfs_setattr,
	.getattr	= pkernfs_getattr,
	.update_time	= pkernfs_update_time,
};
