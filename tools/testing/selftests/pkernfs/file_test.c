// SPDX-License-Identifier: GPL-2.0-only
/* Data: reading, writing, holes, sizes, extents, locks, freezing. */
#define _GNU_SOURCE
#include <limits.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "../kselftest_harness.h"
#include "test_mount.h"

#define KIB		1024UL
#define MIB		(1024 * KIB)
#define DATA_BLOCK	(2 * MIB)
/* What a map of four levels can hold; larger files are refused. */
#define MAX_SIZE	(2048 * MIB * MIB)

FIXTURE(file)
{
	struct test_mount mount;
	int fd;		/* a new file */
};

FIXTURE_SETUP(file)
{
	ASSERT_EQ(0, enter_new_fs(&self->mount, "format,inodes=1024"));
	self->fd = open("file", O_RDWR | O_CREAT, 0644);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(file)
{
	become_root();
	ioctl(open(".", O_RDONLY), FITHAW, 0);
	EXPECT_EQ(0, leave_fs_clean(&self->mount));
}

/* Bytes that differ from offset to offset, and from 0. */
static unsigned char byte_at(off_t pos)
{
	return 1 + (pos + pos / 255) % 255;
}

/* Write bytes of the pattern; returns 0, or -1 for a short write too. */
static int put(int fd, off_t pos, size_t len)
{
	unsigned char *buf = malloc(len);
	ssize_t ret;
	size_t i;

	for (i = 0; i < len; i++)
		buf[i] = byte_at(pos + i);
	ret = pwrite(fd, buf, len, pos);
	free(buf);
	return ret == (ssize_t)len ? 0 : -1;
}

/* The first offset of [@pos, @pos + @len) that holds something else; or -1. */
static off_t find_other(int fd, off_t pos, size_t len, bool zeroes)
{
	unsigned char *buf = malloc(len);
	off_t found = -1;
	size_t i;

	if (pread(fd, buf, len, pos) != (ssize_t)len)
		found = pos;
	for (i = 0; i < len && found < 0; i++) {
		if (buf[i] != (zeroes ? 0 : byte_at(pos + i)))
			found = pos + i;
	}
	free(buf);
	return found;
}

#define EXPECT_PATTERN(fd, pos, len)	\
	EXPECT_EQ(-1, find_other(fd, pos, len, false))
#define EXPECT_ZEROES(fd, pos, len)	\
	EXPECT_EQ(-1, find_other(fd, pos, len, true))

static off_t size_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? -1 : st.st_size;
}

/* Bytes that the file takes. */
static off_t space_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? -1 : st.st_blocks * 512;
}

TEST_F(file, what_is_written_is_read)
{
	EXPECT_EQ(0, put(self->fd, 0, 5000));
	EXPECT_EQ(0, put(self->fd, 5000, 3 * DATA_BLOCK));
	EXPECT_EQ(0, put(self->fd, 4000, 200));
	EXPECT_PATTERN(self->fd, 0, 5000 + 3 * DATA_BLOCK);
	EXPECT_EQ(5000 + 3 * DATA_BLOCK, size_of(self->fd));
	ASSERT_EQ(0, reenter_fs(&self->mount));
	self->fd = open("file", O_RDONLY);
	EXPECT_PATTERN(self->fd, 0, 5000 + 3 * DATA_BLOCK);
}

TEST_F(file, read_ends_at_the_end)
{
	char buf[16];

	ASSERT_EQ(0, put(self->fd, 0, 10));
	EXPECT_EQ(7, pread(self->fd, buf, sizeof(buf), 3));
	EXPECT_EQ(0, pread(self->fd, buf, sizeof(buf), 10));
	EXPECT_EQ(0, pread(self->fd, buf, sizeof(buf), 1UL << 40));
	EXPECT_EQ(0, pread(self->fd, buf, 0, 0));
	EXPECT_EQ(10, read(self->fd, buf, sizeof(buf)));
	EXPECT_EQ(0, read(self->fd, buf, sizeof(buf)));
	EXPECT_EQ(10, lseek(self->fd, 0, SEEK_CUR));
}

TEST_F(file, open_mode_limits_what_is_done)
{
	int r = open("file", O_RDONLY), w = open("file", O_WRONLY);
	char c = 0;

	EXPECT_ERRNO(EBADF, write(r, &c, 1));
	EXPECT_ERRNO(EBADF, read(w, &c, 1));
	EXPECT_ERRNO(EINVAL, ftruncate(r, 1));
	EXPECT_ERRNO(EBADF, fallocate(r, 0, 0, 1));
	EXPECT_EQ(0, size_of(r));
	EXPECT_ERRNO(EISDIR, truncate(".", 1));
}

TEST_F(file, o_trunc_empties)
{
	ASSERT_EQ(0, put(self->fd, 0, 10000));
	ASSERT_LE(0, open("file", O_WRONLY | O_TRUNC));
	EXPECT_EQ(0, size_of(self->fd));
	EXPECT_EQ(0, space_of(self->fd));
}

TEST_F(file, o_append_writes_at_the_end)
{
	int fd = open("file", O_RDWR | O_APPEND);
	char buf[8] = "";

	ASSERT_EQ(3, write(self->fd, "one", 3));
	EXPECT_EQ(3, write(fd, "two", 3));
	EXPECT_EQ(6, lseek(fd, 0, SEEK_CUR));
	/* On Linux pwrite() of such a file appends too. */
	EXPECT_EQ(1, pwrite(fd, "!", 1, 0));
	EXPECT_EQ(7, pread(fd, buf, sizeof(buf), 0));
	EXPECT_STREQ("onetwo!", buf);
}

TEST_F(file, parallel_appends_lose_nothing)
{
	enum { COUNT = 200, LEN = 16 };
	char buf[2 * COUNT][LEN];
	int i, fd, status, mine = 0;
	pid_t child;

	child = fork();
	fd = open("file", O_WRONLY | O_APPEND);
	for (i = 0; i < COUNT; i++) {
		if (write(fd, child ? "I am the parent." : "I am the child..",
			  LEN) != LEN)
			break;
	}
	if (!child)
		_exit(i != COUNT);
	EXPECT_EQ(COUNT, i);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	ASSERT_EQ(sizeof(buf), read(self->fd, buf, sizeof(buf)));
	for (i = 0; i < 2 * COUNT; i++) {
		ASSERT_EQ(0, strncmp(buf[i], "I am the ", 9));
		mine += buf[i][9] == 'p';
	}
	EXPECT_EQ(COUNT, mine);
}

TEST_F(file, holes_read_as_zeroes_and_cost_nothing)
{
	ASSERT_EQ(0, put(self->fd, 10000, 10));
	ASSERT_EQ(0, put(self->fd, 1024 * MIB, 1));
	EXPECT_EQ(1024 * MIB + 1, size_of(self->fd));
	EXPECT_ZEROES(self->fd, 0, 10000);
	EXPECT_PATTERN(self->fd, 10000, 10);
	EXPECT_ZEROES(self->fd, 10010, 3 * DATA_BLOCK);
	EXPECT_ZEROES(self->fd, 1024 * MIB - 5000, 5000);
	EXPECT_PATTERN(self->fd, 1024 * MIB, 1);
	EXPECT_GE(2 * DATA_BLOCK, space_of(self->fd));
}

TEST_F(file, o_direct_needs_no_alignment)
{
	int fd = open("file", O_RDWR | O_DIRECT);
	char buf[100] = "";

	ASSERT_LE(0, fd);
	EXPECT_EQ(0, put(fd, 0, 8192));
	EXPECT_EQ(3, pwrite(fd, "odd", 3, 5001));
	EXPECT_EQ(5, pread(fd, buf + 1, 5, 5000));
	EXPECT_EQ(byte_at(5000), (unsigned char)buf[1]);
	EXPECT_EQ(0, memcmp(buf + 2, "odd", 3));
	EXPECT_PATTERN(fd, 0, 5001);
	EXPECT_EQ(0, pread(fd, buf, 10, 8192));
}

TEST_F(file, vectors_are_gathered_and_scattered)
{
	char a[4] = "", b[8] = "";
	struct iovec out[] = { { "one", 3 }, { "", 0 }, { "seven", 5 } };
	struct iovec in[] = { { a, 3 }, { b, 8 } };

	EXPECT_EQ(8, pwritev(self->fd, out, 3, 4094));
	EXPECT_EQ(8, preadv(self->fd, in, 2, 4094));
	EXPECT_STREQ("one", a);
	EXPECT_STREQ("seven", b);
	EXPECT_EQ(8, writev(self->fd, out, 3));
	EXPECT_EQ(8, lseek(self->fd, 0, SEEK_CUR));
}

TEST_F(file, rwf_append_ignores_the_position)
{
	struct iovec iov = { "end", 3 };
	char buf[8] = "";

	ASSERT_EQ(3, write(self->fd, "1st", 3));
	EXPECT_EQ(3, pwritev2(self->fd, &iov, 1, 0, RWF_APPEND));
	EXPECT_EQ(3, lseek(self->fd, 0, SEEK_CUR));
	EXPECT_EQ(6, pread(self->fd, buf, sizeof(buf), 0));
	EXPECT_STREQ("1stend", buf);
}

TEST_F(file, rwf_sync_flags_are_accepted)
{
	struct iovec iov = { "text", 4 };

	EXPECT_EQ(4, pwritev2(self->fd, &iov, 1, 0, RWF_DSYNC));
	EXPECT_EQ(4, pwritev2(self->fd, &iov, 1, 0, RWF_SYNC));
	EXPECT_EQ(4, pwritev2(self->fd, &iov, 1, 0, RWF_HIPRI));
	EXPECT_ERRNO(EOPNOTSUPP, pwritev2(self->fd, &iov, 1, 0, 1 << 30));
	EXPECT_LE(0, open("file", O_RDWR | O_SYNC));
}

/* What is there can be read and changed at once; allocating may wait. */
TEST_F(file, rwf_nowait_does_what_needs_no_allocation)
{
	char buf[8];
	struct iovec iov = { buf, 4 };
	ssize_t ret = -1;
	int i;

	memcpy(buf, "text", 4);
	EXPECT_ERRNO(EAGAIN, pwritev2(self->fd, &iov, 1, 0, RWF_NOWAIT));
	EXPECT_EQ(0, size_of(self->fd));
	/* When the clock has ticked, a write has a time to set: it is EAGAIN. */
	for (i = 0; i < 100 && ret != 4; i++) {
		ASSERT_EQ(4, pwritev2(self->fd, &iov, 1, 0, 0));
		ret = pwritev2(self->fd, &iov, 1, 0, RWF_NOWAIT);
	}
	EXPECT_EQ(4, ret);
	EXPECT_EQ(4, preadv2(self->fd, &iov, 1, 0, RWF_NOWAIT));
	EXPECT_EQ(0, preadv2(self->fd, &iov, 1, 4, RWF_NOWAIT));
	EXPECT_EQ(0, memcmp(buf, "text", 4));
	ASSERT_EQ(0, ftruncate(self->fd, MIB));
	EXPECT_EQ(4, preadv2(self->fd, &iov, 1, 8192, RWF_NOWAIT));
	EXPECT_EQ(0, memcmp(buf, "\0\0\0\0", 4));
	EXPECT_ERRNO(EAGAIN, pwritev2(self->fd, &iov, 1, 8192, RWF_NOWAIT));
}

TEST_F(file, bad_memory_is_efault_and_changes_nothing)
{
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct statfs before, after;

	ASSERT_NE(MAP_FAILED, page);
	ASSERT_EQ(0, munmap(page + 4096, 4096));
	ASSERT_EQ(0, statfs(".", &before));
	EXPECT_ERRNO(EFAULT, pwrite(self->fd, page + 4096, 10, 0));
	EXPECT_EQ(0, size_of(self->fd));
	ASSERT_EQ(0, statfs(".", &after));
	EXPECT_EQ(before.f_bfree, after.f_bfree);
	ASSERT_EQ(0, put(self->fd, 0, 100));
	EXPECT_ERRNO(EFAULT, pread(self->fd, page + 4096, 10, 0));
	EXPECT_PATTERN(self->fd, 0, 100);
}

TEST_F(file, partly_bad_memory_transfers_the_rest)
{
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iovec iov[] = { { page, 100 }, { page + 4096, 100 } };

	ASSERT_NE(MAP_FAILED, page);
	ASSERT_EQ(0, munmap(page + 4096, 4096));
	memset(page, 'x', 4096);
	EXPECT_EQ(100, pwritev(self->fd, iov, 2, 0));
	EXPECT_EQ(100, size_of(self->fd));
	EXPECT_EQ(100, preadv(self->fd, iov, 1, 0));
	/* Nothing of what came behind shows up later. */
	ASSERT_EQ(0, ftruncate(self->fd, 8192));
	EXPECT_ZEROES(self->fd, 100, 8092);
}

TEST_F(file, largest_file_has_its_end)
{
	char c = 'x';

	EXPECT_EQ(1, pwrite(self->fd, &c, 1, MAX_SIZE - 1));
	EXPECT_EQ(MAX_SIZE, size_of(self->fd));
	EXPECT_ERRNO(EFBIG, pwrite(self->fd, &c, 1, MAX_SIZE));
	EXPECT_EQ(1, pread(self->fd, &c, 1, MAX_SIZE - 1));
	EXPECT_EQ('x', c);
	EXPECT_ERRNO(EINVAL, lseek(self->fd, MAX_SIZE + 1, SEEK_SET));
	EXPECT_ERRNO(EFBIG, ftruncate(self->fd, MAX_SIZE + 1));
	EXPECT_ERRNO(EFBIG, fallocate(self->fd, 0, MAX_SIZE, 1));
	EXPECT_ERRNO(EINVAL, ftruncate(self->fd, -1));
	EXPECT_EQ(0, ftruncate(self->fd, 0));
	EXPECT_EQ(0, space_of(self->fd));
}

/* However long a hole is, finding its end does not take for ever. */
TEST_F(file, largest_hole_is_passed)
{
	off_t data;

	ASSERT_EQ(0, put(self->fd, 0, 1));
	ASSERT_EQ(0, ftruncate(self->fd, MAX_SIZE));
	EXPECT_EQ(4096, lseek(self->fd, 0, SEEK_HOLE));
	EXPECT_ERRNO(ENXIO, lseek(self->fd, 4096, SEEK_DATA));
	ASSERT_EQ(0, put(self->fd, MAX_SIZE - 1, 1));
	data = lseek(self->fd, 4096, SEEK_DATA);
	EXPECT_LE(MAX_SIZE - DATA_BLOCK, data);
	EXPECT_GE(MAX_SIZE - 1, data);
}

TEST_F(file, resource_limit_is_efbig)
{
	struct rlimit limit = { 1000, RLIM_INFINITY };

	signal(SIGXFSZ, SIG_IGN);
	ASSERT_EQ(0, setrlimit(RLIMIT_FSIZE, &limit));
	EXPECT_EQ(-1, put(self->fd, 500, 1000));
	EXPECT_EQ(1000, size_of(self->fd));
	EXPECT_ERRNO(EFBIG, pwrite(self->fd, "x", 1, 1000));
	EXPECT_ERRNO(EFBIG, ftruncate(self->fd, 1001));
	EXPECT_ERRNO(EFBIG, fallocate(self->fd, 0, 0, 1001));
	EXPECT_EQ(1000, size_of(self->fd));
}

struct ring {
	int fd;
	struct io_uring_params params;
	void *rings;
	struct io_uring_sqe *sqes;
};

static int make_ring(struct ring *r)
{
	size_t len;

	memset(r, 0, sizeof(*r));
	r->fd = syscall(SYS_io_uring_setup, 4, &r->params);
	if (r->fd < 0)
		return errno;
	len = r->params.cq_off.cqes +
	      r->params.cq_entries * sizeof(struct io_uring_cqe);
	r->rings = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd,
			IORING_OFF_SQ_RING);
	r->sqes = mmap(NULL, 4 * sizeof(*r->sqes), PROT_READ | PROT_WRITE,
		       MAP_SHARED, r->fd, IORING_OFF_SQES);
	return r->rings == MAP_FAILED || r->sqes == MAP_FAILED ? ENOMEM : 0;
}

static unsigned int *ring_field(struct ring *r, unsigned int offset)
{
	return (unsigned int *)((char *)r->rings + offset);
}

/* Submit one operation and wait; returns its result. */
static int ring_do(struct ring *r, int opcode, int fd, void *buf,
		   unsigned int len, off_t pos)
{
	unsigned int tail = *ring_field(r, r->params.sq_off.tail) & 3;
	unsigned int *head = ring_field(r, r->params.cq_off.head);
	struct io_uring_cqe *cqes;

	r->sqes[tail] = (struct io_uring_sqe) {
		.opcode	= opcode,
		.fd	= fd,
		.off	= pos,
		.addr	= (unsigned long)buf,
		.len	= len,
	};
	ring_field(r, r->params.sq_off.array)[tail] = tail;
	__atomic_add_fetch(ring_field(r, r->params.sq_off.tail), 1,
			   __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, r->fd, 1, 1, IORING_ENTER_GETEVENTS,
		    NULL, 0) != 1)
		return -errno;
	cqes = (void *)((char *)r->rings + r->params.cq_off.cqes);
	return cqes[(*head)++ & (r->params.cq_entries - 1)].res;
}

TEST_F(file, io_uring_reads_and_writes)
{
	char buf[8] = "";
	struct ring r;
	int err;

	err = make_ring(&r);
	if (r.fd < 0)
		SKIP(return, "there is no io_uring here: %s", strerror(err));
	ASSERT_EQ(0, err);
	EXPECT_EQ(4, ring_do(&r, IORING_OP_WRITE, self->fd, "text", 4, 5000));
	EXPECT_EQ(5004, size_of(self->fd));
	EXPECT_EQ(2, ring_do(&r, IORING_OP_WRITE, self->fd, "oa", 2, 5001));
	EXPECT_EQ(4, ring_do(&r, IORING_OP_READ, self->fd, buf, 8, 5000));
	EXPECT_STREQ("toat", buf);
	EXPECT_EQ(0, ring_do(&r, IORING_OP_READ, self->fd, buf, 8, 5004));
	EXPECT_EQ(0, ring_do(&r, IORING_OP_FSYNC, self->fd, NULL, 0, 0));
	EXPECT_EQ(-EFAULT, ring_do(&r, IORING_OP_READ, self->fd, NULL, 8, 0));
	EXPECT_ZEROES(self->fd, 0, 5000);
}

TEST_F(file, splice_goes_through_a_pipe)
{
	int pipes[2], to = open("to", O_RDWR | O_CREAT, 0644);
	off_t in = 1000, out = 50;

	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(0, put(self->fd, 0, 3000));
	EXPECT_EQ(2000, splice(self->fd, &in, pipes[1], NULL, 10000, 0));
	EXPECT_EQ(3000, in);
	EXPECT_EQ(0, splice(self->fd, &in, pipes[1], NULL, 10000, 0));
	EXPECT_EQ(2000, splice(pipes[0], NULL, to, &out, 2000, 0));
	EXPECT_EQ(2050, size_of(to));
	EXPECT_ZEROES(to, 0, 50);
	in = 0;
	EXPECT_EQ(1000, splice(self->fd, &in, pipes[1], NULL, 1000, 0));
	out = 0;
	EXPECT_EQ(1000, splice(pipes[0], NULL, to, &out, 1000, 0));
	EXPECT_PATTERN(to, 0, 1000);
}

TEST_F(file, sendfile_copies_data_and_holes)
{
	int to = open("to", O_RDWR | O_CREAT, 0644);
	size_t done = 0;
	ssize_t ret;

	ASSERT_EQ(0, put(self->fd, 0, 1000));
	ASSERT_EQ(0, put(self->fd, 300000, 1000));
	while ((ret = sendfile(to, self->fd, NULL, MIB)) > 0)
		done += ret;
	EXPECT_EQ(0, ret);
	EXPECT_EQ(301000, done);
	EXPECT_EQ(301000, size_of(to));
	EXPECT_PATTERN(to, 0, 1000);
	EXPECT_ZEROES(to, 1000, 299000);
	EXPECT_PATTERN(to, 300000, 1000);
}

TEST_F(file, copy_file_range_copies)
{
	int to = open("to", O_RDWR | O_CREAT, 0644);
	off_t in = 0, out = 0;

	ASSERT_EQ(0, put(self->fd, 0, 10000));
	while (copy_file_range(self->fd, &in, to, &out, 20000 - in, 0) > 0)
		;
	EXPECT_EQ(10000, out);
	EXPECT_EQ(10000, size_of(to));
	EXPECT_PATTERN(to, 0, 10000);
	EXPECT_EQ(0, copy_file_range(self->fd, &in, to, &out, 1, 0));
	in = 0;
	out = 255 * 255;	/* where the pattern begins again */
	EXPECT_EQ(500, copy_file_range(self->fd, &in, self->fd, &out, 500, 0));
	EXPECT_PATTERN(self->fd, 255 * 255, 500);
	in = 0;
	out = 100;
	EXPECT_ERRNO(EINVAL, copy_file_range(self->fd, &in, self->fd, &out, 500, 0));
	EXPECT_ERRNO(EINVAL, copy_file_range(self->fd, &in, to, &out, 500, 1));
}

TEST_F(file, truncate_forgets_what_was_behind)
{
	static const off_t sizes[] = { 1, 4095, 4096, 4097, 9999 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		ASSERT_EQ(0, put(self->fd, 0, 10000));
		EXPECT_EQ(0, ftruncate(self->fd, sizes[i]));
		EXPECT_EQ(sizes[i], size_of(self->fd));
		EXPECT_EQ((sizes[i] + 4095) / 4096 * 4096, space_of(self->fd));
		EXPECT_EQ(0, ftruncate(self->fd, 20000));
		EXPECT_PATTERN(self->fd, 0, sizes[i]);
		EXPECT_ZEROES(self->fd, sizes[i], 20000 - sizes[i]);
	}
	EXPECT_EQ(0, truncate("file", 0));
	EXPECT_EQ(0, space_of(self->fd));
}

TEST_F(file, truncate_inside_a_data_block_forgets_too)
{
	off_t size = DATA_BLOCK + MIB + 5;

	ASSERT_EQ(0, put(self->fd, 0, 3 * DATA_BLOCK));
	EXPECT_EQ(0, ftruncate(self->fd, size));
	EXPECT_LE(2 * DATA_BLOCK, space_of(self->fd));
	EXPECT_GT(3 * DATA_BLOCK, space_of(self->fd));
	EXPECT_EQ(0, ftruncate(self->fd, 3 * DATA_BLOCK));
	EXPECT_PATTERN(self->fd, 0, size);
	EXPECT_ZEROES(self->fd, size, 3 * DATA_BLOCK - size);
}

TEST_F(file, write_behind_the_end_shows_zeroes_between)
{
	ASSERT_EQ(0, put(self->fd, 0, 4096));
	ASSERT_EQ(0, ftruncate(self->fd, 10));
	EXPECT_EQ(0, put(self->fd, 100, 10));
	EXPECT_PATTERN(self->fd, 0, 10);
	EXPECT_ZEROES(self->fd, 10, 90);
	EXPECT_PATTERN(self->fd, 100, 10);
	ASSERT_EQ(0, ftruncate(self->fd, 4096));
	EXPECT_ZEROES(self->fd, 110, 3986);
}

TEST_F(file, fallocate_behind_the_end_shows_zeroes)
{
	ASSERT_EQ(0, put(self->fd, 0, 4096));
	ASSERT_EQ(0, ftruncate(self->fd, 10));
	EXPECT_EQ(0, fallocate(self->fd, 0, 1000, 7000));
	EXPECT_EQ(8000, size_of(self->fd));
	EXPECT_PATTERN(self->fd, 0, 10);
	EXPECT_ZEROES(self->fd, 10, 7990);
}

TEST_F(file, truncate_to_the_same_size_keeps_data)
{
	ASSERT_EQ(0, put(self->fd, 0, 5000));
	EXPECT_EQ(0, ftruncate(self->fd, 5000));
	EXPECT_PATTERN(self->fd, 0, 5000);
}

TEST_F(file, fallocate_allocates_zeroes)
{
	EXPECT_EQ(0, fallocate(self->fd, 0, 5000, 10000));
	EXPECT_EQ(15000, size_of(self->fd));
	EXPECT_EQ(12288, space_of(self->fd));
	EXPECT_ZEROES(self->fd, 0, 15000);
	ASSERT_EQ(0, put(self->fd, 4000, 2000));
	EXPECT_EQ(0, fallocate(self->fd, 0, 0, 15000));
	EXPECT_EQ(15000, size_of(self->fd));
	EXPECT_EQ(16384, space_of(self->fd));
	EXPECT_PATTERN(self->fd, 4000, 2000);
	EXPECT_ZEROES(self->fd, 0, 4000);
}

TEST_F(file, fallocated_file_uses_data_blocks)
{
	EXPECT_EQ(0, posix_fallocate(self->fd, 0, 4 * DATA_BLOCK));
	EXPECT_EQ(4 * DATA_BLOCK, size_of(self->fd));
	EXPECT_LE(4 * DATA_BLOCK, space_of(self->fd));
	EXPECT_GT(4 * DATA_BLOCK + 64 * KIB, space_of(self->fd));
	EXPECT_ZEROES(self->fd, DATA_BLOCK - 100, 200);
}

TEST_F(file, fallocate_keep_size_keeps_the_size)
{
	ASSERT_EQ(0, put(self->fd, 0, 10));
	EXPECT_EQ(0, fallocate(self->fd, FALLOC_FL_KEEP_SIZE, 0, 100000));
	EXPECT_EQ(10, size_of(self->fd));
	EXPECT_LE(100000, space_of(self->fd));
	EXPECT_EQ(0, ftruncate(self->fd, 50000));
	EXPECT_ZEROES(self->fd, 10, 49990);
	EXPECT_EQ(0, ftruncate(self->fd, 10));
	EXPECT_GE(8192, space_of(self->fd));	/* a table may stay */
}

TEST_F(file, truncate_to_the_same_size_frees_what_is_behind)
{
	ASSERT_EQ(0, put(self->fd, 0, 10));
	ASSERT_EQ(0, fallocate(self->fd, FALLOC_FL_KEEP_SIZE, 0, 100000));
	EXPECT_EQ(0, ftruncate(self->fd, 10));
	EXPECT_GE(8192, space_of(self->fd));	/* a table may stay */
}

#define PUNCH	(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)

TEST_F(file, punch_hole_frees_whole_blocks)
{
	ASSERT_EQ(0, put(self->fd, 0, 20000));
	EXPECT_EQ(0, fallocate(self->fd, PUNCH, 4000, 8500));
	EXPECT_EQ(20000, size_of(self->fd));
	EXPECT_EQ(20480 - 8192, space_of(self->fd));
	EXPECT_PATTERN(self->fd, 0, 4000);
	EXPECT_ZEROES(self->fd, 4000, 8500);
	EXPECT_PATTERN(self->fd, 12500, 7500);
	EXPECT_EQ(0, fallocate(self->fd, PUNCH, 16384, 1UL << 40));
	EXPECT_EQ(20000, size_of(self->fd));
	EXPECT_ZEROES(self->fd, 16384, 3616);
	EXPECT_EQ(0, fallocate(self->fd, PUNCH, 0, 20000));
	EXPECT_ZEROES(self->fd, 0, 20000);
}

TEST_F(file, punch_hole_inside_one_block_zeroes)
{
	ASSERT_EQ(0, put(self->fd, 0, 4096));
	EXPECT_EQ(0, fallocate(self->fd, PUNCH, 10, 10));
	EXPECT_PATTERN(self->fd, 0, 10);
	EXPECT_ZEROES(self->fd, 10, 10);
	EXPECT_PATTERN(self->fd, 20, 4076);
}

TEST_F(file, punch_hole_frees_data_blocks)
{
	struct statfs before, after;

	ASSERT_EQ(0, put(self->fd, 0, 3 * DATA_BLOCK));
	ASSERT_EQ(0, statfs(".", &before));
	EXPECT_EQ(0, fallocate(self->fd, PUNCH, MIB, 2 * DATA_BLOCK));
	ASSERT_EQ(0, statfs(".", &after));
	EXPECT_EQ(before.f_bfree + DATA_BLOCK / 4096, after.f_bfree);
	EXPECT_PATTERN(self->fd, 0, MIB);
	EXPECT_ZEROES(self->fd, MIB, 2 * DATA_BLOCK);
	EXPECT_PATTERN(self->fd, MIB + 2 * DATA_BLOCK, MIB);
}

TEST_F(file, zero_range_zeroes)
{
	ASSERT_EQ(0, put(self->fd, 0, 20000));
	EXPECT_EQ(0, fallocate(self->fd, FALLOC_FL_ZERO_RANGE, 5000, 10000));
	EXPECT_EQ(20000, size_of(self->fd));
	EXPECT_PATTERN(self->fd, 0, 5000);
	EXPECT_ZEROES(self->fd, 5000, 10000);
	EXPECT_PATTERN(self->fd, 15000, 5000);
	EXPECT_EQ(0, fallocate(self->fd, FALLOC_FL_ZERO_RANGE |
			       FALLOC_FL_KEEP_SIZE, 19000, 10000));
	EXPECT_EQ(20000, size_of(self->fd));
	EXPECT_EQ(0, fallocate(self->fd, FALLOC_FL_ZERO_RANGE, 19000, 10000));
	EXPECT_EQ(29000, size_of(self->fd));
	EXPECT_PATTERN(self->fd, 15000, 4000);
	EXPECT_ZEROES(self->fd, 19000, 10000);
	EXPECT_EQ(32768, space_of(self->fd));
}

TEST_F(file, other_fallocates_are_refused)
{
	ASSERT_EQ(0, put(self->fd, 0, 20000));
	EXPECT_ERRNO(EOPNOTSUPP, fallocate(self->fd, FALLOC_FL_COLLAPSE_RANGE, 0, 4096));
	EXPECT_ERRNO(EOPNOTSUPP, fallocate(self->fd, FALLOC_FL_INSERT_RANGE, 0, 4096));
	EXPECT_ERRNO(EOPNOTSUPP, fallocate(self->fd, FALLOC_FL_UNSHARE_RANGE, 0, 4096));
	EXPECT_ERRNO(EOPNOTSUPP, fallocate(self->fd, FALLOC_FL_PUNCH_HOLE, 0, 4096));
	EXPECT_ERRNO(EINVAL, fallocate(self->fd, 0, 0, 0));
	EXPECT_ERRNO(EINVAL, fallocate(self->fd, 0, -1, 10));
	EXPECT_ERRNO(EFBIG, fallocate(self->fd, 0, LONG_MAX - 10, 100));
	EXPECT_PATTERN(self->fd, 0, 20000);
}

TEST_F(file, what_is_not_supported_says_so)
{
	int other = open("other", O_RDWR | O_CREAT, 0644), n = 0;

	ASSERT_LE(0, other);
	EXPECT_ERRNO(EOPNOTSUPP, ioctl(self->fd, FICLONE, other));
	EXPECT_ERRNO(ENOTTY, ioctl(self->fd, FS_IOC_GETFLAGS, &n));
	EXPECT_ERRNO(EINVAL, ioctl(self->fd, FIBMAP, &n));
	/* There is nothing to do for these. */
	EXPECT_EQ(0, posix_fadvise(self->fd, 0, 0, POSIX_FADV_WILLNEED));
	EXPECT_EQ(0, readahead(self->fd, 0, KIB));
	EXPECT_EQ(0, sync_file_range(self->fd, 0, 0, SYNC_FILE_RANGE_WRITE));
}

TEST_F(file, seek_finds_data_and_holes)
{
	ASSERT_EQ(0, put(self->fd, 8192, 4096));
	ASSERT_EQ(0, put(self->fd, 20480, 100));
	ASSERT_EQ(0, ftruncate(self->fd, 30000));
	EXPECT_EQ(0, lseek(self->fd, 0, SEEK_HOLE));
	EXPECT_EQ(5, lseek(self->fd, 5, SEEK_HOLE));
	EXPECT_EQ(8192, lseek(self->fd, 5, SEEK_DATA));
	EXPECT_EQ(9000, lseek(self->fd, 9000, SEEK_DATA));
	EXPECT_EQ(12288, lseek(self->fd, 8192, SEEK_HOLE));
	EXPECT_EQ(20480, lseek(self->fd, 12288, SEEK_DATA));
	EXPECT_EQ(24576, lseek(self->fd, 20480, SEEK_HOLE));
	EXPECT_ERRNO(ENXIO, lseek(self->fd, 24576, SEEK_DATA));
	EXPECT_ERRNO(ENXIO, lseek(self->fd, 30000, SEEK_HOLE));
	EXPECT_ERRNO(ENXIO, lseek(self->fd, 30000, SEEK_DATA));
	EXPECT_ERRNO(ENXIO, lseek(self->fd, -1, SEEK_DATA));
	EXPECT_EQ(24576, lseek(self->fd, 0, SEEK_CUR));
}

TEST_F(file, seek_knows_the_hole_at_the_end)
{
	EXPECT_ERRNO(ENXIO, lseek(self->fd, 0, SEEK_DATA));
	EXPECT_ERRNO(ENXIO, lseek(self->fd, 0, SEEK_HOLE));
	ASSERT_EQ(0, put(self->fd, 0, 100));
	EXPECT_EQ(0, lseek(self->fd, 0, SEEK_DATA));
	EXPECT_EQ(100, lseek(self->fd, 0, SEEK_HOLE));
	EXPECT_EQ(100, lseek(self->fd, 99, SEEK_HOLE));
}

struct extents {
	struct fiemap map;
	struct fiemap_extent at[8];
};

static int get_extents(int fd, struct extents *e, off_t start, off_t len,
		       unsigned int count)
{
	memset(e, 0, sizeof(*e));
	e->map.fm_start = start;
	e->map.fm_length = len;
	e->map.fm_flags = FIEMAP_FLAG_SYNC;
	e->map.fm_extent_count = count;
	return ioctl(fd, FS_IOC_FIEMAP, e);
}

TEST_F(file, fiemap_tells_extents)
{
	struct fiemap_extent *at;
	struct extents e;

	ASSERT_EQ(0, put(self->fd, 4096, 8192));
	ASSERT_EQ(0, put(self->fd, 40960, 100));
	ASSERT_EQ(0, ftruncate(self->fd, 100000));
	ASSERT_EQ(0, get_extents(self->fd, &e, 0, -1, 8));
	at = e.map.fm_extents;
	/* The first two blocks need not lie in one piece. */
	ASSERT_LE(2, e.map.fm_mapped_extents);
	EXPECT_EQ(4096, at[0].fe_logical);
	if (e.map.fm_mapped_extents == 3)
		at++;
	EXPECT_EQ(12288, at[0].fe_logical + at[0].fe_length);
	EXPECT_EQ(0, at[0].fe_flags & FIEMAP_EXTENT_LAST);
	EXPECT_EQ(40960, at[1].fe_logical);
	EXPECT_EQ(4096, at[1].fe_length);
	EXPECT_EQ(FIEMAP_EXTENT_LAST, at[1].fe_flags & FIEMAP_EXTENT_LAST);
	EXPECT_NE(0, at[0].fe_physical);
	EXPECT_NE(at[0].fe_physical, at[1].fe_physical);
}

static int hides_places(int fd)
{
	struct extents e;

	if (setuid(65534) || get_extents(fd, &e, 0, -1, 8))
		return 1;
	return e.map.fm_mapped_extents != 1 ||
	       e.map.fm_extents[0].fe_physical ||
	       !(e.map.fm_extents[0].fe_flags & FIEMAP_EXTENT_UNKNOWN);
}

TEST_F(file, fiemap_tells_places_to_the_privileged)
{
	int status;
	pid_t pid;

	ASSERT_EQ(0, put(self->fd, 0, 100));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(hides_places(self->fd));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_F(file, fiemap_counts_and_limits)
{
	struct extents e;
	int i;

	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, put(self->fd, 8192 * i, 1));
	ASSERT_EQ(0, get_extents(self->fd, &e, 0, -1, 0));
	EXPECT_EQ(5, e.map.fm_mapped_extents);
	ASSERT_EQ(0, get_extents(self->fd, &e, 0, -1, 2));
	EXPECT_EQ(2, e.map.fm_mapped_extents);
	EXPECT_EQ(8192, e.map.fm_extents[1].fe_logical);
	EXPECT_EQ(0, e.map.fm_extents[1].fe_flags & FIEMAP_EXTENT_LAST);
	ASSERT_EQ(0, get_extents(self->fd, &e, 16384, -1, 8));
	EXPECT_EQ(3, e.map.fm_mapped_extents);
	ASSERT_EQ(0, get_extents(self->fd, &e, 4096, 4096, 8));
	EXPECT_EQ(0, e.map.fm_mapped_extents);
	ASSERT_EQ(0, get_extents(self->fd, &e, MIB, MIB, 8));
	EXPECT_EQ(0, e.map.fm_mapped_extents);
}

TEST_F(file, fiemap_of_data_blocks_is_aligned)
{
	struct extents e;

	ASSERT_EQ(0, put(self->fd, 0, 2 * DATA_BLOCK));
	ASSERT_EQ(0, get_extents(self->fd, &e, 0, -1, 8));
	ASSERT_LE(1, e.map.fm_mapped_extents);
	EXPECT_EQ(0, e.map.fm_extents[0].fe_physical % DATA_BLOCK);
	EXPECT_EQ(0, e.map.fm_extents[0].fe_length % DATA_BLOCK);
}

TEST_F(file, fiemap_refuses_what_it_does_not_know)
{
	struct extents e = {
		.map.fm_length = -1,
		.map.fm_flags = FIEMAP_FLAG_XATTR,
	};

	EXPECT_ERRNO(EBADR, ioctl(self->fd, FS_IOC_FIEMAP, &e));
	EXPECT_ERRNO(EINVAL, get_extents(self->fd, &e, 0, 0, 8));
	EXPECT_EQ(0, get_extents(self->fd, &e, 0, -1, 8));
	EXPECT_EQ(0, e.map.fm_mapped_extents);
	EXPECT_ERRNO(ENOTTY, ioctl(self->fd, _IO('?', 77), 0));
}

TEST_F(file, syncing_succeeds)
{
	int dir = open(".", O_RDONLY);

	ASSERT_EQ(0, put(self->fd, 0, 100));
	EXPECT_EQ(0, fsync(self->fd));
	EXPECT_EQ(0, fdatasync(self->fd));
	EXPECT_EQ(0, sync_file_range(self->fd, 0, 0, SYNC_FILE_RANGE_WRITE));
	EXPECT_EQ(0, fsync(dir));
	EXPECT_EQ(0, syncfs(dir));
}

TEST_F(file, fcntl_locks_exclude_each_other)
{
	struct flock lock = { .l_type = F_WRLCK, .l_start = 10, .l_len = 10 };
	int other = open("file", O_RDWR);

	ASSERT_EQ(0, fcntl(self->fd, F_OFD_SETLK, &lock));
	EXPECT_ERRNO(EAGAIN, fcntl(other, F_OFD_SETLK, &lock));
	lock.l_start = 20;
	EXPECT_EQ(0, fcntl(other, F_OFD_SETLK, &lock));
	lock.l_start = 0;
	lock.l_len = 0;
	EXPECT_EQ(0, fcntl(other, F_OFD_GETLK, &lock));
	EXPECT_EQ(F_WRLCK, lock.l_type);
	EXPECT_EQ(10, lock.l_start);
	EXPECT_EQ(10, lock.l_len);
	close(self->fd);
	lock.l_pid = 0;
	EXPECT_EQ(0, fcntl(other, F_OFD_SETLK, &lock));
}

TEST_F(file, posix_locks_belong_to_a_process)
{
	struct flock lock = { .l_type = F_WRLCK };
	int status;
	pid_t child;

	ASSERT_EQ(0, fcntl(self->fd, F_SETLK, &lock));
	EXPECT_EQ(0, fcntl(open("file", O_RDWR), F_SETLK, &lock));
	child = fork();
	if (!child)
		_exit(fcntl(self->fd, F_SETLK, &lock) == -1 ? errno : 0);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(EAGAIN, WEXITSTATUS(status));
}

TEST_F(file, flock_excludes)
{
	int other = open("file", O_RDONLY);

	EXPECT_EQ(0, flock(self->fd, LOCK_SH));
	EXPECT_EQ(0, flock(other, LOCK_SH));
	EXPECT_ERRNO(EWOULDBLOCK, flock(other, LOCK_EX | LOCK_NB));
	EXPECT_EQ(0, flock(self->fd, LOCK_UN));
	EXPECT_EQ(0, flock(other, LOCK_EX | LOCK_NB));
	EXPECT_ERRNO(EWOULDBLOCK, flock(self->fd, LOCK_SH | LOCK_NB));
}

static char state_of(pid_t pid)
{
	char path[32], state = '?';
	FILE *file;

	sprintf(path, "/proc/%d/stat", pid);
	file = fopen(path, "r");
	if (!file || fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = '?';
	if (file)
		fclose(file);
	return state;
}

/* Returns whether the process comes to wait in the kernel, and stays so. */
static bool is_blocked(pid_t pid)
{
	char state;

	do {
		state = state_of(pid);
		sched_yield();
	} while (state == 'R' || state == 'S');
	return state == 'D';
}

TEST_F(file, frozen_filesystem_keeps_writers_waiting)
{
	int dir = open(".", O_RDONLY), status;
	pid_t child;

	ASSERT_EQ(0, put(self->fd, 0, 100));
	ASSERT_EQ(0, ioctl(dir, FIFREEZE, 0));
	EXPECT_PATTERN(self->fd, 0, 100);
	EXPECT_EQ(100, size_of(self->fd));
	child = fork();
	if (!child)
		_exit(put(self->fd, 100, 100));
	EXPECT_TRUE(is_blocked(child));
	EXPECT_EQ(100, size_of(self->fd));
	ASSERT_EQ(0, ioctl(dir, FITHAW, 0));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_PATTERN(self->fd, 0, 200);
}

/* Nothing is freed either while the filesystem is frozen. */
TEST_F(file, frozen_filesystem_keeps_unlinked_files)
{
	struct statfs before, frozen, after;
	int dir = open(".", O_RDONLY), go[2], status;
	pid_t child;
	char c;

	ASSERT_EQ(0, put(self->fd, 0, 100));
	ASSERT_EQ(0, unlink("file"));
	ASSERT_EQ(0, statfs(".", &before));
	ASSERT_EQ(0, pipe(go));
	ASSERT_EQ(0, ioctl(dir, FIFREEZE, 0));
	child = fork();
	if (!child)
		_exit(read(go[0], &c, 1) != 1);
	close(self->fd);	/* now the child has the last descriptor */
	ASSERT_EQ(1, write(go[1], "", 1));
	is_blocked(child);
	EXPECT_EQ(0, statfs(".", &frozen));
	EXPECT_EQ(before.f_bfree, frozen.f_bfree);
	ASSERT_EQ(0, ioctl(dir, FITHAW, 0));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	ASSERT_EQ(0, statfs(".", &after));
	EXPECT_EQ(before.f_bfree + 1, after.f_bfree);
}

TEST_F(file, freezing_has_its_errors)
{
	int dir = open(".", O_RDONLY);

	EXPECT_ERRNO(EINVAL, ioctl(dir, FITHAW, 0));
	ASSERT_EQ(0, ioctl(dir, FIFREEZE, 0));
	EXPECT_ERRNO(EBUSY, ioctl(dir, FIFREEZE, 0));
	ASSERT_EQ(0, ioctl(dir, FITHAW, 0));
	EXPECT_ERRNO(EINVAL, ioctl(dir, FITHAW, 0));
	ASSERT_EQ(0, become_user(TEST_USER));
	EXPECT_ERRNO(EPERM, ioctl(dir, FIFREEZE, 0));
}

TEST_HARNESS_MAIN
