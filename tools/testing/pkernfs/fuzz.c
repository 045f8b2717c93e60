// SPDX-License-Identifier: GPL-2.0-only
/*
 * What fuzzers call: a good region is damaged, then everything is tried. Anything
 * may fail, but nothing may crash, hang, leak, or touch memory outside of the
 * region, and what the checker calls sound has to work and stay sound.
 *
 * An input is a program, and any bytes are one: so mutations of an input hit what
 * matters, and an input is a few bytes. It says which region, what is damaged in
 * it and how, if the checksums are made to fit then, and what is done next.
 */
#define _GNU_SOURCE
#include <linux/crc32c.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/sizes.h>
#include <linux/stat.h>
#include <linux/string.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "harness.h"
#include "internal.h"

#define NR_INODES	64
#define NR_IMAGES	3
#define MAX_OPERATIONS	64
#define GUARD		SZ_1M

/* A good region. Its memory is private to each run, on top of a file. */
struct image {
	struct fs fs;
	u32 slot;		/* of the journal, that has an open transaction */
};

struct input {
	const u8 *p;
	const u8 *end;
};

/* The first byte of an input, and the second. */
#define HEAD_IMAGE	0x03
#define HEAD_CSUM	0x04	/* make checksums of superblocks fit */
#define HEAD_MIRROR	0x08	/* make the backup superblock like the primary */
#define HEAD_BUSY	0x10	/* blocks that go out of use are pinned */
#define HEAD_DAMAGES	0xe0	/* how many, at most: halved */

#define CHECK_REPAIR	0x01
#define CHECK_FIRST	0x02	/* check without repair, too */
#define CHECK_PURE	0x04	/* which must not change a byte */

static struct image images[NR_IMAGES];
static struct fs fs;
static bool busy;
static bool sound;

static u8 take8(struct input *in)
{
	return in->p < in->end ? *in->p++ : 0;
}

static u16 take16(struct input *in)
{
	u16 low = take8(in);

	return low | take8(in) << 8;
}

static u32 take32(struct input *in)
{
	u32 low = take16(in);

	return low | (u32)take16(in) << 16;
}

static u64 take64(struct input *in)
{
	u64 low = take32(in);

	return low | (u64)take32(in) << 32;
}

#define LONG_NAME	"long name long name long name long name long name "

static bool is_busy(struct pkernfs_media *m, u64 offset)
{
	(void)m;
	return busy && (offset / PKERNFS_BLOCK_SIZE) % 3;
}

/* Many names, deep maps, a list of orphans, and blocks in limbo. */
static void crowd(struct fs *f)
{
	static u8 data[3 * PKERNFS_BLOCK_SIZE];
	char name[PKERNFS_MAX_NAME + 1];
	u32 ino, dir;
	int i;

	memset(data, 'c', sizeof(data));
	op_create(f, PKERNFS_ROOT_INO, "crowd", S_IFDIR | 0700, 0, &dir);
	for (i = 0; i < 30; i++) {
		sprintf(name, "n%d%.*s", i, i * 7,
			LONG_NAME LONG_NAME LONG_NAME
			"long name long name long name long name");
		op_create(f, dir, name, i % 5 ? S_IFREG | 0600 : S_IFDIR | 0700,
			  0, &ino);
		if (i % 5)
			op_write(f, ino, (u64)i * i * SZ_64K, data, sizeof(data));
		if (i % 5 == 1)
			op_unlink(f, dir, name, &ino);
	}
	op_tmpfile(f, S_IFREG | 0600, &ino);
	op_write(f, ino, 0, data, sizeof(data));
	f->m.is_busy = is_busy;
	busy = true;
	pkernfs_limbo_create(&f->m);
	op_evict(f, ino);
	busy = false;
}

/* Leave a transaction that the next mount undoes. */
static void interrupt(struct image *image)
{
	struct fs *f = &image->fs;
	struct pkernfs_tx tx;
	u64 first, got;

	pkernfs_tx_begin(&f->m, &tx);
	pkernfs_alloc(&tx, PKERNFS_ZONE_SMALL, 3, &first, &got);
	pkernfs_alloc(&tx, PKERNFS_ZONE_DATA, 1, &first, &got);
	pkernfs_dir_remove(&tx, PKERNFS_ROOT_INO, "small", 5);
	pkernfs_tx_set_le32(&tx, &pkernfs_inode(&f->m, 2)->nlink, 77);
	while (tx.slot != pkernfs_slot(&f->m, image->slot))
		image->slot++;
}

/* From now on what a run changes is gone when the memory is. */
static void freeze(struct fs *f)
{
	int fd = memfd_create("image", 0);

	if (fd < 0 || write(fd, f->m.base, f->m.size) != (ssize_t)f->m.size ||
	    mmap(f->m.base, f->m.size, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_FIXED, fd, 0) != f->m.base) {
		perror("fuzz: image");
		exit(EXIT_FAILURE);
	}
	close(fd);
}

static void make_images(void)
{
	static const struct region_options options = {
		.data_blocks = 4, .small_size = SZ_1M, .inodes = NR_INODES,
	};
	int i;

	for (i = 0; i < NR_IMAGES; i++) {
		region_create(&images[i].fs, &options);
		populate(&images[i].fs);
		if (i == 1)
			interrupt(&images[i]);
		if (i == 2)
			crowd(&images[i].fs);
		region_umount(&images[i].fs);
		freeze(&images[i].fs);
	}
}

static struct pkernfs_sb *superblock(int copy)
{
	return pkernfs_at(&fs.m, copy ? PKERNFS_SB_BACKUP_OFFSET :
				PKERNFS_SB_OFFSET);
}

/* Something that matters, of *@size bytes. */
static void *choose_place(struct input *in, const struct image *image, u32 *size)
{
	const struct pkernfs_range *area = image->fs.m.geo.area;
	u8 n = take8(in), which = take8(in);
	struct pkernfs_slot *slot;

	switch (n % 10) {
	case 0:
		*size = sizeof(struct pkernfs_sb);
		return superblock(0);
	case 1:
		*size = sizeof(struct pkernfs_sb);
		return superblock(1);
	case 2:
		*size = sizeof(struct pkernfs_journal_head);
		return fs.m.base + area[PKERNFS_AREA_JOURNAL].start;
	case 3:
		slot = fs.m.base + area[PKERNFS_AREA_JOURNAL].start +
		       PKERNFS_BLOCK_SIZE + (u64)(which % 4) * PKERNFS_SLOT_SIZE;
		*size = sizeof(*slot);
		return slot;
	case 4:
		slot = fs.m.base + area[PKERNFS_AREA_JOURNAL].start +
		       PKERNFS_BLOCK_SIZE + (u64)image->slot * PKERNFS_SLOT_SIZE;
		*size = 640;
		return slot + 1;
	case 5:
		*size = 64;
		return fs.m.base +
		       area[PKERNFS_AREA_INODE_BITMAP + which % 4].start;
	case 6:
	case 7:
		*size = PKERNFS_INODE_SIZE;
		return fs.m.base + area[PKERNFS_AREA_INODES].start +
		       (u64)(which % NR_INODES) * PKERNFS_INODE_SIZE;
	default:
		*size = PKERNFS_BLOCK_SIZE;
		return fs.m.base + area[PKERNFS_AREA_META].start +
		       (u64)(which % 80) * PKERNFS_BLOCK_SIZE;
	}
}

/* A pointer to what may be a block, or to anywhere. */
static u64 choose_pointer(struct input *in, const struct image *image)
{
	u8 zone = take8(in), n = take8(in);
	const struct pkernfs_media *m = &image->fs.m;
	u64 type = zone % 4, start;

	zone = zone / 4 % 4;
	if (zone == 3)
		return (take64(in) & ~PKERNFS_PTR_TYPE_MASK) | type;
	start = m->geo.area[PKERNFS_AREA_META + zone].start;
	return start + (u64)n * (zone == 2 ? SZ_2M / 8 : PKERNFS_BLOCK_SIZE) +
	       type;
}

static void damage(struct input *in, const struct image *image)
{
	u32 size, other_size, at, n;
	void *place = choose_place(in, image, &size), *other;
	u64 value;
	u8 how;

	at = take16(in) % size;
	how = take8(in);
	n = 1U << how / 8 % 4;
	at -= at % n;
	switch (how % 8) {
	case 0:
	case 1:
		value = take64(in);
		memcpy(place + at, &value, n);
		break;
	case 2:
		value = 0;
		memcpy(&value, place + at, n);
		value += (s8)take8(in);
		memcpy(place + at, &value, n);
		break;
	case 3:
		*(u8 *)(place + at) ^= 1 << how / 32;
		break;
	case 4:
	case 5:
		value = choose_pointer(in, image);
		at -= at % 8;
		if (size == PKERNFS_INODE_SIZE)
			at = offsetof(struct pkernfs_inode, map[at / 8 % PKERNFS_MAP_ENTRIES]);
		memcpy(place + at, &value, 8);
		break;
	case 6:
		other = choose_place(in, image, &other_size);
		memmove(place, other, min(size, other_size));
		break;
	default:
		memset(place + at, take8(in), min(size - at, (u32)take8(in)));
	}
}

static void fit_csums(struct pkernfs_sb *sb)
{
	sb->csum = cpu_to_le32(crc32c(~0, &sb->version,
				      offsetof(struct pkernfs_sb, state) -
				      offsetof(struct pkernfs_sb, version)));
	sb->state.csum = cpu_to_le32(crc32c(~0, &sb->state.flags,
					    sizeof(sb->state) -
					    offsetof(struct pkernfs_sb_state, flags)));
}

static void require(bool ok, const char *what, s64 err)
{
	if (ok)
		return;
	fprintf(stderr, "fuzz: %s: %lld, %s\n", what, err, last_report);
	abort();
}

/* What a mount of any bytes may say. */
static bool is_mount_error(int err)
{
	return err == -ENODATA || err == -EUCLEAN || err == -EPROTONOSUPPORT ||
	       err == -EOPNOTSUPP || err == -ERANGE;
}

/* What an operation may say; the VFS keeps it from being called wrongly. */
static bool is_error(s64 err)
{
	switch (err) {
	case -EUCLEAN:
	case -EROFS:
	case -ENOSPC:
	case -EFBIG:
	case -EBUSY:
	case -ENOENT:
	case -EEXIST:
	case -EISDIR:
	case -ENOTDIR:
	case -ENOTEMPTY:
	case -EINVAL:
	case -ESTALE:
	case -EMLINK:
		return true;
	default:
		return err >= 0;
	}
}

static void check_without_repair(bool pure)
{
	u64 size = images[0].fs.m.geo.area[PKERNFS_AREA_SMALL].start;
	struct pkernfs_check_result result;
	void *before = NULL;
	int err;

	if (pure) {
		before = malloc(size);
		memcpy(before, fs.m.base, size);
	}
	err = pkernfs_check(&fs.m, 0, &result);
	require(!err || err == -EUCLEAN, "check", err);
	require(!err == !result.errors && !result.repaired, "count of errors",
		result.errors);
	require(!pure || !memcmp(before, fs.m.base, size),
		"a check without repair changes something", 0);
	free(before);
	sound = !err;
}

static void check_with_repair(void)
{
	struct pkernfs_check_result first, second;
	int err, again;

	err = pkernfs_check(&fs.m, PKERNFS_CHECK_REPAIR, &first);
	require(!err || err == -EUCLEAN || err == -EROFS || err == -ENOSPC,
		"check with repair", err);
	again = pkernfs_check(&fs.m, 0, &second);
	require(!err == !again, "the check behind a repair says something else",
		again);
	require(again || !second.errors, "errors of a clean check",
		second.errors);
	sound = !again;
}

static void require_sound(const char *when)
{
	struct pkernfs_check_result result;
	int err = pkernfs_check(&fs.m, 0, &result);

	require(!err, when, err);
}

static const char *choose_name(struct input *in)
{
	static char name[PKERNFS_MAX_NAME + 1];
	static const char * const names[] = {
		"dir", "fifo", "small", "sparse", "memory", "large", "long",
		"short", "small too", "crowd", "device", "socket",
	};
	u8 n = take8(in);

	if (n < ARRAY_SIZE(names))
		return names[n];
	if (n < 80) {
		memset(name, 'l', PKERNFS_MAX_NAME);
		name[0] = 'A' + n % 40;
		name[PKERNFS_MAX_NAME] = '\0';
		return name;
	}
	sprintf(name, "n%d", n % 32);
	return name;
}

static bool see_name(void *context, const char *name, u32 len,
		     const struct pkernfs_entry *entry)
{
	u32 *left = context;

	require(len && len <= PKERNFS_MAX_NAME, "length of a name", len);
	*left += name[len - 1] == entry->type;
	return --*left;
}

/* The VFS has no inode for what this refuses. */
static bool has_inode(u32 ino, struct pkernfs_attr *attr)
{
	return ino != fs.m.limbo && !pkernfs_inode_read(&fs.m, ino, attr);
}

static void look(struct input *in, u32 ino, const struct pkernfs_attr *attr)
{
	static char buf[SZ_64K];
	struct pkernfs_entry entry;
	struct pkernfs_extent extent;
	const char *name;
	u32 left = 5000;
	s64 ret = 0;

	pkernfs_inode_blocks(&fs.m, ino);
	switch (attr->mode & S_IFMT) {
	case S_IFLNK:
		ret = pkernfs_symlink_read(&fs.m, ino, buf);
		break;
	case S_IFDIR:
		ret = pkernfs_dir_iterate(&fs.m, ino, take64(in), see_name, &left);
		require(is_error(ret), "readdir", ret);
		name = choose_name(in);
		ret = pkernfs_dir_find(&fs.m, ino, name, strlen(name), &entry);
		break;
	case S_IFREG:
		ret = pkernfs_map_lookup(&fs.m, ino,
					 take64(in) % PKERNFS_MAX_FILE_PAGES,
					 1 + take32(in), &extent);
		require(is_error(ret), "lookup", ret);
		ret = op_read(&fs, ino, take32(in) % (16 * SZ_1M), buf, take16(in));
	}
	require(is_error(ret), "reading", ret);
}

/* Read all there is, but not endlessly. */
static void look_at_all(void)
{
	static const u8 zeroes[32];
	struct input in = { zeroes, zeroes + sizeof(zeroes) };
	static char buf[SZ_16K];
	struct pkernfs_extent extent;
	struct pkernfs_attr attr;
	int left, err;
	u64 page;
	u32 ino;

	for (ino = 0; ino < NR_INODES + 2; ino++) {
		if (pkernfs_inode_read(&fs.m, ino, &attr))
			continue;
		look(&in, ino, &attr);
		if (!S_ISREG(attr.mode))
			continue;
		page = 0;
		for (left = 100; left && page < PKERNFS_MAX_FILE_PAGES; left--) {
			err = pkernfs_map_lookup(&fs.m, ino, page,
						 PKERNFS_MAX_FILE_PAGES, &extent);
			if (err)
				break;
			if (extent.offset)
				op_read(&fs, ino, page * PKERNFS_BLOCK_SIZE, buf,
					sizeof(buf));
			page = extent.page + extent.count;
		}
	}
}

static void change_dir(struct input *in, u32 dir)
{
	u8 how = take8(in);
	const char *name = choose_name(in);
	u32 ino = take8(in) % (NR_INODES + 2);
	struct pkernfs_attr attr;
	int err;

	switch (how % 8) {
	case 0:
		err = op_create(&fs, dir, name, S_IFREG | 0600, 0, &ino);
		break;
	case 1:
		err = op_create(&fs, dir, name, S_IFDIR | 0700, 0, &ino);
		break;
	case 2:
		err = op_symlink(&fs, dir, name, how & 0x80 ? name :
				 "a target that does not fit into an inode, since it is longer than 64 bytes", &ino);
		break;
	case 3:
		/* Directories have one name. */
		err = has_inode(ino, &attr) && !S_ISDIR(attr.mode) ?
		      op_link(&fs, ino, dir, name) : 0;
		break;
	case 4:
		err = op_unlink(&fs, dir, name, &ino);
		if (!err && how & 0x80 && has_inode(ino, &attr) && !attr.nlink)
			err = op_evict(&fs, ino);
		break;
	case 5:
		err = op_rmdir(&fs, dir, name, &ino);
		break;
	case 6:
		/*
		 * Into the root, which is in no other directory. What is exchanged
		 * with that could be a directory that @dir is in; the VFS refuses it.
		 */
		err = op_rename(&fs, dir, name, PKERNFS_ROOT_INO,
				choose_name(in),
				how & 0x40 ? OP_RENAME_NOREPLACE : 0, &ino);
		break;
	default:
		err = op_rename(&fs, dir, name, dir, choose_name(in),
				how >> 6, &ino);
	}
	require(is_error(err), "changing a directory", err);
}

static void change_file(struct input *in, u32 ino)
{
	static char buf[SZ_64K];
	u8 how = take8(in);
	u64 pos = take32(in) % (16 * SZ_1M), len = 1 + take16(in);
	s64 ret;

	switch (how % 8) {
	case 0:
	case 1:
		ret = op_write(&fs, ino, pos, buf, len);
		break;
	case 2:
		ret = op_truncate(&fs, ino, pos);
		break;
	case 3:
		ret = op_fallocate(&fs, ino, pos, len << (how >> 5), how & 0x10);
		break;
	case 4:
	case 5:
		ret = op_punch(&fs, ino, pos, len << (how >> 4));
		if (ret == -EBUSY)
			ret = pkernfs_limbo_create(&fs.m);
		break;
	case 6:
		ret = op_promote(&fs, ino, pos / PKERNFS_BLOCK_SIZE);
		break;
	default:
		ret = op_setattr(&fs, ino, pos & 07777, len, pos);
	}
	require(is_error(ret), "changing a file", ret);
}

static void change_anything(struct input *in)
{
	u8 how = take8(in);
	int err = 0;
	u32 ino;

	switch (how % 4) {
	case 0:
		err = op_tmpfile(&fs, S_IFREG | 0600, &ino);
		break;
	case 1:
		err = op_reclaim(&fs);
		break;
	case 2:
		err = pkernfs_limbo_reap(&fs.m);
		break;
	default:
		busy = how & 0x80;
	}
	require(is_error(err), "changing the filesystem", err);
}

static void operate(struct input *in)
{
	u8 how = take8(in);
	u32 ino = take8(in) % (NR_INODES + 2);
	struct pkernfs_attr attr;

	if (how % 8 == 0)
		return change_anything(in);
	if (!has_inode(ino, &attr))
		return;
	if (how % 2)
		look(in, ino, &attr);
	else if (S_ISDIR(attr.mode) && attr.nlink)
		change_dir(in, ino);
	else if (S_ISREG(attr.mode))
		change_file(in, ino);
}

static void check_digest(void)
{
	struct digest d = { .no_contents = true };
	int err;

	err = op_reclaim(&fs);
	require(!err, "orphans of what is sound", err);
	err = take_digest(&fs, &d);
	require(!err, "the tree of what is sound", err);
	require_sound("a check of what is sound");
}

static void use(struct input *in)
{
	u8 check = take8(in);
	int i;

	sound = false;
	if (check & CHECK_FIRST)
		check_without_repair(check & CHECK_PURE);
	if (fs.m.unknown_ro_compat)
		return look_at_all();
	if (check & CHECK_REPAIR)
		check_with_repair();
	if (sound)
		check_digest();
	look_at_all();
	for (i = 0; i < MAX_OPERATIONS && in->p < in->end; i++)
		operate(in);
	if (sound)
		require_sound("what is sound stays sound");
}

/* As mount -o repair. */
static int mount_without_damaged_logs(void)
{
	struct pkernfs_message why;
	int err = region_mount(&fs);

	if (err != -EUCLEAN || pkernfs_sb_read(&fs.m, &why))
		return err;
	/* Or there is no slot for a log. */
	if (!pkernfs_drop_damaged_logs(&fs.m))
		return err;
	err = pkernfs_recover(&fs.m);
	require(!err, "recovery without damaged logs", err);
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	make_images();
	return 0;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, data + size };
	u8 head = take8(&in);
	struct image *image = &images[(head & HEAD_IMAGE) % NR_IMAGES];
	u32 n = (head & HEAD_DAMAGES) / 32 * 2;
	int err;

	fs = image->fs;
	busy = false;
	last_report[0] = '\0';
	while (n-- && in.p < in.end)
		damage(&in, image);
	if (head & HEAD_MIRROR)
		memcpy(superblock(1), superblock(0), sizeof(*superblock(0)));
	if (head & HEAD_CSUM) {
		fit_csums(superblock(0));
		fit_csums(superblock(1));
	}
	fs.m.is_busy = is_busy;
	busy = head & HEAD_BUSY;
	err = mount_without_damaged_logs();
	require(!err || is_mount_error(err), "mount", err);
	if (!err) {
		use(&in);
		region_umount(&fs);
	}
	if (!err && sound) {
		require(!region_mount(&fs), "mounting again what is sound", 0);
		require_sound("a check after mounting again");
		region_umount(&fs);
	}
	/* The region is as it was made. */
	madvise(image->fs.m.base, image->fs.m.size, MADV_DONTNEED);
	return 0;
}
