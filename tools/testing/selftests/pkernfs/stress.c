// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many processes at once in the same directories, on the same files.
 *
 *	stress run DIR SECONDS
 *	stress verify DIR
 *
 * Names are few, so that the processes meet. Which operation comes first is
 * left to chance, and so are most results; what has to hold is
 *
 *  - An operation succeeds or fails for a reason that another process can be.
 *    EUCLEAN, EIO and the like are no such reasons.
 *  - A file shows zeroes and what was written to it, never a word of another
 *    file. Each word that is written is the file's tag, made of what stays the
 *    same for an inode and is never the same for two.
 *
 * Two more processes freeze the filesystem and mount it read-only, time and
 * again. The caller checks the filesystem afterwards. verify reads all that is
 * there, after the kernel was stopped in the middle.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/fs.h>
#include <linux/types.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test_random.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define NR_WORKERS	8
#define NR_DIRS		3
#define NR_NAMES	6
#define MAX_PATH	64
#define WORD		sizeof(__u64)
#define MAX_WRITE	(64 << 10)
#define MAX_SIZE	(5 << 20)

static __u64 seed;

/* What other processes can do to a call, and a full region. */
static bool is_usual(int err)
{
	static const int usual[] = {
		EACCES, EBUSY, EEXIST, EINVAL, EISDIR, ELOOP, EMLINK, ENOENT,
		ENOSPC, ENOTDIR, ENOTEMPTY, EROFS, EXDEV,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(usual); i++) {
		if (usual[i] == err)
			return true;
	}
	return false;
}

static bool succeeds(long result, const char *what)
{
	if (result < 0 && !is_usual(errno))
		err(1, "%s", what);
	return result >= 0;
}

static void random_path(char *path)
{
	int dir = below(&seed, NR_DIRS + 1);

	if (dir == NR_DIRS)
		snprintf(path, MAX_PATH, "n%d", (int)below(&seed, NR_NAMES));
	else
		snprintf(path, MAX_PATH, "d%d/n%d", dir, (int)below(&seed, NR_NAMES));
}

static __u64 tag_of(int fd)
{
	struct statx stx;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &stx))
		err(1, "statx");
	return (stx.stx_ino * 0x9e3779b97f4a7c15ULL) ^
	       ((__u64)stx.stx_btime.tv_sec << 30) ^ stx.stx_btime.tv_nsec;
}

static void check_words(const __u64 *words, ssize_t bytes, __u64 tag, off_t pos)
{
	ssize_t i;

	for (i = 0; i < bytes / (ssize_t)WORD; i++) {
		if (words[i] && words[i] != tag) {
			fprintf(stderr, "stress: 0x%llx at %lld of the file with tag 0x%llx\n",
				words[i], (long long)(pos + i * WORD), tag);
			exit(1);
		}
	}
}

static int open_random(int flags)
{
	char path[MAX_PATH];
	struct stat st;
	int fd;

	random_path(path);
	fd = open(path, flags | O_NOFOLLOW, 0644);
	if (!succeeds(fd, "open"))
		return -1;
	if (fstat(fd, &st))
		err(1, "fstat");
	if (S_ISREG(st.st_mode))
		return fd;
	close(fd);
	return -1;
}

static off_t random_position(void)
{
	return below(&seed, MAX_SIZE / WORD) * WORD;
}

static void do_write(void)
{
	static __u64 words[MAX_WRITE / WORD];
	size_t i, count = 1 + below(&seed, below(&seed, 2) ? 16 : ARRAY_SIZE(words));
	int fd = open_random(O_WRONLY | O_CREAT | (below(&seed, 4) ? 0 : O_APPEND));
	__u64 tag;

	if (fd < 0)
		return;
	tag = tag_of(fd);
	for (i = 0; i < count; i++)
		words[i] = tag;
	succeeds(pwrite(fd, words, count * WORD, random_position()), "write");
	close(fd);
}

static void do_read(void)
{
	static __u64 words[MAX_WRITE / WORD];
	int fd = open_random(O_RDONLY);
	off_t pos = random_position();
	ssize_t len;

	if (fd < 0)
		return;
	len = pread(fd, words, sizeof(words), pos);
	if (succeeds(len, "read"))
		check_words(words, len, tag_of(fd), pos);
	close(fd);
}

static void do_truncate(void)
{
	int fd = open_random(O_WRONLY);

	if (fd < 0)
		return;
	succeeds(ftruncate(fd, below(&seed, 3) ? random_position() : 0), "truncate");
	close(fd);
}

static void do_fallocate(void)
{
	static const int modes[] = {
		0, FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE,
	};
	int fd = open_random(O_WRONLY);

	if (fd < 0)
		return;
	succeeds(fallocate(fd, modes[below(&seed, ARRAY_SIZE(modes))],
			   random_position(), MAX_WRITE), "fallocate");
	close(fd);
}

/* A page behind the end of the file, or for which there is no room, is SIGBUS. */
static sigjmp_buf no_page;

static void on_sigbus(int signal)
{
	siglongjmp(no_page, signal);
}

static void do_map(void)
{
	int fd = open_random(O_RDWR);
	size_t len = MAX_WRITE;
	off_t pos = below(&seed, MAX_SIZE / len) * len;
	__u64 tag, word, *map;

	if (fd < 0)
		return;
	tag = tag_of(fd);
	map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, pos);
	close(fd);
	if (map == MAP_FAILED)
		err(1, "mmap");
	if (!sigsetjmp(no_page, 1)) {
		__atomic_store_n(&map[below(&seed, len / WORD)], tag, __ATOMIC_RELAXED);
		word = __atomic_load_n(&map[below(&seed, len / WORD)], __ATOMIC_RELAXED);
		check_words(&word, WORD, tag, pos);
	}
	munmap(map, len);
}

static void do_rename(void)
{
	char from[MAX_PATH], to[MAX_PATH];

	random_path(from);
	random_path(to);
	succeeds(renameat2(AT_FDCWD, from, AT_FDCWD, to, below(&seed, 3)), "rename");
}

static void do_link(void)
{
	char from[MAX_PATH], to[MAX_PATH];

	random_path(from);
	random_path(to);
	/* Of directories: EPERM. */
	if (link(from, to) && errno != EPERM)
		succeeds(-1, "link");
}

static void do_symlink(void)
{
	char from[MAX_PATH], to[MAX_PATH];

	random_path(from);
	random_path(to);
	succeeds(symlink(from, to), "symlink");
}

static void do_mkdir(void)
{
	char path[MAX_PATH];

	random_path(path);
	succeeds(mkdir(path, 0755), "mkdir");
}

static void do_remove(void)
{
	char path[MAX_PATH];

	random_path(path);
	succeeds(remove(path), "remove");
}

static void do_list(void)
{
	char path[MAX_PATH];
	DIR *dir;

	snprintf(path, sizeof(path), "d%d", (int)below(&seed, NR_DIRS));
	dir = opendir(path);
	if (!dir)
		err(1, "opendir");
	errno = 0;
	while (readdir(dir))
		;
	if (errno)
		err(1, "readdir");
	closedir(dir);
}

static void work(void)
{
	static void (*const operations[])(void) = {
		do_write, do_write, do_write, do_read, do_read, do_truncate,
		do_fallocate, do_map, do_map, do_rename, do_rename, do_link,
		do_symlink, do_mkdir, do_remove, do_remove, do_list,
	};

	operations[below(&seed, ARRAY_SIZE(operations))]();
}

static void pause_for(long milliseconds)
{
	struct timespec t = { .tv_nsec = milliseconds * 1000000 };

	nanosleep(&t, NULL);
}

/* Nobody may hold this up for long: everybody else waits. */
static void freeze(void)
{
	int fd = open(".", O_RDONLY | O_DIRECTORY);

	if (fd < 0)
		err(1, "open");
	if (succeeds(ioctl(fd, FIFREEZE, 0), "freeze")) {
		pause_for(below(&seed, 20));
		if (ioctl(fd, FITHAW, 0))
			err(1, "thaw");
	}
	close(fd);
	pause_for(below(&seed, 200));
}

/* Fails while a file is open for writing; the race is what matters. */
static void remount(void)
{
	if (succeeds(mount(NULL, ".", NULL, MS_REMOUNT | MS_RDONLY, NULL),
		     "mounting read-only"))
		pause_for(below(&seed, 20));
	while (mount(NULL, ".", NULL, MS_REMOUNT, NULL)) {
		/* Frozen: */
		if (errno != EBUSY)
			err(1, "mounting writable");
	}
	pause_for(below(&seed, 50));
}

static void repeat(void (*what)(void), unsigned int nr, time_t end)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGBUS, on_sigbus);
	seed = (time(NULL) ^ 0x1234567ULL) * (nr + 1);
	while (time(NULL) < end)
		what();
	exit(0);
}

static int run(const char *seconds)
{
	void (*const others[])(void) = { freeze, remount };
	time_t end = time(NULL) + atol(seconds);
	unsigned int i;
	char path[MAX_PATH];
	int status, failed = 0;

	for (i = 0; i < NR_DIRS; i++) {
		snprintf(path, sizeof(path), "d%u", i);
		if (mkdir(path, 0755) && errno != EEXIST)
			err(1, "mkdir");
	}
	for (i = 0; i < NR_WORKERS + ARRAY_SIZE(others); i++) {
		if (!fork())
			repeat(i < NR_WORKERS ? work : others[i - NR_WORKERS],
			       i, end);
	}
	puts("all are at work");
	fflush(stdout);
	while (wait(&status) > 0)
		failed |= status;
	return failed ? 1 : 0;
}

static int verify_file(const char *path, const struct stat *st, int type,
		       struct FTW *unused)
{
	static __u64 words[MAX_WRITE / WORD];
	off_t pos = 0;
	ssize_t len;
	__u64 tag;
	int fd;

	if (type == FTW_DNR || type == FTW_NS)
		err(1, "%s", path);
	if (!S_ISREG(st->st_mode))
		return 0;
	fd = open(path, O_RDONLY);
	if (fd < 0)
		err(1, "%s", path);
	tag = tag_of(fd);
	while ((len = read(fd, words, sizeof(words))) > 0) {
		check_words(words, len, tag, pos);
		pos += len;
	}
	if (len < 0)
		err(1, "%s", path);
	close(fd);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc < 3 || chdir(argv[2])) {
		fprintf(stderr, "usage: stress run DIR SECONDS | stress verify DIR\n");
		return 2;
	}
	if (argc == 4 && !strcmp(argv[1], "run"))
		return run(argv[3]);
	if (nftw(".", verify_file, 16, FTW_PHYS))
		err(1, "nftw");
	return 0;
}
