// SPDX-License-Identifier: GPL-2.0-only
/*
 * Golden images: small regions that older versions of pkernfs wrote, and that
 * all later ones must read. This makes one from today's format, and lists what
 * a user sees in one.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/sizes.h>
#include <linux/stat.h>
#include <linux/string.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness.h"
#include "../../pkernfs/image.h"

/* One transaction is interrupted, one open file is without a name. */
static int make(const char *path)
{
	static const struct region_options options = {
		.data_blocks = 2, .small_size = SZ_64K, .inodes = 64,
	};
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644), err;
	struct pkernfs_tx tx;
	struct fs fs;
	FILE *file;

	file = fd < 0 ? NULL : fdopen(fd, "w");
	if (!file)
		return EXIT_FAILURE;
	region_create(&fs, &options);
	populate(&fs);
	fs.m.state.mounts = 3;
	fs.m.state.generation = 2;
	pkernfs_sb_write_state(&fs.m);
	err = pkernfs_tx_begin(&fs.m, &tx) ?:
	      pkernfs_dir_remove(&tx, PKERNFS_ROOT_INO, "small", 5);
	if (!err && fwrite(fs.m.base, fs.m.size, 1, file) != 1)
		err = -EIO;
	if (fclose(file))
		err = -EIO;
	pkernfs_tx_abort(&tx);
	region_destroy(&fs);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}

static u64 sum(u64 hash, const void *p, u64 len)
{
	const u8 *s = p;

	while (len--)
		hash = (hash ^ *s++) * 0x100000001b3ULL;
	return hash;
}

static u64 sum_contents(struct fs *fs, u32 ino)
{
	u64 hash = 0xcbf29ce484222325ULL, pos = 0;
	static u8 buf[SZ_64K];
	s64 n;

	while ((n = op_read(fs, ino, pos, buf, sizeof(buf))) > 0) {
		hash = sum(hash, buf, n);
		pos += n;
	}
	return hash;
}

static void list_inode(struct fs *fs, u32 ino)
{
	static char target[PKERNFS_MAX_SYMLINK + 1];
	struct pkernfs_attr a;

	if (pkernfs_inode_read(&fs->m, ino, &a)) {
		printf("unreadable\n");
		return;
	}
	printf("inode %u mode %o nlink %u uid %u gid %u rdev %x size %llu",
	       ino, a.mode, a.nlink, a.uid, a.gid, a.rdev, a.size);
	printf(" mtime %lld.%u btime %lld.%u", a.mtime.sec, a.mtime.nsec,
	       a.btime.sec, a.btime.nsec);
	if (S_ISREG(a.mode))
		printf(" sum %016llx", sum_contents(fs, ino));
	if (S_ISLNK(a.mode) && pkernfs_symlink_read(&fs->m, ino, target) > 0)
		printf(" -> %s", target);
	printf("\n");
}

struct dir {
	struct fs *fs;
	u32 ino;
	u32 subdirs[64];
	u32 nr_subdirs;
};

static bool list_name(void *context, const char *name, u32 len,
		      const struct pkernfs_entry *entry)
{
	struct dir *dir = context;

	printf("%u/%.*s: ", dir->ino, (int)len, name);
	list_inode(dir->fs, entry->ino);
	if (entry->type == S_IFDIR >> 12 &&
	    dir->nr_subdirs < ARRAY_SIZE(dir->subdirs))
		dir->subdirs[dir->nr_subdirs++] = entry->ino;
	return true;
}

static int list(const char *path)
{
	struct pkernfs_check_result result;
	struct dir dir = { .subdirs = { PKERNFS_ROOT_INO }, .nr_subdirs = 1 };
	struct fs fs = {};
	u32 i;

	dir.fs = &fs;
	if (image_open(&fs.m, path, false))
		return EXIT_FAILURE;
	if (region_mount(&fs) || op_reclaim(&fs) ||
	    pkernfs_check(&fs.m, 0, &result)) {
		fprintf(stderr, "%s: %s\n", path, last_report);
		return EXIT_FAILURE;
	}
	printf("generation %llu mounts %llu inodes %llu\n",
	       fs.m.state.generation, fs.m.state.mounts, result.inodes);
	list_inode(&fs, PKERNFS_ROOT_INO);
	for (i = 0; i < dir.nr_subdirs; i++) {
		dir.ino = dir.subdirs[i];
		pkernfs_dir_iterate(&fs.m, dir.ino, 0, list_name, &dir);
	}
	region_umount(&fs);
	image_close(&fs.m);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "make"))
		return make(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "list"))
		return list(argv[2]);
	fprintf(stderr, "Usage: %s make|list IMAGE\n", argv[0]);
	return EXIT_FAILURE;
}
