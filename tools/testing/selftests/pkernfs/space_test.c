// SPDX-License-Identifier: GPL-2.0-only
/*
 * Space: what files cost, that the counts are true, and that running out of
 * blocks or inodes does no harm.
 */
#define _GNU_SOURCE
#include <sys/statfs.h>

#include "../kselftest_harness.h"
#include "test_mount.h"

#define BLOCK		4096L
#define DATA_BLOCK	(2L << 20)
#define NR_INODES	1024

FIXTURE(space)
{
	struct test_mount mount;
	struct statfs at_start;
};

FIXTURE_SETUP(space)
{
	ASSERT_EQ(0, enter_new_fs(&self->mount, "format,inodes=1024,small=1M"));
	ASSERT_EQ(0, statfs(".", &self->at_start));
}

FIXTURE_TEARDOWN(space)
{
	EXPECT_EQ(0, leave_fs_clean(&self->mount));
}

/* What is used more than at the start. */
static long used_blocks(const struct statfs *at_start)
{
	struct statfs now;

	return statfs(".", &now) ? -1 : at_start->f_bfree - now.f_bfree;
}

static long used_inodes(const struct statfs *at_start)
{
	struct statfs now;

	return statfs(".", &now) ? -1 : at_start->f_ffree - now.f_ffree;
}

static long space_of(const char *name)
{
	struct stat st;

	return lstat(name, &st) ? -1 : st.st_blocks * 512L;
}

/* A file with @size bytes allocated; returns 0 or an errno. */
static int make_sized(const char *name, long size)
{
	int fd = open(name, O_RDWR | O_CREAT, 0644);
	int err;

	if (fd < 0)
		return errno;
	err = fallocate(fd, 0, 0, size) ? errno : 0;
	close(fd);
	return err;
}

static int make_numbered(int n, long size)
{
	char name[16];

	sprintf(name, "%d", n);
	return make_sized(name, size);
}

static int remove_numbered(int n)
{
	char name[16];

	sprintf(name, "%d", n);
	return unlink(name);
}

/* Files of @size, numbered from 0, until one fails, which got what there was. */
static int fill(long size, int *err)
{
	int n = 0;

	while (!(*err = make_numbered(n, size)))
		n++;
	return n;
}

TEST_F(space, new_filesystem_is_empty)
{
	struct statfs *st = &self->at_start;

	EXPECT_EQ(BLOCK, st->f_bsize);
	EXPECT_EQ(st->f_blocks, st->f_bfree);
	EXPECT_EQ(st->f_bfree, st->f_bavail);
	EXPECT_EQ(NR_INODES, st->f_files);
	EXPECT_EQ(NR_INODES - 1, st->f_ffree);
	/* Most of the region is there for files. */
	EXPECT_LT(240L << 20, st->f_blocks * BLOCK);
	EXPECT_GE(256L << 20, st->f_blocks * BLOCK);
}

TEST_F(space, one_byte_costs_one_small_block)
{
	ASSERT_LE(0, make_text("file", "x"));
	EXPECT_EQ(BLOCK, space_of("file"));
	EXPECT_EQ(1, used_blocks(&self->at_start));
	EXPECT_EQ(1, used_inodes(&self->at_start));
	ASSERT_EQ(0, unlink("file"));
}

TEST_F(space, what_has_no_data_costs_only_an_inode)
{
	ASSERT_EQ(0, make_file("file"));
	ASSERT_EQ(0, mkdir("dir", 0755));
	ASSERT_EQ(0, symlink("target", "link"));
	ASSERT_EQ(0, mknod("fifo", S_IFIFO | 0600, 0));
	EXPECT_EQ(0, space_of("file"));
	EXPECT_EQ(0, space_of("link"));
	EXPECT_EQ(0, used_blocks(&self->at_start));
	EXPECT_EQ(4, used_inodes(&self->at_start));
	ASSERT_EQ(0, link("file", "other"));
	EXPECT_EQ(4, used_inodes(&self->at_start));
}

TEST_F(space, large_file_costs_data_blocks)
{
	ASSERT_EQ(0, make_sized("file", 3 * DATA_BLOCK + 1));
	EXPECT_EQ(4 * DATA_BLOCK / BLOCK, used_blocks(&self->at_start));
	EXPECT_LE(4 * DATA_BLOCK, space_of("file"));
	EXPECT_GE(4 * DATA_BLOCK + 16 * BLOCK, space_of("file"));
	ASSERT_EQ(0, truncate("file", DATA_BLOCK));
	EXPECT_EQ(DATA_BLOCK / BLOCK, used_blocks(&self->at_start));
	ASSERT_EQ(0, unlink("file"));
	EXPECT_EQ(0, used_blocks(&self->at_start));
}

TEST_F(space, counts_survive_a_remount)
{
	struct statfs before, after;

	ASSERT_EQ(0, make_sized("large", 2 * DATA_BLOCK));
	ASSERT_LE(0, make_text("small", "x"));
	ASSERT_EQ(0, statfs(".", &before));
	ASSERT_EQ(0, reenter_fs(&self->mount));
	ASSERT_EQ(0, statfs(".", &after));
	EXPECT_EQ(before.f_bfree, after.f_bfree);
	EXPECT_EQ(before.f_ffree, after.f_ffree);
	EXPECT_EQ(before.f_blocks, after.f_blocks);
}

TEST_F(space, inodes_are_used_to_the_last)
{
	char name[16];
	int i;

	for (i = 0; i < NR_INODES - 1; i++) {
		sprintf(name, "%d", i);
		ASSERT_EQ(0, make_file(name));
	}
	EXPECT_ERRNO(ENOSPC, make_file("file"));
	EXPECT_ERRNO(ENOSPC, mkdir("dir", 0755));
	EXPECT_ERRNO(ENOSPC, symlink("target", "link"));
	EXPECT_ERRNO(ENOSPC, mknod("fifo", S_IFIFO | 0600, 0));
	EXPECT_ERRNO(ENOSPC, open(".", O_TMPFILE | O_RDWR, 0600));
	EXPECT_FALSE(exists("file"));
	EXPECT_EQ(2, links_of("."));
	EXPECT_EQ(0, link("7", "another name"));
	EXPECT_EQ(0, rename("8", "moved"));
	EXPECT_EQ(NR_INODES - 1, used_inodes(&self->at_start));
	ASSERT_EQ(0, unlink("9"));
	EXPECT_EQ(0, mkdir("dir", 0755));
	EXPECT_ERRNO(ENOSPC, make_file("file"));
	ASSERT_EQ(0, reenter_fs(&self->mount));
	EXPECT_ERRNO(ENOSPC, make_file("file"));
	ASSERT_EQ(0, rmdir("dir"));
	EXPECT_EQ(0, make_file("file"));
}

TEST_F(space, data_zone_is_used_to_the_last_block)
{
	long blocks = self->at_start.f_bfree * BLOCK / DATA_BLOCK;
	int n, err, i;

	/* What is left is less than a data block: that is the small zone. */
	n = fill(DATA_BLOCK, &err);
	EXPECT_EQ(ENOSPC, err);
	EXPECT_LE(blocks - 2, n);
	EXPECT_GE(blocks, n);
	ASSERT_EQ(0, remove_numbered(n));
	EXPECT_EQ(ENOSPC, make_sized("another", 64 * DATA_BLOCK));
	ASSERT_EQ(0, unlink("another"));

	ASSERT_EQ(0, remove_numbered(n / 2));
	EXPECT_EQ(0, make_numbered(n / 2, DATA_BLOCK));
	EXPECT_EQ(0, truncate("0", 0));
	EXPECT_EQ(0, make_sized("another", DATA_BLOCK));
	for (i = 0; i < n; i++)
		ASSERT_EQ(0, remove_numbered(i));
	ASSERT_EQ(0, unlink("another"));
	EXPECT_EQ(0, used_blocks(&self->at_start));
	EXPECT_EQ(0, used_inodes(&self->at_start));
}

TEST_F(space, one_file_can_have_the_whole_data_zone)
{
	long blocks = self->at_start.f_bfree * BLOCK / DATA_BLOCK - 2;

	EXPECT_EQ(0, make_sized("file", blocks * DATA_BLOCK));
	EXPECT_LE(blocks * DATA_BLOCK, space_of("file"));
	ASSERT_EQ(0, unlink("file"));
	EXPECT_EQ(0, used_blocks(&self->at_start));
}

/*
 * Fill the data zone; what remains is the small zone, which the last whole file
 * was in, since that is as large. Returns the number of whole files, or -1.
 */
static int fill_data_zone(void)
{
	int err, n = fill(DATA_BLOCK, &err);

	if (err != ENOSPC || remove_numbered(n) || remove_numbered(n - 1))
		return -1;
	return n - 1;
}

TEST_F(space, every_free_block_can_be_used)
{
	struct statfs st;
	int n, m, err;

	n = fill_data_zone();
	ASSERT_LT(0, n);
	ASSERT_EQ(0, mkdir("small", 0755));
	ASSERT_EQ(0, chdir("small"));
	m = fill(BLOCK, &err);
	EXPECT_EQ(ENOSPC, err);
	ASSERT_EQ(0, statfs(".", &st));
	EXPECT_EQ(0, st.f_bfree);
	EXPECT_EQ(self->at_start.f_bfree, n * DATA_BLOCK / BLOCK + m);
	/* What fills the gap is usable again at once. */
	ASSERT_EQ(0, remove_numbered(m / 2));
	EXPECT_EQ(0, make_numbered(m / 2, BLOCK));
}

TEST_F(space, write_without_space_is_short_then_fails)
{
	static char buf[8 * 4096];
	struct statfs st;
	int fd, n, err;

	ASSERT_LT(0, fill_data_zone());
	ASSERT_EQ(0, mkdir("small", 0755));
	ASSERT_EQ(0, chdir("small"));
	n = fill(BLOCK, &err);
	ASSERT_EQ(0, remove_numbered(n));
	ASSERT_EQ(0, remove_numbered(10));
	ASSERT_EQ(0, remove_numbered(20));
	ASSERT_EQ(0, remove_numbered(30));
	memset(buf, 'x', sizeof(buf));
	fd = open("file", O_RDWR | O_CREAT, 0644);
	EXPECT_EQ(3 * BLOCK, write(fd, buf, sizeof(buf)));
	EXPECT_ERRNO(ENOSPC, write(fd, buf, sizeof(buf)));
	EXPECT_EQ(1, pwrite(fd, "y", 1, 5000));
	EXPECT_EQ(3 * BLOCK, lseek(fd, 0, SEEK_END));
	ASSERT_EQ(3 * BLOCK, pread(fd, buf, sizeof(buf), 0));
	EXPECT_EQ('x', buf[4999]);
	EXPECT_EQ('y', buf[5000]);
	EXPECT_EQ('x', buf[3 * BLOCK - 1]);
	EXPECT_EQ(0, ftruncate(fd, 100 * BLOCK));
	EXPECT_EQ(0, fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       0, 2 * BLOCK));
	ASSERT_EQ(0, statfs(".", &st));
	EXPECT_EQ(2, st.f_bfree);
	EXPECT_EQ(2 * BLOCK, pwrite(fd, buf, 2 * BLOCK, 0));
}

/* What the next test writes, and zeroes. */
static int holds_abc(const char *name)
{
	static char buf[21 * 4096], expected[21 * 4096];
	int fd = open(name, O_RDONLY);
	long len = pread(fd, buf, sizeof(buf), 0);

	close(fd);
	expected[0] = 'a';
	expected[5 * BLOCK] = 'c';
	expected[20 * BLOCK + 7] = 'b';
	return len == 20 * BLOCK + 8 && !memcmp(buf, expected, len);
}

TEST_F(space, hole_between_small_blocks_gets_a_data_block)
{
	struct statfs st;
	int fd, m, err;

	fd = make_text("file", "a");
	ASSERT_EQ(1, pwrite(fd, "b", 1, 20 * BLOCK + 7));
	ASSERT_EQ(0, remove_numbered(fill(DATA_BLOCK, &err)));
	ASSERT_EQ(0, mkdir("small", 0755));
	ASSERT_EQ(0, chdir("small"));
	m = fill(BLOCK, &err);
	ASSERT_EQ(ENOSPC, err);
	EXPECT_ERRNO(ENOSPC, pwrite(fd, "c", 1, 5 * BLOCK));

	ASSERT_EQ(0, unlink("../0"));
	EXPECT_EQ(1, pwrite(fd, "c", 1, 5 * BLOCK));
	EXPECT_TRUE(holds_abc("../file"));
	EXPECT_EQ(DATA_BLOCK, space_of("../file"));
	/* The two small blocks that it had are free again. */
	ASSERT_EQ(0, statfs(".", &st));
	EXPECT_EQ(2, st.f_bfree);
	EXPECT_EQ(0, make_numbered(m, 2 * BLOCK));
	EXPECT_EQ(ENOSPC, make_sized("0", 2 * BLOCK));

	/* Again, by fallocate(). */
	ASSERT_EQ(0, unlink("../1"));
	EXPECT_EQ(0, make_sized("0", 2 * BLOCK));
	EXPECT_EQ(DATA_BLOCK, space_of("0"));
	ASSERT_EQ(0, reenter_fs(&self->mount));
	EXPECT_TRUE(holds_abc("file"));
	EXPECT_EQ(DATA_BLOCK, space_of("small/0"));
	ASSERT_EQ(0, statfs(".", &st));
	EXPECT_EQ(1, st.f_bfree);
}

static unsigned int seed = 20240205;

static int random_below(int n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % n;
}

TEST_F(space, refilling_in_random_order_loses_nothing)
{
	static const long sizes[] = { 1, BLOCK, 3 * BLOCK, 100 * BLOCK,
				      DATA_BLOCK, 5 * DATA_BLOCK + 7 };
	enum { FILES = 60 };
	char name[16];
	int i, n, err;

	for (i = 0; i < 600; i++) {
		n = random_below(FILES);
		sprintf(name, "%d", n);
		if (exists(name) && random_below(2)) {
			ASSERT_EQ(0, unlink(name));
			continue;
		}
		err = make_sized(name, sizes[random_below(ARRAY_SIZE(sizes))]);
		if (err)
			ASSERT_EQ(ENOSPC, err);
		if (!random_below(4))
			ASSERT_EQ(0, truncate(name, random_below(1 << 20)));
	}
	for (i = 0; i < FILES; i++)
		remove_numbered(i);
	EXPECT_EQ(0, used_blocks(&self->at_start));
	EXPECT_EQ(0, used_inodes(&self->at_start));
}

static int symlink_numbered(int n)
{
	static char target[4096];
	char name[16];

	memset(target, 't', sizeof(target) - 1);
	sprintf(name, "%d", n);
	return symlink(target, name);
}

/*
 * Fill the meta zone with targets of symlinks, numbered from 0. Returns the first
 * number that failed. A name without room in its leaf of the directory needs
 * several blocks, so there may be a block left then; the next SPARE numbers take it.
 */
#define SPARE	200

static int fill_meta_zone(void)
{
	int n = 0, i;

	while (!symlink_numbered(n))
		n++;
	if (errno != ENOSPC)
		return -1;
	for (i = 1; i < SPARE; i++)
		symlink_numbered(n + i);
	return n;
}

static void remove_range(int from, int to)
{
	while (from < to)
		remove_numbered(from++);
}

TEST_F(space, full_meta_zone_hinders_no_removal)
{
	int n, i;

	ASSERT_EQ(0, mkdir("dir", 0755));
	n = fill_meta_zone();
	ASSERT_LT(100, n);
	EXPECT_ERRNO(ENOENT, remove_numbered(n));
	EXPECT_ERRNO(ENOSPC, make_file("dir/file"));
	EXPECT_EQ(0, used_blocks(&self->at_start));
	EXPECT_EQ(0, rename("0", "1"));
	EXPECT_EQ(0, make_file("dir/file"));
	for (i = 1; i < n; i++)
		ASSERT_EQ(0, remove_numbered(i));
	remove_range(n, n + SPARE);
	EXPECT_EQ(0, unlink("dir/file"));
	EXPECT_EQ(0, rmdir("dir"));
	EXPECT_EQ(0, used_inodes(&self->at_start));
}

/* Leaves need not split where they did, which makes a difference of some blocks. */
TEST_F_TIMEOUT(space, full_meta_zone_can_be_filled_again, 300)
{
	int n = fill_meta_zone();
	int i, again;

	for (i = 0; i < 32; i++) {
		remove_range(0, n + SPARE);
		ASSERT_EQ(0, used_inodes(&self->at_start));
		again = fill_meta_zone();
		ASSERT_LT(n - 16, again);
		ASSERT_GT(n + 16, again);
	}
}

TEST_F(space, full_meta_zone_is_enospc_for_large_files_too)
{
	int fd = make_text("file", "x");
	int i;

	ASSERT_LT(4, fill_meta_zone());
	/* This needs a table. */
	EXPECT_ERRNO(ENOSPC, pwrite(fd, "x", 1, 1L << 30));
	EXPECT_EQ(1, lseek(fd, 0, SEEK_END));
	EXPECT_EQ(1, used_blocks(&self->at_start));
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, remove_numbered(i));
	EXPECT_EQ(1, pwrite(fd, "x", 1, 1L << 30));
}

TEST_HARNESS_MAIN
