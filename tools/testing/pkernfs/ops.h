/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * File operations, composed of media/ calls the way the VFS side of pkernfs
 * composes them: one transaction for what must be there wholly or not at all,
 * bounded batches for the rest.
 *
 * Each returns 0 (or a byte count) or a negative errno. Nothing is checked here
 * that the VFS checks before it calls a filesystem, such as permissions.
 */
#ifndef _OPS_H
#define _OPS_H

#include "media.h"

#define MAX_PINS 24

struct fs {
	struct pkernfs_media m;
	s64 clock;		/* seconds; one tick for each operation */
	u64 promotions;		/* how often op_promote() worked */
	u64 pins[MAX_PINS];	/* offsets of busy blocks; 0: none */
};

#define OP_RENAME_NOREPLACE	1
#define OP_RENAME_EXCHANGE	2

int op_create(struct fs *fs, u32 dir, const char *name, u16 mode, u32 rdev,
	      u32 *ino);
int op_symlink(struct fs *fs, u32 dir, const char *name, const char *target,
	       u32 *ino);
int op_tmpfile(struct fs *fs, u16 mode, u32 *ino);
int op_link(struct fs *fs, u32 ino, u32 dir, const char *name);
int op_unlink(struct fs *fs, u32 dir, const char *name, u32 *ino);
int op_rmdir(struct fs *fs, u32 dir, const char *name, u32 *ino);
int op_rename(struct fs *fs, u32 old_dir, const char *old_name, u32 new_dir,
	      const char *new_name, int flags, u32 *victim);
int op_setattr(struct fs *fs, u32 ino, u16 perm, u32 uid, u32 gid);
int op_touch(struct fs *fs, u32 ino, bool atime_only);
int op_truncate(struct fs *fs, u32 ino, u64 size);
int op_fallocate(struct fs *fs, u32 ino, u64 pos, u64 len, bool keep_size);
int op_punch(struct fs *fs, u32 ino, u64 pos, u64 len);
s64 op_write(struct fs *fs, u32 ino, u64 pos, const void *buf, u64 len);
s64 op_read(struct fs *fs, u32 ino, u64 pos, void *buf, u64 len);

/* What a write does that finds no block for the hole at @page. */
int op_promote(struct fs *fs, u32 ino, u64 page);

/*
 * A device uses the block at @offset from now on, or does no longer. A block out
 * of use is free again after that. op_pin() says if there is a place for it.
 */
bool op_pin(struct fs *fs, u64 offset);
int op_unpin(struct fs *fs, u64 offset);

/* What the last close of an orphan, or a mount, does. */
int op_evict(struct fs *fs, u32 ino);
int op_reclaim(struct fs *fs);

#endif /* _OPS_H */
