// SPDX-License-Identifier: GPL-2.0-only
/*
 * Data of regular files: read, write, holes, truncation.
 *
 * There is no page cache. Data is copied between user memory and the region, and
 * where it lies is decided when a hole is filled, in a transaction of its own.
 * Bytes behind the end of a file may hold what an unfinished write left there;
 * so they are zeroed when the file grows over them.
 *
 * Page faults fill holes without the inode lock, see mmap.c. So the map is read
 * under the mapping's invalidate_lock, and changed while holding it exclusively;
 * blocks are freed only by those who hold both locks exclusively. Data is copied
 * under the inode lock alone: the copy may fault on the same file.
 */
#include <linux/fs.h>
#include <linux/falloc.h>
#include <linux/fiemap.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/sched/signal.h>
#include <linux/splice.h>
#include <linux/uio.h>

#include "pkernfs.h"

/* How much is copied or zeroed between two looks at signals. */
#define MAX_COPY	((size_t)SZ_2M)

/* A stretch of a file that lies in one piece in the region, or is a hole. */
struct stretch {
	void *addr;	/* NULL: a hole */
	size_t len;
};

static u64 page_of(loff_t pos)
{
	return pos >> PKERNFS_BLOCK_SHIFT;
}

static u64 pages_up_to(loff_t end)
{
	return (end + PKERNFS_BLOCK_SIZE - 1) >> PKERNFS_BLOCK_SHIFT;
}

/* Fails with -EIO where the memory is known to be damaged, and ends before that. */
static int extent_to_stretch(const struct pkernfs_media *m,
			     const struct pkernfs_extent *extent, loff_t pos,
			     size_t len, struct stretch *s)
{
	u64 skip = pos - (extent->page << PKERNFS_BLOCK_SHIFT);

	s->len = min_t(u64, len, (extent->count << PKERNFS_BLOCK_SHIFT) - skip);
	s->addr = NULL;
	if (!extent->offset)
		return 0;
	s->addr = m->base + extent->offset + skip;
	s->len = pkernfs_good_size(m, extent->offset + skip, s->len);
	return s->len ? 0 : -EIO;
}

/* With IOCB_NOWAIT in @flags this does not wait for a page fault that fills a hole. */
static int lookup(struct inode *inode, int flags, u64 page, u64 max_pages,
		  struct pkernfs_extent *extent)
{
	int err;

	if (!(flags & IOCB_NOWAIT))
		filemap_invalidate_lock_shared(inode->i_mapping);
	else if (!filemap_invalidate_trylock_shared(inode->i_mapping))
		return -EAGAIN;
	err = pkernfs_map_lookup(pkernfs_media(inode->i_sb), inode->i_ino, page,
				 max_pages, extent);
	filemap_invalidate_unlock_shared(inode->i_mapping);
	return err;
}

/* Find what is at @pos, at most @len bytes of it. The inode is locked. */
static int find(struct inode *inode, int flags, loff_t pos, size_t len,
		struct stretch *s)
{
	struct pkernfs_media *m = pkernfs_media(inode->i_sb);
	struct pkernfs_extent extent;
	int err;

	err = lookup(inode, flags, page_of(pos),
		     pages_up_to(pos + len) - page_of(pos), &extent);
	return err ?: extent_to_stretch(m, &extent, pos, len, s);
}

/**
 * pkernfs_unmap_pages() - take pages of a file out of all page tables
 * @inode: a regular file
 * @first: first page
 * @end: page behind the last one
 *
 * Data blocks that lie partly inside are unmapped whole, since that is how they
 * may be mapped: v6.8 cannot split an entry of 1 GiB under invalidate_lock alone
 * (zap_pud_range()). What was unmapped for nothing comes back by faults.
 */
void pkernfs_unmap_pages(struct inode *inode, u64 first, u64 end)
{
	u64 block = 1ULL << (pkernfs_media(inode->i_sb)->geo.data_block_shift -
			     PKERNFS_BLOCK_SHIFT);

	if (!mapping_mapped(inode->i_mapping))
		return;
	first = ALIGN_DOWN(first, block);
	end = ALIGN(end, block);
	unmap_mapping_pages(inode->i_mapping, first, end - first, true);
}

/**
 * pkernfs_fill_pages() - put blocks where a file has a hole
 * @inode: a regular file, whose mapping's invalidate_lock is held exclusively
 * @page: first page of the hole
 * @count: how many pages are wanted, at least 1
 * @size_after: bytes the file is going to have
 * @extent: what has been filled, see pkernfs_map_alloc(); it reads as zeroes
 *
 * Return: 0, or an errno of pkernfs_map_alloc() or of the journal.
 */
int pkernfs_fill_pages(struct inode *inode, u64 page, u64 count,
		       loff_t size_after, struct pkernfs_extent *extent)
{
	struct pkernfs_tx tx;
	int err;

	err = pkernfs_tx_begin(pkernfs_media(inode->i_sb), &tx);
	if (err)
		return err;
	err = pkernfs_map_alloc(&tx, inode->i_ino, page, count, size_after,
				extent);
	err = pkernfs_tx_end(&tx, err);
	/* Readers may have the zero page there. */
	if (!err && mapping_mapped(inode->i_mapping))
		unmap_mapping_pages(inode->i_mapping, extent->page,
				    extent->count, true);
	return err;
}

/* Put a data block where small blocks keep one from being allocated. */
static int promote_locked(struct inode *inode, u64 page)
{
	struct pkernfs_media *m = pkernfs_media(inode->i_sb);
	struct pkernfs_tx tx;
	u32 orphan;
	int err;

	pkernfs_unmap_pages(inode, page, page + 1);
	err = pkernfs_tx_begin(m, &tx);
	if (err)
		return err;
	err = pkernfs_map_promote(&tx, inode->i_ino, page, &orphan);
	err = pkernfs_tx_end(&tx, err);
	/* If it cannot be deleted now, it is an orphan that the next mount finds. */
	if (!err)
		pkernfs_delete_inode(m, orphan, S_IFREG);
	return err;
}

/* The same around @pos. The inode is locked exclusively: nobody copies data. */
static int promote(struct inode *inode, loff_t pos)
{
	int err;

	filemap_invalidate_lock(inode->i_mapping);
	err = promote_locked(inode, page_of(pos));
	filemap_invalidate_unlock(inode->i_mapping);
	return err;
}

/* Fill the hole at @pos. The inode is locked exclusively. */
static int fill_hole(struct inode *inode, loff_t pos, size_t len,
		     loff_t size_after, struct stretch *s)
{
	struct pkernfs_extent extent;
	int err;

	filemap_invalidate_lock(inode->i_mapping);
	err = pkernfs_fill_pages(inode, page_of(pos),
				 pages_up_to(pos + len) - page_of(pos),
				 size_after, &extent);
	filemap_invalidate_unlock(inode->i_mapping);
	if (!err)
		return extent_to_stretch(pkernfs_media(inode->i_sb), &extent,
					 pos, len, s);
	if (err != -ENOSPC)
		return err;
	err = promote(inode, pos);
	return err ?: find(inode, 0, pos, len, s);
}

/* Zero what is not a hole from @pos up to @end. The inode is locked exclusively. */
static int zero_range(struct inode *inode, loff_t pos, loff_t end)
{
	struct stretch s;
	int err;

	while (pos < end) {
		err = find(inode, 0, pos, end - pos, &s);
		if (err)
			return err;
		if (s.addr) {
			s.len = min(s.len, MAX_COPY);
			memset(s.addr, 0, s.len);
		}
		pos += s.len;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

/* The file is about to grow up to @pos, over bytes that nobody has written. */
static int zero_gap(struct inode *inode, loff_t pos)
{
	return zero_range(inode, i_size_read(inode), pos);
}

/**
 * pkernfs_free_pages() - free blocks of a file
 * @m: the region
 * @ino: inode number of a regular file, whose file is locked exclusively, as is
 *       its mapping; or without users
 * @first: first page
 * @end: page behind the last one
 *
 * Blocks that lie only partly inside are not freed. Pinned ones are freed when
 * they are unpinned. No page table leads to any of them.
 *
 * Return: 0, -EUCLEAN, or an error of the journal.
 */
int pkernfs_free_pages(struct pkernfs_media *m, u32 ino, u64 first, u64 end)
{
	struct pkernfs_tx tx;
	u64 next = first;
	bool waits;
	int more, err;

	do {
		err = pkernfs_tx_begin(m, &tx);
		if (err)
			return err;
		more = pkernfs_map_punch(&tx, ino, &next, end);
		waits = tx.limbo_locked;
		err = pkernfs_tx_end(&tx, min(more, 0));
		if (!err) {
			first = next;
			if (waits)
				pkernfs_start_reaper(m);
		} else if (err == -EBUSY) {
			/* Once more: what was done has been undone. */
			next = first;
			err = pkernfs_limbo_create(m);
		}
		cond_resched();
	} while (!err && more);
	return err;
}

static int unmap_and_free(struct inode *inode, u64 first, u64 end)
{
	pkernfs_unmap_pages(inode, first, end);
	return pkernfs_free_pages(pkernfs_media(inode->i_sb), inode->i_ino,
				  first, end);
}

/**
 * pkernfs_finish_truncate() - free what lies behind the end of a file
 * @inode: a regular file on the orphan list, locked exclusively, as is its mapping
 *
 * The second half of pkernfs_truncate(), or of one that a stop interrupted.
 *
 * Return: 0, -EUCLEAN, or an error of the journal.
 */
int pkernfs_finish_truncate(struct inode *inode)
{
	struct pkernfs_media *m = pkernfs_media(inode->i_sb);
	struct pkernfs_tx tx;
	int err;

	err = unmap_and_free(inode, pages_up_to(i_size_read(inode)),
			     PKERNFS_MAX_FILE_PAGES);
	if (err)
		return err;
	err = pkernfs_tx_begin(m, &tx);
	if (err)
		return err;
	err = pkernfs_orphan_del(&tx, inode->i_ino);
	return pkernfs_tx_end(&tx, err);
}

/* The new size and the promise to free the rest go together. */
static int set_smaller_size(struct inode *inode, loff_t size)
{
	struct pkernfs_media *m = pkernfs_media(inode->i_sb);
	struct pkernfs_tx tx;
	int err;

	err = pkernfs_tx_begin(m, &tx);
	if (err)
		return err;
	err = pkernfs_set_size(&tx, inode, size);
	/* A file without links is on the list already. */
	if (!err && inode->i_nlink)
		err = pkernfs_orphan_add(&tx, inode->i_ino);
	err = pkernfs_tx_end(&tx, err);
	if (!err)
		i_size_write(inode, size);
	return err;
}

static int shrink(struct inode *inode, loff_t size)
{
	int err;

	filemap_invalidate_lock(inode->i_mapping);
	err = set_smaller_size(inode, size);
	if (!err && inode->i_nlink)
		err = pkernfs_finish_truncate(inode);
	else if (!err)
		err = unmap_and_free(inode, pages_up_to(size),
				     PKERNFS_MAX_FILE_PAGES);
	filemap_invalidate_unlock(inode->i_mapping);
	if (err)
		return err;
	/*
	 * The rest of the last page may be mapped, and must read as zeroes. Nobody can
	 * read a page with damaged memory, and the file is shorter already.
	 */
	err = zero_range(inode, size, round_up(size, PKERNFS_BLOCK_SIZE));
	pkernfs_refresh_inode(inode);
	return err == -EIO ? 0 : err;
}

/**
 * pkernfs_truncate() - change a file's size
 * @inode: a regular file, locked exclusively
 * @size: bytes
 *
 * Return: 0, -EUCLEAN, or an error of the journal.
 */
int pkernfs_truncate(struct inode *inode, loff_t size)
{
	int err;

	if (size <= i_size_read(inode))
		return shrink(inode, size);
	err = zero_gap(inode, size);
	return err ?: pkernfs_change_size(inode, size);
}

static ssize_t copy_out(struct kiocb *iocb, struct iov_iter *to)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	size_t wanted = iov_iter_count(to), done = 0, n;
	struct stretch s;
	int err = 0;

	while (done < wanted) {
		err = find(inode, iocb->ki_flags, iocb->ki_pos + done,
			   min(wanted - done, MAX_COPY), &s);
		if (err)
			break;
		/* Memory may be damaged without anybody knowing. */
		n = s.addr ? _copy_mc_to_iter(s.addr, s.len, to) :
			     iov_iter_zero(s.len, to);
		done += n;
		if (n < s.len) {
			err = -EFAULT;
			break;
		}
		if (done == wanted)
			break;
		if (fatal_signal_pending(current)) {
			err = -EINTR;
			break;
		}
		cond_resched();
	}
	return done ?: err;
}

static bool lock_shared(struct inode *inode, struct kiocb *iocb)
{
	if (iocb->ki_flags & IOCB_NOWAIT)
		return inode_trylock_shared(inode);
	inode_lock_shared(inode);
	return true;
}

static bool lock_exclusive(struct inode *inode, struct kiocb *iocb)
{
	if (iocb->ki_flags & IOCB_NOWAIT)
		return inode_trylock(inode);
	inode_lock(inode);
	return true;
}

static ssize_t pkernfs_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t ret = 0;
	loff_t size;

	if (!iov_iter_count(to))
		return 0;
	if (!lock_shared(inode, iocb))
		return -EAGAIN;
	size = i_size_read(inode);
	if (iocb->ki_pos < size) {
		iov_iter_truncate(to, size - iocb->ki_pos);
		ret = copy_out(iocb, to);
	}
	file_accessed(iocb->ki_filp);
	inode_unlock_shared(inode);
	if (ret > 0)
		iocb->ki_pos += ret;
	return ret;
}

/*
 * Fill the hole at @pos for data of @from, at most @len bytes of it. What cannot
 * be read anyway gets no block. A write that must not wait does not allocate.
 */
static int fill_for_write(struct inode *inode, struct kiocb *iocb,
			  struct iov_iter *from, loff_t pos, size_t len,
			  loff_t size_after, struct stretch *s)
{
	if (iocb->ki_flags & IOCB_NOWAIT)
		return -EAGAIN;
	len -= fault_in_iov_iter_readable(from, len);
	return len ? fill_hole(inode, pos, len, size_after, s) : -EFAULT;
}

static ssize_t copy_in(struct inode *inode, struct kiocb *iocb,
		       struct iov_iter *from)
{
	size_t wanted = iov_iter_count(from), done = 0, n;
	loff_t size_after = max_t(loff_t, i_size_read(inode),
				  iocb->ki_pos + wanted);
	struct stretch s;
	int err = 0;

	while (done < wanted) {
		loff_t pos = iocb->ki_pos + done;

		err = find(inode, iocb->ki_flags, pos,
			   min(wanted - done, MAX_COPY), &s);
		if (!err && !s.addr)
			err = fill_for_write(inode, iocb, from, pos, s.len,
					     size_after, &s);
		if (err)
			break;
		n = copy_from_iter(s.addr, s.len, from);
		done += n;
		if (n < s.len) {
			err = -EFAULT;
			break;
		}
		if (fatal_signal_pending(current)) {
			err = -EINTR;
			break;
		}
		cond_resched();
	}
	return done ?: err;
}

static ssize_t write_locked(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t ret;
	int err = 0;

	/* It may have become so since the file was opened. */
	if (!pkernfs_is_writable(inode->i_sb))
		return -EROFS;
	/* It is; and only such writes may ask not to wait. */
	iocb->ki_flags |= IOCB_DIRECT;
	ret = generic_write_checks(iocb, from);
	if (ret <= 0)
		return ret;
	/* A larger file needs a transaction, which may have to wait. */
	if (iocb->ki_flags & IOCB_NOWAIT &&
	    iocb->ki_pos + iov_iter_count(from) > i_size_read(inode))
		return -EAGAIN;
	ret = kiocb_modified(iocb);
	if (ret)
		return ret;
	if (iocb->ki_pos > i_size_read(inode)) {
		ret = zero_gap(inode, iocb->ki_pos);
		if (ret)
			return ret;
	}
	ret = copy_in(inode, iocb, from);
	if (ret > 0 && iocb->ki_pos + ret > i_size_read(inode))
		err = pkernfs_change_size(inode, iocb->ki_pos + ret);
	if (err)
		return err;
	if (ret > 0)
		iocb->ki_pos += ret;
	return ret;
}

static ssize_t pkernfs_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t ret;

	if (!lock_exclusive(inode, iocb))
		return -EAGAIN;
	ret = write_locked(iocb, from);
	inode_unlock(inode);
	return ret;
}

/* Fill all holes from @pos up to @end. */
static int fill_holes(struct inode *inode, loff_t pos, loff_t end,
		      loff_t size_after)
{
	struct stretch s;
	int err;

	while (pos < end) {
		err = find(inode, 0, pos, min_t(u64, end - pos, SZ_1G), &s);
		if (!err && !s.addr)
			err = fill_hole(inode, pos, s.len, size_after, &s);
		if (err)
			return err;
		pos += s.len;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

static int punch(struct inode *inode, loff_t pos, loff_t end)
{
	int err = 0;

	filemap_invalidate_lock(inode->i_mapping);
	if (pages_up_to(pos) < page_of(end))
		err = unmap_and_free(inode, pages_up_to(pos), page_of(end));
	filemap_invalidate_unlock(inode->i_mapping);
	return err ?: zero_range(inode, pos, end);
}

static int allocate(struct inode *inode, int mode, loff_t pos, loff_t end)
{
	loff_t size = i_size_read(inode);
	int err = 0;

	if (!(mode & FALLOC_FL_KEEP_SIZE) && end > size) {
		err = inode_newsize_ok(inode, end);
		if (!err)
			err = zero_gap(inode, end);
	}
	if (!err && mode & FALLOC_FL_ZERO_RANGE)
		err = zero_range(inode, pos, end);
	if (!err)
		err = fill_holes(inode, pos, end, max(size, end));
	if (!err && !(mode & FALLOC_FL_KEEP_SIZE) && end > size)
		err = pkernfs_change_size(inode, end);
	return err;
}

static long pkernfs_fallocate(struct file *file, int mode, loff_t offset,
			      loff_t len)
{
	struct inode *inode = file_inode(file);
	int err;

	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE |
		     FALLOC_FL_ZERO_RANGE))
		return -EOPNOTSUPP;

	inode_lock(inode);
	err = pkernfs_is_writable(inode->i_sb) ? file_modified(file) : -EROFS;
	if (!err && mode & FALLOC_FL_PUNCH_HOLE)
		err = punch(inode, offset, offset + len);
	else if (!err)
		err = allocate(inode, mode, offset, offset + len);
	pkernfs_refresh_inode(inode);
	inode_unlock(inode);
	return err;
}

/* The next hole, or the next data, at or behind @pos. */
static loff_t seek(struct inode *inode, loff_t pos, bool hole)
{
	loff_t size = i_size_read(inode);
	struct pkernfs_extent extent;
	int err;

	if (pos < 0 || pos >= size)
		return -ENXIO;
	while (pos < size) {
		err = lookup(inode, 0, page_of(pos),
			     pages_up_to(size) - page_of(pos), &extent);
		if (err)
			return err;
		if (!extent.offset == hole)
			return pos;
		pos = (extent.page + extent.count) << PKERNFS_BLOCK_SHIFT;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return hole ? size : -ENXIO;
}

static loff_t pkernfs_llseek(struct file *file, loff_t offset, int whence)
{
	struct inode *inode = file_inode(file);

	if (whence != SEEK_HOLE && whence != SEEK_DATA)
		return generic_file_llseek(file, offset, whence);
	inode_lock_shared(inode);
	offset = seek(inode, offset, whence == SEEK_HOLE);
	inode_unlock_shared(inode);
	return offset < 0 ? offset :
	       vfs_setpos(file, offset, inode->i_sb->s_maxbytes);
}

static int report_extent(struct fiemap_extent_info *info,
			 const struct pkernfs_extent *extent, bool last)
{
	u32 flags = last ? FIEMAP_EXTENT_LAST : 0;
	u64 offset = extent->offset;

	/*
	 * As good as a physical address; /proc/pid/pagemap hides these, too. Only to
	 * ask for it is nothing to be noted by an audit.
	 */
	if (!has_capability_noaudit(current, CAP_SYS_ADMIN)) {
		offset = 0;
		flags |= FIEMAP_EXTENT_UNKNOWN;
	}
	return fiemap_fill_next_extent(info, extent->page << PKERNFS_BLOCK_SHIFT,
				       offset,
				       extent->count << PKERNFS_BLOCK_SHIFT,
				       flags);
}

/* An extent is reported when the next one is found, to know which is the last. */
static int report_extents(struct inode *inode, struct fiemap_extent_info *info,
			  u64 page, u64 end)
{
	struct pkernfs_extent extent, found = {};
	int ret;

	for (; page < end; page += extent.count) {
		ret = lookup(inode, 0, page, end - page, &extent);
		if (ret)
			return ret;
		if (!extent.offset)
			continue;
		if (found.count) {
			ret = report_extent(info, &found, false);
			if (ret)
				return min(ret, 0);
		}
		found = extent;
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	if (!found.count)
		return 0;
	/* Blocks may lie behind the end of the file. Only a hole's length matters. */
	ret = lookup(inode, 0, end, 1, &extent);
	if (!ret && !extent.offset)
		ret = lookup(inode, 0, end, PKERNFS_MAX_FILE_PAGES, &extent);
	if (ret)
		return ret;
	ret = report_extent(info, &found, !extent.offset &&
			    extent.count >= PKERNFS_MAX_FILE_PAGES - end);
	return min(ret, 0);
}

static int pkernfs_fiemap(struct inode *inode, struct fiemap_extent_info *info,
			  u64 start, u64 len)
{
	int err;

	err = fiemap_prep(inode, info, start, &len, 0);
	if (err)
		return err;
	inode_lock_shared(inode);
	err = report_extents(inode, info, page_of(start),
			     min_t(u64, pages_up_to(start + len),
				   PKERNFS_MAX_FILE_PAGES));
	inode_unlock_shared(inode);
	return err;
}

static int pkernfs_open(struct inode *inode, struct file *file)
{
	/* For a mapping; here, because there the lock of the mm would be held. */
	pkernfs_make_pages(pkernfs_sb_region(inode->i_sb));
	/* Without a page cache all I/O is direct; reads and overwrites need not wait. */
	file->f_mode |= FMODE_CAN_ODIRECT | FMODE_NOWAIT;
	return generic_file_open(inode, file);
}

const struct file_operations pkernfs_file_operations = {
	.open		= pkernfs_open,
	.llseek		= pkernfs_llseek,
	.read_iter	= pkernfs_read_iter,
	.write_iter	= pkernfs_write_iter,
	.mmap		= pkernfs_mmap,
	.get_unmapped_area = pkernfs_get_unmapped_area,
	.splice_read	= copy_splice_read,
	.splice_write	= iter_file_splice_write,
	.fallocate	= pkernfs_fallocate,
	/* What is written is where it stays. */
	.fsync		= noop_fsync,
};

const struct inode_operations pkernfs_file_inode_operations = {
	.setattr	= pkernfs_setattr,
	.getattr	= pkernfs_getattr,
	.update_time	= pkernfs_update_time,
	.fiemap		= pkernfs_fiemap,
};
