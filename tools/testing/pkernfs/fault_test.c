// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whatever can fail fails, one after the other: each call that begins a
 * transaction, logs, allocates blocks or memory. Then the operation must say so,
 * and what is there must be sound; as it was, if the operation is one transaction;
 * and the same operation must work when it is tried again.
 *
 * The linker puts the wrappers below between the files of media/.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/sizes.h>
#include <linux/stat.h>
#include <linux/string.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness.h"
#include "internal.h"

/* What fails: the call that brings this to 0, or from there on all. */
static u64 countdown;
static bool fired;
static bool once;
static bool only_space;		/* nothing but allocations of blocks */

static struct fs fs;
static void *good;
static u64 good_size;

static bool fails(bool space)
{
	if (!countdown || (only_space && !space))
		return false;
	if (countdown > 1) {
		countdown--;
		return false;
	}
	fired = true;
	if (once)
		countdown = 0;
	return true;
}

int __real_pkernfs_tx_begin(struct pkernfs_media *m, struct pkernfs_tx *tx);
int __wrap_pkernfs_tx_begin(struct pkernfs_media *m, struct pkernfs_tx *tx)
{
	return fails(false) ? -EROFS : __real_pkernfs_tx_begin(m, tx);
}

int __real_pkernfs_tx_save(struct pkernfs_tx *tx, const void *p, size_t len);
int __wrap_pkernfs_tx_save(struct pkernfs_tx *tx, const void *p, size_t len)
{
	return fails(false) ? -EFBIG : __real_pkernfs_tx_save(tx, p, len);
}

int __real_pkernfs_tx_set_le64(struct pkernfs_tx *tx, __le64 *p, u64 value);
int __wrap_pkernfs_tx_set_le64(struct pkernfs_tx *tx, __le64 *p, u64 value)
{
	return fails(false) ? -EFBIG : __real_pkernfs_tx_set_le64(tx, p, value);
}

int __real_pkernfs_tx_set_le32(struct pkernfs_tx *tx, __le32 *p, u32 value);
int __wrap_pkernfs_tx_set_le32(struct pkernfs_tx *tx, __le32 *p, u32 value)
{
	return fails(false) ? -EFBIG : __real_pkernfs_tx_set_le32(tx, p, value);
}

int __real_pkernfs_tx_set_le16(struct pkernfs_tx *tx, __le16 *p, u16 value);
int __wrap_pkernfs_tx_set_le16(struct pkernfs_tx *tx, __le16 *p, u16 value)
{
	return fails(false) ? -EFBIG : __real_pkernfs_tx_set_le16(tx, p, value);
}

int __real_pkernfs_alloc(struct pkernfs_tx *tx, enum pkernfs_zone_id id,
			 u64 want, u64 *first, u64 *got);
int __wrap_pkernfs_alloc(struct pkernfs_tx *tx, enum pkernfs_zone_id id,
			 u64 want, u64 *first, u64 *got)
{
	return fails(true) ? -ENOSPC :
	       __real_pkernfs_alloc(tx, id, want, first, got);
}

int __real_pkernfs_meta_alloc(struct pkernfs_tx *tx, u64 *offset);
int __wrap_pkernfs_meta_alloc(struct pkernfs_tx *tx, u64 *offset)
{
	return fails(true) ? -ENOSPC : __real_pkernfs_meta_alloc(tx, offset);
}

int __real_pkernfs_meta_zalloc(struct pkernfs_tx *tx, u64 *offset);
int __wrap_pkernfs_meta_zalloc(struct pkernfs_tx *tx, u64 *offset)
{
	return fails(true) ? -ENOSPC : __real_pkernfs_meta_zalloc(tx, offset);
}

int __real_pkernfs_free(struct pkernfs_tx *tx, enum pkernfs_zone_id id, u64 n);
int __wrap_pkernfs_free(struct pkernfs_tx *tx, enum pkernfs_zone_id id, u64 n)
{
	return fails(false) ? -EFBIG : __real_pkernfs_free(tx, id, n);
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
	return fails(false) ? NULL : __real_calloc(n, size);
}

static bool is_busy(struct pkernfs_media *m, u64 offset)
{
	(void)m;
	(void)offset;
	return true;
}

static u32 find(const char *name)
{
	struct pkernfs_entry entry;

	if (pkernfs_dir_find(&fs.m, PKERNFS_ROOT_INO, name, strlen(name), &entry))
		exit(EXIT_FAILURE);
	return entry.ino;
}

static int create(void)
{
	u32 ino;

	return op_create(&fs, find("large"), "new", S_IFREG | 0600, 0, &ino);
}

static int make_dir(void)
{
	u32 ino;

	return op_create(&fs, PKERNFS_ROOT_INO, "new", S_IFDIR | 0700, 0, &ino);
}

/* The first name of a directory, and a long one, which splits a leaf. */
static int create_in_empty(void)
{
	u32 ino;

	return op_create(&fs, find("empty"), "new", S_IFIFO | 0600, 0, &ino);
}

static int link_long_name(void)
{
	char name[PKERNFS_MAX_NAME + 1];

	memset(name, 'z', PKERNFS_MAX_NAME);
	name[PKERNFS_MAX_NAME] = '\0';
	return op_link(&fs, find("small"), find("dir"), name);
}

static int make_symlink(void)
{
	char target[1000];
	u32 ino;

	memset(target, 't', sizeof(target));
	target[sizeof(target) - 1] = '\0';
	return op_symlink(&fs, PKERNFS_ROOT_INO, "new", target, &ino);
}

static int make_orphan(void)
{
	u32 ino;

	return op_tmpfile(&fs, S_IFREG | 0600, &ino);
}

static int remove_file(void)
{
	u32 ino;

	return op_unlink(&fs, PKERNFS_ROOT_INO, "memory", &ino);
}

static int remove_dir(void)
{
	u32 ino;

	return op_rmdir(&fs, PKERNFS_ROOT_INO, "empty", &ino);
}

static int rename_over(void)
{
	u32 ino;

	return op_rename(&fs, PKERNFS_ROOT_INO, "sparse", PKERNFS_ROOT_INO,
			 "memory", 0, &ino);
}

static int move_dir(void)
{
	u32 ino;

	return op_rename(&fs, PKERNFS_ROOT_INO, "empty", find("dir"), "moved",
			 0, &ino);
}

static int exchange(void)
{
	u32 ino;

	return op_rename(&fs, PKERNFS_ROOT_INO, "small", PKERNFS_ROOT_INO,
			 "dir", OP_RENAME_EXCHANGE, &ino);
}

static int change_owner(void)
{
	return op_setattr(&fs, find("small"), 0600, 7, 8);
}

static int write_pages(void)
{
	static const u8 buf[20 * PKERNFS_BLOCK_SIZE] = { 1 };
	s64 n = op_write(&fs, find("sparse"), SZ_1M, buf, sizeof(buf));

	/* Less than wanted is what a full filesystem says first. */
	return n < 0 ? n : n < (s64)sizeof(buf) ? -ENOSPC : 0;
}

static int write_data_block(void)
{
	s64 n = op_write(&fs, find("memory"), SZ_2M + 5, "new", 3);

	return n < 0 ? n : n < 3 ? -ENOSPC : 0;
}

static int allocate(void)
{
	return op_fallocate(&fs, find("small"), 0, SZ_512K, false);
}

static int promote(void)
{
	u32 ino = find("sparse");
	struct pkernfs_extent extent;
	int err = pkernfs_map_lookup(&fs.m, ino, 100, 1, &extent);

	/* It is done when the hole is filled; then an orphan is deleted. */
	if (err || extent.offset)
		return err;
	return op_promote(&fs, ino, 100);
}

static int punch(void)
{
	return op_punch(&fs, find("memory"), 0, SZ_4M);
}

static int cut(void)
{
	return op_truncate(&fs, find("sparse"), 100);
}

static int reclaim(void)
{
	return op_reclaim(&fs);
}

/* An inode without name, all of whose blocks are pinned, then unpinned. */
static int limbo(void)
{
	int err;

	fs.m.is_busy = is_busy;
	err = op_reclaim(&fs);
	fs.m.is_busy = NULL;
	return err ?: pkernfs_limbo_reap(&fs.m);
}

static int check(void)
{
	struct pkernfs_check_result result;

	return pkernfs_check(&fs.m, PKERNFS_CHECK_REPAIR, &result);
}

static int mount_again(void)
{
	int err;

	region_umount(&fs);
	err = region_mount(&fs);
	countdown = 0;
	/* The next steps need it. */
	if (err && region_mount(&fs))
		exit(EXIT_FAILURE);
	return err;
}

static const struct operation {
	const char *name;
	int (*run)(void);
	bool atomic;
} operations[] = {
	{ "create", create, true },
	{ "mkdir", make_dir, true },
	{ "create in an empty directory", create_in_empty, true },
	{ "link", link_long_name, true },
	{ "symlink", make_symlink, true },
	{ "tmpfile", make_orphan, true },
	{ "unlink", remove_file, true },
	{ "rmdir", remove_dir, true },
	{ "rename over a file", rename_over, true },
	{ "rename a directory", move_dir, true },
	{ "exchange", exchange, true },
	{ "chown", change_owner, true },
	{ "write", write_pages, false },
	{ "write to a data block", write_data_block, false },
	{ "fallocate", allocate, false },
	{ "promote", promote, false },
	{ "punch", punch, false },
	{ "truncate", cut, false },
	{ "deletion of orphans", reclaim, false },
	{ "limbo", limbo, false },
	{ "check", check, true },
	{ "mount", mount_again, true },
};

struct state {
	struct digest digest;
	u64 free[PKERNFS_NR_ZONES];
};

static void take_state(struct state *state)
{
	int i;

	state->digest = (struct digest) { .no_contents = true };
	if (take_digest(&fs, &state->digest))
		state->digest.tree = 0;
	for (i = 0; i < PKERNFS_NR_ZONES; i++)
		state->free[i] = pkernfs_free_count(&fs.m, i);
}

static const char *require_sound(void)
{
	struct pkernfs_check_result result;

	if (pkernfs_check(&fs.m, 0, &result))
		return last_report;
	region_umount(&fs);
	if (region_mount(&fs) || pkernfs_check(&fs.m, 0, &result))
		return last_report;
	return NULL;
}

/* Let call @n fail. Return: what is wrong then. */
static const char *try(const struct operation *op, u64 n)
{
	struct state before, after;
	const char *wrong;
	int err;

	memcpy(fs.m.base, good, good_size);
	if (region_mount(&fs))
		return "mount";
	take_state(&before);
	fired = false;
	countdown = n;
	err = op->run();
	countdown = 0;
	take_state(&after);
	if (!fired && err)
		wrong = "fails without a fault";
	else if (op->atomic && err && memcmp(&before, &after, sizeof(before)))
		wrong = "has failed and changed something";
	else
		wrong = require_sound();
	if (!wrong && err && op->run())
		wrong = "does not work a second time";
	if (!wrong)
		wrong = require_sound();
	region_umount(&fs);
	return wrong;
}

static void try_all(const struct operation *op, const char *what)
{
	const char *wrong;
	u64 n;

	fired = true;
	for (n = 1; fired; n++) {
		wrong = try(op, n);
		if (wrong) {
			tap(false, "%s, %s %llu: %s", op->name, what, n, wrong);
			return;
		}
	}
	tap(true, "%s, %llu times %s", op->name, n - 2, what);
}

int main(void)
{
	static const struct region_options options = {
		.data_blocks = 6, .small_size = SZ_1M, .inodes = 64,
	};
	size_t i;
	u32 ino;

	region_create(&fs, &options);
	populate(&fs);
	op_create(&fs, PKERNFS_ROOT_INO, "empty", S_IFDIR | 0700, 0, &ino);
	good_size = fs.m.geo.area[PKERNFS_AREA_SMALL].start;
	good = malloc(good_size);
	memcpy(good, fs.m.base, good_size);
	region_umount(&fs);
	for (i = 0; i < ARRAY_SIZE(operations); i++) {
		once = true;
		only_space = false;
		try_all(&operations[i], "one fault");
		once = false;
		only_space = true;
		try_all(&operations[i], "no more space");
	}
	free(good);
	return tap_end();
}
