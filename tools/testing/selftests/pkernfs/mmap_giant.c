// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings by pages of 1 GiB. Needs a region pkernfs0 that has two data blocks of
 * 1 GiB, so it is not among the tests that any small region serves; the guest test
 * `giant` runs it.
 */
#define _GNU_SOURCE
#include <linux/userfaultfd.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "../kselftest_harness.h"
#include "test_mount.h"

#define PAGE		4096UL
#define HUGE		(2UL << 20)
#define GIANT		(512 * HUGE)

FIXTURE(giant)
{
	struct test_mount mount;
	struct statfs at_start;
	int fd;
	char *map;		/* one block, not touched yet */
};

FIXTURE_SETUP(giant)
{
	ASSERT_EQ(0, enter_new_fs(&self->mount, "format,block=1G"));
	ASSERT_EQ(0, statfs(".", &self->at_start));
	self->fd = open("file", O_RDWR | O_CREAT | O_EXCL, 0644);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ftruncate(self->fd, 2 * GIANT));
	self->map = mmap(NULL, GIANT, PROT_READ | PROT_WRITE, MAP_SHARED,
			 self->fd, 0);
	ASSERT_NE(MAP_FAILED, self->map);
}

FIXTURE_TEARDOWN(giant)
{
	EXPECT_EQ(0, leave_fs_clean(&self->mount));
}

static sigjmp_buf on_fault;

static void jump(int sig)
{
	siglongjmp(on_fault, sig);
}

/* The signal that writing one byte causes, or 0. */
static int touch(char *byte)
{
	struct sigaction old_bus, old_segv, action = { .sa_handler = jump };
	int sig;

	sigaction(SIGBUS, &action, &old_bus);
	sigaction(SIGSEGV, &action, &old_segv);
	sig = sigsetjmp(on_fault, 1);
	if (!sig)
		__atomic_store_n(byte, 1, __ATOMIC_RELAXED);
	sigaction(SIGBUS, &old_bus, NULL);
	sigaction(SIGSEGV, &old_segv, NULL);
	return sig;
}

/* How many faults writing to each 2 MiB of [p, p + len) causes. */
static long count_faults(char *p, size_t len)
{
	struct rusage before, after;
	size_t i;

	getrusage(RUSAGE_SELF, &before);
	getrusage(RUSAGE_SELF, &before);
	for (i = 0; i < len; i += HUGE)
		__atomic_store_n(p + i, 1, __ATOMIC_RELAXED);
	getrusage(RUSAGE_SELF, &after);
	return after.ru_minflt - before.ru_minflt;
}

static long used_blocks(const struct statfs *at_start)
{
	struct statfs now;

	if (statfs(".", &now))
		return -1;
	return (at_start->f_bfree - now.f_bfree) * now.f_bsize / GIANT;
}

TEST_F(giant, one_fault_maps_one_block)
{
	EXPECT_EQ(0, (unsigned long)self->map % GIANT);
	EXPECT_EQ(1, count_faults(self->map, GIANT));
	EXPECT_EQ(1, used_blocks(&self->at_start));
	EXPECT_EQ(0, self->map[1]);
	EXPECT_EQ(0, self->map[GIANT - 1]);
}

TEST_F(giant, offset_decides_the_address)
{
	char *p = mmap(NULL, GIANT, PROT_READ | PROT_WRITE, MAP_SHARED,
		       self->fd, HUGE);

	ASSERT_NE(MAP_FAILED, p);
	EXPECT_EQ(HUGE, (unsigned long)p % GIANT);
	EXPECT_ERRNO(EINVAL, mmap(p + HUGE, GIANT, PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_FIXED, self->fd, 0));
	/* A smaller one may be anywhere. */
	EXPECT_EQ(p + PAGE, mmap(p + PAGE, HUGE, PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_FIXED, self->fd, 0));
	EXPECT_EQ(0, touch(p + PAGE));
}

TEST_F(giant, shows_what_was_written)
{
	char c = 0;

	ASSERT_EQ(1, pwrite(self->fd, "x", 1, GIANT / 2));
	EXPECT_EQ('x', self->map[GIANT / 2]);
	self->map[GIANT - 1] = 'y';
	ASSERT_EQ(1, pread(self->fd, &c, 1, GIANT - 1));
	EXPECT_EQ('y', c);
}

TEST_F(giant, populating_takes_all_faults_at_once)
{
	ASSERT_EQ(0, madvise(self->map, GIANT, MADV_POPULATE_WRITE) ? errno : 0);
	EXPECT_EQ(0, count_faults(self->map, GIANT));
	ASSERT_EQ(0, madvise(self->map, GIANT, MADV_DONTNEED));
	EXPECT_EQ(1, count_faults(self->map, GIANT));
}

TEST_F(giant, a_part_can_be_protected)
{
	count_faults(self->map, GIANT);
	self->map[GIANT / 2 + PAGE] = 'x';
	ASSERT_EQ(0, mprotect(self->map + GIANT / 2, HUGE, PROT_READ));
	EXPECT_EQ('x', self->map[GIANT / 2 + PAGE]);
	EXPECT_EQ(SIGSEGV, touch(self->map + GIANT / 2));
	EXPECT_EQ(0, touch(self->map + GIANT / 2 - 1));
	EXPECT_EQ(0, touch(self->map + GIANT / 2 + HUGE));
	ASSERT_EQ(0, mprotect(self->map, GIANT, PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, touch(self->map + GIANT / 2));
	ASSERT_EQ(0, mprotect(self->map, GIANT, PROT_NONE));
	EXPECT_EQ(SIGSEGV, touch(self->map));
}

TEST_F(giant, a_part_can_be_unmapped)
{
	count_faults(self->map, GIANT);
	self->map[GIANT / 2 - 1] = 'x';
	ASSERT_EQ(0, munmap(self->map + GIANT / 2, HUGE + PAGE));
	EXPECT_EQ('x', self->map[GIANT / 2 - 1]);
	EXPECT_EQ(SIGSEGV, touch(self->map + GIANT / 2));
	EXPECT_EQ(0, touch(self->map + GIANT / 2 + HUGE + PAGE));
}

TEST_F(giant, a_part_can_be_given_up)
{
	count_faults(self->map, GIANT);
	self->map[HUGE] = 'x';
	ASSERT_EQ(0, madvise(self->map + HUGE, HUGE, MADV_DONTNEED));
	/* It is a file's memory: it stays. */
	EXPECT_EQ('x', self->map[HUGE]);
	EXPECT_EQ(0, touch(self->map));
}

TEST_F(giant, all_and_parts_can_be_moved)
{
	char *to;

	count_faults(self->map, GIANT);
	self->map[GIANT - 1] = 'x';
	self->map[HUGE] = 'y';
	to = mremap(self->map, GIANT, 2 * GIANT, MREMAP_MAYMOVE);
	ASSERT_NE(MAP_FAILED, to);
	EXPECT_EQ('x', to[GIANT - 1]);
	self->map = to;
	to = mmap(NULL, HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_EQ(to, mremap(self->map + HUGE, HUGE, HUGE,
			     MREMAP_MAYMOVE | MREMAP_FIXED, to));
	EXPECT_EQ('y', to[0]);
	EXPECT_EQ('x', self->map[GIANT - 1]);
	EXPECT_EQ(SIGSEGV, touch(self->map + HUGE));
}

/* What is not mapped again behind the move must not be left in a TLB. */
TEST_F(giant, nothing_is_left_where_it_was)
{
	char *old = self->map, *to;

	count_faults(old, GIANT);
	old[HUGE] = 'x';
	to = mmap(NULL, 2 * GIANT, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, to);
	to += -(unsigned long)to % GIANT;
	ASSERT_EQ(to, mremap(old, GIANT, GIANT, MREMAP_MAYMOVE | MREMAP_FIXED,
			     to));
	self->map = to;
	ASSERT_EQ(0, ftruncate(self->fd, 0));
	EXPECT_EQ(0, used_blocks(&self->at_start));
	EXPECT_EQ(SIGSEGV, touch(old + HUGE));
	EXPECT_EQ(SIGBUS, touch(to + HUGE));
}

/* There is nobody who would tell when it changes the protection. */
TEST_F(giant, is_refused_by_userfaultfd)
{
	struct uffdio_api api = {
		.api		= UFFD_API,
		.features	= UFFD_FEATURE_WP_ASYNC,
	};
	struct uffdio_register range = {
		.range	= { (unsigned long)self->map, GIANT },
		.mode	= UFFDIO_REGISTER_MODE_WP,
	};
	int uffd = syscall(__NR_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);

	ASSERT_LE(0, uffd);
	ASSERT_EQ(0, ioctl(uffd, UFFDIO_API, &api));
	count_faults(self->map, GIANT);
	EXPECT_ERRNO(EINVAL, ioctl(uffd, UFFDIO_REGISTER, &range));
	close(uffd);
}

/* The fault for the source fills the hole that the write is about to fill. */
TEST_F(giant, file_can_be_written_from_itself)
{
	EXPECT_EQ(HUGE, pwrite(self->fd, self->map, HUGE, GIANT / 2));
	EXPECT_EQ(0, self->map[GIANT / 2]);
	EXPECT_EQ(1, used_blocks(&self->at_start));
}

TEST_F(giant, is_shared_with_children)
{
	int status;

	count_faults(self->map, GIANT);
	if (!fork()) {
		self->map[PAGE] = self->map[0] + 1;
		_exit(0);
	}
	wait(&status);
	EXPECT_EQ(0, status);
	EXPECT_EQ(2, self->map[PAGE]);
}

TEST_F(giant, truncating_takes_it_away)
{
	count_faults(self->map, GIANT);
	self->map[HUGE + PAGE] = 'x';
	ASSERT_EQ(0, ftruncate(self->fd, HUGE + 1));
	EXPECT_EQ(1, self->map[HUGE]);
	EXPECT_EQ(SIGBUS, touch(self->map + HUGE + PAGE));
	EXPECT_EQ(0, touch(self->map));
	ASSERT_EQ(0, ftruncate(self->fd, 0));
	EXPECT_EQ(SIGBUS, touch(self->map));
	EXPECT_EQ(0, used_blocks(&self->at_start));
	ASSERT_EQ(0, ftruncate(self->fd, GIANT));
	EXPECT_EQ(0, self->map[HUGE]);
}

TEST_F(giant, punching_shows_zeroes)
{
	count_faults(self->map, GIANT);
	ASSERT_EQ(0, fallocate(self->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       HUGE, HUGE));
	EXPECT_EQ(1, self->map[0]);
	EXPECT_EQ(0, self->map[HUGE]);
	EXPECT_EQ(1, self->map[2 * HUGE]);
	ASSERT_EQ(0, fallocate(self->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       0, GIANT));
	EXPECT_EQ(0, used_blocks(&self->at_start));
	EXPECT_EQ(0, self->map[0]);
}

TEST_F(giant, pinned_block_is_not_reused)
{
	struct iovec iov = { self->map + HUGE, PAGE };
	int fds[2], other = open("other", O_RDWR | O_CREAT, 0644);
	char buf[PAGE];

	memset(self->map + HUGE, 'o', PAGE);
	ASSERT_EQ(0, pipe(fds));
	ASSERT_EQ(PAGE, vmsplice(fds[1], &iov, 1, 0));
	ASSERT_EQ(0, ftruncate(self->fd, 0));
	EXPECT_EQ(1, used_blocks(&self->at_start));
	ASSERT_EQ(0, fallocate(other, 0, 0, GIANT) ? errno : 0);
	ASSERT_EQ(PAGE, read(fds[0], buf, PAGE));
	EXPECT_EQ('o', buf[0]);
	EXPECT_EQ('o', buf[PAGE - 1]);
	unlink("other");
}

TEST_F(giant, a_bad_page_leaves_the_rest)
{
	char buf[2];

	count_faults(self->map, GIANT);
	self->map[2 * PAGE] = 'x';
	ASSERT_EQ(0, madvise(self->map + PAGE, PAGE, MADV_HWPOISON) ? errno : 0);
	EXPECT_EQ(SIGBUS, touch(self->map + PAGE));
	EXPECT_EQ('x', self->map[2 * PAGE]);
	EXPECT_EQ(0, touch(self->map + GIANT - 1));
	EXPECT_ERRNO(EIO, pread(self->fd, buf, 1, PAGE));
	EXPECT_EQ(1, pread(self->fd, buf, 2, PAGE - 1));
}

TEST_HARNESS_MAIN
