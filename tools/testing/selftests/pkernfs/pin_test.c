// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins: memory of a file that a device or the kernel still uses when the file
 * gives it up must not become another file's before the pin goes. A page in a
 * pipe, by vmsplice(), and a fixed buffer of io_uring stand for all pins.
 */
#define _GNU_SOURCE
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/io_uring.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "../kselftest_harness.h"
#include "test_mount.h"
#include "test_pin.h"

FIXTURE(pin)
{
	struct test_mount mount;
	struct statfs at_start;
	int fd;
	int pipe[2];
	char *map;
};

FIXTURE_VARIANT(pin)
{
	size_t size;		/* of the file: decides which zone it is in */
};

FIXTURE_VARIANT_ADD(pin, small_block)
{
	.size = 4 * PAGE,
};

FIXTURE_VARIANT_ADD(pin, data_block)
{
	.size = 2 * DATA_BLOCK,
};

static int map_new_file(int *fd, char **map, size_t size)
{
	*fd = open("file", O_RDWR | O_CREAT | O_EXCL, 0644);
	if (*fd < 0 || ftruncate(*fd, size))
		return errno;
	*map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	if (*map == MAP_FAILED)
		return errno;
	memset(*map, 'o', size);
	return 0;
}

FIXTURE_SETUP(pin)
{
	ASSERT_EQ(0, enter_new_fs(&self->mount, "format,small=1M"));
	ASSERT_EQ(0, statfs(".", &self->at_start));
	ASSERT_EQ(0, map_new_file(&self->fd, &self->map, variant->size));
	ASSERT_EQ(0, pipe(self->pipe));
}

FIXTURE_TEARDOWN(pin)
{
	EXPECT_EQ(0, leave_fs_clean(&self->mount));
}

static int pin_page(int pipe, char *page)
{
	struct iovec iov = { page, PAGE };

	return vmsplice(pipe, &iov, 1, 0) == PAGE ? 0 : errno;
}

/* Is it what was in the file when it was pinned? */
static bool is_old_page(const char *page)
{
	char expected[PAGE];

	memset(expected, 'o', PAGE);
	return !memcmp(page, expected, PAGE);
}

/* Take the page out of the pipe: is it what was there when it was pinned? */
static bool unpin_page(int pipe)
{
	char buf[PAGE];

	return read(pipe, buf, PAGE) == PAGE && is_old_page(buf);
}

/*
 * Which page of the file lies last in the data zone, or in the small zone before
 * it; -1 if that cannot be found out. The file has all there is.
 */
static long find_last_page(int fd, bool of_data_zone)
{
	static char space[sizeof(struct fiemap) + 512 * sizeof(struct fiemap_extent)];
	struct fiemap *map = (struct fiemap *)space;
	unsigned long long end, last = 0, data = ~0ULL;
	long page = -1;
	unsigned int i;

	map->fm_length = ~0ULL;
	map->fm_extent_count = 512;
	if (ioctl(fd, FS_IOC_FIEMAP, map))
		return -1;
	/* fill_region() takes the data zone first. */
	if (map->fm_mapped_extents)
		data = map->fm_extents[0].fe_physical;
	for (i = 0; i < map->fm_mapped_extents; i++) {
		const struct fiemap_extent *e = &map->fm_extents[i];
		bool is_data = e->fe_physical >= data;

		end = e->fe_physical + e->fe_length;
		if (is_data != of_data_zone || end <= last)
			continue;
		last = end;
		page = (e->fe_logical + e->fe_length) / PAGE - 1;
	}
	return page;
}

TEST_F(pin, truncated_memory_is_not_reused)
{
	long block = block_of(variant->size);

	ASSERT_EQ(0, pin_page(self->pipe[1], self->map + PAGE));
	ASSERT_EQ(0, ftruncate(self->fd, 0));
	EXPECT_EQ(block, used_bytes(&self->at_start));
	ASSERT_EQ(0, fill_region());
	EXPECT_TRUE(unpin_page(self->pipe[0]));
	ASSERT_EQ(0, unlink("other"));
	EXPECT_TRUE(becomes_used(&self->at_start, 0));
}

TEST_F(pin, punched_memory_is_not_reused)
{
	long block = block_of(variant->size);

	ASSERT_EQ(0, pin_page(self->pipe[1], self->map + PAGE));
	ASSERT_EQ(0, fallocate(self->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       0, variant->size));
	EXPECT_EQ(block, used_bytes(&self->at_start));
	/* The file has a new block there. */
	self->map[PAGE] = 'n';
	EXPECT_EQ(0, self->map[PAGE + 1]);
	EXPECT_TRUE(unpin_page(self->pipe[0]));
	EXPECT_TRUE(becomes_used(&self->at_start, block));
}

TEST_F(pin, unlinked_memory_is_not_reused)
{
	long block = block_of(variant->size);

	ASSERT_EQ(0, pin_page(self->pipe[1], self->map + PAGE));
	ASSERT_EQ(0, unlink("file"));
	ASSERT_EQ(0, munmap(self->map, variant->size));
	ASSERT_EQ(0, close(self->fd));
	EXPECT_EQ(block, used_bytes(&self->at_start));
	ASSERT_EQ(0, fill_region());
	EXPECT_TRUE(unpin_page(self->pipe[0]));
	ASSERT_EQ(0, unlink("other"));
	EXPECT_TRUE(becomes_used(&self->at_start, 0));
}

TEST_F(pin, outlives_unmounting)
{
	long block = block_of(variant->size);

	ASSERT_EQ(0, pin_page(self->pipe[1], self->map + PAGE));
	ASSERT_EQ(0, unlink("file"));
	ASSERT_EQ(0, munmap(self->map, variant->size));
	close(self->fd);
	/* All but the pipe is closed. */
	ASSERT_EQ(0, chdir("/"));
	ASSERT_EQ(0, umount(self->mount.dir));
	/* Memory that a device writes to cannot be formatted either. */
	ASSERT_EQ(-1, mount("pkernfs0", self->mount.dir, "pkernfs", 0, "format"));
	EXPECT_EQ(EBUSY, errno);
	ASSERT_EQ(0, mount_and_enter(&self->mount, "check"));
	EXPECT_EQ(block, used_bytes(&self->at_start));
	ASSERT_EQ(0, fill_region());
	EXPECT_TRUE(unpin_page(self->pipe[0]));
	ASSERT_EQ(0, unlink("other"));
	EXPECT_TRUE(becomes_used(&self->at_start, 0));
}

TEST_F(pin, goes_while_read_only)
{
	long block = block_of(variant->size);
	int i;

	/* The second time there must be a limbo again. */
	for (i = 0; i < 2; i++) {
		if (i)
			ASSERT_EQ(0, map_new_file(&self->fd, &self->map,
						  variant->size));
		ASSERT_EQ(0, pin_page(self->pipe[1], self->map + PAGE));
		ASSERT_EQ(0, unlink("file"));
		ASSERT_EQ(0, munmap(self->map, variant->size));
		ASSERT_EQ(0, close(self->fd));
		ASSERT_EQ(0, mount(NULL, self->mount.dir, NULL,
				   MS_REMOUNT | MS_RDONLY, NULL));
		EXPECT_TRUE(unpin_page(self->pipe[0]));
		EXPECT_EQ(block, used_bytes(&self->at_start));
		ASSERT_EQ(0, mount(NULL, self->mount.dir, NULL, MS_REMOUNT,
				   NULL));
		EXPECT_TRUE(becomes_used(&self->at_start, 0));
	}
}

/* Also at the very end of the zone, where the file has been given its blocks. */
TEST_F(pin, keeps_the_last_page_from_formatting)
{
	long last;

	ASSERT_EQ(0, munmap(self->map, variant->size));
	ASSERT_EQ(0, close(self->fd));
	ASSERT_EQ(0, unlink("file"));
	ASSERT_EQ(0, fill_region());
	self->fd = open("other", O_RDWR);
	last = find_last_page(self->fd, variant->size > DATA_BLOCK);
	ASSERT_LE(0, last);
	self->map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			 self->fd, last * PAGE);
	ASSERT_NE(MAP_FAILED, self->map);
	self->map[0] = 'o';
	ASSERT_EQ(0, pin_page(self->pipe[1], self->map));
	ASSERT_EQ(0, munmap(self->map, PAGE));
	ASSERT_EQ(0, close(self->fd));
	ASSERT_EQ(0, unlink("other"));
	ASSERT_EQ(0, chdir("/"));
	ASSERT_EQ(0, umount(self->mount.dir));
	EXPECT_ERRNO(EBUSY, mount("pkernfs0", self->mount.dir, "pkernfs", 0,
				  "format"));
	ASSERT_EQ(0, mount_and_enter(&self->mount, "check"));
}

TEST_F(pin, many_come_and_go)
{
	int i;

	for (i = 0; i < 200; i++) {
		memset(self->map + PAGE, 'o', PAGE);
		ASSERT_EQ(0, pin_page(self->pipe[1], self->map + PAGE));
		ASSERT_EQ(0, ftruncate(self->fd, 0));
		ASSERT_EQ(0, ftruncate(self->fd, variant->size));
		/* Two of them overlap. */
		if (i)
			EXPECT_TRUE(unpin_page(self->pipe[0]));
	}
	ASSERT_EQ(0, ftruncate(self->fd, 0));
	close(self->pipe[0]);
	close(self->pipe[1]);
	EXPECT_TRUE(becomes_used(&self->at_start, 0));
}

TEST_F(pin, fixed_buffers_are_pins)
{
	struct iovec iov = { self->map, variant->size };
	struct io_uring_params params = {};
	int ring = syscall(__NR_io_uring_setup, 4, &params);

	ASSERT_LE(0, ring);
	/* A long-term pin: refused where pages may move, or be taken away. */
	ASSERT_EQ(0, syscall(__NR_io_uring_register, ring,
			     IORING_REGISTER_BUFFERS, &iov, 1));
	ASSERT_EQ(0, ftruncate(self->fd, 0));
	EXPECT_EQ(variant->size, used_bytes(&self->at_start));
	ASSERT_EQ(0, syscall(__NR_io_uring_register, ring,
			     IORING_UNREGISTER_BUFFERS, NULL, 0));
	EXPECT_TRUE(becomes_used(&self->at_start, 0));
	close(ring);
}

struct copy {
	struct iovec from;
	struct iovec to;
	ssize_t len;
};

static void *copy_own_memory(void *arg)
{
	struct copy *copy = arg;

	copy->len = process_vm_readv(getpid(), &copy->to, 1, &copy->from, 1, 0);
	return NULL;
}

/* A page whose first access waits for userfaultfd; NULL if there is no such thing. */
static char *map_page_that_waits(int *uffd)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	*uffd = syscall(__NR_userfaultfd, O_CLOEXEC);
	reg.range.start = (unsigned long)page;
	reg.range.len = PAGE;
	if (page == MAP_FAILED || *uffd < 0 || ioctl(*uffd, UFFDIO_API, &api) ||
	    ioctl(*uffd, UFFDIO_REGISTER, &reg))
		return NULL;
	return page;
}

/* It pins what it reads, and here it waits for where it writes to. */
TEST_F(pin, process_vm_readv_pins)
{
	struct copy copy = { .from = { self->map + PAGE, PAGE } };
	struct uffdio_zeropage zero = {};
	struct uffd_msg msg;
	pthread_t thread;
	int uffd;

	copy.to.iov_base = map_page_that_waits(&uffd);
	copy.to.iov_len = PAGE;
	ASSERT_NE(NULL, copy.to.iov_base);
	ASSERT_EQ(0, pthread_create(&thread, NULL, copy_own_memory, &copy));
	ASSERT_EQ(sizeof(msg), read(uffd, &msg, sizeof(msg)));
	ASSERT_EQ(UFFD_EVENT_PAGEFAULT, msg.event);

	ASSERT_EQ(0, ftruncate(self->fd, 0));
	EXPECT_EQ(block_of(variant->size), used_bytes(&self->at_start));
	ASSERT_EQ(0, fill_region());

	zero.range.start = (unsigned long)copy.to.iov_base;
	zero.range.len = PAGE;
	ASSERT_EQ(0, ioctl(uffd, UFFDIO_ZEROPAGE, &zero));
	pthread_join(thread, NULL);
	EXPECT_EQ(PAGE, copy.len);
	EXPECT_TRUE(is_old_page(copy.to.iov_base));
	ASSERT_EQ(0, unlink("other"));
	EXPECT_TRUE(becomes_used(&self->at_start, 0));
	close(uffd);
}

TEST_HARNESS_MAIN
