// SPDX-License-Identifier: GPL-2.0-only
/* Reading directories. */
#include <linux/fs.h>

#include "pkernfs.h"

/* Positions 0 and 1 are "." and ".."; a name's key comes behind them. */
#define FIRST_NAME	2

static bool emit(void *context, const char *name, u32 len,
		 const struct pkernfs_entry *entry)
{
	struct dir_context *ctx = context;

	ctx->pos = entry->key + FIRST_NAME;
	if (!dir_emit(ctx, name, len, entry->ino, entry->type))
		return false;
	ctx->pos++;
	return true;
}

static int pkernfs_readdir(struct file *file, struct dir_context *ctx)
{
	struct inode *dir = file_inode(file);

	if (!dir_emit_dots(file, ctx))
		return 0;
	return pkernfs_dir_iterate(pkernfs_media(dir->i_sb), dir->i_ino,
				   ctx->pos - FIRST_NAME, emit, ctx);
}

/* Positions are keys of names, not bytes: larger than any file. */
static loff_t pkernfs_dir_llseek(struct file *file, loff_t offset, int whence)
{
	return generic_file_llseek_size(file, offset, whence, S64_MAX, 0);
}

const struct file_operations pkernfs_dir_operations = {
	.iterate_shared	= pkernfs_readdir,
	.llseek		= pkernfs_dir_llseek,
	.read		= generic_read_dir,
	.fsync		= noop_fsync,
};
