// SPDX-License-Identifier: GPL-2.0-only
/*
 * The checker: reads everything, trusts nothing, and knows what every byte of
 * metadata has to be. mount -o check, fsck.pkernfs and the tests use it.
 *
 * The first pass reads each inode in use with its blocks and its names, and
 * collects who uses what. What is left is comparing that with what the media
 * says: link counts, parents, orphan lists, bitmaps, counters.
 *
 * Damage is what needs a person; faults in the books can be repaired. But not
 * while there is damage: a file whose name cannot be read is not one without a
 * name, and what cannot be read may lead to blocks that seem unused.
 */
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/stat.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "internal.h"

#define WORD_BITS	64ULL
#define MIN_RECORD	ALIGN(sizeof(struct pkernfs_dirent) + 1, 8)

/* What is learnt about an inode. */
struct check_inode {
	u32 links;		/* names */
	u32 subdirs;		/* names of directories in this directory */
	u32 parent;		/* where the last name of a directory was found */
	u16 type;		/* S_IFMT bits of mode; 0: not in use, or damaged */
	u8  orphan;		/* on an orphan list */
	u8  reached;		/* parents lead to the root directory */
};

struct check {
	struct pkernfs_media *m;
	struct pkernfs_check_result *result;
	bool repair;
	bool damaged;
	struct check_inode *inodes;		/* [ino - 1] */
	u64 *used[PKERNFS_NR_ZONES];		/* bitmaps of what was reached */
	u64 count[PKERNFS_NR_ZONES];		/* bits in them */
	u64 blocks;				/* of the inode that is read */
};

static struct pkernfs_media *count_fault(struct check *c)
{
	c->result->errors++;
	return c->m;
}

static struct pkernfs_media *count_damage(struct check *c)
{
	c->damaged = true;
	return count_fault(c);
}

/* Report what can be repaired, and what only a person can put right. */
#define fault(c, ...)	pkernfs_corrupt(count_fault(c), __VA_ARGS__)
#define damage(c, ...)	pkernfs_corrupt(count_damage(c), __VA_ARGS__)

static u64 inode_offset(const struct check *c, u32 ino)
{
	return pkernfs_offset(c->m, pkernfs_inode(c->m, ino));
}

static bool is_in_use(const struct check *c, u32 ino)
{
	return pkernfs_is_ino(c->m, ino) && c->inodes[ino - 1].type;
}

/* Note that block @n belongs to something; each block may do so once. */
static bool take(struct check *c, enum pkernfs_zone_id id, u64 n)
{
	u64 *word = &c->used[id][n / WORD_BITS], bit = 1ULL << n % WORD_BITS;

	if (*word & bit)
		return false;
	*word |= bit;
	c->count[id]++;
	return true;
}

/* A pointer at @at to a block of zone @id, which @ino should be alone to use. */
static bool take_block(struct check *c, u32 ino, enum pkernfs_zone_id id,
		       const __le64 *at)
{
	u64 ptr = le64_to_cpu(*at), offset = pkernfs_ptr_offset(ptr);

	if (!pkernfs_is_block(c->m, id, offset)) {
		damage(c, ino, pkernfs_offset(c->m, at),
		       "pointer 0x%llx is not to a block of its zone", ptr);
		return false;
	}
	if (!take(c, id, pkernfs_block_number(c->m, id, offset))) {
		damage(c, ino, pkernfs_offset(c->m, at),
		       "block at 0x%llx is in use already", offset);
		return false;
	}
	c->blocks += 1ULL << (c->m->zone[id].shift - PKERNFS_BLOCK_SHIFT);
	return true;
}

/* As deep as @level, which is PKERNFS_MAX_HEIGHT at most. */
static void check_map(struct check *c, u32 ino, const __le64 *entry, u32 count,
		      u32 level)
{
	u32 data_level = (c->m->geo.data_block_shift - PKERNFS_BLOCK_SHIFT) /
			 PKERNFS_TABLE_SHIFT;
	u64 ptr;

	for (; count; count--, entry++) {
		ptr = le64_to_cpu(*entry);
		if (!ptr)
			continue;
		if (pkernfs_ptr_type(ptr) == PKERNFS_PTR_SMALL && !level) {
			take_block(c, ino, PKERNFS_ZONE_SMALL, entry);
		} else if (pkernfs_ptr_type(ptr) == PKERNFS_PTR_DATA &&
			   level == data_level) {
			take_block(c, ino, PKERNFS_ZONE_DATA, entry);
		} else if (pkernfs_ptr_type(ptr) == PKERNFS_PTR_TABLE && level) {
			if (take_block(c, ino, PKERNFS_ZONE_META, entry))
				check_map(c, ino,
					  pkernfs_at(c->m, pkernfs_ptr_offset(ptr)),
					  PKERNFS_TABLE_ENTRIES, level - 1);
		} else {
			damage(c, ino, pkernfs_offset(c->m, entry),
			       "pointer 0x%llx of this type does not belong at level %u",
			       ptr, level);
		}
	}
}

static void check_file(struct check *c, u32 ino,
		       const struct pkernfs_inode *inode)
{
	u64 size = le64_to_cpu(inode->size);

	if (size > PKERNFS_MAX_FILE_PAGES << PKERNFS_BLOCK_SHIFT)
		damage(c, ino, inode_offset(c, ino),
		       "size of %llu bytes is more than a file can have", size);
	check_map(c, ino, inode->map, PKERNFS_MAP_ENTRIES, inode->height);
}

static void check_symlink(struct check *c, u32 ino,
			  const struct pkernfs_inode *inode)
{
	u64 size = le64_to_cpu(inode->size);
	const void *target = inode->symlink;

	if (!size || size > PKERNFS_MAX_SYMLINK) {
		damage(c, ino, inode_offset(c, ino),
		       "symlink of %llu bytes, expected 1 to %u", size,
		       PKERNFS_MAX_SYMLINK);
		return;
	}
	if (size > sizeof(inode->symlink)) {
		if (pkernfs_ptr_type(le64_to_cpu(inode->map[0])) !=
		    PKERNFS_PTR_TABLE) {
			damage(c, ino, inode_offset(c, ino),
			       "symlink of %llu bytes has no block", size);
			return;
		}
		if (!take_block(c, ino, PKERNFS_ZONE_META, &inode->map[0]))
			return;
		target = pkernfs_at(c->m, pkernfs_ptr_offset(le64_to_cpu(inode->map[0])));
	}
	if (memchr(target, 0, size))
		damage(c, ino, pkernfs_offset(c->m, target),
		       "symlink's target has a zero byte");
}

static bool is_name(const char *name, u32 len)
{
	if (!len || memchr(name, '/', len) || memchr(name, 0, len))
		return false;
	return !(name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')));
}

/* An entry that says what no other entry of its leaf may say as well. */
static void check_unique(struct check *c, u32 dir,
			 const struct pkernfs_dir_leaf *leaf,
			 const struct pkernfs_dirent *d)
{
	const void *p = leaf + 1;
	const struct pkernfs_dirent *other;

	for (; p != d; p += le16_to_cpu(other->size)) {
		other = p;
		if (!other->ino)
			continue;
		if (other->key == d->key)
			damage(c, dir, pkernfs_offset(c->m, d),
			       "key 0x%llx is in use already",
			       le64_to_cpu(d->key));
		if (other->name_len == d->name_len &&
		    !memcmp(other->name, d->name, d->name_len))
			damage(c, dir, pkernfs_offset(c->m, d),
			       "a name is there twice");
	}
}

/* The inode itself may not have been read yet: check_links() does the rest. */
static void note_link(struct check *c, u32 dir, const struct pkernfs_dirent *d)
{
	u32 ino = le32_to_cpu(d->ino);
	struct check_inode *i = &c->inodes[ino - 1];
	u16 mode = le16_to_cpu(pkernfs_inode(c->m, ino)->mode);

	if (d->type != (mode & S_IFMT) >> 12)
		damage(c, dir, pkernfs_offset(c->m, d),
		       "name of inode %u says type %u, the inode's mode is 0%o",
		       ino, d->type, mode);
	i->links++;
	if (!S_ISDIR(mode))
		return;
	c->inodes[dir - 1].subdirs++;
	if (ino == PKERNFS_ROOT_INO || i->parent)
		damage(c, dir, pkernfs_offset(c->m, d),
		       "directory %u has another name already", ino);
	else
		i->parent = dir;
}

/* Does the key belong where the top @depth bits of all hashes are as in @hash? */
static bool is_place(const struct pkernfs_dirent *d, u64 hash, u32 depth)
{
	u64 own = le64_to_cpu(d->key) >> PKERNFS_KEY_SHIFT;

	return (own ^ hash) >> (PKERNFS_HASH_BITS - depth) == 0;
}

/* Removing a name forgets its inode and leaves the rest. */
static void check_removed(struct check *c, u32 dir,
			  const struct pkernfs_dirent *d, u64 hash, u32 depth)
{
	if (!d->name_len || !is_place(d, hash, depth) ||
	    !pkernfs_is_type((u32)d->type << 12))
		damage(c, dir, pkernfs_offset(c->m, d),
		       "what is left of a removed name is not valid");
}

/* @hash: what the top @depth bits of the hash of all names here are. */
static void check_dirent(struct check *c, u32 dir,
			 const struct pkernfs_dir_leaf *leaf,
			 const struct pkernfs_dirent *d, u64 hash, u32 depth)
{
	u64 own = le64_to_cpu(d->key) >> PKERNFS_KEY_SHIFT;

	if (!is_name(d->name, d->name_len)) {
		damage(c, dir, pkernfs_offset(c->m, d), "name is not valid");
		return;
	}
	if (own != pkernfs_dir_hash(c->m, d->name, d->name_len) ||
	    !is_place(d, hash, depth))
		damage(c, dir, pkernfs_offset(c->m, d),
		       "key 0x%llx does not fit the name or the place",
		       le64_to_cpu(d->key));
	if (!pkernfs_is_ino(c->m, le32_to_cpu(d->ino)) ||
	    !pkernfs_is_allocated(c->m, PKERNFS_ZONE_INODES,
				  le32_to_cpu(d->ino) - 1)) {
		damage(c, dir, pkernfs_offset(c->m, d),
		       "name of inode %u, which is not in use",
		       le32_to_cpu(d->ino));
		return;
	}
	check_unique(c, dir, leaf, d);
	note_link(c, dir, d);
}

/* Return: how many names the leaf holds. */
static u64 check_leaf(struct check *c, u32 dir,
		      const struct pkernfs_dir_leaf *leaf, u64 hash, u32 depth)
{
	u32 used = le16_to_cpu(leaf->used), pos, left, size;
	const struct pkernfs_dirent *d;
	u64 names = 0;

	if (used < sizeof(*leaf) || used > PKERNFS_BLOCK_SIZE) {
		damage(c, dir, pkernfs_offset(c->m, leaf),
		       "leaf of %u bytes", used);
		return 0;
	}
	for (pos = sizeof(*leaf); pos < used; pos += size) {
		d = (const void *)leaf + pos;
		left = used - pos;
		size = left < MIN_RECORD ? 0 : le16_to_cpu(d->size);
		if (size < MIN_RECORD || size > left || !IS_ALIGNED(size, 8) ||
		    sizeof(*d) + d->name_len > size) {
			damage(c, dir, pkernfs_offset(c->m, d),
			       "name with a record of %u bytes", size);
			return names;
		}
		if (!d->ino) {
			check_removed(c, dir, d, hash, depth);
			continue;
		}
		check_dirent(c, dir, leaf, d, hash, depth);
		names++;
	}
	if (!names)
		damage(c, dir, pkernfs_offset(c->m, leaf), "leaf without names");
	return names;
}

/*
 * How many of the slots from @slot on belong to @leaf: what its depth says, as
 * long as that fits an index of @level. 0 when it does not.
 */
static u32 run_length(const struct pkernfs_dir_leaf *leaf, u32 level, u32 slot)
{
	u32 depth = le16_to_cpu(leaf->depth), run;

	if (depth <= level * PKERNFS_TABLE_SHIFT ||
	    depth > (level + 1) * PKERNFS_TABLE_SHIFT)
		return 0;
	run = 1U << ((level + 1) * PKERNFS_TABLE_SHIFT - depth);
	return IS_ALIGNED(slot, run) ? run : 0;
}

/*
 * @level: how many indices are above this one, below PKERNFS_DIR_MAX_LEVELS;
 * so deep does this recurse. @hash: the bits that led here, others 0.
 */
static u64 check_index(struct check *c, u32 dir, const __le64 *index, u64 hash,
		       u32 level)
{
	u32 shift = PKERNFS_HASH_BITS - (level + 1) * PKERNFS_TABLE_SHIFT;
	const struct pkernfs_dir_leaf *leaf;
	u32 slot, run, i;
	u64 names = 0, ptr, below;

	for (slot = 0; slot < PKERNFS_TABLE_ENTRIES; slot += run) {
		ptr = le64_to_cpu(index[slot]);
		below = hash | (u64)slot << shift;
		run = 1;
		if (!ptr)
			continue;
		if (pkernfs_ptr_type(ptr) == PKERNFS_PTR_INDEX &&
		    level + 1 < PKERNFS_DIR_MAX_LEVELS) {
			if (take_block(c, dir, PKERNFS_ZONE_META, &index[slot]))
				names += check_index(c, dir,
						     pkernfs_at(c->m, pkernfs_ptr_offset(ptr)),
						     below, level + 1);
			continue;
		}
		if (pkernfs_ptr_type(ptr) != PKERNFS_PTR_LEAF) {
			damage(c, dir, pkernfs_offset(c->m, &index[slot]),
			       "pointer 0x%llx does not belong into an index of level %u",
			       ptr, level);
			continue;
		}
		if (!take_block(c, dir, PKERNFS_ZONE_META, &index[slot]))
			continue;
		leaf = pkernfs_at(c->m, pkernfs_ptr_offset(ptr));
		run = run_length(leaf, level, slot);
		for (i = 1; i < run && index[slot + i] == index[slot]; i++)
			;
		if (i < run || !run) {
			damage(c, dir, pkernfs_offset(c->m, leaf),
			       "leaf of depth %u in %u slots of level %u from slot %u on",
			       le16_to_cpu(leaf->depth), i, level, slot);
			run = 1;
			continue;
		}
		names += check_leaf(c, dir, leaf, below,
				    le16_to_cpu(leaf->depth));
	}
	if (!names)
		damage(c, dir, pkernfs_offset(c->m, index),
		       "index without names");
	return names;
}

static void check_dir(struct check *c, u32 dir,
		      const struct pkernfs_inode *inode)
{
	u64 ptr = le64_to_cpu(inode->map[0]), names = 0;
	const struct pkernfs_dir_leaf *leaf;

	if (ptr && pkernfs_ptr_type(ptr) != PKERNFS_PTR_LEAF &&
	    pkernfs_ptr_type(ptr) != PKERNFS_PTR_INDEX) {
		damage(c, dir, inode_offset(c, dir),
		       "pointer 0x%llx is not to a leaf or an index", ptr);
		return;
	}
	if (ptr && !take_block(c, dir, PKERNFS_ZONE_META, &inode->map[0]))
		return;
	if (pkernfs_ptr_type(ptr) == PKERNFS_PTR_INDEX) {
		names = check_index(c, dir,
				    pkernfs_at(c->m, pkernfs_ptr_offset(ptr)),
				    0, 0);
	} else if (ptr) {
		leaf = pkernfs_at(c->m, pkernfs_ptr_offset(ptr));
		if (leaf->depth)
			damage(c, dir, pkernfs_offset(c->m, leaf),
			       "only leaf has depth %u",
			       le16_to_cpu(leaf->depth));
		names = check_leaf(c, dir, leaf, 0, 0);
	}
	if (names != le64_to_cpu(inode->size))
		damage(c, dir, inode_offset(c, dir),
		       "directory of %llu names says it has %llu", names,
		       le64_to_cpu(inode->size));
}

static bool is_time(const struct pkernfs_time *t)
{
	return le32_to_cpu(t->nsec) < 1000000000;
}

/* What no inode of its type uses must be 0, or the inode cannot be freed. */
static void check_unused(struct check *c, u32 ino,
			 const struct pkernfs_inode *inode, u32 used)
{
	if (memchr_inv(&inode->map[used], 0,
		       (PKERNFS_MAP_ENTRIES - used) * sizeof(inode->map[0])))
		damage(c, ino, inode_offset(c, ino),
		       "inode of mode 0%o has a map beyond entry %u",
		       le16_to_cpu(inode->mode), used);
}

static void check_inode(struct check *c, u32 ino)
{
	const struct pkernfs_inode *inode = pkernfs_inode(c->m, ino);
	u16 mode = le16_to_cpu(inode->mode);

	if (!is_time(&inode->atime) || !is_time(&inode->mtime) ||
	    !is_time(&inode->ctime) || !is_time(&inode->btime))
		damage(c, ino, inode_offset(c, ino),
		       "time of 1000000000 ns or more");
	if (le32_to_cpu(inode->uid) == U32_MAX || le32_to_cpu(inode->gid) == U32_MAX)
		damage(c, ino, inode_offset(c, ino),
		       "owner %u:%u is no user and group",
		       le32_to_cpu(inode->uid), le32_to_cpu(inode->gid));
	if (inode->height > (S_ISREG(mode) ? PKERNFS_MAX_HEIGHT : 0)) {
		damage(c, ino, inode_offset(c, ino), "map of height %u",
		       inode->height);
		return;
	}
	c->blocks = 0;
	switch (mode & S_IFMT) {
	case S_IFREG:
		check_file(c, ino, inode);
		break;
	case S_IFDIR:
		check_unused(c, ino, inode, 1);
		check_dir(c, ino, inode);
		break;
	case S_IFLNK:
		check_symlink(c, ino, inode);
		break;
	case S_IFIFO:
	case S_IFSOCK:
	case S_IFCHR:
	case S_IFBLK:
		check_unused(c, ino, inode, 0);
		break;
	default:
		damage(c, ino, inode_offset(c, ino), "mode is 0%o", mode);
		return;
	}
	if (c->blocks != le64_to_cpu(inode->blocks))
		damage(c, ino, inode_offset(c, ino),
		       "inode of %llu blocks says it has %llu", c->blocks,
		       le64_to_cpu(inode->blocks));
	c->inodes[ino - 1].type = mode & S_IFMT;
	c->result->inodes++;
}

static void check_inodes(struct check *c)
{
	u64 n;

	for (n = 0; n < c->m->zone[PKERNFS_ZONE_INODES].count; n++) {
		if (!pkernfs_is_allocated(c->m, PKERNFS_ZONE_INODES, n))
			continue;
		take(c, PKERNFS_ZONE_INODES, n);
		check_inode(c, n + 1);
		cond_resched();
	}
	if (c->inodes[PKERNFS_ROOT_INO - 1].type != S_IFDIR)
		damage(c, PKERNFS_ROOT_INO, inode_offset(c, PKERNFS_ROOT_INO),
		       "the root directory is not a directory");
}

static void check_orphan_list(struct check *c, u32 list)
{
	const __le32 *at = &pkernfs_journal_head(c->m)->orphan[list];
	const struct pkernfs_inode *inode;
	u32 ino = le32_to_cpu(*at), previous = 0;

	while (ino) {
		if (!is_in_use(c, ino) || c->inodes[ino - 1].orphan ||
		    ino % PKERNFS_NR_ORPHAN_LISTS != list) {
			damage(c, previous, pkernfs_offset(c->m, at),
			       "inode %u does not belong on orphan list %u",
			       ino, list);
			return;
		}
		c->inodes[ino - 1].orphan = true;
		inode = pkernfs_inode(c->m, ino);
		if (le32_to_cpu(inode->orphan_prev) != previous)
			damage(c, ino, inode_offset(c, ino),
			       "orphan list says %u is before it, expected %u",
			       le32_to_cpu(inode->orphan_prev), previous);
		previous = ino;
		at = &inode->orphan_next;
		ino = le32_to_cpu(*at);
	}
}

static bool may_repair(const struct check *c)
{
	return c->repair && !c->damaged;
}

typedef int (*orphan_change)(struct pkernfs_tx *tx, u32 ino);

/* Change a field of an inode, if any, and its orphan list, if said how. */
static int repair_inode(struct check *c, u32 ino, __le32 *field, u32 value,
			orphan_change change)
{
	struct pkernfs_tx tx;
	int err;

	if (!may_repair(c))
		return 0;
	err = pkernfs_tx_begin(c->m, &tx);
	if (err)
		return err;
	if (field)
		err = pkernfs_tx_set_le32(&tx, field, value);
	if (!err && change)
		err = change(&tx, ino);
	if (err) {
		pkernfs_tx_abort(&tx);
		return err;
	}
	pkernfs_tx_commit(&tx);
	c->result->repaired++;
	return 0;
}

static bool is_leaked(const struct check *c, u32 ino)
{
	const struct check_inode *i = &c->inodes[ino - 1];

	return !i->links && !i->orphan && ino != PKERNFS_ROOT_INO;
}

/* Off the list an inode has no neighbours, or it would be taken to be on it. */
static int check_no_neighbour(struct check *c, u32 ino, __le32 *field)
{
	if (!*field)
		return 0;
	fault(c, ino, pkernfs_offset(c->m, field),
	      "on no orphan list, but has inode %u as neighbour",
	      le32_to_cpu(*field));
	return repair_inode(c, ino, field, 0, NULL);
}

/* With a name an orphan can only be a file that is being truncated. */
static int check_orphan(struct check *c, u32 ino)
{
	struct pkernfs_inode *inode = pkernfs_inode(c->m, ino);
	const struct check_inode *i = &c->inodes[ino - 1];
	int err;

	if (!i->orphan) {
		err = check_no_neighbour(c, ino, &inode->orphan_prev);
		return err ?: check_no_neighbour(c, ino, &inode->orphan_next);
	}
	if (i->type == S_IFREG || (!i->links && ino != PKERNFS_ROOT_INO))
		return 0;
	fault(c, ino, inode_offset(c, ino),
	      "on an orphan list, but neither deleted nor truncated");
	return repair_inode(c, ino, NULL, 0, pkernfs_orphan_del);
}

/* Once a leaked inode is on an orphan list, the next mount deletes it. */
static int check_nlink(struct check *c, u32 ino)
{
	struct pkernfs_inode *inode = pkernfs_inode(c->m, ino);
	const struct check_inode *i = &c->inodes[ino - 1];
	u32 nlink = le32_to_cpu(inode->nlink), expected = i->links;

	if (is_leaked(c, ino)) {
		fault(c, ino, inode_offset(c, ino), "in use, but has no name");
		return repair_inode(c, ino, &inode->nlink, 0,
				    pkernfs_orphan_add);
	}
	if (i->type == S_IFDIR && (i->links || ino == PKERNFS_ROOT_INO))
		expected = 2 + i->subdirs;
	if (nlink == expected)
		return 0;
	fault(c, ino, inode_offset(c, ino), "nlink is %u, expected %u", nlink,
	      expected);
	return repair_inode(c, ino, &inode->nlink, expected, NULL);
}

static int check_parent(struct check *c, u32 ino)
{
	struct pkernfs_inode *inode = pkernfs_inode(c->m, ino);
	const struct check_inode *i = &c->inodes[ino - 1];
	u32 expected = ino == PKERNFS_ROOT_INO ? ino : i->parent;

	if (i->type != S_IFDIR || !expected ||
	    le32_to_cpu(inode->parent) == expected)
		return 0;
	fault(c, ino, inode_offset(c, ino), "parent is %u, expected %u",
	      le32_to_cpu(inode->parent), expected);
	return repair_inode(c, ino, &inode->parent, expected, NULL);
}

/*
 * Directories could contain each other in a circle that nothing leads to. Walk
 * up to one that is known, then mark the way. A way that was walked and ends
 * nowhere is marked, too, so that it is reported and walked only once.
 */
static void check_reached(struct check *c, u32 ino)
{
	u32 up;

	for (up = ino; up && !c->inodes[up - 1].reached;
	     up = c->inodes[up - 1].parent) {
		c->inodes[up - 1].reached = 1;
		if (up == PKERNFS_ROOT_INO || !c->inodes[up - 1].parent)
			goto end;
	}
	if (up && c->inodes[up - 1].reached == 1)
		damage(c, ino, inode_offset(c, ino),
		       "directory is inside of itself");
end:
	for (up = ino; up && c->inodes[up - 1].reached == 1;
	     up = c->inodes[up - 1].parent)
		c->inodes[up - 1].reached = 2;
}

/* Names in a directory, and bytes of a file that is not deleted, may not vanish. */
static void check_place(struct check *c, u32 ino)
{
	const struct pkernfs_inode *inode = pkernfs_inode(c->m, ino);
	const struct check_inode *i = &c->inodes[ino - 1];

	if (i->type == S_IFDIR)
		check_reached(c, ino);
	if (i->links || ino == PKERNFS_ROOT_INO || !inode->size)
		return;
	if (i->type == S_IFDIR || (i->type == S_IFREG && inode->nlink))
		damage(c, ino, inode_offset(c, ino),
		       "is not empty, but has no name");
}

static int check_links(struct check *c)
{
	u64 n, count = c->m->zone[PKERNFS_ZONE_INODES].count;
	int err = 0;

	for (n = 0; n < PKERNFS_NR_ORPHAN_LISTS; n++)
		check_orphan_list(c, n);
	for (n = 0; n < count; n++) {
		if (!c->inodes[n].type)
			continue;
		check_place(c, n + 1);
		cond_resched();
	}
	for (n = 0; n < count && !err; n++) {
		if (!c->inodes[n].type)
			continue;
		err = check_parent(c, n + 1);
		if (!err)
			err = check_orphan(c, n + 1);
		if (!err)
			err = check_nlink(c, n + 1);
		cond_resched();
	}
	return err;
}

static void check_bitmap(struct check *c, enum pkernfs_zone_id id)
{
	struct pkernfs_zone *zone = &c->m->zone[id];
	__le64 *bitmap = pkernfs_at(c->m, zone->bitmap);
	u64 i, is, expected;

	for (i = 0; i < DIV_ROUND_UP(zone->count, WORD_BITS); i++) {
		is = le64_to_cpu(bitmap[i]);
		expected = c->used[id][i];
		if (is == expected)
			continue;
		fault(c, 0, pkernfs_offset(c->m, &bitmap[i]),
		      "zone %d, blocks from %llu on: bitmap is 0x%llx, expected 0x%llx",
		      id, i * WORD_BITS, is, expected);
		if (!may_repair(c))
			continue;
		WRITE_ONCE(bitmap[i], cpu_to_le64(expected));
		zone->first_free = 0;
		c->result->repaired++;
	}
}

/* The difference goes where a transaction's would go. */
static int check_counters(struct check *c)
{
	bool repair = may_repair(c);
	struct pkernfs_zone *zone;
	struct pkernfs_tx tx;
	u64 counted;
	int id, err;
	u32 i;

	if (repair) {
		err = pkernfs_tx_begin(c->m, &tx);
		if (err)
			return err;
	}
	for (id = 0; id < PKERNFS_NR_ZONES; id++) {
		zone = &c->m->zone[id];
		counted = 0;
		for (i = 0; i < c->m->journal->nr_slots; i++)
			counted += le64_to_cpu(pkernfs_slot(c->m, i)->in_use[id]);
		if (counted == c->count[id])
			continue;
		fault(c, 0, c->m->geo.area[PKERNFS_AREA_JOURNAL].start,
		      "zone %d has %llu blocks in use, but %lld are counted",
		      id, c->count[id], (s64)counted);
		if (!repair)
			continue;
		tx.in_use[id] = c->count[id] - counted;
		zone->free = zone->count - c->count[id];
		c->result->repaired++;
	}
	if (repair)
		pkernfs_tx_commit(&tx);
	return 0;
}

static int check_space(struct check *c)
{
	int id;

	for (id = 0; id < PKERNFS_NR_ZONES; id++)
		check_bitmap(c, id);
	return check_counters(c);
}

static int check_all(struct check *c)
{
	int err;

	if (pkernfs_bad_check(c->m))
		count_damage(c);
	check_inodes(c);
	err = check_links(c);
	return err ?: check_space(c);
}

/* All zeroes. Who asked for the check is told when there is no memory for it. */
static void *alloc_array(u64 n, size_t size)
{
	return __vmalloc_array(n, size, GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN);
}

/**
 * pkernfs_check() - check everything
 * @m: the region, recovered
 * @flags: PKERNFS_CHECK_REPAIR to repair what can be repaired
 * @result: set to what was found
 *
 * Each fault found is reported. Inodes that were leaked are not deleted but put
 * on an orphan list, see pkernfs_orphan_next(). The caller excludes every other
 * user of the region. Needs about 20 bytes of memory for each inode.
 *
 * When nothing is wrong the state is not unchecked any more. A caller that mounts
 * the region writable writes the state to the media.
 *
 * Return: 0 when nothing is wrong or all of it was repaired, -EUCLEAN when
 * something is wrong, -ENOMEM.
 */
int pkernfs_check(struct pkernfs_media *m, unsigned int flags,
		  struct pkernfs_check_result *result)
{
	struct check c = {
		.m	= m,
		.result	= result,
		.repair	= flags & PKERNFS_CHECK_REPAIR,
	};
	int err = 0, id;

	memset(result, 0, sizeof(*result));
	c.inodes = alloc_array(m->zone[PKERNFS_ZONE_INODES].count,
			       sizeof(*c.inodes));
	if (!c.inodes)
		err = -ENOMEM;
	for (id = 0; id < PKERNFS_NR_ZONES; id++) {
		c.used[id] = alloc_array(DIV_ROUND_UP(m->zone[id].count,
						      WORD_BITS),
					 sizeof(*c.used[id]));
		if (!c.used[id])
			err = -ENOMEM;
	}
	if (!err)
		err = check_all(&c);
	if (!err && result->errors > result->repaired)
		err = -EUCLEAN;
	if (!err && !result->errors)
		m->state.flags &= ~PKERNFS_STATE_UNCHECKED;
	for (id = 0; id < PKERNFS_NR_ZONES; id++)
		vfree(c.used[id]);
	vfree(c.inodes);
	return err;
}
