// SPDX-License-Identifier: GPL-2.0-only
/*
 * File operations composed of media/ calls. See ops.h.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/stat.h>
#include <linux/string.h>

#include "ops.h"

#define PAGE	PKERNFS_BLOCK_SIZE
#define NO_END	PKERNFS_MAX_FILE_PAGES

static u8 dt_of(u16 mode)
{
	return (mode & S_IFMT) >> 12;
}

static struct pkernfs_timestamp now(struct fs *fs)
{
	return (struct pkernfs_timestamp) { .sec = fs->clock };
}

/* Every transaction ends here. */
static int finish(struct pkernfs_tx *tx, int err)
{
	if (err)
		pkernfs_tx_abort(tx);
	else
		pkernfs_tx_commit(tx);
	return err;
}

/* A name in @dir came or went, and with it @subdirs subdirectories. */
static int touch_dir(struct fs *fs, struct pkernfs_tx *tx, u32 dir, int subdirs)
{
	struct pkernfs_attr attr = { .mtime = now(fs), .ctime = now(fs) };
	int err = 0;

	if (subdirs)
		err = pkernfs_inode_add_links(tx, dir, subdirs);
	return err ?: pkernfs_inode_write_times(tx, dir, &attr,
						PKERNFS_MTIME | PKERNFS_CTIME);
}

static int change_nlink(struct fs *fs, struct pkernfs_tx *tx, u32 ino, int by)
{
	struct pkernfs_attr attr = { .ctime = now(fs) };
	int err;

	err = pkernfs_inode_add_links(tx, ino, by);
	if (!err)
		err = pkernfs_inode_write_times(tx, ino, &attr, PKERNFS_CTIME);
	if (!err)
		err = pkernfs_inode_read(&fs->m, ino, &attr);
	if (!err && !attr.nlink)
		err = pkernfs_orphan_add(tx, ino);
	return err;
}

static int new_inode(struct fs *fs, struct pkernfs_tx *tx, u32 dir, u16 mode,
		     u32 rdev, u32 nlink, u32 *ino)
{
	struct pkernfs_attr attr = {
		.mode	= mode,
		.rdev	= rdev,
		.atime	= now(fs),
		.mtime	= now(fs),
		.ctime	= now(fs),
		.btime	= now(fs),
		.parent	= S_ISDIR(mode) ? dir : 0,
	};
	int err = pkernfs_inode_create(tx, &attr, ino);

	if (!err)
		pkernfs_inode_set_new_links(tx, *ino, nlink);
	return err;
}

static int create(struct fs *fs, u32 dir, const char *name, u16 mode, u32 rdev,
		  const char *target, u32 *ino)
{
	struct pkernfs_tx tx;
	int err;

	fs->clock++;
	err = pkernfs_tx_begin(&fs->m, &tx);
	if (err)
		return err;
	err = new_inode(fs, &tx, dir, mode, rdev, S_ISDIR(mode) ? 2 : 1, ino);
	if (!err && target)
		err = pkernfs_symlink_write(&tx, *ino, target, strlen(target));
	if (!err)
		err = pkernfs_dir_add(&tx, dir, name, strlen(name), *ino,
				      dt_of(mode));
	if (!err)
		err = touch_dir(fs, &tx, dir, S_ISDIR(mode));
	return finish(&tx, err);
}

int op_create(struct fs *fs, u32 dir, const char *name, u16 mode, u32 rdev,
	      u32 *ino)
{
	return create(fs, dir, name, mode, rdev, NULL, ino);
}

int op_symlink(struct fs *fs, u32 dir, const char *name, const char *target,
	       u32 *ino)
{
	return create(fs, dir, name, S_IFLNK | 0777, 0, target, ino);
}

int op_tmpfile(struct fs *fs, u16 mode, u32 *ino)
{
	struct pkernfs_tx tx;
	int err;

	fs->clock++;
	err = pkernfs_tx_begin(&fs->m, &tx);
	if (err)
		return err;
	err = new_inode(fs, &tx, 0, mode, 0, 0, ino);
	if (!err)
		err = pkernfs_orphan_add(&tx, *ino);
	return finish(&tx, err);
}

int op_link(struct fs *fs, u32 ino, u32 dir, const char *name)
{
	struct pkernfs_attr attr;
	struct pkernfs_tx tx;
	int err;

	fs->clock++;
	err = pkernfs_inode_read(&fs->m, ino, &attr);
	if (err)
		return err;
	err = pkernfs_tx_begin(&fs->m, &tx);
	if (err)
		return err;
	if (!attr.nlink)
		err = pkernfs_orphan_del(&tx, ino);
	if (!err)
		err = change_nlink(fs, &tx, ino, 1);
	if (!err)
		err = pkernfs_dir_add(&tx, dir, name, strlen(name), ino,
				      dt_of(attr.mode));
	if (!err)
		err = touch_dir(fs, &tx, dir, 0);
	return finish(&tx, err);
}

int op_unlink(struct fs *fs, u32 dir, const char *name, u32 *ino)
{
	struct pkernfs_entry entry;
	struct pkernfs_tx tx;
	int err;

	fs->clock++;
	err = pkernfs_dir_find(&fs->m, dir, name, strlen(name), &entry);
	if (err)
		return err;
	if (entry.type == dt_of(S_IFDIR))
		return -EISDIR;
	*ino = entry.ino;
	err = pkernfs_tx_begin(&fs->m, &tx);
	if (err)
		return err;
	err = pkernfs_dir_remove(&tx, dir, name, strlen(name));
	if (!err)
		err = touch_dir(fs, &tx, dir, 0);
	if (!err)
		err = change_nlink(fs, &tx, entry.ino, -1);
	return finish(&tx, err);
}

static int check_empty(struct fs *fs, u32 dir)
{
	struct pkernfs_attr attr;
	int err = pkernfs_inode_read(&fs->m, dir, &attr);

	if (err)
		return err;
	return attr.size ? -ENOTEMPTY : 0;
}

int op_rmdir(struct fs *fs, u32 dir, const char *name, u32 *ino)
{
	struct pkernfs_entry entry;
	struct pkernfs_tx tx;
	int err;

	fs->clock++;
	err = pkernfs_dir_find(&fs->m, dir, name, strlen(name), &entry);
	if (err)
		return err;
	if (entry.type != dt_of(S_IFDIR))
		return -ENOTDIR;
	*ino = entry.ino;
	err = check_empty(fs, entry.ino);
	if (err)
		return err;
	err = pkernfs_tx_begin(&fs->m, &tx);
	if (err)
		return err;
	err = pkernfs_dir_remove(&tx, dir, name, strlen(name));
	if (!err)
		err = touch_dir(fs, &tx, dir, -1);
	if (!err)
		err = change_nlink(fs, &tx, entry.ino, -2);
	return finish(&tx, err);
}

/* @ino is now in @dir: a directory must know. */
static int moved(struct fs *fs, struct pkernfs_tx *tx, u32 ino, u32 dir)
{
	struct pkernfs_attr attr;
	int err = pkernfs_inode_read(&fs->m, ino, &attr);

	if (err)
		return err;
	if (S_ISDIR(attr.mode))
		attr.parent = dir;
	attr.ctime = now(fs);
	return pkernfs_inode_write(tx, ino, &attr);
}

static int exchange(struct fs *fs, struct pkernfs_tx *tx, u32 old_dir,
		    const char *old_name, u32 new_dir, const char *new_name,
		    const struct pkernfs_entry *a,
		    const struct pkernfs_entry *b)
{
	int subdirs = (a->type == dt_of(S_IFDIR)) - (b->type == dt_of(S_IFDIR));
	int err;

	err = pkernfs_dir_replace(tx, old_dir, old_name, strlen(old_name),
				  b->ino, b->type);
	if (!err)
		err = pkernfs_dir_replace(tx, new_dir, new_name,
					  strlen(new_name), a->ino, a->type);
	if (!err)
		err = moved(fs, tx, a->ino, new_dir);
	if (!err)
		err = moved(fs, tx, b->ino, old_dir);
	if (!err)
		err = touch_dir(fs, tx, old_dir, old_dir == new_dir ? 0 : -subdirs);
	if (!err && old_dir != new_dir)
		err = touch_dir(fs, tx, new_dir, subdirs);
	return err;
}

static int move(struct fs *fs, struct pkernfs_tx *tx, u32 old_dir,
		const char *old_name, u32 new_dir, const char *new_name,
		const struct pkernfs_entry *a, const struct pkernfs_entry *over)
{
	int is_dir = a->type == dt_of(S_IFDIR);
	int err;

	if (over)
		err = pkernfs_dir_replace(tx, new_dir, new_name,
					  strlen(new_name), a->ino, a->type);
	else
		err = pkernfs_dir_add(tx, new_dir, new_name, strlen(new_name),
				      a->ino, a->type);
	if (!err)
		err = pkernfs_dir_remove(tx, old_dir, old_name,
					 strlen(old_name));
	if (!err)
		err = moved(fs, tx, a->ino, new_dir);
	if (!err)
		err = touch_dir(fs, tx, old_dir, -is_dir);
	if (!err)
		err = touch_dir(fs, tx, new_dir, over ? 0 : is_dir);
	if (!err && over)
		err = change_nlink(fs, tx, over->ino, is_dir ? -2 : -1);
	return err;
}

int op_rename(struct fs *fs, u32 old_dir, const char *old_name, u32 new_dir,
	      const char *new_name, int flags, u32 *victim)
{
	struct pkernfs_entry a, b;
	struct pkernfs_tx tx;
	bool over;
	int err;

	fs->clock++;
	*victim = 0;
	err = pkernfs_dir_find(&fs->m, old_dir, old_name, strlen(old_name), &a);
	if (err)
		return err;
	err = pkernfs_dir_find(&fs->m, new_dir, new_name, strlen(new_name), &b);
	if (err && err != -ENOENT)
		return err;
	over = !err;
	if (flags == OP_RENAME_EXCHANGE && !over)
		return -ENOENT;
	if (flags == OP_RENAME_NOREPLACE && over)
		return -EEXIST;
	if (over && a.ino == b.ino)
		return 0;
	if (over && flags != OP_RENAME_EXCHANGE) {
		if (a.type == dt_of(S_IFDIR) && b.type != dt_of(S_IFDIR))
			return -ENOTDIR;
		if (a.type != dt_of(S_IFDIR) && b.type == dt_of(S_IFDIR))
			return -EISDIR;
		if (b.type == dt_of(S_IFDIR)) {
			err = check_empty(fs, b.ino);
			if (err)
				return err;
		}
		*victim = b.ino;
	}

	err = pkernfs_tx_begin(&fs->m, &tx);
	if (err)
		return err;
	if (flags == OP_RENAME_EXCHANGE)
		err = exchange(fs, &tx, old_dir, old_name, new_dir, new_name,
			       &a, &b);
	else
		err = move(fs, &tx, old_dir, old_name, new_dir, new_name, &a,
			   over ? &b : NULL);
	return finish(&tx, err);
}

int op_setattr(struct fs *fs, u32 ino, u16 perm, u32 uid, u32 gid)
{
	struct pkernfs_attr attr;
	struct pkernfs_tx tx;
	int err;

	fs->clock++;
	err = pkernfs_inode_read(&fs->m, ino, &attr);
	if (err)
		return err;
	attr.mode = (attr.mode & S_IFMT) | perm;
	attr.uid = uid;
	attr.gid = gid;
	attr.atime = now(fs);
	attr.ctime = now(fs);
	err = pkernfs_tx_begin(&fs->m, &tx);
	if (err)
		return err;
	return finish(&tx, pkernfs_inode_write(&tx, ino, &attr));
}

int op_touch(struct fs *fs, u32 ino, bool atime_only)
{
	struct pkernfs_attr attr = {};
	struct pkernfs_tx tx;
	int err;

	fs->clock++;
	attr.atime = now(fs);
	attr.mtime = now(fs);
	attr.ctime = now(fs);
	err = pkernfs_tx_begin(&fs->m, &tx);
	if (err)
		return err;
	err = pkernfs_inode_write_times(&tx, ino, &attr, atime_only ?
					PKERNFS_ATIME :
					PKERNFS_ATIME | PKERNFS_MTIME |
					PKERNFS_CTIME);
	return finish(&tx, err);
}

/* Free whole blocks inside [@page, @end), one transaction for each batch. */
static int punch_pages(struct fs *fs, u32 ino, u64 page, u64 end)
{
	struct pkernfs_tx tx;
	u64 next = page;
	int more, err;

	do {
		err = pkernfs_tx_begin(&fs->m, &tx);
		if (err)
			return err;
		more = pkernfs_map_punch(&tx, ino, &next, end);
		err = finish(&tx, min(more, 0));
		if (!err) {
			page = next;
		} else if (err == -EBUSY) {
			next = page;
			err = pkernfs_limbo_create(&fs->m);
		}
	} while (!err && more);
	return err;
}

/* Store zeroes, or @buf, into the blocks of [@pos, @pos + @len); skip holes. */
static int store(struct fs *fs, u32 ino, u64 pos, u64 len, const void *buf)
{
	struct pkernfs_extent extent;
	u64 n, skip;
	void *to;
	int err;

	for (; len; pos += n, len -= n) {
		err = pkernfs_map_lookup(&fs->m, ino, pos / PAGE,
					 DIV_ROUND_UP(pos % PAGE + len, PAGE),
					 &extent);
		if (err)
			return err;
		skip = pos - extent.page * PAGE;
		n = min(len, extent.count * PAGE - skip);
		if (!extent.offset)
			continue;
		to = fs->m.base + extent.offset + skip;
		if (buf) {
			memcpy(to, buf, n);
			buf += n;
		} else {
			memset(to, 0, n);
		}
	}
	return 0;
}

static int write_size(struct fs *fs, u32 ino, u64 size, bool orphan)
{
	struct pkernfs_attr attr;
	struct pkernfs_tx tx;
	int err;

	err = pkernfs_inode_read(&fs->m, ino, &attr);
	if (err)
		return err;
	attr.size = size;
	attr.mtime = now(fs);
	attr.ctime = now(fs);
	err = pkernfs_tx_begin(&fs->m, &tx);
	if (err)
		return err;
	err = pkernfs_inode_write(&tx, ino, &attr);
	if (!err && orphan)
		err = pkernfs_orphan_add(&tx, ino);
	return finish(&tx, err);
}

/* What an earlier truncate left behind the end @from must not come back. */
static int clear_gap(struct fs *fs, u32 ino, u64 from, u64 to)
{
	return to > from ? store(fs, ino, from, to - from, NULL) : 0;
}

static int del_orphan(struct fs *fs, u32 ino)
{
	struct pkernfs_tx tx;
	int err = pkernfs_tx_begin(&fs->m, &tx);

	if (err)
		return err;
	return finish(&tx, pkernfs_orphan_del(&tx, ino));
}

/* Free what lies behind the end of a file; a stop leaves it to the mount. */
static int cut(struct fs *fs, u32 ino, u64 size)
{
	int err = punch_pages(fs, ino, DIV_ROUND_UP(size, PAGE), NO_END);

	return err ?: del_orphan(fs, ino);
}

int op_truncate(struct fs *fs, u32 ino, u64 size)
{
	struct pkernfs_attr attr;
	int err;

	fs->clock++;
	err = pkernfs_inode_read(&fs->m, ino, &attr);
	if (err)
		return err;
	err = clear_gap(fs, ino, attr.size, size);
	if (err)
		return err;
	/* An open file without a name is an orphan already. */
	err = write_size(fs, ino, size, attr.nlink);
	if (err)
		return err;
	if (!attr.nlink)
		return punch_pages(fs, ino, DIV_ROUND_UP(size, PAGE), NO_END);
	return cut(fs, ino, size);
}

static int fill_hole(struct fs *fs, u32 ino, u64 page, u64 max_pages,
		     u64 size_after, struct pkernfs_extent *extent)
{
	struct pkernfs_tx tx;
	int err = pkernfs_tx_begin(&fs->m, &tx);

	if (err)
		return err;
	err = pkernfs_map_alloc(&tx, ino, page, max_pages, size_after, extent);
	err = finish(&tx, err);
	if (err != -ENOSPC)
		return err;
	err = op_promote(fs, ino, page);
	return err ?: pkernfs_map_lookup(&fs->m, ino, page, max_pages, extent);
}

/* Allocate the holes of [@page, @end); *@page tells how far it came. */
static int fill(struct fs *fs, u32 ino, u64 *page, u64 end, u64 size_after)
{
	struct pkernfs_extent extent;
	int err;

	while (*page < end) {
		err = pkernfs_map_lookup(&fs->m, ino, *page, end - *page,
					 &extent);
		if (!err && !extent.offset)
			err = fill_hole(fs, ino, *page, extent.count,
					size_after, &extent);
		if (err)
			return err;
		*page = min(extent.page + extent.count, end);
	}
	return 0;
}

int op_fallocate(struct fs *fs, u32 ino, u64 pos, u64 len, bool keep_size)
{
	u64 page = pos / PAGE, end = DIV_ROUND_UP(pos + len, PAGE);
	struct pkernfs_attr attr;
	int err;

	fs->clock++;
	err = pkernfs_inode_read(&fs->m, ino, &attr);
	if (err)
		return err;
	err = fill(fs, ino, &page, end, max(attr.size, pos + len));
	if (err || keep_size || pos + len <= attr.size)
		return err;
	err = clear_gap(fs, ino, attr.size, pos + len);
	return err ?: write_size(fs, ino, pos + len, false);
}

int op_punch(struct fs *fs, u32 ino, u64 pos, u64 len)
{
	struct pkernfs_attr attr;
	u64 end = pos + len;
	int err;

	fs->clock++;
	err = punch_pages(fs, ino, DIV_ROUND_UP(pos, PAGE), end / PAGE);
	if (err)
		return err;
	/* What is left has a block that is not wholly inside. */
	err = store(fs, ino, pos, len, NULL);
	if (err)
		return err;
	err = pkernfs_inode_read(&fs->m, ino, &attr);
	return err ?: write_size(fs, ino, attr.size, false);
}

s64 op_write(struct fs *fs, u32 ino, u64 pos, const void *buf, u64 len)
{
	u64 page = pos / PAGE, end = DIV_ROUND_UP(pos + len, PAGE);
	struct pkernfs_attr attr;
	int err, full;

	fs->clock++;
	err = pkernfs_inode_read(&fs->m, ino, &attr);
	if (err)
		return err;
	full = fill(fs, ino, &page, end, max(attr.size, pos + len));
	if (full && full != -ENOSPC)
		return full;
	if (page * PAGE <= pos)
		return full;
	len = min(len, page * PAGE - pos);
	err = clear_gap(fs, ino, attr.size, pos);
	if (!err)
		err = store(fs, ino, pos, len, buf);
	if (!err)
		err = write_size(fs, ino, max(attr.size, pos + len), false);
	return err ?: (s64)len;
}

s64 op_read(struct fs *fs, u32 ino, u64 pos, void *buf, u64 len)
{
	struct pkernfs_extent extent;
	struct pkernfs_attr attr;
	u64 n, skip, done;
	int err;

	err = pkernfs_inode_read(&fs->m, ino, &attr);
	if (err)
		return err;
	if (pos >= attr.size)
		return 0;
	len = min(len, attr.size - pos);
	for (done = 0; done < len; done += n, pos += n, buf += n) {
		err = pkernfs_map_lookup(&fs->m, ino, pos / PAGE,
					 DIV_ROUND_UP(pos % PAGE + len - done, PAGE),
					 &extent);
		if (err)
			return err;
		skip = pos - extent.page * PAGE;
		n = min(len - done, extent.count * PAGE - skip);
		if (extent.offset)
			memcpy(buf, fs->m.base + extent.offset + skip, n);
		else
			memset(buf, 0, n);
	}
	return done;
}

/* Free an inode that no name and no open file leads to. */
static int delete(struct fs *fs, u32 ino, u16 mode)
{
	struct pkernfs_tx tx;
	int err = 0;

	if (S_ISREG(mode))
		err = punch_pages(fs, ino, 0, NO_END);
	if (!err)
		err = pkernfs_tx_begin(&fs->m, &tx);
	if (err)
		return err;
	err = pkernfs_orphan_del(&tx, ino);
	if (!err)
		err = pkernfs_inode_free(&tx, ino);
	return finish(&tx, err);
}

int op_promote(struct fs *fs, u32 ino, u64 page)
{
	struct pkernfs_tx tx;
	u32 orphan;
	int err = pkernfs_tx_begin(&fs->m, &tx);

	if (err)
		return err;
	err = finish(&tx, pkernfs_map_promote(&tx, ino, page, &orphan));
	if (err)
		return err;
	fs->promotions++;
	return delete(fs, orphan, S_IFREG);
}

static bool is_pinned(struct pkernfs_media *m, u64 offset)
{
	const struct fs *fs = container_of(m, struct fs, m);
	int i;

	for (i = 0; i < MAX_PINS; i++) {
		if (fs->pins[i] == offset)
			return true;
	}
	return false;
}

bool op_pin(struct fs *fs, u64 offset)
{
	int i;

	fs->m.is_busy = is_pinned;
	for (i = 0; i < MAX_PINS; i++) {
		if (!fs->pins[i]) {
			fs->pins[i] = offset;
			return true;
		}
	}
	return false;
}

int op_unpin(struct fs *fs, u64 offset)
{
	int i;

	for (i = 0; i < MAX_PINS; i++) {
		if (fs->pins[i] == offset)
			fs->pins[i] = 0;
	}
	return pkernfs_limbo_reap(&fs->m);
}

int op_evict(struct fs *fs, u32 ino)
{
	struct pkernfs_attr attr;
	int err = pkernfs_inode_read(&fs->m, ino, &attr);

	if (err)
		return err;
	if (attr.nlink)
		return cut(fs, ino, attr.size);
	return delete(fs, ino, attr.mode);
}

/* What cannot be deleted stays; tells why, if that is so. */
static int reclaim_list(struct fs *fs, unsigned int list)
{
	u32 ino, stays = 0;
	int err, failed = 0;

	for (;;) {
		err = pkernfs_orphan_next(&fs->m, list, stays, &ino);
		if (err || !ino)
			return err ?: failed;
		err = ino == fs->m.limbo ? 0 : op_evict(fs, ino);
		if (err || ino == fs->m.limbo)
			stays = ino;
		failed = failed ?: err;
	}
}

int op_reclaim(struct fs *fs)
{
	int list, err, failed = 0;

	for (list = 0; list < PKERNFS_NR_ORPHAN_LISTS; list++) {
		err = reclaim_list(fs, list);
		failed = failed ?: err;
	}
	return failed;
}
