// SPDX-License-Identifier: GPL-2.0-only
/* Targets of symbolic links: in the inode, or in a block of the meta zone. */
#include <linux/errno.h>
#include <linux/stat.h>
#include <linux/string.h>

#include "internal.h"

static bool is_inline(const struct pkernfs_inode *inode)
{
	return le64_to_cpu(inode->size) <= sizeof(inode->symlink);
}

static int find_block(struct pkernfs_media *m, u32 ino,
		      const struct pkernfs_inode *inode, u64 *offset)
{
	u64 ptr = le64_to_cpu(inode->map[0]);

	*offset = pkernfs_ptr_offset(ptr);
	if (pkernfs_ptr_type(ptr) == PKERNFS_PTR_TABLE &&
	    pkernfs_is_block(m, PKERNFS_ZONE_META, *offset))
		return 0;
	return pkernfs_corrupt(m, ino, pkernfs_offset(m, inode->map),
			       "symlink has no block but 0x%llx", ptr);
}

static int write_block(struct pkernfs_tx *tx, struct pkernfs_inode *inode,
		       const char *target, u32 len)
{
	u64 offset;
	int err;

	err = pkernfs_meta_zalloc(tx, &offset);
	if (err)
		return err;
	memcpy(pkernfs_at(tx->m, offset), target, len);
	err = pkernfs_tx_set_le64(tx, &inode->map[0],
				  offset | PKERNFS_PTR_TABLE);
	return err ?: pkernfs_inode_add_blocks(tx, inode, 1);
}

/**
 * pkernfs_symlink_write() - set the target of a new symlink
 * @tx: the transaction that created the inode
 * @ino: inode number
 * @target: the target; needs no NUL at its end
 * @len: its length in bytes, from 1 to PKERNFS_MAX_SYMLINK
 *
 * Sets the inode's size as well.
 *
 * Return: 0, -EINVAL or -ENAMETOOLONG for the length, -ENOSPC, -EFBIG.
 */
int pkernfs_symlink_write(struct pkernfs_tx *tx, u32 ino, const char *target,
			  u32 len)
{
	struct pkernfs_inode *inode;
	int err;

	if (!len)
		return -EINVAL;
	if (len > PKERNFS_MAX_SYMLINK)
		return -ENAMETOOLONG;
	err = pkernfs_inode_get(tx->m, ino, S_IFLNK, &inode);
	if (!err)
		err = pkernfs_tx_set_le64(tx, &inode->size, len);
	if (err)
		return err;
	if (!is_inline(inode))
		return write_block(tx, inode, target, len);

	err = pkernfs_tx_save(tx, inode->symlink, sizeof(inode->symlink));
	if (!err)
		memcpy(inode->symlink, target, len);
	return err;
}

/**
 * pkernfs_symlink_read() - read the target of a symlink
 * @m: the region
 * @ino: inode number
 * @buf: gets the target and a NUL: PKERNFS_MAX_SYMLINK + 1 bytes
 *
 * Return: the length without the NUL, -ESTALE, -EINVAL for what is no symlink,
 * -EUCLEAN.
 */
int pkernfs_symlink_read(struct pkernfs_media *m, u32 ino, char *buf)
{
	struct pkernfs_inode *inode;
	const char *target;
	u64 len, offset;
	int err;

	err = pkernfs_inode_get(m, ino, S_IFLNK, &inode);
	if (err)
		return err;
	target = inode->symlink;
	if (!is_inline(inode)) {
		err = find_block(m, ino, inode, &offset);
		if (err)
			return err;
		target = pkernfs_at(m, offset);
	}
	len = le64_to_cpu(inode->size);
	if (!len || len > PKERNFS_MAX_SYMLINK || memchr(target, 0, len))
		return pkernfs_corrupt(m, ino, pkernfs_offset(m, target),
				       "target of a symlink is not %llu bytes long",
				       len);
	memcpy(buf, target, len);
	buf[len] = '\0';
	return len;
}

/**
 * pkernfs_symlink_free() - free what a symlink has besides its inode
 * @tx: the transaction that frees the inode
 * @ino: inode number
 *
 * Return: 0, -ESTALE, -EFBIG, -EUCLEAN.
 */
int pkernfs_symlink_free(struct pkernfs_tx *tx, u32 ino)
{
	struct pkernfs_inode *inode;
	u64 offset;
	int err;

	err = pkernfs_inode_get(tx->m, ino, S_IFLNK, &inode);
	if (err || is_inline(inode))
		return err;
	err = find_block(tx->m, ino, inode, &offset);
	return err ?: pkernfs_meta_free(tx, offset);
}
