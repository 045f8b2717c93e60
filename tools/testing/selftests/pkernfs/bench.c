// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench TEST ROUNDS NAME=DIRECTORY...: how long operations take in each of the
 * directories, one after the other in each round, so that a noisy machine is
 * noisy for all of them. A line for each measurement says
 *
 *	TEST.OPERATION NAME NANOSECONDS
 *
 * for one operation. Of several rounds there is one before that warms up. For
 * `restore` and `mount` see there. scripts/bench.sh runs it and says what comes out.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NR_NAMES	250
#define SZ_4K		0x1000UL
#define SZ_1M		0x100000UL
#define SZ_2M		0x200000UL
#define SZ_1G		0x40000000UL
#define IO_FILE_SIZE	(32 * SZ_1M)
#define MAP_FILE_SIZE	(32 * SZ_2M)

struct target {
	const char *name;
	char *dir;
};

static const char *test_name;
static bool warming_up;

/* Now, in nanoseconds. */
static long long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static void report(const struct target *t, const char *operation, double ns)
{
	if (!warming_up)
		printf("%s.%s %s %.1f\n", test_name, operation, t->name, ns);
}

/* @count operations since @start, which was now(). Returns now(). */
static long long report_since(const struct target *t, const char *operation,
			      long long start, double count)
{
	report(t, operation, (now() - start) / count);
	return now();
}

static char *path(const char *fmt, ...)
{
	va_list args;
	char *s;

	va_start(args, fmt);
	if (vasprintf(&s, fmt, args) < 0)
		err(1, "vasprintf");
	va_end(args);
	return s;
}

/* Names are made before time is taken. */
static char **make_names(const char *dir, const char *kind, int count)
{
	char **names = calloc(count, sizeof(*names));
	int i;

	if (!names)
		err(1, "calloc");
	for (i = 0; i < count; i++)
		names[i] = path("%s/%s-%06d", dir, kind, i);
	return names;
}

static void free_names(char **names, int count)
{
	while (count--)
		free(names[count]);
	free(names);
}

static int open_file(const char *name, int flags)
{
	int fd = open(name, flags, 0644);

	if (fd < 0)
		err(1, "open %s", name);
	return fd;
}

static void create_all(char **names, int count)
{
	int i;

	for (i = 0; i < count; i++)
		close(open_file(names[i], O_CREAT | O_EXCL | O_WRONLY));
}

static void open_all(char **names, int count)
{
	int i;

	for (i = 0; i < count; i++)
		close(open_file(names[i], O_RDONLY));
}

static void stat_all(char **names, int count)
{
	struct stat st;
	int i;

	for (i = 0; i < count; i++) {
		if (stat(names[i], &st))
			err(1, "stat %s", names[i]);
	}
}

static void rename_all(char **from, char **to, int count)
{
	int i;

	for (i = 0; i < count; i++) {
		if (rename(from[i], to[i]))
			err(1, "rename %s", from[i]);
	}
}

static void unlink_all(char **names, int count)
{
	int i;

	for (i = 0; i < count; i++) {
		if (unlink(names[i]))
			err(1, "unlink %s", names[i]);
	}
}

static void mkdir_all(char **names, int count)
{
	int i;

	for (i = 0; i < count; i++) {
		if (mkdir(names[i], 0755))
			err(1, "mkdir %s", names[i]);
	}
}

static void rmdir_all(char **names, int count)
{
	int i;

	for (i = 0; i < count; i++) {
		if (rmdir(names[i]))
			err(1, "rmdir %s", names[i]);
	}
}

/* Forget all dentries and inodes that nobody uses. */
static void forget_names(void)
{
	int fd = open_file("/proc/sys/vm/drop_caches", O_WRONLY);

	if (write(fd, "2", 1) != 1)
		err(1, "drop_caches");
	close(fd);
}

/* Returns how many entries there are. */
static int read_dir(const char *dir)
{
	static char buf[32768];
	int fd = open_file(dir, O_RDONLY | O_DIRECTORY);
	long len, pos;
	int count = 0;

	while ((len = syscall(SYS_getdents64, fd, buf, sizeof(buf))) > 0) {
		for (pos = 0; pos < len; count++)
			pos += ((struct dirent64 *)(buf + pos))->d_reclen;
	}
	if (len < 0)
		err(1, "getdents64 %s", dir);
	close(fd);
	return count;
}

/* What happens to names. */
static void test_names(const struct target *t)
{
	char *dir = path("%s/names", t->dir);
	char **a = make_names(dir, "file", NR_NAMES);
	char **b = make_names(dir, "moved", NR_NAMES);
	char **d = make_names(dir, "dir", NR_NAMES);
	long long start;

	mkdir_all(&dir, 1);
	start = now();
	create_all(a, NR_NAMES);
	start = report_since(t, "create", start, NR_NAMES);
	open_all(a, NR_NAMES);
	start = report_since(t, "open", start, NR_NAMES);
	stat_all(a, NR_NAMES);
	start = report_since(t, "stat", start, NR_NAMES);
	report_since(t, "readdir", start, read_dir(dir));
	forget_names();
	start = now();
	stat_all(a, NR_NAMES);
	start = report_since(t, "stat-cold", start, NR_NAMES);
	rename_all(a, b, NR_NAMES);
	start = report_since(t, "rename", start, NR_NAMES);
	unlink_all(b, NR_NAMES);
	start = report_since(t, "unlink", start, NR_NAMES);
	mkdir_all(d, NR_NAMES);
	start = report_since(t, "mkdir", start, NR_NAMES);
	rmdir_all(d, NR_NAMES);
	report_since(t, "rmdir", start, NR_NAMES);
	rmdir_all(&dir, 1);

	free_names(a, NR_NAMES);
	free_names(b, NR_NAMES);
	free_names(d, NR_NAMES);
	free(dir);
}

/* Small files that are to last. */
static void test_small(const struct target *t)
{
	char **names = make_names(t->dir, "small", NR_NAMES);
	static char buf[SZ_4K];
	long long start = now();
	int i, fd;

	for (i = 0; i < NR_NAMES; i++) {
		fd = open_file(names[i], O_CREAT | O_EXCL | O_WRONLY);
		if (write(fd, buf, sizeof(buf)) != sizeof(buf) || fsync(fd))
			err(1, "write %s", names[i]);
		close(fd);
	}
	report_since(t, "create-4k-fsync", start, NR_NAMES);
	unlink_all(names, NR_NAMES);
	free_names(names, NR_NAMES);
}

/* report_since() with the size of the directory in the name. */
static long long report_sized(const struct target *t, const char *operation,
			      int size, long long start, double count)
{
	char *name = path("%s-%d", operation, size);

	start = report_since(t, name, start, count);
	free(name);
	return start;
}

/* The same operations on a few names more in a directory of @count. */
static void measure_directory(const struct target *t, int count)
{
	enum { MORE = 50 };
	char *dir = path("%s/with-%d", t->dir, count);
	char **names = make_names(dir, "file", count);
	char **more = make_names(dir, "more", MORE);
	long long start;

	/* Left there for the next rounds. */
	if (access(dir, F_OK)) {
		mkdir_all(&dir, 1);
		create_all(names, count);
	}
	start = now();
	create_all(more, MORE);
	report_sized(t, "create", count, start, MORE);
	forget_names();
	start = now();
	stat_all(names + count / 2, MORE);
	start = report_sized(t, "stat-cold", count, start, MORE);
	report_sized(t, "readdir", count, start, read_dir(dir));
	start = now();
	unlink_all(more, MORE);
	report_sized(t, "unlink", count, start, MORE);

	free_names(names, count);
	free_names(more, MORE);
	free(dir);
}

static void test_directory(const struct target *t)
{
	measure_directory(t, 100);
	measure_directory(t, 10000);
	measure_directory(t, 100000);
}

/* No measurement: as many files as the directory's name says. */
static void test_fill(const struct target *t)
{
	int count = atoi(strrchr(t->dir, '/') + 1);
	char **names = make_names(t->dir, "file", count);

	mkdir_all((char **)&t->dir, 1);
	create_all(names, count);
	free_names(names, count);
}

/* Offsets from all over the file, the same for all contenders. */
static off_t random_offset(unsigned int *seed, size_t size)
{
	*seed = *seed * 1103515245 + 12345;
	return (*seed >> 8) % (IO_FILE_SIZE / size) * size;
}

static void read_randomly(int fd, char *buf, size_t size, int count)
{
	unsigned int seed = 1;

	while (count--) {
		if (pread(fd, buf, size, random_offset(&seed, size)) != (ssize_t)size)
			err(1, "pread");
	}
}

static void write_randomly(int fd, char *buf, size_t size, int count)
{
	unsigned int seed = 1;

	while (count--) {
		if (pwrite(fd, buf, size, random_offset(&seed, size)) != (ssize_t)size)
			err(1, "pwrite");
	}
}

/* Write an empty file from its beginning to @end. */
static void fill_file(int fd, char *buf, size_t size, off_t end)
{
	off_t pos;

	for (pos = 0; pos < end; pos += size) {
		if (pwrite(fd, buf, size, pos) != (ssize_t)size)
			err(1, "pwrite");
	}
}

/* By system calls so short that fio's own work would hide them. */
static void test_io(const struct target *t)
{
	enum { COUNT = 500 };
	static char buf[SZ_4K];
	char *name = path("%s/io", t->dir);
	int fd = open_file(name, O_CREAT | O_RDWR | O_TRUNC);
	long long start;

	memset(buf, 1, sizeof(buf));
	start = now();
	fill_file(fd, buf, SZ_4K, IO_FILE_SIZE);
	start = report_since(t, "first-write-4k", start, IO_FILE_SIZE / SZ_4K);
	read_randomly(fd, buf, SZ_4K, COUNT);
	start = report_since(t, "read-4k", start, COUNT);
	write_randomly(fd, buf, SZ_4K, COUNT);
	start = report_since(t, "write-4k", start, COUNT);
	read_randomly(fd, buf, 64, COUNT);
	start = report_since(t, "read-64", start, COUNT);
	write_randomly(fd, buf, 64, COUNT);
	report_since(t, "write-64", start, COUNT);
	if (ftruncate(fd, 0))
		err(1, "ftruncate %s", name);
	start = now();
	fill_file(fd, buf, 64, SZ_2M);
	report_since(t, "first-write-64", start, SZ_2M / 64);
	close(fd);
	unlink_all(&name, 1);
	free(name);
}

/* One store to each 4 KiB. */
static void touch(char *p, size_t size)
{
	size_t pos;

	for (pos = 0; pos < size; pos += SZ_4K)
		__atomic_store_n(p + pos, 1, __ATOMIC_RELAXED);
}

static char *map_file(int fd, size_t size)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		err(1, "mmap");
	return p;
}

/* How long it takes to touch a mapping that has no page table yet, by @unit. */
static void touch_file(const struct target *t, const char *operation, int fd,
		       size_t size, size_t unit)
{
	char *p = map_file(fd, size);
	long long start = now();

	touch(p, size);
	report_since(t, operation, start, (double)size / unit);
	munmap(p, size);
}

static void measure_mapping(const struct target *t, size_t size, size_t unit)
{
	char *name = path("%s/mapped", t->dir);
	int fd = open_file(name, O_CREAT | O_RDWR | O_TRUNC);

	if (ftruncate(fd, size))
		err(1, "ftruncate %s", name);
	touch_file(t, "first-touch", fd, size, unit);
	touch_file(t, "touch", fd, size, unit);
	close(fd);
	unlink_all(&name, 1);
	free(name);
}

static void test_map_4k(const struct target *t)
{
	measure_mapping(t, SZ_1M, SZ_4K);
}

static void test_map_2m(const struct target *t)
{
	measure_mapping(t, MAP_FILE_SIZE, SZ_2M);
}

static void test_map_1g(const struct target *t)
{
	measure_mapping(t, SZ_1G, SZ_1G);
}

/* Time for each GiB of @gib. */
static void measure_fallocate(const struct target *t, int gib)
{
	char *name = path("%s/allocated", t->dir);
	int fd = open_file(name, O_CREAT | O_RDWR | O_TRUNC);
	long long start = now();

	if (fallocate(fd, 0, 0, gib * SZ_1G))
		err(1, "fallocate %s", name);
	report_since(t, "gib", start, gib);
	close(fd);
	unlink_all(&name, 1);
	free(name);
}

static void test_fallocate_1g(const struct target *t)
{
	measure_fallocate(t, 1);
}

static void test_fallocate_8g(const struct target *t)
{
	measure_fallocate(t, 8);
}

/* A process that makes and removes files in @dir. */
static void churn(const char *dir, int id, int rounds)
{
	enum { COUNT = 50 };
	char **names = make_names(dir, id ? "other" : "one", COUNT);

	while (rounds--) {
		create_all(names, COUNT);
		unlink_all(names, COUNT);
	}
	exit(0);
}

/* Time for a pair of operations when @n processes use @nr_dirs directories. */
static void measure_processes(const struct target *t, const char *operation,
			      char **dirs, int nr_dirs, int n)
{
	enum { ROUNDS = 20, OPERATIONS = 50 * ROUNDS };
	long long start = now();
	int i;

	for (i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid < 0)
			err(1, "fork");
		if (!pid)
			churn(dirs[i % nr_dirs], i, ROUNDS);
	}
	for (i = 0; i < n; i++) {
		int status;

		if (wait(&status) < 0 || status)
			errx(1, "a process failed");
	}
	report_since(t, operation, start, (double)n * OPERATIONS);
}

static void test_processes(const struct target *t)
{
	char **dirs = make_names(t->dir, "processes", 2);

	mkdir_all(dirs, 2);
	measure_processes(t, "one", dirs, 1, 1);
	measure_processes(t, "two-directories", dirs, 2, 2);
	measure_processes(t, "same-directory", dirs, 1, 2);
	rmdir_all(dirs, 2);
	free_names(dirs, 2);
}

/* What no filesystem can be faster than. */
static void test_limit(const struct target *t)
{
	enum { COUNT = 500 };
	static char from[SZ_1M], to[SZ_1M];
	long long start;
	char *p;
	int i;

	memset(from, 1, sizeof(from));
	start = now();
	for (i = 0; i < 32; i++)
		memcpy(to, from, SZ_1M);
	start = report_since(t, "memcpy-1m", start, 32);
	for (i = 0; i < COUNT; i++)
		memcpy(to + i % 200 * SZ_4K, from, SZ_4K);
	start = report_since(t, "memcpy-4k", start, COUNT);
	for (i = 0; i < COUNT; i++)
		syscall(SYS_getppid);
	report_since(t, "system-call", start, COUNT);

	p = mmap(NULL, SZ_1M, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		err(1, "mmap");
	start = now();
	touch(p, SZ_1M);
	report_since(t, "page-fault-4k", start, SZ_1M / SZ_4K);
	munmap(p, SZ_1M);
}

/*
 * For this one DIRECTORY is TYPE:SOURCE:OPTIONS, and mounted on /mnt/bench. What
 * is measured is the system call.
 */
static void test_mount(const struct target *t)
{
	char *spec = strdup(t->dir), *rest = spec;
	const char *type = strsep(&rest, ":"), *source = strsep(&rest, ":");
	long long start;

	start = now();
	if (mount(source, "/mnt/bench", type, 0, rest))
		err(1, "mount %s", t->dir);
	start = report_since(t, "mount", start, 1);
	if (umount("/mnt/bench"))
		err(1, "umount %s", t->dir);
	report_since(t, "umount", start, 1);
	free(spec);
}

/*
 * Let the kernel make a device anew, with the struct pages of its memory. Returns
 * how long that takes.
 */
static long long rebind(const struct target *t, const char *device)
{
	static const char * const files[] = {
		"/sys/bus/nd/drivers/nd_pmem/unbind", "/sys/bus/nd/drivers/nd_pmem/bind",
	};
	long long start = 0;
	int i, fd;

	for (i = 0; i < 2; i++) {
		fd = open_file(files[i], O_WRONLY);
		start = now();
		if (write(fd, device, strlen(device)) < 0)
			err(1, "%s", files[i]);
		close(fd);
	}
	return report_since(t, "device", start, 1) - start;
}

/*
 * For this one, too, but TYPE:SOURCE:OPTIONS:FILE[:DEVICE]. What it takes until all
 * of the file is mapped and has been touched, the device's making included.
 */
static void test_restore(const struct target *t)
{
	char *spec = strdup(t->dir), *rest = spec;
	const char *type = strsep(&rest, ":"), *source = strsep(&rest, ":");
	const char *options = strsep(&rest, ":");
	char *name = path("/mnt/bench/%s", strsep(&rest, ":")), *p;
	long long begin, start;
	struct stat st;
	int fd;

	begin = rest ? -rebind(t, rest) : 0;
	start = now();
	begin += start;
	if (mount(source, "/mnt/bench", type, 0, options))
		err(1, "mount %s", t->dir);
	start = report_since(t, "mount", start, 1);
	fd = open_file(name, O_RDWR);
	if (fstat(fd, &st))
		err(1, "fstat %s", name);
	p = map_file(fd, st.st_size);
	start = report_since(t, "map", start, 1);
	touch(p, st.st_size);
	report_since(t, "touch", start, 1);
	report_since(t, "all", begin, 1);
	munmap(p, st.st_size);
	close(fd);
	if (umount("/mnt/bench"))
		err(1, "umount %s", t->dir);
	free(name);
	free(spec);
}

static const struct {
	const char *name;
	void (*run)(const struct target *t);
} tests[] = {
	{ "names",	test_names },
	{ "small",	test_small },
	{ "directory",	test_directory },
	{ "fill",	test_fill },
	{ "io",		test_io },
	{ "map-4k",	test_map_4k },
	{ "map-2m",	test_map_2m },
	{ "map-1g",	test_map_1g },
	{ "fallocate-1g", test_fallocate_1g },
	{ "fallocate-8g", test_fallocate_8g },
	{ "processes",	test_processes },
	{ "limit",	test_limit },
	{ "mount",	test_mount },
	{ "restore",	test_restore },
};

static void (*find_test(const char *name))(const struct target *t)
{
	size_t i;

	for (i = 0; i < sizeof(tests) / sizeof(*tests); i++) {
		if (!strcmp(tests[i].name, name))
			return tests[i].run;
	}
	errx(2, "there is no test %s", name);
}

int main(int argc, char **argv)
{
	void (*run)(const struct target *t);
	struct target t;
	int round, rounds, i;

	if (argc < 4)
		errx(2, "usage: bench TEST ROUNDS NAME=DIRECTORY...");
	test_name = argv[1];
	run = find_test(test_name);
	rounds = atoi(argv[2]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (round = rounds > 1 ? 0 : 1; round <= rounds; round++) {
		warming_up = round == 0;
		for (i = 3; i < argc; i++) {
			t.name = argv[i];
			t.dir = strchr(argv[i], '=');
			if (!t.dir)
				errx(2, "%s is no NAME=DIRECTORY", argv[i]);
			*t.dir = '\0';
			t.dir++;
			run(&t);
			t.dir[-1] = '=';
		}
	}
	return 0;
}
