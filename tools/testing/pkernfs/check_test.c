// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is every kind of damage found, and repaired if that is possible? Each case
 * breaks one thing in a sound region.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/sizes.h>
#include <linux/stat.h>
#include <linux/string.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness.h"
#include "internal.h"

static struct fs fs;

static const struct region_options options = {
	.data_blocks = 4, .small_size = SZ_1M, .inodes = 256,
};

static u32 lookup(const char *path)
{
	struct pkernfs_entry entry = { .ino = PKERNFS_ROOT_INO };
	u32 len;

	for (; *path; path += len + (path[len] == '/')) {
		len = strcspn(path, "/");
		if (pkernfs_dir_find(&fs.m, entry.ino, path, len, &entry))
			exit(EXIT_FAILURE);
	}
	return entry.ino;
}

static struct pkernfs_inode *inode(const char *path)
{
	return pkernfs_inode(&fs.m, lookup(path));
}

static void *block(__le64 ptr)
{
	return pkernfs_at(&fs.m, pkernfs_ptr_offset(le64_to_cpu(ptr)));
}

static struct pkernfs_dir_leaf *leaf(const char *path)
{
	return block(inode(path)->map[0]);
}

static struct pkernfs_dirent *dirent(const char *path)
{
	return (void *)(leaf(path) + 1);
}

static __le64 *dir_index(void)
{
	return block(inode("large")->map[0]);
}

static struct pkernfs_dir_leaf *any_leaf(void)
{
	__le64 *slot = dir_index();

	while (!*slot)
		slot++;
	return block(*slot);
}

static u8 *bitmap(enum pkernfs_zone_id id)
{
	return pkernfs_at(&fs.m, fs.m.zone[id].bitmap);
}

static u32 orphan(void)
{
	u32 i;

	for (i = 0; i < PKERNFS_NR_ORPHAN_LISTS; i++) {
		if (pkernfs_journal_head(&fs.m)->orphan[i])
			return i;
	}
	exit(EXIT_FAILURE);
}

/* What can be repaired. */
static void leaked_inode(void)
{
	pkernfs_journal_head(&fs.m)->orphan[orphan()] = 0;
}

static void leaked_small(void)
{
	bitmap(PKERNFS_ZONE_SMALL)[4] |= 0x80;
}

static void leaked_meta(void)
{
	bitmap(PKERNFS_ZONE_META)[10] |= 1;
}

static void leaked_data(void)
{
	bitmap(PKERNFS_ZONE_DATA)[0] |= 0x8;
}

static void unmarked_small(void)
{
	bitmap(PKERNFS_ZONE_SMALL)[0] &= ~1;
}

static void bits_behind_end(void)
{
	bitmap(PKERNFS_ZONE_DATA)[1] |= 0x80;
}

static void wrong_counter(void)
{
	le64_add_cpu(&pkernfs_slot(&fs.m, 3)->in_use[PKERNFS_ZONE_SMALL], 2);
}

static void file_nlink(void)
{
	inode("small")->nlink = cpu_to_le32(7);
}

static void dir_nlink(void)
{
	inode("dir")->nlink = cpu_to_le32(3);
}

static void wrong_parent(void)
{
	inode("dir")->parent = cpu_to_le32(lookup("large"));
}

static void orphan_neighbour(void)
{
	inode("small")->orphan_prev = cpu_to_le32(1);
}

static void orphan_dir(void)
{
	u32 ino = lookup("large");

	pkernfs_journal_head(&fs.m)->orphan[ino % PKERNFS_NR_ORPHAN_LISTS] =
		cpu_to_le32(ino);
}

/* What is for a person. */
static void bad_mode(void)
{
	inode("small")->mode = 0;
}

static void bad_time(void)
{
	inode("small")->mtime.nsec = cpu_to_le32(1000000000);
}

static void bad_height(void)
{
	inode("small")->height = 5;
}

static void bad_size(void)
{
	inode("small")->size = cpu_to_le64(1ULL << 60);
}

static void bad_blocks(void)
{
	le64_add_cpu(&inode("small")->blocks, 1);
}

static void shared_block(void)
{
	inode("small")->map[5] = inode("small")->map[0];
}

static void outside_block(void)
{
	inode("small")->map[0] = cpu_to_le64((1ULL << 50) | PKERNFS_PTR_SMALL);
}

static void crooked_block(void)
{
	le64_add_cpu(&inode("small")->map[0], 8);
}

static void metadata_block(void)
{
	inode("small")->map[0] = cpu_to_le64(PKERNFS_BLOCK_SIZE |
					     PKERNFS_PTR_SMALL);
}

static void table_at_bottom(void)
{
	inode("small")->map[3] =
		cpu_to_le64(fs.m.zone[PKERNFS_ZONE_META].start |
			    PKERNFS_PTR_TABLE);
}

static void table_in_itself(void)
{
	__le64 *table = block(inode("sparse")->map[0]);

	table[9] = inode("sparse")->map[0];
}

static void symlink_size(void)
{
	inode("dir/short")->size = cpu_to_le64(5000);
}

static void symlink_block(void)
{
	inode("dir/long")->map[0] = 0;
}

static void symlink_zero(void)
{
	inode("dir/short")->symlink[2] = '\0';
}

static void leaf_used(void)
{
	leaf("dir")->used = cpu_to_le16(5000);
}

static void leaf_depth(void)
{
	leaf("dir")->depth = cpu_to_le16(1);
}

static void leaf_run(void)
{
	struct pkernfs_dir_leaf *l = any_leaf();

	l->depth = cpu_to_le16(le16_to_cpu(l->depth) - 1);
}

static void leaf_empty(void)
{
	leaf("dir")->used = cpu_to_le16(sizeof(struct pkernfs_dir_leaf));
}

static void record_size(void)
{
	dirent("dir")->size = cpu_to_le16(20);
}

static void record_endless(void)
{
	dirent("dir")->size = 0;
}

static void name_invalid(void)
{
	dirent("dir")->name[0] = '/';
}

static void name_elsewhere(void)
{
	dirent("dir")->name[0] ^= 1;
}

static void name_twice(void)
{
	struct pkernfs_dir_leaf *l = leaf("dir");
	struct pkernfs_dirent *d = dirent("dir");
	u32 size = le16_to_cpu(d->size);

	memcpy((void *)l + le16_to_cpu(l->used), d, size);
	l->used = cpu_to_le16(le16_to_cpu(l->used) + size);
	le64_add_cpu(&inode("dir")->size, 1);
	le64_add_cpu(&d->key, 1);
	pkernfs_inode(&fs.m, le32_to_cpu(d->ino))->nlink = cpu_to_le32(2);
}

static void name_of_nothing(void)
{
	dirent("dir")->ino = cpu_to_le32(200);
}

static void name_of_beyond(void)
{
	dirent("dir")->ino = cpu_to_le32(-1);
}

static void name_type(void)
{
	dirent("dir")->type ^= 2;
}

static void dir_size(void)
{
	le64_add_cpu(&inode("dir")->size, 1);
}

static void dir_pointer(void)
{
	inode("dir")->map[0] = cpu_to_le64(1ULL << 40 | 2);
}

static void dir_slot(void)
{
	dir_index()[7] = cpu_to_le64(2);
}

static void dir_in_itself(void)
{
	__le64 *index = dir_index();

	index[3] = inode("large")->map[0];
}

static void dir_two_names(void)
{
	struct pkernfs_dirent *d = dirent("dir");

	d->ino = cpu_to_le32(lookup("large"));
	d->type = S_IFDIR >> 12;
}

static void orphan_nlink(void)
{
	u32 i = orphan();
	u32 ino = le32_to_cpu(pkernfs_journal_head(&fs.m)->orphan[i]);

	pkernfs_inode(&fs.m, ino)->nlink = cpu_to_le32(1);
}

/* The name of the inode in the root directory. */
static struct pkernfs_dirent *name_of(u32 ino)
{
	struct pkernfs_dirent *d = dirent("");

	while (le32_to_cpu(d->ino) != ino)
		d = (void *)d + le16_to_cpu(d->size);
	return d;
}

/* What a lost log leaves of an exchange of two names. */
static void lost_file(void)
{
	name_of(lookup("sparse"))->ino = cpu_to_le32(lookup("small"));
}

/* The same while it is truncated. */
static void lost_orphan(void)
{
	struct pkernfs_tx tx;

	if (pkernfs_tx_begin(&fs.m, &tx) ||
	    pkernfs_orphan_add(&tx, lookup("sparse")))
		exit(EXIT_FAILURE);
	pkernfs_tx_commit(&tx);
	lost_file();
}

/* Cut off from the root directory: "dir" is inside of itself. */
static void dir_circle(void)
{
	struct pkernfs_dirent *d = dirent("dir");
	u32 dir = lookup("dir");

	pkernfs_inode(&fs.m, le32_to_cpu(d->ino))->nlink = 0;
	d->ino = cpu_to_le32(dir);
	d->type = S_IFDIR >> 12;
	name_of(dir)->ino = 0;
	le64_add_cpu(&pkernfs_inode(&fs.m, PKERNFS_ROOT_INO)->size, -1);
}

static void root_no_dir(void)
{
	pkernfs_inode(&fs.m, PKERNFS_ROOT_INO)->mode = cpu_to_le16(S_IFIFO);
}

static void orphan_nothing(void)
{
	u32 i = orphan();

	pkernfs_journal_head(&fs.m)->orphan[i] =
		cpu_to_le32(PKERNFS_NR_ORPHAN_LISTS * 8 + i);
}

static void orphan_circle(void)
{
	u32 ino = le32_to_cpu(pkernfs_journal_head(&fs.m)->orphan[orphan()]);

	pkernfs_inode(&fs.m, ino)->orphan_next = cpu_to_le32(ino);
}

static void orphan_list(void)
{
	__le32 *head = pkernfs_journal_head(&fs.m)->orphan;
	u32 i = orphan();

	head[(i + 1) % PKERNFS_NR_ORPHAN_LISTS] = head[i];
	head[i] = 0;
}

static void orphan_back(void)
{
	u32 ino = le32_to_cpu(pkernfs_journal_head(&fs.m)->orphan[orphan()]);

	pkernfs_inode(&fs.m, ino)->orphan_prev =
		cpu_to_le32(ino + PKERNFS_NR_ORPHAN_LISTS);
}

static void bad_owner(void)
{
	inode("large")->gid = cpu_to_le32(~0U);
}

static void dir_map(void)
{
	inode("dir")->map[1] = inode("large")->map[0];
}

static void removed_name(void)
{
	struct pkernfs_dirent *d = dirent("dir");

	d->ino = 0;
	d->name_len = 0;
	le64_add_cpu(&inode("dir")->size, -1);
}

#define CASE(name, ...)	{ #name, name, __VA_ARGS__ }

static const struct {
	const char *name;
	void (*damage)(void);
	bool repairable;
	const char *message;
} kinds[] = {
	CASE(leaked_inode, true, "in use, but has no name"),
	CASE(leaked_small, true, "bitmap is"),
	CASE(leaked_meta, true, "bitmap is"),
	CASE(leaked_data, true, "bitmap is"),
	CASE(unmarked_small, true, "bitmap is"),
	CASE(bits_behind_end, true, "bitmap is"),
	CASE(wrong_counter, true, "are counted"),
	CASE(file_nlink, true, "nlink is"),
	CASE(dir_nlink, true, "nlink is"),
	CASE(wrong_parent, true, "parent is"),
	CASE(orphan_neighbour, true, "as neighbour"),
	CASE(orphan_dir, true, "neither deleted nor truncated"),
	CASE(bad_mode, false, "mode is"),
	CASE(bad_time, false, "time of"),
	CASE(bad_owner, false, "no user and group"),
	CASE(dir_map, false, "map beyond entry 1"),
	CASE(removed_name, false, "removed name is not valid"),
	CASE(bad_height, false, "map of height 5"),
	CASE(bad_size, false, "more than a file can have"),
	CASE(bad_blocks, false, "says it has"),
	CASE(shared_block, false, "in use already"),
	CASE(outside_block, false, "not to a block"),
	CASE(crooked_block, false, "not to a block"),
	CASE(metadata_block, false, "not to a block"),
	CASE(table_at_bottom, false, "does not belong at level"),
	CASE(table_in_itself, false, "in use already"),
	CASE(symlink_size, false, "symlink of 5000"),
	CASE(symlink_block, false, "has no block"),
	CASE(symlink_zero, false, "zero byte"),
	CASE(leaf_used, false, "leaf of 5000"),
	CASE(leaf_depth, false, "only leaf"),
	CASE(leaf_run, false, "leaf of depth"),
	CASE(leaf_empty, false, "leaf without names"),
	CASE(record_size, false, "record of 20"),
	CASE(record_endless, false, "record of 0"),
	CASE(name_invalid, false, "name is not valid"),
	CASE(name_elsewhere, false, "does not fit the name"),
	CASE(name_twice, false, "there twice"),
	CASE(name_of_nothing, false, "not in use"),
	CASE(name_of_beyond, false, "not in use"),
	CASE(name_type, false, "says type"),
	CASE(dir_size, false, "says it has"),
	CASE(dir_pointer, false, "not to a leaf"),
	CASE(dir_slot, false, "does not belong into an index"),
	CASE(dir_in_itself, false, "in use already"),
	CASE(dir_two_names, false, "another name already"),
	CASE(dir_circle, false, "inside of itself"),
	CASE(root_no_dir, false, "root directory"),
	CASE(orphan_nothing, false, "does not belong on orphan"),
	CASE(orphan_circle, false, "does not belong on orphan"),
	CASE(orphan_list, false, "does not belong on orphan"),
	CASE(orphan_back, false, "is before it"),
	CASE(orphan_nlink, false, "has no name"),
	CASE(lost_file, false, "has no name"),
	CASE(lost_orphan, false, "has no name"),
};

static const char *expected;
static bool reported;

static void report(struct pkernfs_media *m, u32 ino, u64 offset,
		   const char *text)
{
	(void)m;
	if (expected)
		printf("# inode %u, 0x%llx: %s\n", ino, offset, text);
	if (expected && strstr(text, expected))
		reported = true;
}

static void run(size_t i)
{
	struct pkernfs_check_result found, left;
	bool sound;
	int err;

	region_create(&fs, &options);
	populate(&fs);
	sound = !pkernfs_check(&fs.m, 0, &found);
	kinds[i].damage();
	fs.m.report = report;
	expected = kinds[i].message;
	reported = false;
	err = pkernfs_check(&fs.m, 0, &found);
	tap(sound && err == -EUCLEAN && found.errors && !found.repaired &&
	    reported, "%s is found", kinds[i].name);
	expected = NULL;
	pkernfs_check(&fs.m, PKERNFS_CHECK_REPAIR, &left);

	/* Repair, and delete what turned out to be an orphan. */
	err = pkernfs_check(&fs.m, 0, &left);
	if (!err && kinds[i].repairable)
		err = op_reclaim(&fs) ?: pkernfs_check(&fs.m, 0, &left);
	tap(kinds[i].repairable ? !err : err == -EUCLEAN, "%s is %s",
	    kinds[i].name, kinds[i].repairable ? "repaired" : "left alone");
	region_destroy(&fs);
}

/* One of several orphans is damaged: a mount deletes those beside it. */
static void test_damaged_orphan(void)
{
	u32 ino[3 * PKERNFS_NR_ORPHAN_LISTS], damaged, i;
	struct pkernfs_attr attr;
	u64 free;
	int err;

	region_create(&fs, &options);
	free = pkernfs_free_count(&fs.m, PKERNFS_ZONE_INODES);
	for (i = 0; i < ARRAY_SIZE(ino); i++) {
		if (op_tmpfile(&fs, S_IFREG | 0600, &ino[i]))
			exit(EXIT_FAILURE);
	}
	damaged = ino[ARRAY_SIZE(ino) / 2];
	pkernfs_inode(&fs.m, damaged)->mode = 0;
	last_report[0] = '\0';
	err = op_reclaim(&fs);
	tap(err == -EUCLEAN && strstr(last_report, "invalid mode"),
	    "a damaged orphan is reported: %s", last_report);
	tap(pkernfs_inode_read(&fs.m, damaged, &attr) == -EUCLEAN,
	    "a damaged orphan stays");
	tap(pkernfs_free_count(&fs.m, PKERNFS_ZONE_INODES) == free - 1,
	    "the orphans beside it are deleted");
	region_destroy(&fs);
}

/* What happens to those who use damaged media before anybody checks it. */
static void begin_use(void)
{
	region_create(&fs, &options);
	last_report[0] = '\0';
	/* A walk without end. */
	alarm(60);
}

static void end_use(void)
{
	alarm(0);
	region_destroy(&fs);
}

static u32 create_file(void)
{
	u32 ino;

	if (op_create(&fs, PKERNFS_ROOT_INO, "file", S_IFREG | 0600, 0, &ino))
		exit(EXIT_FAILURE);
	return ino;
}

static int create_name(u32 i)
{
	char name[24];
	u32 ino;

	sprintf(name, "a-name-as-long-as-%04u", i);
	return op_create(&fs, PKERNFS_ROOT_INO, name, S_IFREG | 0600, 0, &ino);
}

/* Splitting a leaf must not get the leaf itself as one of the new ones. */
static void test_unmarked_leaf(void)
{
	struct pkernfs_inode *root;
	u64 n;
	u32 i;
	int err;

	begin_use();
	for (i = 0; !create_name(i); i++) {
		root = pkernfs_inode(&fs.m, PKERNFS_ROOT_INO);
		n = pkernfs_block_number(&fs.m, PKERNFS_ZONE_META,
					 pkernfs_ptr_offset(le64_to_cpu(root->map[0])));
		bitmap(PKERNFS_ZONE_META)[n / 8] &= ~(1 << n % 8);
		/* From now on the first one is what is allocated next. */
		region_umount(&fs);
		if (region_mount(&fs))
			exit(EXIT_FAILURE);
	}
	err = create_name(i);
	tap(i > 1 && err == -EUCLEAN && strstr(last_report, "not in use"),
	    "a leaf that is not marked is not split: %s", last_report);
	end_use();
}

/* One entry after the other, each one leads to the same empty table. */
static void make_endless_map(u32 ino)
{
	struct pkernfs_inode *inode = pkernfs_inode(&fs.m, ino);
	u64 offset[PKERNFS_MAX_HEIGHT];
	struct pkernfs_tx tx;
	__le64 *table;
	u32 i, level;

	if (pkernfs_tx_begin(&fs.m, &tx))
		exit(EXIT_FAILURE);
	for (level = 0; level < PKERNFS_MAX_HEIGHT; level++) {
		if (pkernfs_meta_zalloc(&tx, &offset[level]))
			exit(EXIT_FAILURE);
		table = pkernfs_at(&fs.m, offset[level]);
		for (i = 0; level && i < PKERNFS_TABLE_ENTRIES; i++)
			table[i] = cpu_to_le64(offset[level - 1] |
					       PKERNFS_PTR_TABLE);
	}
	pkernfs_tx_commit(&tx);
	for (i = 0; i < PKERNFS_MAP_ENTRIES; i++)
		inode->map[i] = cpu_to_le64(offset[level - 1] | PKERNFS_PTR_TABLE);
	inode->height = PKERNFS_MAX_HEIGHT;
	inode->size = cpu_to_le64(SZ_1G);
	inode->blocks = cpu_to_le64(PKERNFS_MAX_HEIGHT);
}

static void test_endless_map(void)
{
	struct pkernfs_extent extent;
	u32 ino;

	begin_use();
	ino = create_file();
	make_endless_map(ino);
	tap(op_truncate(&fs, ino, 0) == -EUCLEAN &&
	    strstr(last_report, "table of the map is empty"),
	    "a map of empty tables is not freed: %s", last_report);
	fs.m.broken = false;
	tap(pkernfs_map_lookup(&fs.m, ino, 0, PKERNFS_MAX_FILE_PAGES,
			       &extent) == -EUCLEAN,
	    "nor looked through");
	end_use();
}

/* The counters say that there are small blocks, the bitmap that there are none. */
static void test_no_small_block(void)
{
	struct pkernfs_zone *zone;
	struct pkernfs_range block;
	char word[8] = "text";
	u32 ino;
	u64 i;

	begin_use();
	zone = &fs.m.zone[PKERNFS_ZONE_SMALL];
	for (i = 0; i < zone->count; i++)
		bitmap(PKERNFS_ZONE_SMALL)[i / 8] |= 1 << i % 8;
	ino = create_file();
	tap(op_write(&fs, ino, SZ_64K, word, sizeof(word)) == sizeof(word),
	    "a data block serves when there is no small one");
	block = find_block(&fs, ino, SZ_64K / PKERNFS_BLOCK_SIZE);
	tap(block.size > PKERNFS_BLOCK_SIZE, "it is one");
	end_use();
}

/* Whoever looks up any number must not find what is not an inode yet. */
static void test_new_inode(void)
{
	struct pkernfs_attr attr = { .mode = S_IFREG | 0600 };
	struct pkernfs_tx tx;
	u32 ino, next;

	begin_use();
	ino = create_file();
	tap(pkernfs_inode_has_links(&fs.m, ino), "an inode with a name has links");
	next = ino + 1;
	memset(pkernfs_inode(&fs.m, next), 0xff, sizeof(struct pkernfs_inode));
	tap(!pkernfs_inode_has_links(&fs.m, next) &&
	    !pkernfs_inode_has_links(&fs.m, 0) &&
	    !pkernfs_inode_has_links(&fs.m, U32_MAX), "what is none has not");

	if (pkernfs_tx_begin(&fs.m, &tx))
		exit(EXIT_FAILURE);
	if (pkernfs_alloc(&tx, PKERNFS_ZONE_INODES, 1, &(u64){ 0 }, &(u64){ 0 }))
		exit(EXIT_FAILURE);
	tap(!pkernfs_inode_has_links(&fs.m, next),
	    "nor has what is about to become one");
	pkernfs_tx_abort(&tx);
	if (pkernfs_tx_begin(&fs.m, &tx) || pkernfs_inode_create(&tx, &attr, &ino))
		exit(EXIT_FAILURE);
	tap(ino == next && !pkernfs_inode_has_links(&fs.m, ino),
	    "nor has a new one");
	pkernfs_inode_set_new_links(&tx, ino, 1);
	tap(pkernfs_inode_has_links(&fs.m, ino), "until it is told");
	pkernfs_tx_abort(&tx);
	end_use();
}

/* Stray words where nothing is to be undone, and where there is. */
static void test_damaged_logs(void)
{
	struct pkernfs_check_result result;
	struct pkernfs_tx tx;
	__le64 *size;

	begin_use();
	if (pkernfs_tx_begin(&fs.m, &tx))
		exit(EXIT_FAILURE);
	size = &pkernfs_inode(&fs.m, PKERNFS_ROOT_INO)->size;
	if (pkernfs_tx_set_le64(&tx, size, 1))
		exit(EXIT_FAILURE);
	region_umount(&fs);
	pkernfs_slot(&fs.m, 7)->used = cpu_to_le32(4096);
	pkernfs_slot(&fs.m, 9)->used = cpu_to_le32(3);
	tap(region_mount(&fs) == -EUCLEAN && *size,
	    "with damaged logs nothing is undone: %s", last_report);
	tap(pkernfs_drop_damaged_logs(&fs.m) == 2, "two logs are dropped");
	tap(!pkernfs_recover(&fs.m) && !*size, "the other one is undone");
	pkernfs_inode(&fs.m, PKERNFS_ROOT_INO)->height = 5;
	pkernfs_check(&fs.m, PKERNFS_CHECK_REPAIR, &result);
	region_umount(&fs);
	tap(!region_mount(&fs) && fs.m.state.flags & PKERNFS_STATE_UNCHECKED,
	    "with other damage the region stays unchecked");
	pkernfs_inode(&fs.m, PKERNFS_ROOT_INO)->height = 0;
	tap(!pkernfs_check(&fs.m, 0, &result) &&
	    !(fs.m.state.flags & PKERNFS_STATE_UNCHECKED),
	    "without, it counts as checked");
	end_use();
}

/* Who waited for what another one left half done does not go on with it. */
static void test_broken(void)
{
	struct pkernfs_attr attr = { .mode = S_IFREG };
	struct pkernfs_tx tx;
	u32 ino;

	begin_use();
	if (pkernfs_tx_begin(&fs.m, &tx) || pkernfs_inode_create(&tx, &attr, &ino))
		exit(EXIT_FAILURE);
	fs.m.broken = true;
	tap(pkernfs_orphan_add(&tx, ino) == -EROFS,
	    "a broken region's orphan lists are not changed");
	tap(pkernfs_limbo_lock(&tx) == -EROFS, "nor is its limbo");
	pkernfs_tx_abort(&tx);
	tap(pkernfs_tx_begin(&fs.m, &tx) == -EROFS,
	    "nor is a transaction begun");
	end_use();
}

int main(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		run(i);
	test_damaged_orphan();
	test_unmarked_leaf();
	test_endless_map();
	test_no_small_block();
	test_new_inode();
	test_damaged_logs();
	test_broken();
	return tap_end();
}
