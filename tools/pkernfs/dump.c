// SPDX-License-Identifier: GPL-2.0-only
/* dump.pkernfs: print what an image holds. */
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "image.h"
#include "internal.h"

static const char * const zone_names[PKERNFS_NR_ZONES] = {
	[PKERNFS_ZONE_INODES]	= "inodes",
	[PKERNFS_ZONE_META]	= "meta blocks",
	[PKERNFS_ZONE_SMALL]	= "small blocks",
	[PKERNFS_ZONE_DATA]	= "data blocks",
};

static int damaged;

static void report(struct pkernfs_media *m, u32 ino, u64 offset,
		   const char *text)
{
	(void)m;
	damaged = 1;
	fprintf(stderr, "inode %u, at 0x%llx: %s\n", ino, offset, text);
}

/* Whatever a name holds, it stays on its line. */
static void print_text(const char *text, u32 len)
{
	for (; len; text++, len--) {
		if (isprint((unsigned char)*text) && *text != '\\')
			putchar(*text);
		else
			printf("\\x%02x", (unsigned char)*text);
	}
}

static void print_superblock(const struct pkernfs_media *m)
{
	const struct pkernfs_sb *sb = m->base + PKERNFS_SB_OFFSET;
	int i;

	printf("superblock\n  version %u, uuid ", le32_to_cpu(sb->version));
	for (i = 0; i < (int)sizeof(m->uuid); i++)
		printf("%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
		       m->uuid[i]);
	printf("\n  features: compat 0x%llx, ro_compat 0x%llx, incompat 0x%llx\n",
	       le64_to_cpu(sb->compat), le64_to_cpu(sb->ro_compat),
	       le64_to_cpu(sb->incompat));
	printf("  region of 0x%llx bytes at 0x%llx, data block of 0x%llx bytes\n",
	       m->size, m->phys, 1ULL << m->geo.data_block_shift);
	printf("  state: %s%s, generation %llu, %llu mounts\n",
	       m->state.flags & PKERNFS_STATE_CLEAN ? "clean" : "in use",
	       m->state.flags & PKERNFS_STATE_UNCHECKED ? ", unchecked" : "",
	       m->state.generation, m->state.mounts);
	for (i = 0; i < PKERNFS_NR_AREAS; i++)
		printf("  0x%010llx %12llu  %s\n", m->geo.area[i].start,
		       m->geo.area[i].size, pkernfs_area_names[i]);
}

static const char *undo_name(u8 type)
{
	switch (type) {
	case PKERNFS_UNDO_BYTES:
		return "bytes";
	case PKERNFS_UNDO_ALLOC:
		return "allocated";
	case PKERNFS_UNDO_FREE:
		return "freed";
	default:
		return "unknown";
	}
}

/* From the last record back to the first; ends at what makes no sense. */
static void print_log(const struct pkernfs_slot *slot)
{
	u32 used = le32_to_cpu(slot->used), size;
	struct pkernfs_undo undo;

	while (used >= sizeof(undo) && used <= PKERNFS_SLOT_LOG_SIZE) {
		memcpy(&undo, (void *)(slot + 1) + used - sizeof(undo),
		       sizeof(undo));
		printf("    %s: ", undo_name(undo.type));
		if (undo.type == PKERNFS_UNDO_BYTES)
			printf("%u at 0x%llx\n", le32_to_cpu(undo.length),
			       le64_to_cpu(undo.target));
		else
			printf("%u from number %llu in zone %u\n",
			       le32_to_cpu(undo.length),
			       le64_to_cpu(undo.target), undo.zone);
		size = le16_to_cpu(undo.size);
		if (size < sizeof(undo) || size > used)
			return;
		used -= size;
	}
}

/* Before recovery, which empties it. */
static void print_journal(const struct pkernfs_media *m)
{
	const struct pkernfs_range *area = &m->geo.area[PKERNFS_AREA_JOURNAL];
	const struct pkernfs_journal_head *head = pkernfs_journal_head(m);
	const struct pkernfs_slot *slot;
	u64 i, slots = 0;

	if (area->size > PKERNFS_BLOCK_SIZE)
		slots = (area->size - PKERNFS_BLOCK_SIZE) / PKERNFS_SLOT_SIZE;
	printf("journal\n  %llu slots\n", slots);
	for (i = 0; i < slots; i++) {
		slot = pkernfs_slot(m, i);
		if (!slot->used)
			continue;
		printf("  slot %llu: interrupted transaction, %u bytes of log\n",
		       i, le32_to_cpu(slot->used));
		print_log(slot);
	}
	for (i = 0; i < PKERNFS_NR_ORPHAN_LISTS; i++) {
		if (head->orphan[i])
			printf("  orphan list %llu begins with inode %u\n", i,
			       le32_to_cpu(head->orphan[i]));
	}
	for (i = 0; i < min_t(u32, le32_to_cpu(head->nr_bad), PKERNFS_MAX_BAD); i++)
		printf("  bad page at 0x%llx\n", le64_to_cpu(head->bad[i]));
}

static void print_zones(const struct pkernfs_media *m)
{
	int i;

	printf("space\n");
	for (i = 0; i < PKERNFS_NR_ZONES; i++)
		printf("  %llu of %llu %s free\n", pkernfs_free_count(m, i),
		       m->zone[i].count, zone_names[i]);
}

static void print_time(const char *name, const struct pkernfs_timestamp *t)
{
	time_t sec = t->sec;
	char text[40] = "?";
	struct tm tm;

	if (gmtime_r(&sec, &tm))
		strftime(text, sizeof(text), "%F %T", &tm);
	printf("    %s %s.%09u\n", name, text, t->nsec);
}

static void print_extents(struct pkernfs_media *m, u32 ino)
{
	struct pkernfs_extent e;
	u64 page;

	for (page = 0; page < PKERNFS_MAX_FILE_PAGES; page += e.count) {
		if (pkernfs_map_lookup(m, ino, page,
				       PKERNFS_MAX_FILE_PAGES - page, &e))
			return;
		if (e.offset)
			printf("    page %llu: %llu pages at 0x%llx\n", e.page,
			       e.count, e.offset);
	}
}

static void print_inode(struct pkernfs_media *m, u32 ino)
{
	static char target[PKERNFS_MAX_SYMLINK + 1];
	struct pkernfs_attr a;
	int len;

	if (pkernfs_inode_read(m, ino, &a)) {
		printf("  inode %u cannot be read\n", ino);
		damaged = true;
		return;
	}
	printf("  inode %u: mode 0%06o nlink %u uid %u gid %u", ino, a.mode,
	       a.nlink, a.uid, a.gid);
	printf(" size %llu blocks %llu generation %u\n", a.size, a.blocks,
	       a.generation);
	print_time("access", &a.atime);
	print_time("modify", &a.mtime);
	print_time("change", &a.ctime);
	print_time("birth ", &a.btime);
	if (S_ISDIR(a.mode))
		printf("    parent %u\n", a.parent);
	if (S_ISCHR(a.mode) || S_ISBLK(a.mode))
		printf("    device 0x%x\n", a.rdev);
	if (S_ISREG(a.mode))
		print_extents(m, ino);
	if (S_ISLNK(a.mode)) {
		len = pkernfs_symlink_read(m, ino, target);
		printf("    target ");
		print_text(target, len < 0 ? 0 : len);
		printf("\n");
	}
}

static void print_inodes(struct pkernfs_media *m)
{
	u64 n;

	printf("inodes\n");
	for (n = 0; n < m->zone[PKERNFS_ZONE_INODES].count; n++) {
		if (pkernfs_is_allocated(m, PKERNFS_ZONE_INODES, n))
			print_inode(m, n + 1);
	}
}

/* Directories that are still to be listed; each inode only once. */
struct tree {
	u32 *dirs;
	u32 nr_dirs;
	u8 *seen;
};

static bool print_name(void *context, const char *name, u32 len,
		       const struct pkernfs_entry *entry)
{
	struct tree *tree = context;

	printf("    %10u  ", entry->ino);
	print_text(name, len);
	if (entry->type == S_IFDIR >> 12) {
		putchar('/');
		if (!tree->seen[entry->ino]) {
			tree->seen[entry->ino] = 1;
			tree->dirs[tree->nr_dirs++] = entry->ino;
		}
	}
	printf("\n");
	return true;
}

static void print_tree(struct pkernfs_media *m)
{
	u64 count = m->zone[PKERNFS_ZONE_INODES].count + 1;
	struct tree tree = {
		.dirs	= calloc(count, sizeof(*tree.dirs)),
		.seen	= calloc(count, 1),
	};
	u32 i;

	if (!tree.dirs || !tree.seen)
		err(EXIT_FAILURE, "tree of %llu inodes", count - 1);
	printf("tree\n");
	tree.dirs[tree.nr_dirs++] = PKERNFS_ROOT_INO;
	tree.seen[PKERNFS_ROOT_INO] = 1;
	for (i = 0; i < tree.nr_dirs; i++) {
		printf("  directory %u\n", tree.dirs[i]);
		pkernfs_dir_iterate(m, tree.dirs[i], 0, print_name, &tree);
	}
	free(tree.dirs);
	free(tree.seen);
}

static int usage(const char *name)
{
	fprintf(stderr, "Usage: %s [-i INODE] IMAGE\n"
		"  -i INODE  only this inode\n", name);
	return 2;
}

static int dump(struct pkernfs_media *m, const char *path, u32 ino)
{
	struct pkernfs_message why;
	int ret;

	if (pkernfs_sb_read(m, &why)) {
		fprintf(stderr, "%s: %s\n", path, why.text);
		return EXIT_FAILURE;
	}
	if (!ino) {
		print_superblock(m);
		print_journal(m);
	}
	ret = pkernfs_recover(m);
	if (ret) {
		fprintf(stderr, "%s: journal: %s\n", path, strerror(-ret));
		return EXIT_FAILURE;
	}
	if (ino) {
		print_inode(m, ino);
	} else {
		print_zones(m);
		print_inodes(m);
		print_tree(m);
	}
	pkernfs_release(m);
	return damaged ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct pkernfs_media m;
	unsigned long long ino = 0;
	int c, ret;

	while ((c = getopt(argc, argv, "i:")) != -1) {
		if (c != 'i')
			return usage(argv[0]);
		ino = strtoull(optarg, NULL, 0);
		if (!ino || ino > U32_MAX)
			return usage(argv[0]);
	}
	if (optind != argc - 1)
		return usage(argv[0]);

	ret = image_open(&m, argv[optind], false);
	if (ret) {
		fprintf(stderr, "%s: %s\n", argv[optind], strerror(-ret));
		return EXIT_FAILURE;
	}
	m.report = report;
	ret = dump(&m, argv[optind], ino);
	image_close(&m);
	return ret;
}
