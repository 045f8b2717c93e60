// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hostile media, for tests that mount what this has damaged.
 *
 *	hostile damage FILE OFFSET SEED		change metadata of the region at
 *						OFFSET in FILE, such as /dev/mem
 *	hostile use DIR SEED			try everything in a mounted one
 *
 * Checksums are made to fit after the change, so that more than the first check
 * is tried. What is used may fail, but only as damage or a full region does.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../../../fs/pkernfs/media/format.h"
#include "crc32c.h"
#include "test_random.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define MAX_FILES	500	/* a damaged tree may be endless */

static __u64 seed;
static int visited;
static sigjmp_buf fault;

static void set_seed(const char *text)
{
	seed = strtoull(text, NULL, 0) * 0x9e3779b97f4a7c15ULL | 1;
}

/* A number that is more dangerous than most; @meta: the meta zone. */
static uint64_t nasty(uint64_t meta)
{
	switch (below(&seed, 6)) {
	case 0:
		return 0;
	case 1:
		return ~0ULL;
	case 2:
		return below(&seed, 512);
	case 3:
		return 1ULL << below(&seed, 64);
	case 4:
		return (meta + below(&seed, 64) * PKERNFS_BLOCK_SIZE) | below(&seed, 4);
	default:
		return seed;
	}
}

/* Where there is something, rather than the zeroes behind it. */
static uint64_t choose_place(const struct pkernfs_sb *sb)
{
	uint64_t area[PKERNFS_NR_AREAS];
	int i;

	for (i = 0; i < PKERNFS_NR_AREAS; i++)
		area[i] = le64toh(sb->area[i].start);
	switch (below(&seed, 12)) {
	case 0:
		return below(&seed, sizeof(*sb));
	case 1:
		return PKERNFS_SB_BACKUP_OFFSET + below(&seed, sizeof(*sb));
	case 2:
		return area[PKERNFS_AREA_JOURNAL] +
		       below(&seed, sizeof(struct pkernfs_journal_head));
	case 3:
		return area[PKERNFS_AREA_JOURNAL] + PKERNFS_BLOCK_SIZE +
		       below(&seed, 4) * PKERNFS_SLOT_SIZE + below(&seed, 128);
	case 4:
		return area[PKERNFS_AREA_INODE_BITMAP + below(&seed, 4)] + below(&seed, 16);
	case 5:
	case 6:
	case 7:
		return area[PKERNFS_AREA_INODES] +
		       below(&seed, 40 * PKERNFS_INODE_SIZE);
	default:
		return area[PKERNFS_AREA_META] + below(&seed, 24) * PKERNFS_BLOCK_SIZE +
		       below(&seed, below(&seed, 2) ? 256 : PKERNFS_BLOCK_SIZE);
	}
}

/* A pointer that is not obviously wrong, to where its owner has no business. */
static uint64_t stray_pointer(uint64_t meta, uint64_t meta_end)
{
	uint64_t block;

	switch (below(&seed, 4)) {
	case 0:
		block = meta + below(&seed, 64) * PKERNFS_BLOCK_SIZE;
		break;
	case 1:
		block = below(&seed, meta);
		break;
	case 2:
		block = meta_end + below(&seed, 1ULL << 30);
		break;
	default:
		block = seed;
	}
	return (block & -PKERNFS_BLOCK_SIZE) | (1 + below(&seed, 3));
}

/* In an inode that has a map, or in a block that the map leads to. */
static void damage_map(char *region, const struct pkernfs_sb *sb)
{
	uint64_t meta = le64toh(sb->area[PKERNFS_AREA_META].start);
	uint64_t meta_end = meta + le64toh(sb->area[PKERNFS_AREA_META].size);
	struct pkernfs_inode *inode = (void *)(region +
		le64toh(sb->area[PKERNFS_AREA_INODES].start));
	uint64_t offset;
	__le64 *entry;
	int tries = 1000;

	do {
		entry = inode[below(&seed, 40)].map;
	} while (!*entry && --tries);
	offset = le64toh(*entry) & ~PKERNFS_PTR_TYPE_MASK;
	if (below(&seed, 2) && offset >= meta && offset < meta_end)
		entry = (__le64 *)(region + offset) + below(&seed, 16);
	*entry = htole64(stray_pointer(meta, meta_end));
}

static void fit_csums(struct pkernfs_sb *sb)
{
	sb->csum = htole32(crc32c(~0U, &sb->version,
				  offsetof(struct pkernfs_sb, state) -
				  offsetof(struct pkernfs_sb, version)));
	sb->state.csum = htole32(crc32c(~0U, &sb->state.flags,
					sizeof(sb->state) -
					offsetof(struct pkernfs_sb_state, flags)));
}

static int damage(const char *file, uint64_t offset)
{
	struct pkernfs_sb *primary, *backup, good;
	int fd = open(file, O_RDWR), n;
	uint64_t meta, size;
	char *region;

	if (fd < 0)
		err(1, "%s", file);
	region = mmap(NULL, PKERNFS_BLOCK_SIZE, PROT_READ, MAP_SHARED, fd,
		      offset);
	if (region == MAP_FAILED)
		err(1, "mmap %s", file);
	good = *(struct pkernfs_sb *)region;
	if (le64toh(good.magic) != PKERNFS_MAGIC)
		errx(1, "no superblock at 0x%llx", (unsigned long long)offset);
	meta = le64toh(good.area[PKERNFS_AREA_META].start);
	size = meta + le64toh(good.area[PKERNFS_AREA_META].size);
	region = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
	if (region == MAP_FAILED)
		err(1, "mmap %s", file);

	for (n = 1 + below(&seed, 12); n; n--) {
		uint64_t value = nasty(meta);
		size_t len = 1 << below(&seed, 4);

		/* The last area is far from the end of what is mapped. */
		memcpy(region + (choose_place(&good) & -len), &value, len);
	}
	for (n = below(&seed, 12); n; n--)
		damage_map(region, &good);
	primary = (void *)(region + PKERNFS_SB_OFFSET);
	backup = (void *)(region + PKERNFS_SB_BACKUP_OFFSET);
	if (below(&seed, 8))
		*backup = *primary;
	fit_csums(primary);
	fit_csums(backup);
	return 0;
}

/* What a call may say about damage, a full region, or for lack of what it wants. */
static bool is_expected(int error)
{
	static const int expected[] = {
		EUCLEAN, EROFS, ENOSPC, EFBIG, ENOENT, EEXIST, ENOTEMPTY, ESTALE,
		ELOOP, EISDIR, ENOTDIR, EINVAL, EMLINK, ENXIO, ENODEV, EPERM,
		ENAMETOOLONG, EBUSY, EFAULT, EACCES,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(expected); i++) {
		if (error == expected[i])
			return true;
	}
	return false;
}

/* Judge the return value of a call. */
static void try(const char *what, const char *name, long ret)
{
	if (ret < 0 && !is_expected(errno))
		err(1, "%s %s", what, name);
}

static void on_sigbus(int sig)
{
	siglongjmp(fault, sig);
}

static void use_mapping(int fd)
{
	const size_t len = 4 << 20;
	char *addr = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	int i;

	if (addr == MAP_FAILED)
		return;
	if (!sigsetjmp(fault, 1)) {
		for (i = 0; i < 8; i++)
			__atomic_add_fetch(&addr[below(&seed, len)], 1, __ATOMIC_RELAXED);
	}
	munmap(addr, len);
}

static void use_file(const char *name)
{
	static char buf[1 << 16];
	int fd = open(name, O_RDWR | O_NONBLOCK);

	try("open", name, fd);
	if (fd < 0)
		return;
	try("read", name, pread(fd, buf, sizeof(buf), 0));
	try("read", name, pread(fd, buf, sizeof(buf), below(&seed, 64 << 20)));
	try("seek", name, lseek(fd, 0, SEEK_HOLE));
	use_mapping(fd);
	try("write", name, pwrite(fd, buf, below(&seed, sizeof(buf)), below(&seed, 16 << 20)));
	try("punch", name, fallocate(fd, FALLOC_FL_PUNCH_HOLE |
				     FALLOC_FL_KEEP_SIZE, below(&seed, 8 << 20),
				     1 + below(&seed, 8 << 20)));
	try("fallocate", name, fallocate(fd, 0, below(&seed, 8 << 20), 1 + below(&seed, 1 << 20)));
	try("truncate", name, ftruncate(fd, below(&seed, 16 << 20)));
	use_mapping(fd);
	close(fd);
}

/* New directories are visited, too, but not made inside of each other. */
static void use_dir(const char *name)
{
	char new[PATH_MAX];

	if (strstr(name, "new"))
		return;
	snprintf(new, sizeof(new), "%s/new directory", name);
	try("mkdir", new, mkdir(new, 0700));
	snprintf(new, sizeof(new), "%s/new link", name);
	try("symlink", new, symlink(name, new));
	snprintf(new, sizeof(new), "%s/new file", name);
	try("mknod", new, mknod(new, S_IFREG | 0600, 0));
}

static int visit(const char *name, const struct stat *st, int type,
		 struct FTW *ftw)
{
	char target[PATH_MAX];

	(void)ftw;
	if (++visited > MAX_FILES)
		return 1;
	try("chmod", name, S_ISLNK(st->st_mode) ? 0 : chmod(name, 0700));
	try("utimes", name, utimensat(AT_FDCWD, name, NULL, AT_SYMLINK_NOFOLLOW));
	if (type == FTW_D)
		use_dir(name);
	else if (S_ISREG(st->st_mode))
		use_file(name);
	else if (S_ISLNK(st->st_mode))
		try("readlink", name, readlink(name, target, sizeof(target)));
	snprintf(target, sizeof(target), "link%llu",
		 (unsigned long long)below(&seed, 16));
	if (type != FTW_D && !below(&seed, 3))
		try("link", name, link(name, target));
	snprintf(target, sizeof(target), "moved%llu",
		 (unsigned long long)below(&seed, 16));
	if (type != FTW_D && !below(&seed, 3))
		try("rename", name, rename(name, target));
	return 0;
}

static int delete(const char *name, const struct stat *st, int type,
		  struct FTW *ftw)
{
	(void)st;
	if (++visited > MAX_FILES)
		return 1;
	if (!ftw->level || !below(&seed, 4))
		return 0;
	try("remove", name, type == FTW_DP ? rmdir(name) : unlink(name));
	return 0;
}

/* Directories may be unreadable: nftw() says so, and goes no further. */
static int use(const char *dir)
{
	if (chdir(dir))
		err(1, "%s", dir);
	signal(SIGBUS, on_sigbus);
	try("walk", dir, nftw(".", visit, 16, FTW_PHYS));
	visited = 0;
	try("delete", dir, nftw(".", delete, 16, FTW_PHYS | FTW_DEPTH));
	printf("%d names at last\n", visited);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "damage")) {
		set_seed(argv[4]);
		return damage(argv[2], strtoull(argv[3], NULL, 0));
	}
	if (argc == 4 && !strcmp(argv[1], "use")) {
		set_seed(argv[3]);
		return use(argv[2]);
	}
	errx(2, "usage: hostile damage FILE OFFSET SEED | hostile use DIR SEED");
}
