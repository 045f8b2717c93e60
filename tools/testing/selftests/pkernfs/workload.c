// SPDX-License-Identifier: GPL-2.0-only
/*
 * A random workload, and the proof that nothing of it was lost or torn after the
 * kernel stopped in the middle of it.
 *
 *	workload run DIR SEED [SECONDS]
 *	workload verify DIR
 *
 * Several processes work in DIR until the time is over or they are killed. Each
 * has its own names, but in directories that they share. A file is built in
 * DIR/tmp by all the ways there are to change data, with a copy in memory that
 * says what it must contain. Then it gets a header with its length and the CRC
 * of its content, and a name in DIR/tree. So every file with such a name
 * describes itself, while what is in DIR/tmp after a crash may be anything that
 * can be read.
 *
 * DIR/ledger.N says what process N has in DIR/tree. The process announces there
 * which names it will change, changes them, and ticks the announcement off. This
 * is how verify knows that each finished operation is there, and that the one
 * that was interrupted is wholly there or wholly absent.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/types.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "crc32c.h"
#include "test_random.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define NR_WORKERS	2
#define NR_DIRS		4
#define NR_NAMES	16	/* in each directory and outside of them */
#define NR_ENTRIES	(NR_DIRS + (1 + NR_DIRS) * NR_NAMES)
#define MAX_CHANGES	(2 + 2 * NR_NAMES)
#define MAX_SIZE	(5 << 20)
#define MAX_TARGET	2000	/* bytes behind the two numbers in a link's text */
#define MAX_PATH	512
#define OLD_TIMES	1000000000	/* seconds; set, not of a clock */
#define MAGIC		0x64616f6c6b726f77ULL

/* What an entry is: an object's number, unique in its process, or one of these. */
enum { ABSENT, DIRECTORY, EMPTY_FILE, FIRST_OBJECT };

struct header {
	__u64 magic;
	__u64 object;
	__u64 length;
	__u32 worker;
	__u32 crc;	/* of the whole file, this being 0 */
};

struct change {
	__u64 entry;
	__u64 before;
	__u64 after;
};

struct operation {
	__u64 seq;
	__u32 nr;
	__u32 crc;	/* of the rest */
	struct change change[MAX_CHANGES];
};

/*
 * The table is right but for the entries of a valid operation. An operation that
 * is not valid was not begun, hence the table is right. @done is the low byte of
 * the last operation that ended, since only a byte cannot be torn.
 */
struct ledger {
	struct operation op;
	__u64 seq;
	__u64 table[NR_ENTRIES];
	__u8 done;
};

struct worker {
	__u32 nr;
	int fd;
	struct ledger ledger;
	__u64 random;
	__u8 *data;	/* what the file that is being built contains */
	size_t len;	/* from here on @data is zeroes */
};

/* Names of very different lengths, the same for an entry at all times. */
static char *path_of(const struct worker *w, unsigned int entry, char *path)
{
	unsigned int place, name;
	int len;

	if (entry < NR_DIRS) {
		sprintf(path, "tree/%u.dir%u", w->nr, entry);
		return path;
	}
	place = (entry - NR_DIRS) / NR_NAMES;
	name = (entry - NR_DIRS) % NR_NAMES;
	len = place ? sprintf(path, "tree/%u.dir%u/", w->nr, place - 1) :
		      sprintf(path, "tree/");
	len += sprintf(path + len, "%u.%u", w->nr, name);
	memset(path + len, 'x', name * name);
	path[len + name * name] = '\0';
	return path;
}

static unsigned int entry_in(unsigned int dir, unsigned int name)
{
	return NR_DIRS + (1 + dir) * NR_NAMES + name;
}

/* What a name is that must exist: read from the header or the link's text. */
static __u64 object_at(const char *path, const struct stat *st)
{
	struct header header;
	char text[24] = "";
	int fd;

	if (S_ISDIR(st->st_mode))
		return DIRECTORY;
	if (S_ISLNK(st->st_mode)) {
		if (readlink(path, text, sizeof(text) - 1) < 0)
			err(1, "readlink %s", path);
		return strtoull(text, NULL, 10);
	}
	if (!st->st_size)
		return EMPTY_FILE;
	fd = open(path, O_RDONLY);
	if (fd < 0)
		err(1, "open %s", path);
	if (read(fd, &header, sizeof(header)) != sizeof(header))
		header.object = ABSENT;
	close(fd);
	return header.object;
}

static __u64 find_entry(const struct worker *w, unsigned int entry)
{
	char path[MAX_PATH];
	struct stat st;

	if (lstat(path_of(w, entry, path), &st)) {
		if (errno != ENOENT)
			err(1, "stat %s", path);
		return ABSENT;
	}
	return object_at(path, &st);
}

/* The ledger. */

static __u32 crc_of(const struct operation *op)
{
	struct operation copy = *op;

	copy.crc = 0;
	return crc32c(~0U, &copy, sizeof(copy));
}

static bool is_valid(const struct operation *op)
{
	return op->seq && op->nr <= MAX_CHANGES && op->crc == crc_of(op);
}

static bool is_done(const struct ledger *l)
{
	return l->done == (__u8)l->op.seq;
}

/* A ledger that is not there, or not yet in full, means that nothing was done. */
static bool read_ledger(struct worker *w)
{
	char path[32];

	sprintf(path, "ledger.%u", w->nr);
	w->fd = open(path, O_RDWR);
	if (w->fd < 0 && errno != ENOENT)
		err(1, "open %s", path);
	if (w->fd >= 0 &&
	    pread(w->fd, &w->ledger, sizeof(w->ledger), 0) == sizeof(w->ledger))
		return true;
	memset(&w->ledger, 0, sizeof(w->ledger));
	return false;
}

static void create_ledger(struct worker *w)
{
	char path[32];

	sprintf(path, "ledger.%u", w->nr);
	w->fd = open(path, O_RDWR | O_CREAT, 0600);
	if (w->fd < 0 || ftruncate(w->fd, sizeof(w->ledger)))
		err(1, "create %s", path);
}

static void write_ledger(struct worker *w, const void *part, size_t len)
{
	size_t offset = (const __u8 *)part - (const __u8 *)&w->ledger;

	if (pwrite(w->fd, part, len, offset) != (ssize_t)len)
		err(1, "write to ledger %u", w->nr);
}

static void begin(struct worker *w)
{
	struct operation *op = &w->ledger.op;

	memset(op, 0, sizeof(*op));
	op->seq = w->ledger.seq + 1;
}

static void plan(struct worker *w, unsigned int entry, __u64 after)
{
	struct operation *op = &w->ledger.op;

	op->change[op->nr++] = (struct change) {
		.entry	= entry,
		.before	= w->ledger.table[entry],
		.after	= after,
	};
}

static void announce(struct worker *w)
{
	w->ledger.op.crc = crc_of(&w->ledger.op);
	write_ledger(w, &w->ledger.op, sizeof(w->ledger.op));
}

/* @result is that of the system call that did all of it, or nothing. */
static void finish(struct worker *w, int result)
{
	struct ledger *l = &w->ledger;
	char path[MAX_PATH];
	__u32 i;

	if (result && errno != ENOSPC)
		err(1, "operation %llu of process %u, on %s", l->op.seq, w->nr,
		    path_of(w, l->op.change[0].entry, path));
	if (!result) {
		l->done = l->op.seq;
		write_ledger(w, &l->done, sizeof(l->done));
		for (i = 0; i < l->op.nr; i++) {
			struct change *c = &l->op.change[i];

			l->table[c->entry] = c->after;
			write_ledger(w, &l->table[c->entry], sizeof(__u64));
		}
	}
	l->seq = l->op.seq;
	write_ledger(w, &l->seq, sizeof(l->seq));
}

/* Bring the table up to date: the operation may have been interrupted. */
static void settle(struct worker *w)
{
	struct ledger *l = &w->ledger;
	__u32 i;

	if (!is_valid(&l->op))
		return;
	for (i = 0; i < l->op.nr; i++) {
		__u64 entry = l->op.change[i].entry;

		l->table[entry] = find_entry(w, entry);
		write_ledger(w, &l->table[entry], sizeof(__u64));
	}
	l->seq = l->op.seq;
	write_ledger(w, &l->seq, sizeof(l->seq));
}

/* Building a file. These return false when there is no space. */

static bool done(int result, const char *what)
{
	if (result && errno != ENOSPC)
		err(1, "%s", what);
	return !result;
}

static bool write_at(int fd, const void *data, size_t len, off_t pos)
{
	while (len) {
		ssize_t n = pwrite(fd, data, len, pos);

		if (n <= 0)
			return done(-1, "write");
		data += n;
		pos += n;
		len -= n;
	}
	return true;
}

static bool append(int fd, const void *data, size_t len)
{
	bool ok;

	if (fcntl(fd, F_SETFL, O_APPEND))
		err(1, "fcntl");
	ok = write_at(fd, data, len, 0);
	if (fcntl(fd, F_SETFL, 0))
		err(1, "fcntl");
	return ok;
}

static void grow(struct worker *w, size_t len)
{
	if (w->len < len)
		w->len = len;
}

static void fill(struct worker *w, size_t pos, size_t len)
{
	while (len) {
		__u64 word = next_random(&w->random);
		size_t n = len < sizeof(word) ? len : sizeof(word);

		memcpy(w->data + pos, &word, n);
		pos += n;
		len -= n;
	}
}

static bool change_written(struct worker *w, int fd, size_t pos, size_t len)
{
	bool at_end = below(&w->random, 2);

	if (at_end)
		pos = w->len;
	if (len > MAX_SIZE - pos)
		len = MAX_SIZE - pos;
	fill(w, pos, len);
	grow(w, pos + len);
	return at_end ? append(fd, w->data + pos, len) :
			write_at(fd, w->data + pos, len, pos);
}

static bool change_size(struct worker *w, int fd, size_t size)
{
	if (size < w->len)
		memset(w->data + size, 0, w->len - size);
	w->len = size;
	return done(ftruncate(fd, size), "ftruncate");
}

static bool change_blocks(struct worker *w, int fd, size_t pos, size_t len)
{
	static const int modes[] = {
		0,
		FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_ZERO_RANGE,
		FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
	};
	int mode = modes[below(&w->random, ARRAY_SIZE(modes))];

	if (!(mode & FALLOC_FL_KEEP_SIZE))
		grow(w, pos + len);
	if (mode & ~FALLOC_FL_KEEP_SIZE && pos < w->len)
		memset(w->data + pos, 0,
		       len < w->len - pos ? len : w->len - pos);
	return done(fallocate(fd, mode, pos, len), "fallocate");
}

/* Small files mostly, in small blocks; some in blocks of the data zone. */
static size_t choose_size(struct worker *w)
{
	static const size_t limits[] = {
		512, 512, 4096, 4096, 4096, 20000, 20000, 65536, 65536, 300000,
	};
	size_t limit = limits[below(&w->random, ARRAY_SIZE(limits))];

	return 1 + below(&w->random, below(&w->random, 40) ? limit : MAX_SIZE);
}

static bool change_data(struct worker *w, int fd)
{
	size_t limit = choose_size(w), i;
	bool ok = true;

	memset(w->data, 0, w->len);
	w->len = 0;
	for (i = 1 + below(&w->random, 6); ok && i; i--) {
		size_t pos = below(&w->random, limit), len = 1 + below(&w->random, limit - pos);

		switch (below(&w->random, 4)) {
		case 0:
			ok = change_size(w, fd, pos);
			break;
		case 1:
			ok = change_blocks(w, fd, pos, len);
			break;
		default:
			ok = change_written(w, fd, pos, len);
		}
	}
	return ok;
}

static bool write_header(struct worker *w, int fd, __u64 object)
{
	struct header *header = (struct header *)w->data;

	grow(w, sizeof(*header));
	*header = (struct header) {
		.magic	= MAGIC,
		.object	= object,
		.length	= w->len,
		.worker	= w->nr,
	};
	header->crc = crc32c(~0U, w->data, w->len);
	return write_at(fd, header, sizeof(*header), 0);
}

static int open_temporary(struct worker *w, char *path)
{
	int fd;

	if (below(&w->random, 2)) {
		sprintf(path, "tmp/%u", w->nr);
		fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	} else {
		*path = '\0';
		fd = open("tmp", O_RDWR | O_TMPFILE, 0600);
	}
	if (fd < 0 && errno != ENOSPC)
		err(1, "create a temporary file");
	return fd;
}

static int link_file(int fd, const char *path)
{
	char self[32];

	sprintf(self, "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW);
}

/* Operations on names. */

static bool is_usable(const struct worker *w, unsigned int entry)
{
	unsigned int place = (entry - NR_DIRS) / NR_NAMES;

	return !place || w->ledger.table[place - 1];
}

/* A random name that exists, or one that does not; 0 if none was met. */
static unsigned int pick(struct worker *w, bool existing)
{
	int tries;

	for (tries = 0; tries < 32; tries++) {
		unsigned int entry = NR_DIRS + below(&w->random, NR_ENTRIES - NR_DIRS);

		if (is_usable(w, entry) && !!w->ledger.table[entry] == existing)
			return entry;
	}
	return 0;
}

/* A file with a temporary name, or without any, gets its own one. */
static void publish(struct worker *w, int fd, const char *temporary,
		    __u64 object)
{
	/* linkat() replaces nothing. */
	unsigned int entry = pick(w, *temporary && below(&w->random, 2));
	char path[MAX_PATH];

	if (!entry)
		return;
	path_of(w, entry, path);
	plan(w, entry, object);
	announce(w);
	finish(w, *temporary ? rename(temporary, path) : link_file(fd, path));
}

static void do_file(struct worker *w)
{
	char temporary[32];
	int fd = open_temporary(w, temporary);
	__u64 object;
	bool ok = true;

	if (fd < 0)
		return;
	begin(w);
	object = FIRST_OBJECT + w->ledger.op.seq;
	if (below(&w->random, 16))
		ok = change_data(w, fd) && write_header(w, fd, object);
	else
		object = EMPTY_FILE;
	/* Some never get a name. */
	if (ok && below(&w->random, 8))
		publish(w, fd, temporary, object);
	if (*temporary && unlink(temporary) && errno != ENOENT)
		err(1, "unlink %s", temporary);
	/* Here files without a name are deleted. */
	close(fd);
}

static void do_symlink(struct worker *w)
{
	unsigned int entry = pick(w, false), pad = below(&w->random, MAX_TARGET), len;
	char path[MAX_PATH], target[MAX_TARGET + 64];

	if (!entry)
		return;
	begin(w);
	len = sprintf(target, "%llu.%u.", FIRST_OBJECT + w->ledger.op.seq, pad);
	memset(target + len, 'x', pad);
	target[len + pad] = '\0';
	plan(w, entry, FIRST_OBJECT + w->ledger.op.seq);
	announce(w);
	finish(w, symlink(target, path_of(w, entry, path)));
}

static void do_link(struct worker *w)
{
	unsigned int from = pick(w, true), to = pick(w, false);
	char from_path[MAX_PATH], to_path[MAX_PATH];

	if (!from || !to)
		return;
	begin(w);
	plan(w, to, w->ledger.table[from]);
	announce(w);
	finish(w, link(path_of(w, from, from_path), path_of(w, to, to_path)));
}

static void do_rename(struct worker *w)
{
	unsigned int from = pick(w, true), to = pick(w, below(&w->random, 2));
	char from_path[MAX_PATH], to_path[MAX_PATH];
	bool exchange = below(&w->random, 2);

	/* Nothing happens to two names of one file. */
	if (!from || !to || w->ledger.table[from] == w->ledger.table[to])
		return;
	exchange = exchange && w->ledger.table[to];
	begin(w);
	plan(w, from, exchange ? w->ledger.table[to] : ABSENT);
	plan(w, to, w->ledger.table[from]);
	announce(w);
	finish(w, renameat2(AT_FDCWD, path_of(w, from, from_path),
			    AT_FDCWD, path_of(w, to, to_path),
			    exchange ? RENAME_EXCHANGE : 0));
}

static void remove_entry(struct worker *w, unsigned int entry)
{
	char path[MAX_PATH];

	begin(w);
	plan(w, entry, ABSENT);
	announce(w);
	finish(w, remove(path_of(w, entry, path)));
}

static void do_unlink(struct worker *w)
{
	unsigned int entry = pick(w, true);

	if (entry)
		remove_entry(w, entry);
}

/* Make a directory, or remove it with all that is in it. */
static void do_directory(struct worker *w)
{
	unsigned int dir = below(&w->random, NR_DIRS), i;
	char path[MAX_PATH];

	if (w->ledger.table[dir]) {
		for (i = 0; i < NR_NAMES; i++) {
			if (w->ledger.table[entry_in(dir, i)])
				remove_entry(w, entry_in(dir, i));
		}
		remove_entry(w, dir);
		return;
	}
	begin(w);
	plan(w, dir, DIRECTORY);
	announce(w);
	finish(w, mkdir(path_of(w, dir, path), 0700));
}

/* Move a directory with all that is in it. */
static void do_move(struct worker *w)
{
	unsigned int from = below(&w->random, NR_DIRS), to = below(&w->random, NR_DIRS), i;
	char from_path[MAX_PATH], to_path[MAX_PATH];

	if (!w->ledger.table[from] || w->ledger.table[to])
		return;
	begin(w);
	plan(w, from, ABSENT);
	plan(w, to, DIRECTORY);
	for (i = 0; i < NR_NAMES; i++) {
		plan(w, entry_in(to, i), w->ledger.table[entry_in(from, i)]);
		plan(w, entry_in(from, i), ABSENT);
	}
	announce(w);
	finish(w, rename(path_of(w, from, from_path), path_of(w, to, to_path)));
}

/* The seconds that a file's time is set to say what its nanoseconds must be. */
static long nanoseconds_of(__u64 seconds)
{
	return seconds * 2654435761U % 1000000000;
}

static const mode_t modes[] = { 0600, 0640, 0644, 0755, 0711 };

static void do_attributes(struct worker *w)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_NOW } };
	unsigned int entry = pick(w, true);
	char path[MAX_PATH];
	struct stat st;

	if (!entry)
		return;
	if (lstat(path_of(w, entry, path), &st))
		err(1, "stat %s", path);
	times[1].tv_sec = below(&w->random, OLD_TIMES);
	times[1].tv_nsec = nanoseconds_of(times[1].tv_sec);
	if (utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW))
		err(1, "utimensat %s", path);
	if (S_ISREG(st.st_mode) &&
	    chmod(path, modes[below(&w->random, ARRAY_SIZE(modes))]))
		err(1, "chmod %s", path);
}

static void do_something(struct worker *w)
{
	static void (* const actions[])(struct worker *w) = {
		do_file, do_file, do_file, do_file, do_file, do_file,
		do_symlink, do_link, do_link, do_rename, do_rename, do_rename,
		do_unlink, do_unlink, do_directory, do_move, do_attributes,
	};

	actions[below(&w->random, ARRAY_SIZE(actions))](w);
}

/* Milliseconds. */
static __u64 now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

static void work(__u32 nr, __u64 seed, __u64 until)
{
	struct worker w = { .nr = nr };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	w.random = ((seed + 1) * 0x9e3779b97f4a7c15ULL) ^ (nr + 1);
	w.data = calloc(1, MAX_SIZE);
	if (!w.data)
		err(1, "no memory");
	if (!read_ledger(&w))
		create_ledger(&w);
	settle(&w);
	while (!until || now() < until)
		do_something(&w);
	exit(0);
}

/* What is left from before a crash. */
static int remove_temporary(const char *path, const struct stat *st, int type,
			    struct FTW *ftw)
{
	if (type == FTW_F && unlink(path))
		err(1, "unlink %s", path);
	return 0;
}

static int run(__u64 seed, __u64 seconds)
{
	__u64 until = seconds ? now() + seconds * 1000 : 0;
	int i, status;

	if ((mkdir("tree", 0700) && errno != EEXIST) ||
	    (mkdir("tmp", 0700) && errno != EEXIST))
		err(1, "mkdir");
	if (nftw("tmp", remove_temporary, 16, FTW_PHYS))
		err(1, "read tmp");
	printf("seed %llu, %d processes\n", seed, NR_WORKERS);
	fflush(stdout);
	for (i = 0; i < NR_WORKERS; i++) {
		pid_t pid = fork();

		if (pid < 0)
			err(1, "fork");
		if (!pid)
			work(i, seed, until);
	}
	/* When one fails the other ones end with this process. */
	for (i = 0; i < NR_WORKERS; i++) {
		if (wait(&status) < 0 || status)
			return 1;
	}
	return 0;
}

/* Verifying. */

static struct {
	unsigned int files, symlinks, dirs, temporary, wrong;
} found;

static void wrong(const char *path, const char *format, ...)
{
	va_list args;

	found.wrong++;
	va_start(args, format);
	printf("%s: ", path);
	vprintf(format, args);
	printf("\n");
	va_end(args);
}

/* All of a file, and one byte more to see that there is none. */
static bool read_all(const char *path, char *data, size_t size)
{
	int fd = open(path, O_RDONLY);
	size_t len = 0;
	ssize_t n = fd;

	while (n >= 0) {
		n = read(fd, data + len, size + 1 - len);
		if (n <= 0)
			break;
		len += n;
	}
	if (n < 0)
		wrong(path, "cannot be read: %s", strerror(errno));
	else if (len != size)
		wrong(path, "has %zu bytes, its size is %zu", len, size);
	if (fd >= 0)
		close(fd);
	return !n && len == size;
}

static void check_content(const char *path, void *data, size_t size)
{
	struct header *header = data;
	__u32 crc;

	if (size < sizeof(*header) || header->magic != MAGIC) {
		wrong(path, "has no header");
		return;
	}
	crc = header->crc;
	header->crc = 0;
	if (header->length != size)
		wrong(path, "was written with %llu bytes, has %zu",
		      header->length, size);
	else if (crc != crc32c(~0U, data, size))
		wrong(path, "checksum is 0x%x, expected 0x%x",
		      crc32c(~0U, data, size), crc);
}

static void check_attributes(const char *path, const struct stat *st)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(modes) && (st->st_mode & 07777) != modes[i])
		i++;
	if (i == ARRAY_SIZE(modes))
		wrong(path, "has mode 0%o", st->st_mode);
	if (st->st_mtim.tv_sec < OLD_TIMES &&
	    st->st_mtim.tv_nsec != nanoseconds_of(st->st_mtim.tv_sec))
		wrong(path, "has half of a time, %lld.%09ld",
		      (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
}

static void check_file(const char *path, const struct stat *st, bool published)
{
	char *data = malloc(st->st_size + 1);

	if (!data)
		err(1, "no memory for %s", path);
	if (published) {
		found.files++;
		check_attributes(path, st);
	} else {
		found.temporary++;
	}
	if (read_all(path, data, st->st_size) && published && st->st_size)
		check_content(path, data, st->st_size);
	free(data);
}

static void check_symlink(const char *path)
{
	char target[MAX_TARGET + 64], pad[MAX_TARGET + 64] = "";
	ssize_t len = readlink(path, target, sizeof(target) - 1);
	size_t pad_len = 0;

	found.symlinks++;
	if (len < 0) {
		wrong(path, "cannot be read: %s", strerror(errno));
		return;
	}
	target[len] = '\0';
	if (sscanf(target, "%*u.%zu.%s", &pad_len, pad) < 1 ||
	    pad_len != strlen(pad) || pad_len != strspn(pad, "x"))
		wrong(path, "leads to %.60s", target);
}

static int visit(const char *path, const struct stat *st, int type,
		 struct FTW *ftw)
{
	bool published = !strncmp(path, "./tree/", 7);

	if (type == FTW_NS || type == FTW_DNR)
		wrong(path, "cannot be read: %s", strerror(errno));
	else if (type == FTW_SL && published)
		check_symlink(path);
	else if (type == FTW_D && published)
		found.dirs++;
	else if (type == FTW_F && (published || !strncmp(path, "./tmp/", 6)))
		check_file(path, st, published);
	return 0;
}

/*
 * An operation that did not end was not begun, or has happened as a whole: then
 * the table becomes what it should have been.
 */
static bool is_absent(const struct worker *w)
{
	const struct operation *op = &w->ledger.op;
	__u32 i;

	if (is_done(&w->ledger))
		return false;
	for (i = 0; i < op->nr; i++) {
		if (find_entry(w, op->change[i].entry) != op->change[i].before)
			return false;
	}
	return true;
}

static bool expect_operation(struct worker *w)
{
	const struct operation *op = &w->ledger.op;
	bool absent;
	__u32 i;

	if (!is_valid(op))
		return false;
	absent = is_absent(w);
	for (i = 0; i < op->nr; i++)
		w->ledger.table[op->change[i].entry] =
			absent ? op->change[i].before : op->change[i].after;
	return !is_done(&w->ledger);
}

static void check_entries(const struct worker *w, unsigned int *names)
{
	char path[MAX_PATH];
	unsigned int i;

	for (i = 0; i < NR_ENTRIES; i++) {
		__u64 expected = w->ledger.table[i], is = find_entry(w, i);

		if (is != expected)
			wrong(path_of(w, i, path), "is object %llu, expected %llu",
			      is, expected);
		*names += !!is;
	}
}

static int verify(void)
{
	unsigned int names = 0, interrupted = 0;
	__u64 operations = 0;
	__u32 i;

	if (nftw(".", visit, 16, FTW_PHYS))
		err(1, "walk");
	for (i = 0; i < NR_WORKERS; i++) {
		struct worker w = { .nr = i };

		if (!read_ledger(&w))
			continue;
		interrupted += expect_operation(&w);
		check_entries(&w, &names);
		operations += w.ledger.seq;
	}
	if (names != found.files + found.symlinks + found.dirs)
		wrong("tree", "has %u files, %u symlinks, %u directories; expected are %u names",
		      found.files, found.symlinks, found.dirs, names);
	printf("%u files, %u symlinks, %u directories, %u temporary; ",
	       found.files, found.symlinks, found.dirs, found.temporary);
	printf("%llu operations, %u interrupted; %u wrong\n",
	       operations, interrupted, found.wrong);
	return !!found.wrong;
}

static void usage(void)
{
	fprintf(stderr, "run DIR SEED [SECONDS], or verify DIR, is expected\n");
	exit(2);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		usage();
	umask(0);
	if (chdir(argv[2]))
		err(1, "%s", argv[2]);
	if (argc == 3 && !strcmp(argv[1], "verify"))
		return verify();
	if (argc < 4 || argc > 5 || strcmp(argv[1], "run"))
		usage();
	return run(strtoull(argv[3], NULL, 10),
		   argc == 5 ? strtoull(argv[4], NULL, 10) : 0);
}
