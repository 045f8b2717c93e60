// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the tests of media/ share. See harness.h.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/sizes.h>
#include <linux/stat.h>
#include <linux/string.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "harness.h"

#define PAGE	PKERNFS_BLOCK_SIZE
#define GUARD	SZ_1M

char last_report[256];
static int passed, failed;

void tap(bool ok, const char *fmt, ...)
{
	va_list args;

	ok ? passed++ : failed++;
	printf("%sok %d - ", ok ? "" : "not ", passed + failed);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
}

/* The exit status of a test. */
int tap_end(void)
{
	printf("1..%d\n# %d passed, %d failed\n", passed + failed, passed,
	       failed);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

u64 next_random(u64 *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed * 0x2545f4914f6cdd1dULL;
}

static void report(struct pkernfs_media *m, u32 ino, u64 offset,
		   const char *text)
{
	(void)m;
	snprintf(last_report, sizeof(last_report), "inode %u, 0x%llx: %s", ino,
		 offset, text);
}

static void die(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s\n", what, why);
	exit(EXIT_FAILURE);
}

/* A new region, formatted and mounted. */
void region_create(struct fs *fs, const struct region_options *options)
{
	struct pkernfs_format_options format = {
		.data_block_size	= options->data_block_size,
		.small_size		= options->small_size,
		.inodes			= options->inodes,
	};
	struct pkernfs_attr root = { .mode = S_IFDIR | 0755 };
	u64 block = options->data_block_size ?: SZ_2M;
	struct pkernfs_geometry *geo = &fs->m.geo;
	struct pkernfs_message why;
	void *base;
	int i;

	memset(fs, 0, sizeof(*fs));
	/* What the zones before the data zone need is found by trying. */
	for (fs->m.size = SZ_4M; ; fs->m.size += SZ_64K) {
		/* A place that a test guest can give to an image of this, too. */
		fs->m.phys = SZ_1G + (-fs->m.size & (block - 1));
		if (!pkernfs_geometry_plan(fs->m.phys, fs->m.size, &format, geo,
					   &why) &&
		    geo->area[PKERNFS_AREA_DATA].size >=
		    options->data_blocks * block)
			break;
		if (fs->m.size > 64 * block)
			die("format", why.text);
	}
	/* On both sides is nothing that could be read by accident. */
	base = mmap(NULL, fs->m.size + 2 * GUARD, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED ||
	    mprotect(base + GUARD, fs->m.size, PROT_READ | PROT_WRITE))
		die("mmap", "out of memory");
	base += GUARD;
	/* Whoever shows a byte that was not written shows this. */
	memset(base, 0xdb, options->dirty ? fs->m.size : 0);
	fs->m.base = base;
	fs->m.report = report;
	for (i = 0; i < (int)sizeof(fs->m.uuid); i++)
		fs->m.uuid[i] = i * 17 + 1;
	pkernfs_sb_format(&fs->m, &root);
	if (region_mount(fs))
		die("mount", last_report);
}

/* Read everything that a mount reads. */
int region_mount(struct fs *fs)
{
	struct pkernfs_message why;
	int err = pkernfs_sb_read(&fs->m, &why);

	if (!err)
		return pkernfs_recover(&fs->m);
	snprintf(last_report, sizeof(last_report), "superblock: %s", why.text);
	return err;
}

void region_umount(struct fs *fs)
{
	pkernfs_release(&fs->m);
}

void region_destroy(struct fs *fs)
{
	region_umount(fs);
	munmap(fs->m.base - GUARD, fs->m.size + 2 * GUARD);
}

static u32 must_create(struct fs *fs, u32 dir, const char *name, u16 mode)
{
	u32 ino;

	if (op_create(fs, dir, name, mode, S_ISCHR(mode) ? 0x105 : 0, &ino))
		die("create", last_report);
	return ino;
}

static void must_write(struct fs *fs, u32 ino, u64 pos, u64 len)
{
	u8 *buf = malloc(len);
	u64 i;

	for (i = 0; i < len; i++)
		buf[i] = pos + i * 3 + (pos + i) / 251;
	if (op_write(fs, ino, pos, buf, len) != (s64)len)
		die("write", last_report);
	free(buf);
}

void populate(struct fs *fs)
{
	char text[PKERNFS_MAX_NAME + 1], target[1001];
	u32 dir, large, ino, x;
	int i;

	fs->clock = 1700000000;
	memset(target, 't', sizeof(target) - 1);
	target[sizeof(target) - 1] = '\0';
	dir = must_create(fs, PKERNFS_ROOT_INO, "dir", S_IFDIR | 0755);
	must_create(fs, dir, "fifo", S_IFIFO | 0600);
	must_create(fs, dir, "device", S_IFCHR | 0640);
	must_create(fs, dir, "socket", S_IFSOCK | 0700);
	op_symlink(fs, dir, "short", "../small", &x);
	op_symlink(fs, dir, "long", target, &x);
	ino = must_create(fs, PKERNFS_ROOT_INO, "small", S_IFREG | 0644);
	must_write(fs, ino, 0, 5000);
	op_link(fs, ino, dir, "small too");
	op_setattr(fs, ino, 04755, 1000, 100);
	ino = must_create(fs, PKERNFS_ROOT_INO, "sparse", S_IFREG | 0600);
	must_write(fs, ino, 3 * PAGE + 5, 10);
	must_write(fs, ino, 30ULL * SZ_2M, 3000);
	ino = must_create(fs, PKERNFS_ROOT_INO, "memory", S_IFREG | 0600);
	op_truncate(fs, ino, 2 * SZ_2M);
	must_write(fs, ino, SZ_2M - 100, 200);

	/* Names of 255 bytes: an index with several leaves. */
	large = must_create(fs, PKERNFS_ROOT_INO, "large", S_IFDIR | 01777);
	memset(text, 'l', PKERNFS_MAX_NAME);
	text[PKERNFS_MAX_NAME] = '\0';
	for (i = 0; i < 40; i++) {
		text[0] = 'A' + i;
		if (op_link(fs, ino, large, text))
			die("link", last_report);
	}
	if (op_tmpfile(fs, S_IFREG | 0600, &ino))
		die("tmpfile", last_report);
	must_write(fs, ino, 0, 100);
}

struct walk {
	struct fs *fs;
	struct digest *digest;
	u32 *dirs;		/* still to be read */
	u32 nr_dirs;
	u32 dir;
	int err;
};

static u64 mix(u64 hash, u64 value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15ULL;
	return hash ^ hash >> 29;
}

static u64 mix_bytes(u64 hash, const void *p, size_t len)
{
	const u8 *s = p;

	while (len--)
		hash = mix(hash, *s++);
	return hash;
}

static u64 mix_time(u64 hash, const struct pkernfs_timestamp *t)
{
	return mix(mix(hash, t->sec), t->nsec);
}

/* Holes and blocks of zeroes look the same, as they do to a reader. */
static void digest_page(struct digest *d, u32 ino, u32 owner, u64 size, u64 page,
			const u64 *words)
{
	u64 step = d->sample ? PAGE / 8 : 1;
	u64 i = d->sample ? page % (PAGE / 8) : 0, pos;

	for (; i < PAGE / 8; i += step) {
		if (!words[i])
			continue;
		pos = page * PAGE + i * 8;
		if (words[i] >> 32 != owner)
			d->stale = true;
		if (pos < size && ino != d->skip)
			d->contents += mix(mix(ino, pos), words[i]);
	}
}

static int digest_contents(struct walk *w, u32 ino,
			   const struct pkernfs_attr *attr)
{
	struct pkernfs_extent e;
	u64 page, i;
	int err;

	for (page = 0; page < PKERNFS_MAX_FILE_PAGES; page += e.count) {
		err = pkernfs_map_lookup(&w->fs->m, ino, page,
					 PKERNFS_MAX_FILE_PAGES - page, &e);
		if (err)
			return err;
		if (w->digest->no_contents)
			continue;
		for (i = 0; e.offset && i < e.count; i++)
			digest_page(w->digest, ino, attr->btime.sec,
				    attr->size, page + i,
				    w->fs->m.base + e.offset + i * PAGE);
	}
	return 0;
}

static int digest_inode(struct walk *w, u32 ino)
{
	static char target[PKERNFS_MAX_SYMLINK + 1];
	struct digest *d = w->digest;
	struct pkernfs_attr attr;
	int err = pkernfs_inode_read(&w->fs->m, ino, &attr);
	u64 h = d->tree;

	if (err)
		return err;
	h = mix(h, ino);
	h = mix(h, attr.mode);
	h = mix(h, attr.nlink);
	h = mix(h, attr.uid);
	h = mix(h, attr.gid);
	h = mix(h, attr.generation);
	h = mix(h, attr.rdev);
	h = mix(h, attr.size);
	h = mix(h, attr.parent);
	h = mix_time(h, &attr.atime);
	h = mix_time(h, &attr.mtime);
	h = mix_time(h, &attr.ctime);
	h = mix_time(h, &attr.btime);
	d->tree = h;
	d->space = mix(d->space, attr.blocks);
	if (S_ISREG(attr.mode))
		return digest_contents(w, ino, &attr);
	if (S_ISLNK(attr.mode)) {
		err = pkernfs_symlink_read(&w->fs->m, ino, target);
		if (err < 0)
			return err;
		d->tree = mix_bytes(d->tree, target, err);
	}
	if (S_ISDIR(attr.mode))
		w->dirs[w->nr_dirs++] = ino;
	return 0;
}

static bool digest_name(void *context, const char *name, u32 len,
			const struct pkernfs_entry *entry)
{
	struct walk *w = context;

	w->digest->tree = mix(mix(w->digest->tree, w->dir), entry->type);
	w->digest->tree = mix_bytes(w->digest->tree, name, len);
	w->err = digest_inode(w, entry->ino);
	return !w->err;
}

/* Sum up all that can be seen; the options are set. The region is sound. */
int take_digest(struct fs *fs, struct digest *d)
{
	struct walk w = { .fs = fs, .digest = d };
	int i, err;

	d->tree = 0;
	d->contents = 0;
	d->space = 0;
	d->stale = false;
	w.dirs = calloc(fs->m.zone[PKERNFS_ZONE_INODES].count, sizeof(*w.dirs));
	err = digest_inode(&w, PKERNFS_ROOT_INO);
	while (!err && w.nr_dirs) {
		w.dir = w.dirs[--w.nr_dirs];
		err = pkernfs_dir_iterate(&fs->m, w.dir, 0, digest_name, &w);
		err = err ?: w.err;
	}
	for (i = 0; i < PKERNFS_NR_ZONES; i++)
		d->space = mix(d->space, pkernfs_free_count(&fs->m, i));
	free(w.dirs);
	return err;
}

static const struct pkernfs_zone *zone_at(const struct fs *fs, u64 offset)
{
	const struct pkernfs_zone *data = &fs->m.zone[PKERNFS_ZONE_DATA];

	return offset >= data->start ? data : &fs->m.zone[PKERNFS_ZONE_SMALL];
}

struct pkernfs_range find_block(struct fs *fs, u32 ino, u64 page)
{
	struct pkernfs_range block = {};
	const struct pkernfs_zone *zone;
	struct pkernfs_extent e;

	if (pkernfs_map_lookup(&fs->m, ino, page, 1, &e) || !e.offset)
		return block;
	zone = zone_at(fs, e.offset);
	block.size = 1ULL << zone->shift;
	block.start = e.offset - (e.offset - zone->start) % block.size;
	return block;
}

bool is_block_used(const struct fs *fs, u64 offset)
{
	const struct pkernfs_zone *zone = zone_at(fs, offset);

	return pkernfs_is_allocated(&fs->m, zone - fs->m.zone,
				    (offset - zone->start) >> zone->shift);
}

u64 sum_block(const struct fs *fs, struct pkernfs_range block)
{
	/* Whoever clears or fills it does so with more than this. */
	u64 step = block.size / 512, pos, sum = 0;

	for (pos = 0; pos < block.size; pos += step)
		sum = mix(sum, *(u64 *)(fs->m.base + block.start + pos));
	return sum;
}
