// SPDX-License-Identifier: GPL-2.0-only
/*
 * The model test: long random sequences of operations, done on a region and on
 * a simple model in ordinary memory, which must agree all the time: results,
 * names, attributes, link counts, contents, free counts. The checker runs every
 * now and then, a mount as well, and in the end nothing may be left.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/sizes.h>
#include <linux/stat.h>
#include <linux/string.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "harness.h"

#define PAGE		PKERNFS_BLOCK_SIZE
#define MAX_NODES	400
#define MAX_NAMES	600
#define MAX_SIZE	(5ULL << 20)

/*
 * A node that has no name and is not open does not exist, unless it is doomed: it
 * waits to be deleted, since there was no space for a limbo.
 */
struct node {
	bool exists, open, doomed;
	u32 ino, nlink, uid, gid, rdev, names;
	u16 mode;
	u64 size;
	u8 *data;		/* files: MAX_SIZE bytes, zeroes behind size */
	char *target;
	struct node *parent;
};

struct name {
	struct node *dir, *node;
	char text[PKERNFS_MAX_NAME + 1];
};

/* A block that a device uses. */
struct pin {
	struct pkernfs_range block;
	u32 ino;		/* where it was when it was pinned */
	u64 page;
	u64 sum;		/* of its contents when it went out of use */
};

static struct fs fs;
static struct pin pins[MAX_PINS / 2];
static u32 nr_pins;
static u64 busy_blocks;			/* out of use, seen in limbo */
static struct node nodes[MAX_NODES];
static struct name names[MAX_NAMES];
static u32 nr_names;
static u64 first_seed, seed, op_number;
static u64 counts[2];			/* operations that worked, that failed */
static u64 promotions;

__printf(1, 2)
static void fail(const char *fmt, ...)
{
	va_list args;

	printf("# seed 0x%llx, operation %llu: ", first_seed, op_number);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf(" (%s)\n", last_report);
	tap(false, "model and region agree");
	exit(tap_end());
}

#define REQUIRE(what, ...)						\
do {									\
	if (!(what))							\
		fail(__VA_ARGS__);					\
} while (0)

static u64 below(u64 n)
{
	return next_random(&seed) % n;
}

/* The model's side. */
static struct node *new_node(u32 ino, u16 mode, u32 rdev)
{
	struct node *n = nodes;

	while (n->exists)
		n++;
	REQUIRE(n < nodes + MAX_NODES, "model is too small");
	*n = (struct node) {
		.exists	= true,
		.ino	= ino,
		.mode	= mode,
		.rdev	= rdev,
	};
	if (S_ISREG(mode))
		n->data = calloc(1, MAX_SIZE);
	return n;
}

static void drop(struct node *n)
{
	if (n->nlink || n->open || n->doomed)
		return;
	free(n->data);
	free(n->target);
	n->exists = false;
}

static struct name *find_name(const struct node *dir, const char *text)
{
	u32 i;

	for (i = 0; i < nr_names; i++) {
		if (names[i].dir == dir && !strcmp(names[i].text, text))
			return &names[i];
	}
	return NULL;
}

static void add_name(struct node *dir, const char *text, struct node *node)
{
	struct name *n = &names[nr_names++];

	REQUIRE(nr_names < MAX_NAMES, "model is too small");
	n->dir = dir;
	n->node = node;
	snprintf(n->text, sizeof(n->text), "%s", text);
	dir->names++;
	node->nlink++;
	if (S_ISDIR(node->mode)) {
		node->nlink = max(node->nlink, 2U);
		node->parent = dir;
		dir->nlink++;
	}
}

static void del_name(struct name *n)
{
	struct node *node = n->node;

	n->dir->names--;
	node->nlink--;
	if (S_ISDIR(node->mode)) {
		if (node->nlink == 1)
			node->nlink = 0;
		n->dir->nlink--;
	}
	*n = names[--nr_names];
}

/* Random choices. */
static struct node *any_node(u16 type)
{
	struct node *found = NULL, *n;
	u32 seen = 0;

	for (n = nodes; n < nodes + MAX_NODES; n++) {
		if (n->exists && !n->doomed &&
		    (!type || (n->mode & S_IFMT) == type) && !below(++seen))
			found = n;
	}
	return found;
}

/* A directory that names can be put into. */
static struct node *any_dir(void)
{
	struct node *dir = any_node(S_IFDIR);

	return dir->nlink ? dir : &nodes[0];
}

static struct name *any_name(void)
{
	return nr_names ? &names[below(nr_names)] : NULL;
}

static const char *new_text(void)
{
	static char s[PKERNFS_MAX_NAME + 1];
	u32 len;

	len = sprintf(s, "%llx", below(200));
	/* Some directories must get several leaves. */
	if (s[0] > '7') {
		memset(s + len, 'x', PKERNFS_MAX_NAME - len);
		s[PKERNFS_MAX_NAME] = '\0';
	}
	return s;
}

/*
 * Compare results. Running out of space is no error of the model's and may be
 * found before another error, but then nothing may have changed.
 */
static bool did(const char *what, s64 got, s64 expected)
{
	if (got == -ENOSPC) {
		counts[1]++;
		return false;
	}
	REQUIRE(got == expected, "%s: %lld, expected %lld", what, got,
		expected);
	counts[!!got]++;
	return !got;
}

static void do_create(void)
{
	static const u16 types[] = {
		S_IFREG, S_IFREG, S_IFREG, S_IFDIR, S_IFIFO, S_IFCHR, S_IFSOCK,
	};
	u16 mode = types[below(ARRAY_SIZE(types))] | below(07777);
	struct node *dir = any_dir();
	const char *text = new_text();
	u32 ino, rdev = S_ISCHR(mode) ? below(65536) : 0;
	int err = op_create(&fs, dir->ino, text, mode, rdev, &ino);

	if (did("create", err, find_name(dir, text) ? -EEXIST : 0))
		add_name(dir, text, new_node(ino, mode, rdev));
}

static void do_symlink(void)
{
	struct node *dir = any_dir(), *n;
	const char *text = new_text();
	u32 ino, len = 1 + below(below(4) ? 100 : PKERNFS_MAX_SYMLINK);
	char *target = malloc(len + 1);
	int err;

	memset(target, 'a' + len % 26, len);
	target[len] = '\0';
	err = op_symlink(&fs, dir->ino, text, target, &ino);
	if (!did("symlink", err, find_name(dir, text) ? -EEXIST : 0)) {
		free(target);
		return;
	}
	n = new_node(ino, S_IFLNK | 0777, 0);
	n->target = target;
	n->size = len;
	add_name(dir, text, n);
}

static void do_tmpfile(void)
{
	struct node *n;
	u32 ino;

	if (!did("tmpfile", op_tmpfile(&fs, S_IFREG | 0640, &ino), 0))
		return;
	n = new_node(ino, S_IFREG | 0640, 0);
	n->open = true;
}

static void do_link(void)
{
	struct node *dir = any_dir(), *n = any_node(0);
	const char *text = new_text();

	if (S_ISDIR(n->mode))
		return;
	if (did("link", op_link(&fs, n->ino, dir->ino, text),
		find_name(dir, text) ? -EEXIST : 0))
		add_name(dir, text, n);
}

/* Without pins there is nothing that deleting needs space for. */
static void delete_node(struct node *n)
{
	int err = op_evict(&fs, n->ino);

	n->doomed = err == -ENOSPC && nr_pins;
	REQUIRE(!err || n->doomed, "evict: %d", err);
}

/* The last name of @n went: delete the inode, now or when it is closed. */
static void maybe_evict(struct node *n)
{
	if (n->nlink)
		return;
	if (!n->open && S_ISREG(n->mode) && below(3) == 0)
		n->open = true;
	if (!n->open)
		delete_node(n);
	drop(n);
}

static void do_unlink(void)
{
	struct name *name = any_name();
	struct node *n;
	int expected = 0, err;
	u32 ino;

	if (!name)
		return;
	n = name->node;
	if (S_ISDIR(n->mode)) {
		expected = n->names ? -ENOTEMPTY : 0;
		err = op_rmdir(&fs, name->dir->ino, name->text, &ino);
	} else {
		err = op_unlink(&fs, name->dir->ino, name->text, &ino);
	}
	if (!did("unlink", err, expected))
		return;
	del_name(name);
	maybe_evict(n);
}

static void do_close(void)
{
	struct node *n = any_node(S_IFREG);

	if (!n || !n->open)
		return;
	n->open = false;
	if (!n->nlink)
		delete_node(n);
	drop(n);
}

static bool is_inside(const struct node *n, const struct node *dir)
{
	for (; n != &nodes[0]; n = n->parent) {
		if (n == dir)
			return true;
	}
	return dir == &nodes[0];
}

static int rename_error(const struct name *from, const struct name *to,
			int flags)
{
	if (flags == OP_RENAME_EXCHANGE)
		return to ? 0 : -ENOENT;
	if (!to)
		return 0;
	if (flags == OP_RENAME_NOREPLACE)
		return -EEXIST;
	if (from->node == to->node)
		return 0;
	if (S_ISDIR(from->node->mode) && !S_ISDIR(to->node->mode))
		return -ENOTDIR;
	if (!S_ISDIR(from->node->mode) && S_ISDIR(to->node->mode))
		return -EISDIR;
	return to->node->names ? -ENOTEMPTY : 0;
}

static void model_exchange(struct name *a, struct name *b)
{
	struct node *x = a->node, *y = b->node;

	a->dir->nlink += S_ISDIR(y->mode) - S_ISDIR(x->mode);
	b->dir->nlink += S_ISDIR(x->mode) - S_ISDIR(y->mode);
	a->node = y;
	b->node = x;
	x->parent = b->dir;
	y->parent = a->dir;
}

static void model_move(struct name *from, struct node *dir, const char *text)
{
	struct node *n = from->node, *over = NULL;
	struct name *to = find_name(dir, text);

	if (to) {
		over = to->node;
		del_name(to);
		/* The last one took its place. */
		if (from == &names[nr_names])
			from = to;
	}
	del_name(from);
	add_name(dir, text, n);
	if (over)
		maybe_evict(over);
}

static void do_rename(void)
{
	struct name *from = any_name(), *to;
	char text[PKERNFS_MAX_NAME + 1];
	struct node *dir = any_dir();
	int flags = below(3), err;
	u32 victim;

	if (!from)
		return;
	snprintf(text, sizeof(text), "%s", new_text());
	/* More often than by chance: a name that exists. */
	if (below(2)) {
		to = any_name();
		dir = to->dir;
		snprintf(text, sizeof(text), "%s", to->text);
	}
	to = find_name(dir, text);
	/* The VFS refuses these. */
	if (S_ISDIR(from->node->mode) && is_inside(dir, from->node))
		return;
	if (to && S_ISDIR(to->node->mode) && is_inside(from->dir, to->node))
		return;
	err = op_rename(&fs, from->dir->ino, from->text, dir->ino, text, flags,
			&victim);
	if (!did("rename", err, rename_error(from, to, flags)) ||
	    (to && from->node == to->node))
		return;
	if (flags == OP_RENAME_EXCHANGE)
		model_exchange(from, to);
	else
		model_move(from, dir, text);
}

static void do_setattr(void)
{
	struct node *n = any_node(0);
	u16 perm = below(07777);
	u32 uid = below(70000), gid = below(70000);

	if (!did("setattr", op_setattr(&fs, n->ino, perm, uid, gid), 0))
		return;
	n->mode = (n->mode & S_IFMT) | perm;
	n->uid = uid;
	n->gid = gid;
}

/* Mostly small, sometimes more than a data block. */
static u64 any_pos(void)
{
	u64 pos = below(MAX_SIZE / 2) >> below(20);

	return below(3) ? pos : pos / PAGE * PAGE;
}

static u64 any_len(void)
{
	return 1 + (below(MAX_SIZE / 2 - 1) >> below(22));
}

/*
 * May a hole remain one? Only when there is nothing left that could fill it. A map
 * may have to grow up to where data blocks stand, and need tables down from there.
 */
static bool is_full(void)
{
	u32 levels = (fs.m.geo.data_block_shift - PKERNFS_BLOCK_SHIFT) /
		     PKERNFS_TABLE_SHIFT;

	/* Small blocks that are pinned must stay where they are. */
	return nr_pins ||
	       (!pkernfs_free_count(&fs.m, PKERNFS_ZONE_SMALL) &&
		!pkernfs_free_count(&fs.m, PKERNFS_ZONE_DATA)) ||
	       !pkernfs_free_count(&fs.m, PKERNFS_ZONE_INODES) ||
	       pkernfs_free_count(&fs.m, PKERNFS_ZONE_META) < 2 * levels;
}

static void do_write(void)
{
	struct node *n = any_node(S_IFREG);
	u64 pos = any_pos(), len = any_len(), i;
	u8 *buf, first = next_random(&seed);
	s64 done;

	if (!n)
		return;
	buf = malloc(len);
	for (i = 0; i < len; i++)
		buf[i] = first + i * 7 + i / 256;
	done = op_write(&fs, n->ino, pos, buf, len);
	REQUIRE(done == -ENOSPC || (done > 0 && done <= (s64)len),
		"write: %lld", done);
	REQUIRE(done == (s64)len || is_full(),
		"write: %lld of %llu bytes, but there is space", done, len);
	counts[done < (s64)len]++;
	if (done > 0) {
		memcpy(n->data + pos, buf, done);
		n->size = max(n->size, pos + done);
	}
	free(buf);
}

static void do_truncate(void)
{
	struct node *n = any_node(S_IFREG);
	u64 size = below(4) ? any_pos() : 0;
	int err;

	if (!n)
		return;
	/* The size changes first. What is behind it may have to wait. */
	err = op_truncate(&fs, n->ino, size);
	if ((err != -ENOSPC || !nr_pins) && !did("truncate", err, 0))
		return;
	if (size < n->size)
		memset(n->data + size, 0, n->size - size);
	n->size = size;
}

static void do_fallocate(void)
{
	struct node *n = any_node(S_IFREG);
	u64 pos = any_pos(), len = any_len();
	bool keep = below(2);
	int err;

	if (!n)
		return;
	err = op_fallocate(&fs, n->ino, pos, len, keep);
	REQUIRE(err != -ENOSPC || is_full(), "fallocate: there is space");
	if (!did("fallocate", err, 0))
		return;
	if (!keep)
		n->size = max(n->size, pos + len);
}

/* A punch that found no space for a limbo: pages are as before, or punched. */
static void accept_punch(struct node *n, u64 pos, u64 len)
{
	static u8 buf[PAGE];
	u64 page;

	for (page = DIV_ROUND_UP(pos, PAGE); page < (pos + len) / PAGE; page++) {
		if (page * PAGE >= n->size)
			return;
		memset(buf, 0, PAGE);
		REQUIRE(op_read(&fs, n->ino, page * PAGE, buf, PAGE) > 0, "read");
		if (memcmp(buf, n->data + page * PAGE, PAGE))
			memset(n->data + page * PAGE, 0, PAGE);
	}
}

static void do_punch(void)
{
	struct node *n = any_node(S_IFREG);
	u64 pos = any_pos(), len = any_len();
	int err;

	if (!n)
		return;
	err = op_punch(&fs, n->ino, pos, len);
	if (err == -ENOSPC && nr_pins)
		accept_punch(n, pos, len);
	else if (did("punch", err, 0))
		memset(n->data + pos, 0, len);
}

/* Devices. */
static bool is_pinned(u64 offset)
{
	u32 i;

	for (i = 0; i < nr_pins; i++) {
		if (pins[i].block.start == offset)
			return true;
	}
	return false;
}

static void do_pin(void)
{
	struct node *n = any_node(S_IFREG);
	struct pin *pin = &pins[nr_pins];

	if (!n || nr_pins == ARRAY_SIZE(pins))
		return;
	pin->ino = n->ino;
	pin->page = below(1 + n->size / PAGE);
	pin->block = find_block(&fs, pin->ino, pin->page);
	if (!pin->block.size || is_pinned(pin->block.start))
		return;
	op_pin(&fs, pin->block.start);
	nr_pins++;
}

static void do_unpin(void)
{
	u32 i;

	if (!nr_pins)
		return;
	i = below(nr_pins);
	REQUIRE(!op_unpin(&fs, pins[i].block.start), "unpin");
	pins[i] = pins[--nr_pins];
}

static bool is_out_of_use(const struct pin *pin)
{
	/* Limbo may have got the number of the file, and that place in it. */
	return pin->ino == fs.m.limbo ||
	       find_block(&fs, pin->ino, pin->page).start != pin->block.start;
}

/* A block that the file has lost stays as it is. */
static void check_pins(void)
{
	struct pin *pin;

	for (pin = pins; pin < pins + nr_pins; pin++) {
		if (!is_out_of_use(pin)) {
			pin->sum = sum_block(&fs, pin->block);
			continue;
		}
		REQUIRE(is_block_used(&fs, pin->block.start),
			"busy block at 0x%llx is free", pin->block.start);
		REQUIRE(sum_block(&fs, pin->block) == pin->sum,
			"busy block at 0x%llx has changed", pin->block.start);
		busy_blocks++;
	}
}

/* How many pages of data a file has; none if there is no such inode. */
static u64 count_pages(u32 ino)
{
	struct pkernfs_extent e;
	u64 page, count = 0;

	for (page = 0; ino && page < PKERNFS_MAX_FILE_PAGES; page += e.count) {
		REQUIRE(!pkernfs_map_lookup(&fs.m, ino, page,
					    PKERNFS_MAX_FILE_PAGES - page, &e),
			"inode %u: map", ino);
		count += e.offset ? e.count : 0;
	}
	return count;
}

/* Limbo has what is pinned and out of use, and nothing else. */
static void check_limbo(bool complete)
{
	u64 pages = count_pages(fs.m.limbo), expected = 0;
	const struct pin *pin;

	for (pin = pins; pin < pins + nr_pins; pin++) {
		if (is_out_of_use(pin))
			expected += pin->block.size / PAGE;
	}
	REQUIRE(pages <= expected && (pages == expected || !complete),
		"limbo has %llu pages, expected %llu", pages, expected);
}

/* Comparing. */
static u64 check_node(struct node *n)
{
	static u8 buf[MAX_SIZE];
	struct pkernfs_attr a;
	s64 len;

	REQUIRE(!pkernfs_inode_read(&fs.m, n->ino, &a), "inode %u is lost",
		n->ino);
	if (n->doomed)
		return a.blocks;
	REQUIRE(a.mode == n->mode && a.nlink == n->nlink && a.uid == n->uid &&
		a.gid == n->gid && a.rdev == n->rdev,
		"inode %u: mode 0%o/0%o nlink %u/%u uid %u/%u gid %u/%u",
		n->ino, a.mode, n->mode, a.nlink, n->nlink, a.uid, n->uid,
		a.gid, n->gid);
	REQUIRE(a.size == (S_ISDIR(n->mode) ? n->names : n->size),
		"inode %u: size %llu, expected %llu", n->ino, a.size, n->size);
	if (S_ISREG(n->mode)) {
		len = op_read(&fs, n->ino, 0, buf, MAX_SIZE);
		REQUIRE(len == (s64)n->size && !memcmp(buf, n->data, len),
			"inode %u: contents differ", n->ino);
	}
	if (S_ISLNK(n->mode)) {
		len = pkernfs_symlink_read(&fs.m, n->ino, (char *)buf);
		REQUIRE(len == (s64)n->size && !memcmp(buf, n->target, len),
			"inode %u: target differs", n->ino);
	}
	if (S_ISDIR(n->mode))
		REQUIRE(a.parent == n->parent->ino, "inode %u: parent is %u",
			n->ino, a.parent);
	return a.blocks;
}

struct listing {
	struct node *dir;
	u32 count;
	u64 last_key;
};

static bool check_entry(void *context, const char *text, u32 len,
			const struct pkernfs_entry *entry)
{
	char copy[PKERNFS_MAX_NAME + 1] = "";
	struct listing *l = context;
	struct name *name;

	memcpy(copy, text, len);
	name = find_name(l->dir, copy);
	REQUIRE(name, "inode %u: unknown name %s", l->dir->ino, copy);
	REQUIRE(entry->ino == name->node->ino &&
		entry->type == name->node->mode >> 12,
		"%s is inode %u, expected %u", copy, entry->ino,
		name->node->ino);
	REQUIRE(!l->count || entry->key > l->last_key, "keys do not ascend");
	l->last_key = entry->key;
	l->count++;
	/* Go on from the cookie now and then, as readdir does. */
	return below(8);
}

static void check_listing(struct node *dir)
{
	struct listing l = { .dir = dir };
	u32 before;

	do {
		before = l.count;
		REQUIRE(!pkernfs_dir_iterate(&fs.m, dir->ino,
					     l.count ? l.last_key + 1 : 0,
					     check_entry, &l),
			"inode %u: readdir", dir->ino);
	} while (l.count > before);
	REQUIRE(l.count == dir->names, "inode %u: %u names, expected %u",
		dir->ino, l.count, dir->names);
}

static u64 in_use(enum pkernfs_zone_id id)
{
	return fs.m.zone[id].count - pkernfs_free_count(&fs.m, id);
}

static void check_all(void)
{
	struct pkernfs_check_result result;
	u64 inodes = 0, blocks = 0;
	bool any_doomed = false;
	struct node *n;

	for (n = nodes; n < nodes + MAX_NODES; n++) {
		if (!n->exists)
			continue;
		any_doomed |= n->doomed;
		inodes++;
		blocks += check_node(n);
		if (S_ISDIR(n->mode))
			check_listing(n);
	}
	check_limbo(!any_doomed);
	if (fs.m.limbo) {
		inodes++;
		blocks += pkernfs_inode_blocks(&fs.m, fs.m.limbo);
	}
	REQUIRE(in_use(PKERNFS_ZONE_INODES) == inodes,
		"%llu inodes in use, expected %llu",
		in_use(PKERNFS_ZONE_INODES), inodes);
	REQUIRE(in_use(PKERNFS_ZONE_META) + in_use(PKERNFS_ZONE_SMALL) +
		(in_use(PKERNFS_ZONE_DATA) <<
		 (fs.m.geo.data_block_shift - PKERNFS_BLOCK_SHIFT)) == blocks,
		"free counts do not fit %llu blocks", blocks);
	REQUIRE(!pkernfs_check(&fs.m, 0, &result), "%llu errors",
		result.errors);
}

/* Did the mount not delete what has no name? */
static bool is_doomed(const struct node *n)
{
	struct pkernfs_attr attr;

	return !n->nlink && n->ino != fs.m.limbo &&
	       !pkernfs_inode_read(&fs.m, n->ino, &attr);
}

/* A mount after files were open: what has no name goes. Pins remain. */
static void do_mount(void)
{
	u32 limbo = fs.m.limbo;
	struct node *n;
	int err;

	region_umount(&fs);
	REQUIRE(!region_mount(&fs), "mount");
	/* Limbo is an orphan as any other now. */
	if (limbo)
		new_node(limbo, S_IFREG, 0);
	err = op_reclaim(&fs);
	REQUIRE(!err || (err == -ENOSPC && nr_pins), "orphans: %d", err);
	for (n = nodes; n < nodes + MAX_NODES; n++) {
		n->open = false;
		if (!n->exists)
			continue;
		n->doomed = is_doomed(n);
		REQUIRE(!n->doomed || err, "inode %u is still there", n->ino);
		drop(n);
	}
}

static void do_delete_all(void)
{
	u64 left = nr_names * 20;

	while (nr_names && left--)
		do_unlink();
	do_mount();
}

static const struct {
	void (*run)(void);
	u32 weight;
} operations[] = {
	{ do_create, 120 }, { do_symlink, 30 }, { do_tmpfile, 15 },
	{ do_link, 40 }, { do_unlink, 120 }, { do_close, 30 },
	{ do_rename, 80 }, { do_setattr, 30 }, { do_write, 150 },
	{ do_truncate, 50 }, { do_fallocate, 40 }, { do_punch, 40 },
	{ do_pin, 40 }, { do_unpin, 20 }, { do_mount, 5 },
};

static void one_operation(void)
{
	u32 i, total = 0, pick;

	for (i = 0; i < ARRAY_SIZE(operations); i++)
		total += operations[i].weight;
	pick = below(total);
	for (i = 0; pick >= operations[i].weight; i++)
		pick -= operations[i].weight;
	operations[i].run();
	check_pins();
}

static void run(const struct region_options *options, u64 count)
{
	struct pkernfs_attr attr;
	u64 free[PKERNFS_NR_ZONES];
	int i;

	first_seed = seed;
	memset(nodes, 0, sizeof(nodes));
	region_create(&fs, options);
	pkernfs_inode_read(&fs.m, PKERNFS_ROOT_INO, &attr);
	new_node(PKERNFS_ROOT_INO, attr.mode, 0)->nlink = 2;
	nodes[0].parent = &nodes[0];
	for (i = 0; i < PKERNFS_NR_ZONES; i++)
		free[i] = pkernfs_free_count(&fs.m, i);

	for (op_number = 0; op_number < count; op_number++) {
		one_operation();
		if (op_number % 256 == 255)
			check_all();
		if (op_number % 4096 == 4095) {
			do_delete_all();
			check_all();
		}
	}
	while (nr_pins)
		do_unpin();
	while (nr_names)
		do_delete_all();
	check_all();
	for (i = 0; i < PKERNFS_NR_ZONES; i++)
		REQUIRE(pkernfs_free_count(&fs.m, i) == free[i],
			"zone %d: %llu are free, %llu were in the beginning", i,
			pkernfs_free_count(&fs.m, i), free[i]);
	promotions += fs.promotions;
	region_destroy(&fs);
}

static const struct {
	const char *name;
	struct region_options options;
	u32 slow;		/* how much longer an operation takes */
} regions[] = {
	{ "plenty of space", {
		.data_blocks = 16, .small_size = SZ_4M, .inodes = 384 }, 1 },
	{ "few data blocks", {
		.data_blocks = 2, .small_size = SZ_1M, .inodes = 256 }, 1 },
	{ "few small blocks and inodes", {
		.data_blocks = 3, .small_size = SZ_64K, .inodes = 64 }, 1 },
	{ "many data blocks, few small ones", {
		.data_blocks = 40, .small_size = SZ_64K, .inodes = 256 }, 1 },
	{ "data blocks of 1 GiB", {
		.data_blocks = 2, .data_block_size = SZ_1G,
		.small_size = SZ_64K, .inodes = 256 }, 15 },
};

int main(int argc, char **argv)
{
	time_t end = time(NULL) + 15;
	u64 count = 4500, rounds = 0;
	int c;
	u32 i;

	seed = time(NULL);
	while ((c = getopt(argc, argv, "n:s:t:")) != -1) {
		switch (c) {
		case 'n':
			count = strtoull(optarg, NULL, 0);
			break;
		case 's':
			seed = strtoull(optarg, NULL, 0);
			end = 0;
			break;
		case 't':
			end = time(NULL) + strtoul(optarg, NULL, 0);
			break;
		default:
			fprintf(stderr, "Usage: %s [-n OPERATIONS] [-t SECONDS | -s SEED]\n",
				argv[0]);
			return EXIT_FAILURE;
		}
	}
	seed = seed ?: 1;
	do {
		for (i = 0; i < ARRAY_SIZE(regions); i++) {
			printf("# seed 0x%llx: %s\n", seed, regions[i].name);
			run(&regions[i].options, count / regions[i].slow);
		}
		rounds++;
	} while (time(NULL) < end);
	printf("# %llu rounds: %llu operations worked, %llu failed as expected\n",
	       rounds, counts[0], counts[1]);
	printf("# %llu promotions, %llu looks at busy blocks\n", promotions,
	       busy_blocks);
	tap(true, "model and region agree");
	return tap_end();
}
