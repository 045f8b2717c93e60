// SPDX-License-Identifier: GPL-2.0-only
/*
 * Several transactions open at once, each in a slot of its own: ended in random
 * order, or stopped. What one does must neither depend on nor harm the others.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/stat.h>
#include <linux/string.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness.h"

#define WORKERS		5
#define ROUNDS		20000
#define CHECK_EVERY	16

/* A worker owns a file and a directory, as inode locks would have it. */
struct worker {
	u32 file;
	u32 dir;
	struct pkernfs_tx tx;
	bool open;
	u64 blocks;		/* of the file before the transaction */
	u64 names;		/* in the directory before it */
};

static u64 seed;

static u64 below(u64 n)
{
	return next_random(&seed) % n;
}

static struct pkernfs_attr attr_of(struct fs *fs, u32 ino)
{
	struct pkernfs_attr attr = {};

	if (pkernfs_inode_read(&fs->m, ino, &attr))
		printf("# inode %u: %s\n", ino, last_report);
	return attr;
}

static int change_file(struct worker *w)
{
	struct pkernfs_extent extent;
	u64 page = below(3000), size = below(4) ? 4096 : 8 << 20;
	int ret;

	if (below(2))
		return pkernfs_map_alloc(&w->tx, w->file, page, 1 + below(100),
					 size, &extent);
	ret = pkernfs_map_punch(&w->tx, w->file, &page, page + below(600));
	return min(ret, 0);
}

/* Create an empty file, or delete it when there is one of that name. */
static int change_dir(struct fs *fs, struct worker *w)
{
	struct pkernfs_attr attr = { .mode = S_IFREG | 0644, .nlink = 1 };
	struct pkernfs_entry entry;
	char name[256];
	u32 len, ino, n = below(400);
	int err;

	len = snprintf(name, sizeof(name), "%u-%0*u", n, n % 2 ? 200 : 8, 0);
	err = pkernfs_dir_find(&fs->m, w->dir, name, len, &entry);
	if (!err) {
		err = pkernfs_dir_remove(&w->tx, w->dir, name, len);
		return err ?: pkernfs_inode_free(&w->tx, entry.ino);
	}
	if (err != -ENOENT)
		return err;
	err = pkernfs_inode_create(&w->tx, &attr, &ino);
	return err ?: pkernfs_dir_add(&w->tx, w->dir, name, len, ino,
				      S_IFREG >> 12);
}

/* Begin a transaction and change something; a failed one is aborted. */
static int begin(struct fs *fs, struct worker *w)
{
	int err;

	w->blocks = attr_of(fs, w->file).blocks;
	w->names = attr_of(fs, w->dir).size;
	err = pkernfs_tx_begin(&fs->m, &w->tx);
	if (err)
		return err;
	w->open = true;
	err = change_file(w);
	if (!err)
		err = change_dir(fs, w);
	if (!err)
		return 0;
	pkernfs_tx_abort(&w->tx);
	w->open = false;
	return err == -ENOSPC ? 0 : err;
}

static bool is_as_before(struct fs *fs, const struct worker *w)
{
	return attr_of(fs, w->file).blocks == w->blocks &&
	       attr_of(fs, w->dir).size == w->names;
}

static bool end(struct fs *fs, struct worker *w)
{
	w->open = false;
	if (below(2)) {
		pkernfs_tx_commit(&w->tx);
		return true;
	}
	pkernfs_tx_abort(&w->tx);
	return is_as_before(fs, w);
}

/* Whatever is open is lost. */
static bool stop(struct fs *fs, struct worker *workers)
{
	int i;

	region_umount(fs);
	if (region_mount(fs))
		return false;
	for (i = 0; i < WORKERS; i++) {
		if (workers[i].open && !is_as_before(fs, &workers[i]))
			return false;
		workers[i].open = false;
	}
	return true;
}

/* Begin some, end some in another order, stop when some are left. */
static bool play_round(struct fs *fs, struct worker *workers, u32 *stops)
{
	u32 first = below(WORKERS), i, left = 0;
	struct worker *w;

	for (i = 0; i < WORKERS; i++) {
		if (below(4) && begin(fs, &workers[i]))
			return false;
	}
	for (i = 0; i < WORKERS; i++) {
		w = &workers[(first + 2 * i) % WORKERS];
		if (w->open && below(8) && !end(fs, w))
			return false;
		left += w->open;
	}
	*stops += !!left;
	return !left || stop(fs, workers);
}

static bool is_intact(struct fs *fs)
{
	struct pkernfs_check_result result = {};

	return !pkernfs_check(&fs->m, 0, &result) && !result.errors;
}

static bool create_workers(struct fs *fs, struct worker *workers)
{
	char name[16];
	int i, err = 0;

	memset(workers, 0, WORKERS * sizeof(*workers));
	for (i = 0; !err && i < WORKERS; i++) {
		snprintf(name, sizeof(name), "file%d", i);
		err = op_create(fs, PKERNFS_ROOT_INO, name, S_IFREG | 0644, 0,
				&workers[i].file);
		if (err)
			break;
		snprintf(name, sizeof(name), "dir%d", i);
		err = op_create(fs, PKERNFS_ROOT_INO, name, S_IFDIR | 0755, 0,
				&workers[i].dir);
	}
	return !err;
}

int main(int argc, char **argv)
{
	const struct region_options options = {
		.data_blocks	= 8,
		.small_size	= 4 << 20,
		.inodes		= 4096,
	};
	struct worker workers[WORKERS];
	u32 round, stops = 0;
	bool ok;
	struct fs fs;

	seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	printf("# seed %llu\n", seed);
	region_create(&fs, &options);
	ok = create_workers(&fs, workers);
	for (round = 0; ok && round < ROUNDS; round++) {
		ok = play_round(&fs, workers, &stops);
		if (ok && round % CHECK_EVERY == 0)
			ok = is_intact(&fs);
	}
	if (!ok)
		printf("# round %u: %s\n", round, last_report);
	tap(ok, "parallel: %u rounds, %u of them stopped", round, stops);
	region_destroy(&fs);
	return tap_end();
}
