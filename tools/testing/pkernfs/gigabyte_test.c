// SPDX-License-Identifier: GPL-2.0-only
/*
 * Data blocks of 1 GiB, written in full: what would take too long in the random
 * sequences of the model test.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/sizes.h>
#include <linux/stat.h>
#include <linux/string.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness.h"

#define PAGE	PKERNFS_BLOCK_SIZE
#define PAGES	(SZ_1G / PAGE)
#define STRIDE	2		/* every other page is a hole */

static struct fs fs;
static u64 at_start[PKERNFS_NR_ZONES];

static u64 used(enum pkernfs_zone_id id)
{
	return at_start[id] - pkernfs_free_count(&fs.m, id);
}

static u32 create(const char *name)
{
	u32 ino;

	if (op_create(&fs, PKERNFS_ROOT_INO, name, S_IFREG | 0600, 0, &ino))
		exit(EXIT_FAILURE);
	return ino;
}

static void delete(const char *name)
{
	u32 ino;

	if (op_unlink(&fs, PKERNFS_ROOT_INO, name, &ino) ||
	    op_evict(&fs, ino))
		exit(EXIT_FAILURE);
}

static void fill_page(u64 *words, u32 owner, u64 page)
{
	u64 i;

	for (i = 0; i < PAGE / 8; i++)
		words[i] = pattern(owner, page * PAGE + i * 8);
}

static bool write_page(u32 ino, u64 page)
{
	u64 words[PAGE / 8];

	fill_page(words, ino, page);
	return op_write(&fs, ino, page * PAGE, words, PAGE) == PAGE;
}

/* Does the file hold what write_page() wrote, or zeroes? */
static bool holds(u32 ino, u64 page, bool written)
{
	u64 words[PAGE / 8], expected[PAGE / 8] = { 0 };

	if (written)
		fill_page(expected, ino, page);
	return op_read(&fs, ino, page * PAGE, words, PAGE) == PAGE &&
	       !memcmp(words, expected, PAGE);
}

static bool is_sound(void)
{
	struct pkernfs_check_result result;

	return !pkernfs_check(&fs.m, 0, &result);
}

/* Every page of a file of two blocks is written, read, and punched. */
static void test_contents(void)
{
	u32 ino = create("file");
	u64 page, bad = 0;

	tap(!op_truncate(&fs, ino, 2ULL * SZ_1G), "a file of 2 GiB");
	for (page = 0; page < 2 * PAGES; page++)
		bad += !write_page(ino, page);
	tap(!bad, "every page of it is written");
	tap(used(PKERNFS_ZONE_DATA) == 2 && !used(PKERNFS_ZONE_SMALL),
	    "it lies in two data blocks");
	for (page = 0; page < 2 * PAGES; page++)
		bad += !holds(ino, page, true);
	tap(!bad, "every page of it reads as written");

	tap(!op_punch(&fs, ino, SZ_1G - PAGE, 2 * PAGE) &&
	    used(PKERNFS_ZONE_DATA) == 2, "punch across the middle");
	for (page = PAGES - 4; page < PAGES + 4; page++)
		bad += !holds(ino, page, page < PAGES - 1 || page > PAGES);
	tap(!bad, "what was punched reads as zeroes, the rest as before");
	tap(!op_punch(&fs, ino, 0, SZ_1G) && used(PKERNFS_ZONE_DATA) == 1,
	    "punch of a block frees it");
	tap(holds(ino, 0, false) && holds(ino, 2 * PAGES - 1, true),
	    "the other block remains");
	tap(is_sound(), "the checker agrees");
	delete("file");
}

/* Pages in an order that makes each of them a run of its own to be freed. */
static u64 write_small(u32 ino, u64 *first)
{
	u64 page = PAGES, bad = 0;

	while (pkernfs_free_count(&fs.m, PKERNFS_ZONE_SMALL) && page) {
		page -= STRIDE;
		bad += !write_page(ino, page);
	}
	*first = page;
	return bad;
}

static void test_promotion(void)
{
	u32 ino = create("promoted");
	u64 first, page, bad, inodes, small;

	inodes = used(PKERNFS_ZONE_INODES);
	bad = write_small(ino, &first);
	small = used(PKERNFS_ZONE_SMALL);
	tap(!bad && small == (PAGES - first) / STRIDE && small > PAGES / 8 &&
	    !used(PKERNFS_ZONE_DATA), "a file takes the whole small zone");
	tap(write_page(ino, PAGES - 1) && fs.promotions == 1,
	    "a data block takes its place for one page more");
	tap(used(PKERNFS_ZONE_DATA) == 1 && !used(PKERNFS_ZONE_SMALL) &&
	    !used(PKERNFS_ZONE_META) && used(PKERNFS_ZONE_INODES) == inodes,
	    "all small blocks and tables are free");
	for (page = 0; page < PAGES; page++)
		bad += !holds(ino, page, page == PAGES - 1 ||
			      (page >= first && page % STRIDE == 0));
	tap(!bad, "every page reads as before");
	tap(is_sound(), "the checker agrees");
	delete("promoted");
}

static void test_no_space(void)
{
	u32 ino = create("file"), other = create("other");
	u64 first;

	tap(!op_fallocate(&fs, other, 0, 2ULL * SZ_1G, false),
	    "a file takes the data zone");
	tap(!write_small(ino, &first), "another one the small zone");
	tap(!write_page(ino, PAGES - 1), "nothing is left for a hole");
	tap(!op_punch(&fs, other, SZ_1G, SZ_1G) && write_page(ino, PAGES - 1),
	    "a data block that becomes free fills it");
	delete("file");
	delete("other");
}

int main(void)
{
	const struct region_options options = {
		.data_blocks		= 2,
		.data_block_size	= SZ_1G,
		.small_size		= 4 * SZ_64M,
		.inodes			= 64,
	};
	int i;

	region_create(&fs, &options);
	/* So that the root directory always has a block. */
	create("name");
	for (i = 0; i < PKERNFS_NR_ZONES; i++)
		at_start[i] = pkernfs_free_count(&fs.m, i);
	test_contents();
	test_promotion();
	test_no_space();
	for (i = 0; i < PKERNFS_NR_ZONES; i++)
		tap(!used(i), "zone %d is as it was", i);
	tap(is_sound(), "the checker agrees");
	region_destroy(&fs);
	return tap_end();
}
