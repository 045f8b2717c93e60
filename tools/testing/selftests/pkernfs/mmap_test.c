// SPDX-License-Identifier: GPL-2.0-only
/* Mappings of files: what they show, by how large pages, and when they end. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "../kselftest_harness.h"
#include "test_mount.h"
#include "test_random.h"

#define PAGE		4096UL
#define DATA_BLOCK	(2UL << 20)

FIXTURE(mapping)
{
	struct test_mount mount;
	int fd;
};

FIXTURE_SETUP(mapping)
{
	ASSERT_EQ(0, enter_new_fs(&self->mount, "format,small=1M"));
	self->fd = open("file", O_RDWR | O_CREAT | O_EXCL, 0644);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(mapping)
{
	EXPECT_EQ(0, leave_fs_clean(&self->mount));
}

static sigjmp_buf on_fault;

static void jump(int sig)
{
	siglongjmp(on_fault, sig);
}

/* The signal that reading, or writing, one byte causes, or 0. */
static int touch(char *byte, bool write)
{
	struct sigaction old_bus, old_segv, action = { .sa_handler = jump };
	int sig;

	sigaction(SIGBUS, &action, &old_bus);
	sigaction(SIGSEGV, &action, &old_segv);
	sig = sigsetjmp(on_fault, 1);
	if (!sig) {
		if (write)
			__atomic_store_n(byte, 1, __ATOMIC_RELAXED);
		else
			__atomic_load_n(byte, __ATOMIC_RELAXED);
	}
	sigaction(SIGBUS, &old_bus, NULL);
	sigaction(SIGSEGV, &old_segv, NULL);
	return sig;
}

static void *map_at(int fd, size_t len, off_t offset)
{
	return mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
}

static long faults_so_far(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt + usage.ru_majflt;
}

static long write_and_count(char *p, size_t len)
{
	long before = faults_so_far();
	size_t i;

	for (i = 0; i < len; i += PAGE)
		p[i] = 1;
	return faults_so_far() - before;
}

/* How many faults writing to each page of a mapping causes. */
static long count_faults(char *p, size_t len)
{
	static char own[PAGE];

	/* Those of the test itself come now. */
	write_and_count(own, sizeof(own));
	return write_and_count(p, len);
}

static long blocks_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? -1 : st.st_blocks * 512 / (long)PAGE;
}

static bool is_all(const char *p, char c, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (p[i] != c)
			return false;
	}
	return true;
}

TEST_F(mapping, shows_what_was_written)
{
	char buf[16] = "";
	char *p;

	ASSERT_EQ(5, pwrite(self->fd, "hello", 5, 5000));
	p = map_at(self->fd, 2 * PAGE, 0);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_EQ(0, memcmp(p + 5000, "hello", 5));
	EXPECT_TRUE(is_all(p, 0, 5000));
	memcpy(p + 5000, "HELLO", 5);
	ASSERT_EQ(5, pread(self->fd, buf, 5, 5000));
	EXPECT_STREQ("HELLO", buf);
	ASSERT_EQ(1, pwrite(self->fd, "x", 1, 5001));
	EXPECT_EQ('x', p[5001]);
	EXPECT_EQ(0, msync(p, 2 * PAGE, MS_SYNC));
}

TEST_F(mapping, lasts_across_a_remount)
{
	char *p;

	ASSERT_EQ(0, ftruncate(self->fd, 2 * DATA_BLOCK));
	p = map_at(self->fd, 2 * DATA_BLOCK, 0);
	ASSERT_NE(MAP_FAILED, p);
	memset(p, 7, 2 * DATA_BLOCK);
	munmap(p, 2 * DATA_BLOCK);
	ASSERT_EQ(0, reenter_fs(&self->mount));
	self->fd = open("file", O_RDWR);
	p = map_at(self->fd, 2 * DATA_BLOCK, 0);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_TRUE(is_all(p, 7, 2 * DATA_BLOCK));
	munmap(p, 2 * DATA_BLOCK);
}

/* Four blocks, four faults. */
TEST_F(mapping, large_files_are_mapped_by_2m_pages)
{
	char *p;

	ASSERT_EQ(0, ftruncate(self->fd, 4 * DATA_BLOCK));
	p = map_at(self->fd, 4 * DATA_BLOCK, 0);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_EQ(0, (unsigned long)p % DATA_BLOCK);
	EXPECT_EQ(4, count_faults(p, 4 * DATA_BLOCK));
	munmap(p, 4 * DATA_BLOCK);
	p = map_at(self->fd, 4 * DATA_BLOCK, 0);
	EXPECT_EQ(4, count_faults(p, 4 * DATA_BLOCK));
}

TEST_F(mapping, offset_decides_the_address)
{
	char *p;

	ASSERT_EQ(0, ftruncate(self->fd, 4 * DATA_BLOCK));
	p = map_at(self->fd, 3 * DATA_BLOCK, DATA_BLOCK / 2);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_EQ(DATA_BLOCK / 2, (unsigned long)p % DATA_BLOCK);
	/* Two whole blocks, and two half ones page by page. */
	EXPECT_EQ(2 + 512, count_faults(p, 3 * DATA_BLOCK));
}

TEST_F(mapping, any_address_works_page_by_page)
{
	char *area = mmap(NULL, 4 * DATA_BLOCK, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *odd = (char *)(((unsigned long)area | (DATA_BLOCK - 1)) + 1 + PAGE);

	ASSERT_EQ(0, ftruncate(self->fd, DATA_BLOCK));
	ASSERT_EQ(odd, mmap(odd, DATA_BLOCK, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_FIXED, self->fd, 0));
	EXPECT_EQ(512, count_faults(odd, DATA_BLOCK));
}

TEST_F(mapping, populate_takes_all_faults_at_once)
{
	char *p;

	ASSERT_EQ(0, ftruncate(self->fd, 2 * DATA_BLOCK));
	p = mmap(NULL, 2 * DATA_BLOCK, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_POPULATE, self->fd, 0);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_EQ(0, count_faults(p, 2 * DATA_BLOCK));
	munmap(p, 2 * DATA_BLOCK);
	p = map_at(self->fd, 2 * DATA_BLOCK, 0);
	EXPECT_EQ(0, madvise(p, 2 * DATA_BLOCK, MADV_POPULATE_WRITE) ? errno : 0);
	EXPECT_EQ(0, count_faults(p, 2 * DATA_BLOCK));
	EXPECT_EQ(0, mlock(p, 2 * DATA_BLOCK));
}

/* Filling a hole leaves what is mapped beside it alone. */
TEST_F(mapping, small_files_are_mapped_page_by_page)
{
	char *p;

	ASSERT_EQ(0, ftruncate(self->fd, 64 * PAGE));
	p = map_at(self->fd, 64 * PAGE, 0);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_EQ(64, count_faults(p, 64 * PAGE));
	EXPECT_EQ(0, count_faults(p, 64 * PAGE));
}

TEST_F(mapping, writing_to_a_hole_fills_it_with_zeroes)
{
	char *p;

	ASSERT_EQ(0, ftruncate(self->fd, 3 * PAGE));
	p = map_at(self->fd, 3 * PAGE, 0);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_EQ(0, blocks_of(self->fd));
	p[PAGE] = 1;
	EXPECT_EQ(1, blocks_of(self->fd));
	EXPECT_TRUE(is_all(p + PAGE + 1, 0, PAGE - 1));
}

TEST_F(mapping, reading_a_hole_of_a_read_only_file_allocates_nothing)
{
	int ro = open("file", O_RDONLY);
	char *p, *w;

	ASSERT_EQ(0, ftruncate(self->fd, 2 * DATA_BLOCK));
	p = mmap(NULL, 2 * DATA_BLOCK, PROT_READ, MAP_SHARED, ro, 0);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_TRUE(is_all(p, 0, 2 * DATA_BLOCK));
	EXPECT_EQ(0, blocks_of(self->fd));
	/* The zero page must go when somebody fills the hole. */
	w = map_at(self->fd, 2 * DATA_BLOCK, 0);
	w[PAGE] = 5;
	EXPECT_EQ(5, p[PAGE]);
	ASSERT_EQ(1, pwrite(self->fd, "x", 1, DATA_BLOCK));
	EXPECT_EQ('x', p[DATA_BLOCK]);
	EXPECT_EQ(-1, mprotect(p, PAGE, PROT_READ | PROT_WRITE));
}

TEST_F(mapping, behind_the_end_is_sigbus)
{
	char *p;

	ASSERT_EQ(0, ftruncate(self->fd, PAGE + 1));
	p = map_at(self->fd, 4 * PAGE, 0);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_EQ(0, touch(p + 2 * PAGE - 1, true));
	EXPECT_EQ(SIGBUS, touch(p + 2 * PAGE, false));
	EXPECT_EQ(SIGBUS, touch(p + 2 * PAGE, true));
	ASSERT_EQ(0, ftruncate(self->fd, 3 * PAGE));
	EXPECT_EQ(0, touch(p + 2 * PAGE, true));
	/* What was written behind the end is not there when the file grows. */
	EXPECT_EQ(0, p[2 * PAGE - 1]);
}

TEST_F(mapping, truncating_takes_pages_away)
{
	char *p;

	ASSERT_EQ(0, ftruncate(self->fd, 2 * DATA_BLOCK));
	p = map_at(self->fd, 2 * DATA_BLOCK, 0);
	ASSERT_NE(MAP_FAILED, p);
	memset(p, 7, 2 * DATA_BLOCK);
	ASSERT_EQ(0, ftruncate(self->fd, DATA_BLOCK + PAGE + 1));
	EXPECT_EQ(SIGBUS, touch(p + DATA_BLOCK + 2 * PAGE, false));
	EXPECT_EQ(7, p[DATA_BLOCK + PAGE]);
	EXPECT_TRUE(is_all(p + DATA_BLOCK + PAGE + 1, 0, PAGE - 1));
	ASSERT_EQ(0, ftruncate(self->fd, 0));
	EXPECT_EQ(SIGBUS, touch(p, false));
	ASSERT_EQ(0, ftruncate(self->fd, 2 * DATA_BLOCK));
	EXPECT_TRUE(is_all(p, 0, 2 * DATA_BLOCK));
}

TEST_F(mapping, punching_shows_zeroes)
{
	char *p;

	ASSERT_EQ(0, ftruncate(self->fd, 4 * DATA_BLOCK));
	p = map_at(self->fd, 4 * DATA_BLOCK, 0);
	ASSERT_NE(MAP_FAILED, p);
	memset(p, 7, 4 * DATA_BLOCK);
	ASSERT_EQ(0, fallocate(self->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       DATA_BLOCK - PAGE, DATA_BLOCK + 2 * PAGE));
	EXPECT_TRUE(is_all(p, 7, DATA_BLOCK - PAGE));
	EXPECT_TRUE(is_all(p + DATA_BLOCK - PAGE, 0, DATA_BLOCK + 2 * PAGE));
	EXPECT_TRUE(is_all(p + 2 * DATA_BLOCK + PAGE, 7, 2 * DATA_BLOCK - PAGE));
}

TEST_F(mapping, outlives_the_name)
{
	char *p;

	ASSERT_EQ(0, ftruncate(self->fd, DATA_BLOCK));
	p = map_at(self->fd, DATA_BLOCK, 0);
	ASSERT_NE(MAP_FAILED, p);
	memset(p, 7, DATA_BLOCK / 2);
	ASSERT_EQ(0, unlink("file"));
	close(self->fd);
	EXPECT_TRUE(is_all(p, 7, DATA_BLOCK / 2));
	memset(p, 8, DATA_BLOCK);
	EXPECT_TRUE(is_all(p, 8, DATA_BLOCK));
	munmap(p, DATA_BLOCK);
}

TEST_F(mapping, private_ones_can_be_read_only)
{
	char *p;

	ASSERT_EQ(0, ftruncate(self->fd, PAGE));
	errno = 0;
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE, self->fd, 0));
	EXPECT_EQ(EINVAL, errno);
	p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, self->fd, 0);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_EQ(0, touch(p, false));
	EXPECT_EQ(-1, mprotect(p, PAGE, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
}

TEST_F(mapping, is_shared_with_children)
{
	int status;
	char *p;

	ASSERT_EQ(0, ftruncate(self->fd, 2 * DATA_BLOCK));
	p = map_at(self->fd, 2 * DATA_BLOCK, 0);
	ASSERT_NE(MAP_FAILED, p);
	p[0] = 1;
	if (!fork()) {
		p[1] = p[0] + 1;
		p[DATA_BLOCK] = 3;
		_exit(0);
	}
	wait(&status);
	EXPECT_EQ(0, status);
	EXPECT_EQ(2, p[1]);
	EXPECT_EQ(3, p[DATA_BLOCK]);
}

TEST_F(mapping, can_be_moved_split_and_protected)
{
	char *p, *q;

	ASSERT_EQ(0, ftruncate(self->fd, 4 * DATA_BLOCK));
	p = map_at(self->fd, 4 * DATA_BLOCK, 0);
	ASSERT_NE(MAP_FAILED, p);
	memset(p, 7, 4 * DATA_BLOCK);
	/* In the middle of huge pages. */
	ASSERT_EQ(0, mprotect(p + PAGE, DATA_BLOCK, PROT_READ));
	EXPECT_EQ(SIGSEGV, touch(p + PAGE, true));
	EXPECT_EQ(0, touch(p, true));
	ASSERT_EQ(0, mprotect(p, 4 * DATA_BLOCK, PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, touch(p + PAGE, true));
	ASSERT_EQ(0, munmap(p + 2 * DATA_BLOCK + PAGE, PAGE));
	EXPECT_EQ(SIGSEGV, touch(p + 2 * DATA_BLOCK + PAGE, false));
	/* Part of a mapping moves, and grows while it does so. */
	p = map_at(self->fd, 3 * DATA_BLOCK, 0);
	q = mremap(p, DATA_BLOCK + 3 * PAGE, 2 * DATA_BLOCK, MREMAP_MAYMOVE);
	ASSERT_NE(MAP_FAILED, q);
	EXPECT_EQ(1, q[0]);
	EXPECT_TRUE(is_all(q + 2 * PAGE, 7, 2 * DATA_BLOCK - 2 * PAGE));
	EXPECT_TRUE(is_all(p + 2 * DATA_BLOCK, 7, DATA_BLOCK));
}

TEST_F(mapping, full_region_is_sigbus_and_harmless)
{
	struct statfs sfs;
	int other = open("other", O_RDWR | O_CREAT, 0644);
	char *p;

	ASSERT_EQ(0, ftruncate(self->fd, DATA_BLOCK));
	ASSERT_EQ(0, statfs(".", &sfs));
	while (!fallocate(other, 0, lseek(other, 0, SEEK_END), DATA_BLOCK))
		;
	ASSERT_EQ(ENOSPC, errno);
	while (!fallocate(other, 0, lseek(other, 0, SEEK_END), PAGE))
		;
	ASSERT_EQ(ENOSPC, errno);
	p = map_at(self->fd, DATA_BLOCK, 0);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_EQ(SIGBUS, touch(p, true));
	ASSERT_EQ(0, ftruncate(other, 0));
	EXPECT_EQ(0, touch(p, true));
}

/* The copy faults on the file that it goes to. */
TEST_F(mapping, file_can_be_written_from_itself)
{
	char *p;

	ASSERT_EQ(0, ftruncate(self->fd, 4 * DATA_BLOCK));
	p = map_at(self->fd, 4 * DATA_BLOCK, 0);
	ASSERT_NE(MAP_FAILED, p);
	ASSERT_EQ(1, pwrite(self->fd, "x", 1, 0));
	munmap(p, 4 * DATA_BLOCK);
	p = map_at(self->fd, 4 * DATA_BLOCK, 0);
	EXPECT_EQ(DATA_BLOCK, pwrite(self->fd, p, DATA_BLOCK, 2 * DATA_BLOCK));
	EXPECT_EQ('x', p[2 * DATA_BLOCK]);
	EXPECT_EQ(DATA_BLOCK, pread(self->fd, p + DATA_BLOCK, DATA_BLOCK, 0));
	EXPECT_EQ('x', p[DATA_BLOCK]);
}

struct racer {
	char *map;
	size_t size;		/* what is touched of it */
	unsigned int faults;	/* how many writes failed */
	bool stop;
};

/* As a write by the kernel, a fault is an error and no signal. */
static bool write_page(char *page)
{
	static char buf[PAGE];
	struct iovec local = { buf, PAGE }, remote = { page, PAGE };

	return process_vm_writev(getpid(), &local, 1, &remote, 1, 0) == PAGE;
}

static void *touch_all(void *arg)
{
	struct racer *r = arg;
	unsigned int i = 0;

	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
		i = i * 1664525 + 1013904223;
		if (!write_page(r->map + i % (r->size / PAGE) * PAGE))
			__atomic_fetch_add(&r->faults, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

TEST_F(mapping, faults_race_with_truncate_and_punch)
{
	struct racer r = { .size = 4 * DATA_BLOCK };
	pthread_t thread[2];
	int i;

	ASSERT_EQ(0, ftruncate(self->fd, 4 * DATA_BLOCK));
	r.map = map_at(self->fd, 4 * DATA_BLOCK, 0);
	ASSERT_NE(MAP_FAILED, r.map);
	ASSERT_TRUE(write_page(r.map));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, touch_all, &r));
	for (i = 0; i < 300; i++) {
		ASSERT_EQ(0, ftruncate(self->fd, i % 7 * DATA_BLOCK / 3));
		ASSERT_EQ(0, ftruncate(self->fd, 4 * DATA_BLOCK));
		ASSERT_EQ(0, fallocate(self->fd, FALLOC_FL_PUNCH_HOLE |
				       FALLOC_FL_KEEP_SIZE, i % 3 * DATA_BLOCK,
				       DATA_BLOCK));
	}
	__atomic_store_n(&r.stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	munmap(r.map, 4 * DATA_BLOCK);
}

struct duel {
	char *map;		/* a new one in each round */
	unsigned int started;	/* rounds */
	unsigned int finished;
	unsigned int faults;	/* how many writes failed */
	bool stop;
};

static void wait_until(const unsigned int *count, unsigned int value)
{
	while (__atomic_load_n(count, __ATOMIC_ACQUIRE) != value)
		sched_yield();
}

static void delay(__u64 *seed)
{
	unsigned int n = below(seed, 5000);

	while (n--)
		asm volatile("");
}

static void *write_once_a_round(void *arg)
{
	struct duel *d = arg;
	unsigned int round;
	__u64 seed = 2;

	for (round = 1;; round++) {
		wait_until(&d->started, round);
		if (d->stop)
			return NULL;
		delay(&seed);
		if (!write_page(d->map))
			d->faults++;
		__atomic_store_n(&d->finished, round, __ATOMIC_RELEASE);
	}
}

/*
 * Whether a fault takes one huge page or a small one depends on the size of the file
 * at that moment. So one thread's fault may choose a small page while the file grows
 * and another thread's fault chooses the huge one. That can happen once in a new
 * mapping, as long as there is no page table. When both get what they want, a write
 * fails, or the kernel log tells.
 */
TEST_F(mapping, faults_by_large_and_small_pages_race)
{
	struct duel d = {};
	__u64 seed = 1;
	pthread_t thread;
	time_t end;

	ASSERT_EQ(0, fallocate(self->fd, 0, 0, DATA_BLOCK));
	ASSERT_EQ(0, pthread_create(&thread, NULL, write_once_a_round, &d));
	for (end = time(NULL) + 5; time(NULL) < end;) {
		ASSERT_EQ(0, ftruncate(self->fd, DATA_BLOCK - PAGE));
		d.map = map_at(self->fd, DATA_BLOCK, 0);
		ASSERT_NE(MAP_FAILED, d.map);
		__atomic_add_fetch(&d.started, 1, __ATOMIC_RELEASE);
		delay(&seed);
		ASSERT_EQ(0, ftruncate(self->fd, DATA_BLOCK));
		EXPECT_TRUE(write_page(d.map + PAGE));
		wait_until(&d.finished, d.started);
		munmap(d.map, DATA_BLOCK);
	}
	d.stop = true;
	__atomic_add_fetch(&d.started, 1, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, d.faults);
}

TEST_HARNESS_MAIN
