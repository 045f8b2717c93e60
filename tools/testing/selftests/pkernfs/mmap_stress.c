// SPDX-License-Identifier: GPL-2.0-only
/*
 * mmap_stress DIR SECONDS DEVICE: many processes map, write, truncate, punch,
 * unlink and pin the same few files at once, and look at all they can see. The
 * block device gets some of it, by O_DIRECT.
 *
 * Every word of a file says which inode it was written to, where, and in which
 * epoch of that inode. So a word of another inode, or at another place, is found
 * wherever it turns up. An epoch ends when nobody writes with it any more and the
 * file has been cut to nothing: from then on its words must be gone. Reading a
 * word while it is written, or taken away, gives some of its bytes and zeroes.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/types.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test_random.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define NR_WORKERS	4
#define NR_FILES	6
#define NR_INODES	1000000
#define MAX_EPOCH	255
#define PAGE		4096UL
#define DATA_BLOCK	(2UL << 20)
#define MAX_SIZE	(3 * DATA_BLOCK)
#define MAX_PIN		(16 * PAGE)

/* Of an inode: the epoch of what is written now, and of the oldest that may be. */
struct life {
	atomic_uint epoch;
	atomic_uint oldest;
};

/* What the processes share. */
struct shared {
	atomic_uint inode[NR_FILES];		/* the number in the file's name */
	atomic_uint next_inode;
	/* Inode << 32 | epoch that a worker is writing, or 0. */
	atomic_ullong writing[NR_WORKERS];
	atomic_ullong pages_seen;		/* that were not empty */
	atomic_ullong pages_direct;		/* that a device has read */
	struct life life[NR_INODES];
};

/* A file that is open, and mapped. */
struct mapping {
	int fd;
	__u32 inode;
	size_t offset;
	size_t len;
	char *addr;
};

static struct shared *shared;
static int worker;
static int device;
static __u64 seed;
static sigjmp_buf beyond_end;

/* Somebody truncated the file, or there is no space for its hole. */
static void on_sigbus(int sig)
{
	siglongjmp(beyond_end, sig);
}

/* An epoch is one byte, so it is there or not. */
static __u64 word_of(__u32 inode, __u8 epoch, size_t pos)
{
	return (__u64)inode << 32 | (__u64)epoch << 24 | (pos / 8 + 1);
}

/* Is each byte of @word that of @whole, or 0? */
static bool is_part_of(__u64 word, __u64 whole)
{
	int i;

	for (i = 0; i < 64; i += 8) {
		if (word >> i & 0xff && (word >> i & 0xff) != (whole >> i & 0xff))
			return false;
	}
	return true;
}

/* @oldest: of the inode, read before the word was. */
static void check_word(const char *how, __u32 inode, __u32 oldest, size_t pos,
		       __u64 word)
{
	__u8 epoch = word >> 24;

	if (!is_part_of(word, word_of(inode, epoch, pos)))
		errx(1, "%s: inode %u at %zu has 0x%llx", how, inode, pos,
		     (unsigned long long)word);
	if (epoch && epoch < oldest)
		errx(1, "%s: inode %u at %zu has epoch %u, which ended at %u",
		     how, inode, pos, epoch, oldest);
}

/* All words of a page, or one of them: that is quicker, and races more. */
static void check_page(const char *how, __u32 inode, __u32 oldest, size_t pos,
		       const void *page)
{
	const __u64 *words = page;
	size_t i = below(&seed, PAGE / 8), end = i + 1;
	bool seen = false;

	if (!below(&seed, 8)) {
		i = 0;
		end = PAGE / 8;
	}
	for (; i < end; i++) {
		__u64 word = __atomic_load_n(&words[i], __ATOMIC_RELAXED);

		check_word(how, inode, oldest, pos + i * 8, word);
		seen |= word;
	}
	shared->pages_seen += seen;
}

static void check_buffer(const char *how, const struct mapping *m,
			 __u32 oldest, size_t pos, const char *buf, size_t len)
{
	for (; len >= PAGE; len -= PAGE, buf += PAGE, pos += PAGE)
		check_page(how, m->inode, oldest, pos, buf);
}

static __u32 oldest(const struct mapping *m)
{
	return shared->life[m->inode].oldest;
}

/* From here to end_write() nobody ends the epoch that is returned. */
static __u32 begin_write(const struct mapping *m)
{
	__u32 epoch;

	do {
		epoch = shared->life[m->inode].epoch;
		shared->writing[worker] = (__u64)m->inode << 32 | epoch;
	} while (epoch != shared->life[m->inode].epoch);
	return epoch;
}

static void end_write(void)
{
	shared->writing[worker] = 0;
}

static __u32 begin_epoch(const struct mapping *m)
{
	__u32 epoch = ++shared->life[m->inode].epoch;
	int i;

	for (i = 0; i < NR_WORKERS; i++) {
		for (;;) {
			__u64 w = shared->writing[i];

			if (w >> 32 != m->inode || (__u32)w >= epoch)
				break;
			sched_yield();
		}
	}
	return epoch;
}

static void end_epochs_before(const struct mapping *m, __u32 epoch)
{
	atomic_uint *last = &shared->life[m->inode].oldest;
	__u32 old = *last;

	while (old < epoch && !atomic_compare_exchange_weak(last, &old, epoch))
		;
}

static void file_name(char *name, int file, __u32 inode)
{
	sprintf(name, "%d.%u", file, inode);
}

/* The first files stay small: they have small blocks. */
static size_t random_size(int file)
{
	size_t limit = file < NR_FILES / 3 ? 64 * PAGE : MAX_SIZE;

	return below(&seed, 4) ? below(&seed, limit / PAGE + 1) * PAGE : below(&seed, limit);
}

static void open_file(struct mapping *m, int file)
{
	char name[32];

	do {
		m->inode = shared->inode[file];
		file_name(name, file, m->inode);
		m->fd = open(name, O_RDWR);
		if (m->fd < 0 && errno != ENOENT)
			err(1, "open %s", name);
	} while (m->fd < 0);
	m->offset = 0;
	m->len = 0;
	m->addr = NULL;
}

static void map_file(struct mapping *m)
{
	m->offset = below(&seed, 4) ? 0 : below(&seed, MAX_SIZE / PAGE) * PAGE;
	m->len = below(&seed, 2) ? MAX_SIZE - m->offset : (1 + below(&seed, 64)) * PAGE;
	m->addr = mmap(NULL, m->len, PROT_READ | PROT_WRITE,
		       MAP_SHARED | (below(&seed, 16) ? 0 : MAP_POPULATE), m->fd,
		       m->offset);
	if (m->addr == MAP_FAILED)
		err(1, "mmap");
}

static void close_file(struct mapping *m)
{
	if (m->addr)
		munmap(m->addr, m->len);
	close(m->fd);
}

static void read_map(const struct mapping *m)
{
	size_t page;
	int i;

	for (i = 0; i < 16; i++) {
		page = below(&seed, m->len / PAGE) * PAGE;
		check_page("map", m->inode, oldest(m), m->offset + page,
			   m->addr + page);
	}
}

static void write_map(const struct mapping *m)
{
	__u32 epoch = begin_write(m);
	size_t pos, end;
	int i;

	for (i = 0; i < 16; i++) {
		pos = below(&seed, m->len / PAGE) * PAGE;
		end = pos + PAGE;
		if (below(&seed, 2))
			pos = end - 8;
		for (; pos < end; pos += 8)
			__atomic_store_n((__u64 *)(m->addr + pos),
					 word_of(m->inode, epoch, m->offset + pos),
					 __ATOMIC_RELAXED);
	}
}

/* Changes the file under a mapping, or the mapping; either may end by SIGBUS. */
static void use_map(const struct mapping *m)
{
	if (!sigsetjmp(beyond_end, 1)) {
		write_map(m);
		read_map(m);
	}
	end_write();
}

static void do_map(struct mapping *m)
{
	map_file(m);
	use_map(m);
}

static void do_mremap(struct mapping *m)
{
	size_t len;
	char *addr;

	map_file(m);
	use_map(m);
	len = (1 + below(&seed, (MAX_SIZE - m->offset) / PAGE)) * PAGE;
	addr = mremap(m->addr, m->len, len, MREMAP_MAYMOVE);
	if (addr == MAP_FAILED)
		err(1, "mremap");
	m->addr = addr;
	m->len = len;
	use_map(m);
}

static void do_mprotect(struct mapping *m)
{
	size_t part;

	map_file(m);
	part = below(&seed, m->len / PAGE) * PAGE;
	use_map(m);
	if (mprotect(m->addr + part, m->len - part, PROT_READ))
		err(1, "mprotect");
	if (!sigsetjmp(beyond_end, 1))
		read_map(m);
	if (mprotect(m->addr, m->len, PROT_READ | PROT_WRITE))
		err(1, "mprotect");
	use_map(m);
}

static void do_madvise(struct mapping *m)
{
	map_file(m);
	/* They fail behind the end of the file, and without space. */
	if (below(&seed, 2))
		madvise(m->addr, m->len, MADV_POPULATE_READ);
	else
		mlock(m->addr, m->len);
	use_map(m);
	if (madvise(m->addr, m->len, MADV_DONTNEED) && errno != EINVAL)
		err(1, "MADV_DONTNEED");
	msync(m->addr, m->len, MS_SYNC);
	use_map(m);
}

static void do_fork(struct mapping *m)
{
	int status;
	pid_t pid;

	map_file(m);
	use_map(m);
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (!pid) {
		use_map(m);
		_exit(0);
	}
	/* Its writes are this worker's: nobody writes here meanwhile. */
	if (waitpid(pid, &status, 0) != pid || status)
		errx(1, "a child failed, status 0x%x", status);
	use_map(m);
}

static void do_write(struct mapping *m)
{
	static __u64 buf[MAX_PIN / 8];
	size_t pos = below(&seed, MAX_SIZE / 8) * 8, len = (1 + below(&seed, ARRAY_SIZE(buf))) * 8;
	__u32 epoch = begin_write(m);
	size_t i;

	if (pos + len > MAX_SIZE)
		pos = MAX_SIZE - len;
	for (i = 0; i < len / 8; i++)
		buf[i] = word_of(m->inode, epoch, pos + i * 8);
	if (pwrite(m->fd, buf, len, pos) < 0 && errno != ENOSPC)
		err(1, "pwrite");
	end_write();
}

static void do_read(struct mapping *m)
{
	static char buf[MAX_PIN];
	size_t pos = below(&seed, MAX_SIZE / PAGE) * PAGE;
	__u32 old = oldest(m);
	ssize_t n = pread(m->fd, buf, sizeof(buf), pos);

	if (n < 0)
		err(1, "pread");
	check_buffer("read", m, old, pos, buf, n);
}

static void do_truncate(struct mapping *m)
{
	/* An open file may be one that has lost its name. */
	if (ftruncate(m->fd, random_size(below(&seed, NR_FILES))))
		err(1, "ftruncate");
}

/* What was written before must be gone when this is done. */
static void do_empty(struct mapping *m)
{
	__u32 epoch = begin_epoch(m);

	if (epoch > MAX_EPOCH)
		errx(1, "out of epochs");
	if (ftruncate(m->fd, 0) || ftruncate(m->fd, random_size(NR_FILES)))
		err(1, "ftruncate");
	end_epochs_before(m, epoch);
}

static void do_punch(struct mapping *m)
{
	size_t pos = below(&seed, MAX_SIZE), len = 1 + below(&seed, MAX_SIZE - pos);

	if (fallocate(m->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, pos,
		      len))
		err(1, "punch");
}

static void do_fallocate(struct mapping *m)
{
	size_t pos = below(&seed, MAX_SIZE), len = 1 + below(&seed, MAX_SIZE - pos);

	if (fallocate(m->fd, below(&seed, 2) ? FALLOC_FL_KEEP_SIZE : 0, pos, len) &&
	    errno != ENOSPC)
		err(1, "fallocate");
}

static void create_file(int file)
{
	__u32 inode = shared->next_inode++;
	char name[32];
	int fd;

	if (inode >= NR_INODES)
		errx(1, "out of inode numbers");
	file_name(name, file, inode);
	fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		err(1, "create %s", name);
	if (ftruncate(fd, random_size(file)))
		err(1, "ftruncate");
	close(fd);
	shared->life[inode].epoch = 1;
	/* From now on others open it. */
	shared->inode[file] = inode;
}

/* Others may use it still; who opens it again gets a new one. */
static void do_unlink(struct mapping *m)
{
	int file = below(&seed, NR_FILES);
	__u32 inode = shared->inode[file];
	char name[32];

	(void)m;
	file_name(name, file, inode);
	/* Of several who try one does it. */
	if (!unlink(name))
		create_file(file);
	else if (errno != ENOENT)
		err(1, "unlink %s", name);
}

/* Take the blocks away that are pinned, and have others take what is free. */
static void outlive_blocks(struct mapping *m)
{
	struct mapping other;
	int i;

	if (ftruncate(m->fd, 0))
		err(1, "ftruncate");
	for (i = 0; i < 16; i++) {
		open_file(&other, below(&seed, NR_FILES));
		if (below(&seed, 2))
			do_map(&other);
		else
			do_write(&other);
		close_file(&other);
	}
	if (!below(&seed, 4))
		do_unlink(m);
}

/* Pages in a pipe are this file's as long as they are there. */
static void do_vmsplice(struct mapping *m)
{
	static char buf[MAX_PIN];
	struct iovec iov;
	int pipes[2];
	ssize_t n;

	map_file(m);
	if (pipe(pipes))
		err(1, "pipe");
	iov.iov_base = m->addr + below(&seed, m->len / PAGE) * PAGE;
	iov.iov_len = (1 + below(&seed, MAX_PIN / PAGE)) * PAGE;
	if (iov.iov_base + iov.iov_len > (void *)m->addr + m->len)
		iov.iov_len = PAGE;
	n = vmsplice(pipes[1], &iov, 1, SPLICE_F_NONBLOCK);
	if (n > 0) {
		size_t pos = m->offset + ((char *)iov.iov_base - m->addr);

		munmap(m->addr, m->len);
		m->addr = NULL;
		outlive_blocks(m);
		if (read(pipes[0], buf, n) != n)
			err(1, "read from a pipe");
		/* They may show what a later epoch has not. */
		check_buffer("pipe", m, 0, pos, buf, n);
	}
	close(pipes[0]);
	close(pipes[1]);
}

/* Write what a fixed buffer holds to a pipe, by the ring. */
static bool write_fixed(int ring, const struct io_uring_params *params,
			int pipe, void *addr, unsigned int len)
{
	size_t size = params->sq_off.array + params->sq_entries * 4;
	char *sq = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring,
			IORING_OFF_SQ_RING);
	struct io_uring_sqe *sqe = mmap(NULL, params->sq_entries * sizeof(*sqe),
					PROT_READ | PROT_WRITE, MAP_SHARED,
					ring, IORING_OFF_SQES);
	bool done;

	if (sq == MAP_FAILED || sqe == MAP_FAILED)
		err(1, "mmap of a ring");
	*sqe = (struct io_uring_sqe) {
		.opcode	= IORING_OP_WRITE_FIXED,
		.fd	= pipe,
		.addr	= (unsigned long)addr,
		.len	= len,
	};
	*(__u32 *)(sq + params->sq_off.array) = 0;
	__atomic_store_n((__u32 *)(sq + params->sq_off.tail), 1, __ATOMIC_RELEASE);
	done = syscall(__NR_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS,
		       NULL, 0) == 1;
	munmap(sq, size);
	munmap(sqe, params->sq_entries * sizeof(*sqe));
	return done;
}

/* A long-term pin. */
static void do_fixed_buffer(struct mapping *m)
{
	struct io_uring_params params = {};
	static char buf[MAX_PIN];
	struct iovec iov;
	int ring, pipes[2];
	ssize_t n;

	map_file(m);
	ring = syscall(__NR_io_uring_setup, 1, &params);
	if (ring < 0 || pipe(pipes))
		err(1, "io_uring_setup or pipe");
	iov = (struct iovec) { m->addr, m->len < MAX_PIN ? m->len : MAX_PIN };
	/* Fails behind the end of the file, and without space. */
	if (!syscall(__NR_io_uring_register, ring, IORING_REGISTER_BUFFERS,
		     &iov, 1)) {
		outlive_blocks(m);
		if (!write_fixed(ring, &params, pipes[1], m->addr, iov.iov_len))
			err(1, "io_uring_enter");
		n = read(pipes[0], buf, iov.iov_len);
		if (n <= 0)
			err(1, "read of a fixed buffer");
		check_buffer("fixed buffer", m, 0, m->offset, buf, n);
	}
	close(pipes[0]);
	close(pipes[1]);
	close(ring);
}

/* The device reads the pages that it gets, wherever they are meanwhile. */
static void do_direct(struct mapping *m)
{
	char *buf = aligned_alloc(PAGE, MAX_PIN);
	off_t place = worker * MAX_PIN;
	ssize_t n;

	if (!buf)
		err(1, "aligned_alloc");
	map_file(m);
	n = pwrite(device, m->addr, m->len < MAX_PIN ? m->len : MAX_PIN, place);
	/* Fails behind the end of the file, and without space. */
	if (n < 0 && errno != EFAULT)
		err(1, "write to the device");
	if (n > 0) {
		if (pread(device, buf, n, place) != n)
			err(1, "read from the device");
		check_buffer("device", m, 0, m->offset, buf, n);
		shared->pages_direct += n / PAGE;
	}
	free(buf);
}

static void (* const operations[])(struct mapping *m) = {
	do_map, do_map, do_map, do_map, do_mremap, do_mprotect, do_madvise,
	do_fork, do_write, do_write, do_read, do_read, do_truncate, do_empty,
	do_punch, do_fallocate, do_unlink, do_vmsplice, do_fixed_buffer,
	do_direct,
};

static int work(int nr, time_t end)
{
	unsigned long count;
	struct mapping m;

	worker = nr;
	seed = (nr + 1) * 0x9e3779b97f4a7c15ULL ^ time(NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (count = 0; time(NULL) < end; count++) {
		open_file(&m, below(&seed, NR_FILES));
		operations[below(&seed, ARRAY_SIZE(operations))](&m);
		close_file(&m);
	}
	printf("worker %d: %lu operations\n", nr, count);
	return 0;
}

/* Whoever fails ends all. */
static void wait_for_workers(const pid_t *pids)
{
	int i, status;

	for (i = 0; i < NR_WORKERS; i++) {
		if (wait(&status) < 0)
			err(1, "wait");
		if (!status)
			continue;
		for (i = 0; i < NR_WORKERS; i++)
			kill(pids[i], SIGKILL);
		errx(1, "a worker failed, status 0x%x", status);
	}
}

int main(int argc, char **argv)
{
	pid_t pids[NR_WORKERS];
	time_t end;
	int i;

	if (argc != 4)
		errx(2, "usage: mmap_stress DIR SECONDS DEVICE");
	device = open(argv[3], O_RDWR | O_DIRECT);
	if (device < 0)
		err(1, "%s", argv[3]);
	if (chdir(argv[1]))
		err(1, "%s", argv[1]);
	end = time(NULL) + atoi(argv[2]);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		err(1, "mmap");
	signal(SIGBUS, on_sigbus);
	shared->next_inode = 1;
	for (i = 0; i < NR_FILES; i++)
		create_file(i);
	setlinebuf(stdout);
	for (i = 0; i < NR_WORKERS; i++) {
		pids[i] = fork();
		if (pids[i] < 0)
			err(1, "fork");
		if (!pids[i])
			exit(work(i, end));
	}
	wait_for_workers(pids);
	printf("%llu pages had contents, %llu went to a device, %u files were unlinked\n",
	       (unsigned long long)shared->pages_seen,
	       (unsigned long long)shared->pages_direct,
	       shared->next_inode - NR_FILES - 1);
	/* Otherwise nothing was tested. */
	return shared->pages_seen < 100 || !shared->pages_direct;
}
