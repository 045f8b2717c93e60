// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that the hardware reports as damaged: only who touches it gets SIGBUS, and
 * its block is never used again. madvise(MADV_HWPOISON) stands for the hardware.
 */
#define _GNU_SOURCE
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <sys/wait.h>

#include "../kselftest_harness.h"
#include "test_mount.h"
#include "test_pin.h"

#define BAD_PAGE	3UL

FIXTURE(failure)
{
	struct test_mount mount;
	struct statfs at_start;
	int fd;
	char *map;
};

FIXTURE_VARIANT(failure)
{
	size_t size;		/* of the file: decides which zone it is in */
	size_t block;
};

FIXTURE_VARIANT_ADD(failure, small_block)
{
	.size = 8 * PAGE,
	.block = PAGE,
};

FIXTURE_VARIANT_ADD(failure, data_block)
{
	.size = 2 * DATA_BLOCK,
	.block = DATA_BLOCK,
};

FIXTURE_SETUP(failure)
{
	ASSERT_EQ(0, enter_new_fs(&self->mount, "format,small=1M"));
	ASSERT_EQ(0, statfs(".", &self->at_start));
	self->fd = open("file", O_RDWR | O_CREAT | O_EXCL, 0644);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ftruncate(self->fd, variant->size));
	self->map = mmap(NULL, variant->size, PROT_READ | PROT_WRITE,
			 MAP_SHARED, self->fd, 0);
	ASSERT_NE(MAP_FAILED, self->map);
	memset(self->map, 'o', variant->size);
}

FIXTURE_TEARDOWN(failure)
{
	EXPECT_EQ(0, leave_fs_clean(&self->mount));
}

/* The errno of reporting the page of @map as damaged. */
static int report_bad(char *map)
{
	return madvise(map + BAD_PAGE * PAGE, PAGE, MADV_HWPOISON) ? errno : 0;
}

static char *expected_addr;

static void on_bus_error(int sig, siginfo_t *info, void *context)
{
	_exit(info->si_code == BUS_MCEERR_AR && info->si_addr == expected_addr ?
	      42 : 1);
}

/* What becomes of a process that reads at @addr: 42 if it is told of an error. */
static int touch_in_child(char *addr)
{
	struct sigaction action = {
		.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO,
	};
	int status;

	if (!fork()) {
		expected_addr = addr;
		sigaction(SIGBUS, &action, NULL);
		__atomic_load_n(addr, __ATOMIC_RELAXED);
		_exit(0);
	}
	wait(&status);
	return WEXITSTATUS(status);
}

/* Where in the region the page of a file is; 0 for nowhere. */
static unsigned long long place_of(int fd, unsigned long page)
{
	struct {
		struct fiemap map;
		struct fiemap_extent extent;
	} f = {
		.map = {
			.fm_start = page * PAGE,
			.fm_length = PAGE,
			.fm_extent_count = 1,
		},
	};

	if (ioctl(fd, FS_IOC_FIEMAP, &f) || !f.map.fm_mapped_extents)
		return 0;
	return f.extent.fe_physical + page * PAGE - f.extent.fe_logical;
}

/* Has any file of the filesystem the place now, when it is full? */
static bool is_reused(unsigned long long place)
{
	static char buf[DATA_BLOCK];
	int fd = open("other", O_RDWR | O_CREAT, 0644);
	unsigned long page, end;
	size_t step;
	bool found = false;

	for (step = DATA_BLOCK; step >= PAGE; step = step > PAGE ? PAGE : 0) {
		while (write(fd, buf, step) > 0)
			;
		if (errno != ENOSPC)
			return true;
	}
	end = lseek(fd, 0, SEEK_END) / PAGE;
	for (page = 0; page < end && !found; page++)
		found = place_of(fd, page) == place;
	close(fd);
	unlink("other");
	return found;
}

TEST_F(failure, who_touches_it_is_told)
{
	ASSERT_EQ(0, report_bad(self->map));
	EXPECT_EQ(42, touch_in_child(self->map + BAD_PAGE * PAGE));
	/* The pages beside it are as they were, in the same block too. */
	EXPECT_EQ(0, touch_in_child(self->map + (BAD_PAGE - 1) * PAGE));
	EXPECT_EQ('o', self->map[BAD_PAGE * PAGE - 1]);
	EXPECT_EQ('o', self->map[(BAD_PAGE + 1) * PAGE]);
}

TEST_F(failure, others_have_their_file)
{
	int fd = open("healthy", O_RDWR | O_CREAT, 0644);
	char *p;

	ASSERT_EQ(0, ftruncate(fd, variant->size));
	p = mmap(NULL, variant->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, p);
	memset(p, 'h', variant->size);
	ASSERT_EQ(0, report_bad(self->map));
	EXPECT_EQ('h', p[BAD_PAGE * PAGE]);
	EXPECT_EQ(0, touch_in_child(p + BAD_PAGE * PAGE));
}

TEST_F(failure, reading_and_writing_it_is_an_io_error)
{
	static char buf[8 * PAGE];

	ASSERT_EQ(0, report_bad(self->map));
	/* Up to there, and from behind it on. */
	EXPECT_EQ(BAD_PAGE * PAGE, pread(self->fd, buf, sizeof(buf), 0));
	EXPECT_ERRNO(EIO, pread(self->fd, buf, 1, BAD_PAGE * PAGE + 5));
	EXPECT_ERRNO(EIO, pwrite(self->fd, buf, PAGE, BAD_PAGE * PAGE));
	EXPECT_EQ(PAGE, pread(self->fd, buf, PAGE, (BAD_PAGE + 1) * PAGE));
	EXPECT_EQ(1, pwrite(self->fd, "x", 1, (BAD_PAGE + 1) * PAGE));
	EXPECT_EQ(variant->size, lseek(self->fd, 0, SEEK_HOLE));
}

/* The file ends there, though what is behind its end cannot be zeroed. */
TEST_F(failure, a_file_may_end_on_it)
{
	loff_t size = BAD_PAGE * PAGE + 5;

	ASSERT_EQ(0, report_bad(self->map));
	EXPECT_EQ(0, ftruncate(self->fd, size));
	EXPECT_EQ(size, lseek(self->fd, 0, SEEK_END));
	EXPECT_ERRNO(EIO, ftruncate(self->fd, variant->size));
	EXPECT_EQ(size, lseek(self->fd, 0, SEEK_END));
}

TEST_F_TIMEOUT(failure, its_block_is_never_reused, 300)
{
	unsigned long long place = place_of(self->fd, BAD_PAGE);

	ASSERT_NE(0, place);
	ASSERT_EQ(0, report_bad(self->map));
	ASSERT_EQ(0, ftruncate(self->fd, 0));
	EXPECT_EQ(variant->block, used_bytes(&self->at_start));
	EXPECT_FALSE(is_reused(place));
	ASSERT_EQ(0, reenter_fs(&self->mount));
	EXPECT_EQ(variant->block, used_bytes(&self->at_start));
	EXPECT_FALSE(is_reused(place));
}

TEST_F(failure, lasts_across_a_remount)
{
	char c;

	ASSERT_EQ(0, report_bad(self->map));
	ASSERT_EQ(0, reenter_fs(&self->mount));
	self->fd = open("file", O_RDWR);
	ASSERT_LE(0, self->fd);
	EXPECT_ERRNO(EIO, pread(self->fd, &c, 1, BAD_PAGE * PAGE));
	self->map = mmap(NULL, variant->size, PROT_READ | PROT_WRITE,
			 MAP_SHARED, self->fd, 0);
	ASSERT_NE(MAP_FAILED, self->map);
	EXPECT_EQ(42, touch_in_child(self->map + BAD_PAGE * PAGE));
}

/* As when the hardware looks for errors by itself. */
TEST_F(failure, a_free_block_is_taken_out_of_use)
{
	unsigned long long place = place_of(self->fd, BAD_PAGE), frame;
	int pagemap = open("/proc/self/pagemap", O_RDONLY);
	int inject = open("/sys/kernel/debug/hwpoison/corrupt-pfn", O_WRONLY);
	char pfn[32];

	ASSERT_LE(0, pagemap);
	ASSERT_LE(0, inject);
	ASSERT_EQ(8, pread(pagemap, &frame, 8,
			   ((unsigned long)self->map / PAGE + BAD_PAGE) * 8));
	snprintf(pfn, sizeof(pfn), "%llu", frame & ((1ULL << 55) - 1));
	ASSERT_EQ(0, ftruncate(self->fd, 0));
	EXPECT_EQ(0, used_bytes(&self->at_start));
	EXPECT_EQ(strlen(pfn), write(inject, pfn, strlen(pfn)));
	EXPECT_EQ(variant->block, used_bytes(&self->at_start));
	EXPECT_FALSE(is_reused(place));
}

/* Nor may anything make it wait: all memory failures of the machine would. */
TEST_F(failure, does_not_wait_for_a_thaw)
{
	struct iovec iov = { self->map, PAGE };
	int dir = open(".", O_RDONLY), pipes[2];
	char buf[PAGE];

	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(PAGE, vmsplice(pipes[1], &iov, 1, 0));
	ASSERT_EQ(0, fallocate(self->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       0, variant->block));
	/* Another block takes its place. */
	self->map[0] = 'o';
	ASSERT_EQ(0, ioctl(dir, FIFREEZE, 0));
	/* The block that was pinned is to be freed now, which has to wait. */
	EXPECT_EQ(PAGE, read(pipes[0], buf, PAGE));
	EXPECT_EQ(EBUSY, report_bad(self->map));
	ASSERT_EQ(0, ioctl(dir, FITHAW, 0));
	EXPECT_TRUE(becomes_used(&self->at_start, variant->size));
}

TEST_F(failure, what_cannot_be_listed_is_an_error)
{
	ASSERT_EQ(0, leave_fs(&self->mount));
	ASSERT_EQ(0, mount("pkernfs0", self->mount.dir, "pkernfs", MS_RDONLY,
			   NULL));
	ASSERT_EQ(0, chdir(self->mount.dir));
	self->fd = open("file", O_RDONLY);
	self->map = mmap(NULL, variant->size, PROT_READ, MAP_SHARED, self->fd,
			 0);
	ASSERT_NE(MAP_FAILED, self->map);
	EXPECT_EQ(EROFS, report_bad(self->map));
	EXPECT_EQ('o', self->map[BAD_PAGE * PAGE]);
}

TEST_HARNESS_MAIN
