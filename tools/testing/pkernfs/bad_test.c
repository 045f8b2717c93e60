// SPDX-License-Identifier: GPL-2.0-only
/* Bad pages: what is listed is never handed out again, and everything adds up. */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/sizes.h>
#include <linux/stat.h>
#include <linux/string.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness.h"
#include "internal.h"

#define PAGE	PKERNFS_BLOCK_SIZE

static const struct region_options options = {
	.data_blocks = 3, .data_block_size = SZ_2M, .small_size = SZ_1M,
	.inodes = 64,
};

static struct fs fs;

static u64 free_blocks(enum pkernfs_zone_id id)
{
	return pkernfs_free_count(&fs.m, id);
}

static bool is_clean(void)
{
	struct pkernfs_check_result result;

	return !pkernfs_check(&fs.m, 0, &result);
}

static bool remounts(void)
{
	region_umount(&fs);
	return !region_mount(&fs) && !op_reclaim(&fs) && is_clean();
}

/* A file of @size bytes; returns its inode number. */
static u32 make_file(const char *name, u64 size)
{
	u32 ino;

	if (op_create(&fs, PKERNFS_ROOT_INO, name, S_IFREG | 0644, 0, &ino) ||
	    op_fallocate(&fs, ino, 0, size, false))
		abort();
	return ino;
}

static u64 place_of(u32 ino, u64 page)
{
	struct pkernfs_extent extent;

	if (pkernfs_map_lookup(&fs.m, ino, page, 1, &extent))
		abort();
	return extent.offset;
}

static void delete(const char *name)
{
	u32 ino;

	if (op_unlink(&fs, PKERNFS_ROOT_INO, name, &ino) || op_evict(&fs, ino))
		abort();
}

/* Take everything there is: does a file get the page at @offset? */
static bool is_handed_out(u64 offset)
{
	struct pkernfs_extent extent;
	bool found = false;
	u64 page;
	u32 ino = make_file("all", 0);

	for (page = 0; !op_fallocate(&fs, ino, page * PAGE, PAGE, false); page++) {
		if (pkernfs_map_lookup(&fs.m, ino, page, 1, &extent))
			abort();
		if (extent.offset == offset)
			found = true;
	}
	delete("all");
	return found;
}

static void test_file(enum pkernfs_zone_id id, u64 size, const char *name)
{
	u64 before, bad;
	u32 ino;

	region_create(&fs, &options);
	before = free_blocks(id);
	ino = make_file("file", size);
	bad = place_of(ino, 1);
	tap(!pkernfs_bad_add(&fs.m, bad + 17), "%s: a bad page is listed", name);
	tap(!pkernfs_bad_add(&fs.m, bad), "%s: once only", name);
	tap(fs.m.limbo == 0, "%s: its block stays with the file", name);
	tap(pkernfs_good_size(&fs.m, bad - PAGE, 4 * PAGE) == PAGE,
	    "%s: what is before it is good", name);
	tap(!pkernfs_good_size(&fs.m, bad + 5, 1), "%s: it is not", name);
	tap(pkernfs_good_size(&fs.m, bad + PAGE, PAGE) == PAGE,
	    "%s: what is behind it is good", name);
	tap(is_clean(), "%s: the check is content", name);
	delete("file");
	tap(free_blocks(id) == before - 1, "%s: its block does not become free",
	    name);
	tap(!is_handed_out(bad), "%s: nor does a file get it", name);
	tap(remounts() && free_blocks(id) == before - 1 && !is_handed_out(bad),
	    "%s: nor after a mount", name);
	region_destroy(&fs);
}

static void test_free_block(enum pkernfs_zone_id id, const char *name)
{
	u64 before, bad;

	region_create(&fs, &options);
	before = free_blocks(id);
	bad = pkernfs_block_offset(&fs.m, id, fs.m.zone[id].count - 1);
	tap(!pkernfs_bad_add(&fs.m, bad), "%s: a free block is listed", name);
	tap(free_blocks(id) == before - 1 && is_clean(),
	    "%s: it is out of use at once", name);
	tap(!is_handed_out(bad), "%s: no file gets it", name);
	tap(remounts() && free_blocks(id) == before - 1 && !is_handed_out(bad),
	    "%s: nor after a mount", name);
	region_destroy(&fs);
}

/* Listed while a transaction frees the block, or gives it back unused. */
static void test_transaction(bool commit)
{
	const char *what = commit ? "freed" : "given back";
	struct pkernfs_extent extent;
	struct pkernfs_tx tx;
	u64 page = 0, bad;
	u32 ino;

	region_create(&fs, &options);
	ino = make_file("file", commit ? 3 * PAGE : 0);
	if (pkernfs_tx_begin(&fs.m, &tx))
		abort();
	if (commit) {
		bad = place_of(ino, 1);
		tap(pkernfs_map_punch(&tx, ino, &page, 3) >= 0, "%s: a block", what);
	} else {
		tap(!pkernfs_map_alloc(&tx, ino, 0, 1, PAGE, &extent),
		    "%s: a block", what);
		bad = extent.offset;
	}
	tap(!pkernfs_bad_add(&fs.m, bad), "%s: meanwhile it is listed", what);
	if (commit)
		pkernfs_tx_commit(&tx);
	else
		pkernfs_tx_abort(&tx);
	tap(!is_handed_out(bad) && is_clean(), "%s: no file gets it", what);
	region_destroy(&fs);
}

/* Listing needs no inode and no block. */
static void test_full(void)
{
	char name[16];
	u64 bad;
	u32 ino;
	int i;

	region_create(&fs, &options);
	bad = fs.m.zone[PKERNFS_ZONE_DATA].start;
	for (i = 0; pkernfs_free_count(&fs.m, PKERNFS_ZONE_INODES); i++) {
		snprintf(name, sizeof(name), "%d", i);
		if (op_create(&fs, PKERNFS_ROOT_INO, name, S_IFREG, 0, &ino))
			abort();
	}
	tap(!pkernfs_bad_add(&fs.m, bad), "without a free inode, a page is listed");
	delete("0");
	tap(!is_handed_out(bad), "and no file gets its block");
	region_destroy(&fs);
}

static void test_limits(void)
{
	u64 data, i;
	int err = 0;

	region_create(&fs, &options);
	data = fs.m.zone[PKERNFS_ZONE_DATA].start;
	tap(pkernfs_bad_add(&fs.m, 0) == -EINVAL &&
	    pkernfs_bad_add(&fs.m, fs.m.geo.area[PKERNFS_AREA_INODES].start) == -EINVAL &&
	    pkernfs_bad_add(&fs.m, fs.m.size) == -EINVAL,
	    "metadata cannot be listed");
	for (i = 0; i < PKERNFS_MAX_BAD && !err; i++)
		err = pkernfs_bad_add(&fs.m, data + i * PAGE);
	tap(!err, "%d pages can be listed", PKERNFS_MAX_BAD);
	tap(pkernfs_bad_add(&fs.m, data + i * PAGE) == -ENOSPC, "no more");
	tap(!pkernfs_bad_add(&fs.m, data), "but again what is there");
	tap(remounts(), "a full list is good");

	pkernfs_journal_head(&fs.m)->nr_bad = cpu_to_le32(PKERNFS_MAX_BAD + 1);
	tap(!is_clean() && strstr(last_report, "too many entries"),
	    "a list that is too long is noticed");
	tap(!pkernfs_good_size(&fs.m, data, PAGE) &&
	    pkernfs_good_size(&fs.m, data + i * PAGE, PAGE) == PAGE,
	    "and heeded as far as it goes");
	pkernfs_journal_head(&fs.m)->nr_bad = cpu_to_le32(1);
	pkernfs_journal_head(&fs.m)->bad[0] = cpu_to_le64(data + 1);
	tap(!is_clean() && strstr(last_report, "no page of file data"),
	    "an entry that makes no sense is noticed");
	region_destroy(&fs);
}

int main(void)
{
	test_file(PKERNFS_ZONE_SMALL, 3 * PAGE, "small block");
	test_file(PKERNFS_ZONE_DATA, SZ_2M, "data block");
	test_free_block(PKERNFS_ZONE_SMALL, "small zone");
	test_free_block(PKERNFS_ZONE_DATA, "data zone");
	test_transaction(true);
	test_transaction(false);
	test_full();
	test_limits();
	return tap_end();
}
