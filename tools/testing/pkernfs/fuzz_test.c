// SPDX-License-Identifier: GPL-2.0-only
/*
 * Damaged regions: random bytes of the metadata are changed, then everything is
 * tried. Anything may fail, but nothing may crash, hang, or touch memory outside
 * of the region, and what the checker calls sound has to work.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/sizes.h>
#include <linux/stat.h>
#include <linux/string.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"
#include "internal.h"

#define NR_INODES	64

/* What is worth hitting, rather than the zeroes between. */
static const enum pkernfs_area_id targets[] = {
	PKERNFS_AREA_JOURNAL, PKERNFS_AREA_INODE_BITMAP,
	PKERNFS_AREA_META_BITMAP, PKERNFS_AREA_SMALL_BITMAP,
	PKERNFS_AREA_DATA_BITMAP, PKERNFS_AREA_INODES, PKERNFS_AREA_INODES,
	PKERNFS_AREA_INODES, PKERNFS_AREA_META, PKERNFS_AREA_META,
	PKERNFS_AREA_META,
};

static struct fs fs;
static u64 seed, round_seed;
static void *good;
static u64 good_size;

static u64 below(u64 n)
{
	return next_random(&seed) % n;
}

/* A number that is more dangerous than most. */
static u64 nasty(void)
{
	switch (below(6)) {
	case 0:
		return 0;
	case 1:
		return ~0ULL;
	case 2:
		return below(512);
	case 3:
		return 1ULL << below(64);
	case 4:		/* a pointer that may be right */
		return (fs.m.zone[PKERNFS_ZONE_META].start +
			below(40) * PKERNFS_BLOCK_SIZE) | below(4);
	default:
		return next_random(&seed);
	}
}

static void damage(void)
{
	u64 n = 1 + below(8), offset, value, limit, size;
	const struct pkernfs_range *area;

	while (n--) {
		area = &fs.m.geo.area[targets[below(ARRAY_SIZE(targets))]];
		limit = below(2) ? 512 : 65536;
		offset = area->start + below(min(area->size - 8, limit));
		size = 1ULL << below(4);
		offset &= ~(size - 1);
		value = nasty();
		memcpy(fs.m.base + offset, &value, size);
	}
}

static bool ignore_name(void *context, const char *name, u32 len,
			const struct pkernfs_entry *entry)
{
	u32 *count = context;

	(void)entry;
	if (!len || !name[len - 1])
		(*count)++;
	return ++*count < 100000;
}

/* Whatever an operation finds. */
static void try_inode(u32 ino)
{
	static char buf[SZ_64K];
	struct pkernfs_entry entry;
	struct pkernfs_extent e;
	struct pkernfs_attr attr;
	char name[20];
	u32 x, count = 0;

	if (pkernfs_inode_read(&fs.m, ino, &attr))
		return;
	if (S_ISLNK(attr.mode))
		pkernfs_symlink_read(&fs.m, ino, buf);
	if (S_ISDIR(attr.mode)) {
		pkernfs_dir_iterate(&fs.m, ino, 0, ignore_name, &count);
		pkernfs_dir_find(&fs.m, ino, "fifo", 4, &entry);
		sprintf(name, "new%llu", below(1000));
		op_create(&fs, ino, name, S_IFREG | 0600, 0, &x);
		op_unlink(&fs, ino, "fifo", &x);
		op_rmdir(&fs, ino, "dir", &x);
		op_rename(&fs, ino, name, PKERNFS_ROOT_INO, "memory", 0, &x);
	}
	if (S_ISREG(attr.mode)) {
		pkernfs_map_lookup(&fs.m, ino, 0, 100000, &e);
		op_read(&fs, ino, below(SZ_64K), buf, sizeof(buf));
		op_write(&fs, ino, below(SZ_64K), buf, below(SZ_64K));
		op_punch(&fs, ino, below(SZ_64K), below(SZ_4M));
		op_truncate(&fs, ino, below(SZ_64K));
	}
}

static void try_all(void)
{
	u32 ino;

	if (op_reclaim(&fs))
		return;
	for (ino = 0; ino < NR_INODES + 2; ino++)
		try_inode(ino);
}

static void require(int err, const char *what)
{
	if (!err)
		return;
	printf("# seed 0x%llx: %d %s\n", round_seed, err, last_report);
	tap(false, "%s", what);
	exit(tap_end());
}

/* Return: whether the damage was of a kind that repair ends. */
static bool one_round(void)
{
	struct pkernfs_check_result result;
	struct digest d = { .sample = true };
	bool repaired = false;

	round_seed = seed;
	memcpy(fs.m.base, good, good_size);
	damage();
	alarm(20);
	if (region_mount(&fs))
		return false;
	if (below(4)) {
		pkernfs_check(&fs.m, PKERNFS_CHECK_REPAIR, &result);
		repaired = !pkernfs_check(&fs.m, 0, &result);
	}
	last_report[0] = '\0';
	if (repaired) {
		require(op_reclaim(&fs), "orphans of what was sound");
		require(take_digest(&fs, &d), "tree of what was sound");
		require(pkernfs_check(&fs.m, 0, &result), "check again");
	}
	try_all();
	if (repaired)
		require(pkernfs_check(&fs.m, 0, &result), "stays sound");
	region_umount(&fs);
	return repaired;
}

int main(int argc, char **argv)
{
	static const struct region_options options = {
		.data_blocks = 4, .small_size = SZ_1M, .inodes = NR_INODES,
	};
	time_t end = time(NULL) + 8;
	u64 rounds = 0, repaired = 0;
	struct pkernfs_tx tx;
	u64 first, got;
	int c;

	seed = time(NULL);
	while ((c = getopt(argc, argv, "s:t:")) != -1) {
		switch (c) {
		case 's':
			seed = strtoull(optarg, NULL, 0);
			end = 0;
			break;
		case 't':
			end = time(NULL) + strtoul(optarg, NULL, 0);
			break;
		default:
			fprintf(stderr, "Usage: %s [-t SECONDS | -s SEED]\n",
				argv[0]);
			return EXIT_FAILURE;
		}
	}
	printf("# seed 0x%llx\n", seed);
	region_create(&fs, &options);
	populate(&fs);
	/* Something to undo. */
	pkernfs_tx_begin(&fs.m, &tx);
	pkernfs_alloc(&tx, PKERNFS_ZONE_SMALL, 3, &first, &got);
	pkernfs_dir_remove(&tx, PKERNFS_ROOT_INO, "small", 5);
	good_size = fs.m.geo.area[PKERNFS_AREA_SMALL].start;
	good = malloc(good_size);
	memcpy(good, fs.m.base, good_size);
	region_umount(&fs);
	do {
		repaired += one_round();
		rounds++;
	} while (time(NULL) < end);
	tap(true, "%llu damaged regions, %llu of them repaired", rounds,
	    repaired);
	free(good);
	return tap_end();
}
