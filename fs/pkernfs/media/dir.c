// SPDX-License-Identifier: GPL-2.0-only
/*
 * Directories: an extendible hash table, see struct pkernfs_dirent. A name is
 * found through at most five indices and the search of one leaf, however large
 * the directory is.
 */
#include <linux/bitops.h>
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/siphash.h>
#include <linux/stat.h>
#include <linux/string.h>

#include "internal.h"

/*
 * A leaf gets a name only if it has no more bytes then: a search goes through all
 * of it, so a quarter of the names is worth the rest of the block.
 */
#define MAX_FILL	(PKERNFS_BLOCK_SIZE / 4)

/* What struct pkernfs_entry promises of keys; no leaf has as many collisions. */
#define MAX_KEY		(BIT_ULL(63) - 256)

#define MIN_RECORD	ALIGN(sizeof(struct pkernfs_dirent) + 1, 8)
#define MAX_RECORDS	((PKERNFS_BLOCK_SIZE - sizeof(struct pkernfs_dir_leaf)) / \
			 MIN_RECORD)

/* The way from a directory's inode to the leaf of a hash. */
struct dir_walk {
	struct pkernfs_media *m;
	struct pkernfs_inode *inode;
	u32 dir;
	u64 hash;
	u32 level;		/* number of indices on the way */
	__le64 *table[PKERNFS_DIR_MAX_LEVELS + 1];	/* [0] is the inode's map */
	struct pkernfs_dir_leaf *leaf;	/* NULL: none */
	u32 depth;		/* of the leaf, checked */
	u32 used;		/* of the leaf, checked */
};

/* What a search of a leaf finds out. */
struct dir_search {
	struct pkernfs_dirent *found;	/* NULL: there is no such name */
	bool collides;		/* another name has the same hash */
};

/**
 * pkernfs_dir_hash() - where a name belongs in a directory
 * @m: the region
 * @name: the name
 * @len: its length in bytes
 *
 * Return: PKERNFS_HASH_BITS bits. They depend on the filesystem's uuid.
 */
u64 pkernfs_dir_hash(const struct pkernfs_media *m, const char *name, u32 len)
{
	siphash_key_t key;
	__le64 half[2];

	memcpy(half, m->uuid, sizeof(half));
	key.key[0] = le64_to_cpu(half[0]);
	key.key[1] = le64_to_cpu(half[1]);
	return siphash(name, len, &key) >> (64 - PKERNFS_HASH_BITS);
}

/* How many bits of the hash the first @level indices do not use. */
static u32 bits_below(u32 level)
{
	return PKERNFS_HASH_BITS - level * PKERNFS_TABLE_SHIFT;
}

/* Which slot of a table below @level - 1 indices the hash leads to. */
static u32 index_of(u64 hash, u32 level)
{
	return level ? (hash >> bits_below(level)) % PKERNFS_TABLE_ENTRIES : 0;
}

static u32 slot_index(const struct dir_walk *w)
{
	return index_of(w->hash, w->level);
}

static __le64 *slot(const struct dir_walk *w)
{
	return &w->table[w->level][slot_index(w)];
}

/*
 * How many slots lead to a leaf of this depth. The inode's map has one slot, so
 * a leaf there has depth 0.
 */
static u32 run_length(u32 level, u32 depth)
{
	return 1U << (level * PKERNFS_TABLE_SHIFT - depth);
}

static bool is_depth(const struct dir_walk *w, u32 depth)
{
	if (!w->level)
		return depth == 0;
	return depth > (w->level - 1) * PKERNFS_TABLE_SHIFT &&
	       depth <= w->level * PKERNFS_TABLE_SHIFT;
}

static int set_leaf(struct dir_walk *w, u64 offset)
{
	w->leaf = pkernfs_at(w->m, offset);
	w->used = le16_to_cpu(w->leaf->used);
	w->depth = le16_to_cpu(w->leaf->depth);
	if (w->used < sizeof(*w->leaf) || w->used > PKERNFS_BLOCK_SIZE ||
	    !IS_ALIGNED(w->used, 8) || !is_depth(w, w->depth))
		return pkernfs_corrupt(w->m, w->dir, offset,
				       "directory leaf has %u bytes and depth %u below %u indices",
				       w->used, w->depth, w->level);
	return 0;
}

/* Go from the root to the leaf of w->hash. */
static int walk_down(struct dir_walk *w)
{
	u64 ptr, offset;

	w->level = 0;
	w->leaf = NULL;
	w->table[0] = w->inode->map;
	for (;;) {
		ptr = le64_to_cpu(*slot(w));
		offset = pkernfs_ptr_offset(ptr);
		if (!ptr)
			return 0;
		if (!pkernfs_is_block(w->m, PKERNFS_ZONE_META, offset))
			break;
		if (pkernfs_ptr_type(ptr) == PKERNFS_PTR_LEAF)
			return set_leaf(w, offset);
		if (pkernfs_ptr_type(ptr) != PKERNFS_PTR_INDEX ||
		    w->level == PKERNFS_DIR_MAX_LEVELS)
			break;
		w->table[++w->level] = pkernfs_at(w->m, offset);
	}
	return pkernfs_corrupt(w->m, w->dir, pkernfs_offset(w->m, slot(w)),
			       "directory has pointer 0x%llx below %u indices",
			       ptr, w->level);
}

static int walk_to(struct dir_walk *w, struct pkernfs_media *m, u32 dir, u64 hash)
{
	int err;

	w->m = m;
	w->dir = dir;
	w->hash = hash;
	err = pkernfs_inode_get(m, dir, S_IFDIR, &w->inode);
	return err ?: walk_down(w);
}

/* How large the record at @pos of the leaf is; 0 if there cannot be one. */
static u32 record_size(const struct dir_walk *w, u32 pos)
{
	const struct pkernfs_dirent *d = (void *)w->leaf + pos;
	u32 size;

	if (w->used - pos < MIN_RECORD)
		return 0;
	size = le16_to_cpu(d->size);
	if (size > w->used - pos || size < MIN_RECORD || !IS_ALIGNED(size, 8))
		return 0;
	return size;
}

/* Does the record, whose size is right, make sense? */
static bool is_record(const struct dir_walk *w, const struct pkernfs_dirent *d)
{
	u64 hash = le64_to_cpu(d->key) >> PKERNFS_KEY_SHIFT;

	return d->name_len && le16_to_cpu(d->size) >= sizeof(*d) + d->name_len &&
	       le64_to_cpu(d->key) < MAX_KEY &&
	       (hash ^ w->hash) >> (PKERNFS_HASH_BITS - w->depth) == 0 &&
	       (!d->ino || pkernfs_is_ino(w->m, le32_to_cpu(d->ino))) &&
	       pkernfs_is_type((u32)d->type << 12);
}

static int invalid_record(const struct dir_walk *w, u32 pos)
{
	return pkernfs_corrupt(w->m, w->dir,
			       pkernfs_offset(w->m, w->leaf) + pos,
			       "directory leaf has an invalid record");
}

/*
 * The record behind @d, the first one for NULL; NULL behind the last one. An
 * ERR_PTR would cost every caller a check: damage is reported, noted in *@err,
 * and ends the leaf.
 */
static struct pkernfs_dirent *next_record(const struct dir_walk *w,
					  struct pkernfs_dirent *d, int *err)
{
	u32 pos = sizeof(*w->leaf);

	if (d)
		pos = (void *)d - (void *)w->leaf + le16_to_cpu(d->size);
	if (pos == w->used)
		return NULL;
	d = (void *)w->leaf + pos;
	if (record_size(w, pos) && is_record(w, d))
		return d;
	*err = invalid_record(w, pos);
	return NULL;
}

static bool has_name(const struct pkernfs_dirent *d, const char *name, u32 len)
{
	return d->name_len == len && !memcmp(d->name, name, len);
}

/*
 * Most of what a lookup costs is here, so a record that is only passed by is
 * checked for its size alone; it is counted in words. What is no multiple of one
 * becomes a huge number.
 */
static int search_leaf(const struct dir_walk *w, const char *name, u32 len,
		       struct dir_search *s)
{
	const u32 min_words = MIN_RECORD / sizeof(__le64);
	struct pkernfs_dirent *d = (void *)(w->leaf + 1);
	u32 left = (w->used - sizeof(*w->leaf)) / sizeof(__le64), words;

	for (; left >= min_words; left -= words, d = (void *)((__le64 *)d + words)) {
		words = ror16(le16_to_cpu(d->size), 3);
		if (words < min_words || words > left)
			break;
		if (le64_to_cpu(d->key) >> PKERNFS_KEY_SHIFT != w->hash || !d->ino)
			continue;
		if (!is_record(w, d))
			break;
		if (has_name(d, name, len)) {
			s->found = d;
			return 0;
		}
		s->collides = true;
	}
	return left ? invalid_record(w, (void *)d - (void *)w->leaf) : 0;
}

/* Find a name: s->found is NULL when there is none. */
static int find(struct dir_walk *w, struct pkernfs_media *m, u32 dir,
		const char *name, u32 len, struct dir_search *s)
{
	int err;

	*s = (struct dir_search) {};
	err = walk_to(w, m, dir, pkernfs_dir_hash(m, name, len));
	if (err || !w->leaf)
		return err;
	return search_leaf(w, name, len, s);
}

static int find_existing(struct dir_walk *w, struct pkernfs_media *m, u32 dir,
			 const char *name, u32 len, struct dir_search *s)
{
	int err = find(w, m, dir, name, len, s);

	if (err)
		return err;
	return s->found ? 0 : -ENOENT;
}

/**
 * pkernfs_dir_find() - look up a name
 * @m: the region
 * @dir: inode number of the directory
 * @name: the name
 * @len: its length in bytes
 * @entry: the result
 *
 * Return: 0, -ENOENT, -ESTALE, -EINVAL when @dir is no directory, -EUCLEAN.
 */
int pkernfs_dir_find(struct pkernfs_media *m, u32 dir, const char *name,
		     u32 len, struct pkernfs_entry *entry)
{
	struct dir_search s;
	struct dir_walk w;
	int err;

	err = find_existing(&w, m, dir, name, len, &s);
	if (err)
		return err;
	*entry = (struct pkernfs_entry) {
		.ino	= le32_to_cpu(s.found->ino),
		.type	= s.found->type,
		.key	= le64_to_cpu(s.found->key),
	};
	return 0;
}

/* Count names and blocks that the directory gets or gives up. */
static int add_names(struct pkernfs_tx *tx, struct pkernfs_inode *inode,
		     s64 count)
{
	return pkernfs_tx_set_le64(tx, &inode->size,
				   le64_to_cpu(inode->size) + count);
}

/* Let @n slots lead to @ptr. */
static int set_slots(struct pkernfs_tx *tx, __le64 *slots, u32 n, u64 ptr)
{
	int err = pkernfs_tx_save(tx, slots, n * sizeof(*slots));
	u32 i;

	for (i = 0; !err && i < n; i++)
		slots[i] = cpu_to_le64(ptr);
	return err;
}

/* The slots that lead to the leaf; all of them must. */
static int leaf_slots(const struct dir_walk *w, __le64 **slots, u32 *n)
{
	__le64 ptr = *slot(w);
	u32 i;

	*n = run_length(w->level, w->depth);
	*slots = &w->table[w->level][ALIGN_DOWN(slot_index(w), *n)];
	for (i = 0; i < *n; i++) {
		if ((*slots)[i] != ptr)
			return pkernfs_corrupt(w->m, w->dir,
					       pkernfs_offset(w->m, &(*slots)[i]),
					       "directory index has 0x%llx among %u slots with 0x%llx",
					       le64_to_cpu((*slots)[i]), *n,
					       le64_to_cpu(ptr));
	}
	return 0;
}

static bool are_empty(const __le64 *slots, u32 n)
{
	return !memchr_inv(slots, 0, n * sizeof(*slots));
}

static int new_leaf(struct pkernfs_tx *tx, u32 depth, u64 *offset)
{
	struct pkernfs_dir_leaf *leaf;
	int err;

	err = pkernfs_meta_alloc(tx, offset);
	if (err)
		return err;
	leaf = pkernfs_at(tx->m, *offset);
	*leaf = (struct pkernfs_dir_leaf) {
		.used	= cpu_to_le16(sizeof(*leaf)),
		.depth	= cpu_to_le16(depth),
	};
	return 0;
}

/*
 * Put an empty leaf where the hash has none. It takes as many slots as can be
 * one leaf's, so that a directory that shrank and grows again stays compact.
 */
static int add_leaf(struct pkernfs_tx *tx, const struct dir_walk *w)
{
	__le64 *table = w->table[w->level];
	u32 first = slot_index(w), n = 1;
	u32 depth = w->level * PKERNFS_TABLE_SHIFT;
	u64 offset;
	int err;

	/* Join the half that is the neighbour of what is there so far. */
	while (w->level && n < PKERNFS_TABLE_ENTRIES / 2 &&
	       are_empty(&table[first ^ n], n)) {
		first &= ~n;
		n *= 2;
		depth--;
	}
	err = new_leaf(tx, depth, &offset);
	if (!err)
		err = set_slots(tx, &table[first], n, offset | PKERNFS_PTR_LEAF);
	return err ?: pkernfs_inode_add_blocks(tx, w->inode, 1);
}

/* How many top bits of the hash a name shares with w->hash. */
static u32 shared_bits(const struct dir_walk *w, const struct pkernfs_dirent *d)
{
	u64 hash = le64_to_cpu(d->key) >> PKERNFS_KEY_SHIFT;

	return PKERNFS_HASH_BITS - fls64(hash ^ w->hash);
}

/*
 * How deep the leaf of w->hash must be for @size more bytes. Names that share
 * no more than the leaf's depth with it go elsewhere.
 */
static int find_depth(const struct dir_walk *w, u32 size, u32 *depth)
{
	struct pkernfs_dirent *d;
	u32 used;
	int err = 0;

	for (*depth = w->depth + 1; *depth <= PKERNFS_DIR_MAX_DEPTH; ++*depth) {
		used = sizeof(*w->leaf) + size;
		d = NULL;
		while ((d = next_record(w, d, &err))) {
			if (d->ino && shared_bits(w, d) >= *depth)
				used += le16_to_cpu(d->size);
		}
		if (err || used <= MAX_FILL)
			return err;
	}
	return -ENOSPC;
}

/* Copy the names that share from @min to @max bits with w->hash to @leaf. */
static void copy_names(const struct dir_walk *w, u32 min, u32 max,
		       struct pkernfs_dir_leaf *leaf)
{
	const struct pkernfs_dirent *d;
	u32 used = sizeof(*leaf), pos, size, shared;

	for (pos = sizeof(*w->leaf); (size = record_size(w, pos)); pos += size) {
		d = (void *)w->leaf + pos;
		shared = shared_bits(w, d);
		if (!d->ino || shared < min || shared > max)
			continue;
		memcpy((void *)leaf + used, d, size);
		used += size;
	}
	leaf->used = cpu_to_le16(used);
}

/* Are there names that share exactly @depth bits with w->hash? */
static bool has_sibling(const struct dir_walk *w, u32 depth)
{
	const struct pkernfs_dirent *d;
	u32 pos, size;

	for (pos = sizeof(*w->leaf); (size = record_size(w, pos)); pos += size) {
		d = (void *)w->leaf + pos;
		if (d->ino && shared_bits(w, d) == depth)
			return true;
	}
	return false;
}

/* A table that is being filled. Where it is not new it has been saved. */
struct dir_table {
	__le64 *slots;
	u32 level;
	u32 blocks;		/* allocated so far */
};

static void set_run(const struct dir_table *t, u64 hash, u32 depth, u64 ptr)
{
	u32 n = run_length(t->level, depth);
	u32 i = ALIGN_DOWN(index_of(hash, t->level), n);

	for (; n; n--, i++)
		t->slots[i] = cpu_to_le64(ptr);
}

/* Go on with a new index in the slot of w->hash. */
static int add_index(struct pkernfs_tx *tx, const struct dir_walk *w,
		     struct dir_table *t)
{
	u64 offset;
	int err;

	err = pkernfs_meta_zalloc(tx, &offset);
	if (err)
		return err;
	t->slots[index_of(w->hash, t->level)] =
		cpu_to_le64(offset | PKERNFS_PTR_INDEX);
	t->slots = pkernfs_at(tx->m, offset);
	t->level++;
	t->blocks++;
	return 0;
}

/* Make a new leaf at @depth of names that share @min to @max bits. */
static int add_part(struct pkernfs_tx *tx, const struct dir_walk *w,
		    struct dir_table *t, u64 hash, u32 depth, u32 min, u32 max)
{
	u64 offset;
	int err;

	err = new_leaf(tx, depth, &offset);
	if (err)
		return err;
	copy_names(w, min, max, pkernfs_at(tx->m, offset));
	set_run(t, hash, depth, offset | PKERNFS_PTR_LEAF);
	t->blocks++;
	return 0;
}

/* Make a leaf of what shares exactly @depth bits, if there is any. */
static int add_sibling(struct pkernfs_tx *tx, const struct dir_walk *w,
		       struct dir_table *t, u32 depth)
{
	u64 hash = w->hash ^ BIT_ULL(PKERNFS_HASH_BITS - 1 - depth);

	if (has_sibling(w, depth))
		return add_part(tx, w, t, hash, depth + 1, depth, depth);
	set_run(t, hash, depth + 1, 0);
	return 0;
}

/*
 * Split a leaf until the part that w->hash belongs to has room for @size bytes.
 * Nearly always that is one step; but a name must not be refused, nor outgrow the
 * log, because others happen to have nearly the same hash. So all new leaves and
 * indices are made at once, and only the slots that led to the leaf are saved.
 *
 * The leaf is given up first, which fails if it is not in use: what is read here
 * must not be handed out as one of the new blocks.
 */
static int split_leaf(struct pkernfs_tx *tx, const struct dir_walk *w, u32 size)
{
	struct dir_table t = {
		.slots	= w->table[w->level],
		.level	= w->level,
	};
	u32 n, depth, last;
	__le64 *slots;
	int err;

	err = leaf_slots(w, &slots, &n);
	if (!err)
		err = find_depth(w, size, &last);
	if (!err)
		err = pkernfs_meta_free(tx, pkernfs_offset(tx->m, w->leaf));
	if (!err)
		err = pkernfs_tx_save(tx, slots, n * sizeof(*slots));
	for (depth = w->depth; !err && depth < last; depth++) {
		if (depth == t.level * PKERNFS_TABLE_SHIFT)
			err = add_index(tx, w, &t);
		if (!err)
			err = add_sibling(tx, w, &t, depth);
	}
	if (!err)
		err = add_part(tx, w, &t, w->hash, last, last,
			       PKERNFS_HASH_BITS);
	return err ?: pkernfs_inode_add_blocks(tx, w->inode, (s64)t.blocks - 1);
}

/* How many bytes of the leaf removed names take. */
static int count_dead(const struct dir_walk *w, u32 *dead)
{
	struct pkernfs_dirent *d = NULL;
	int err = 0;

	*dead = 0;
	while ((d = next_record(w, d, &err))) {
		if (!d->ino)
			*dead += le16_to_cpu(d->size);
	}
	return err;
}

/* Close the gaps that removed names left. */
static int compact_leaf(struct pkernfs_tx *tx, struct dir_walk *w)
{
	struct pkernfs_dirent *d = NULL;
	void *to = w->leaf + 1;
	u32 pos, size;
	int err;

	err = pkernfs_tx_save(tx, w->leaf, w->used);
	if (err)
		return err;
	for (pos = sizeof(*w->leaf); (size = record_size(w, pos)); pos += size) {
		d = (void *)w->leaf + pos;
		if (!d->ino)
			continue;
		memmove(to, d, size);
		to += size;
	}
	w->used = to - (void *)w->leaf;
	w->leaf->used = cpu_to_le16(w->used);
	return 0;
}

/* Make room for @size bytes in the leaf; -EAGAIN when another one is next. */
static int make_room(struct pkernfs_tx *tx, struct dir_walk *w, u32 size)
{
	u32 dead;
	int err;

	if (w->used + size <= MAX_FILL)
		return 0;
	err = count_dead(w, &dead);
	if (err)
		return err;
	if (w->used + size <= MAX_FILL + dead)
		return compact_leaf(tx, w);
	err = split_leaf(tx, w, size);
	return err ?: -EAGAIN;
}

static bool has_key(const struct dir_walk *w, u64 key)
{
	struct pkernfs_dirent *d = NULL;
	int err = 0;

	while ((d = next_record(w, d, &err))) {
		if (d->ino && le64_to_cpu(d->key) == key)
			return true;
	}
	return false;
}

/* A key for a new name. Different names with the same hash are all in this leaf. */
static u64 choose_key(const struct dir_walk *w, const struct dir_search *s)
{
	u64 key = w->hash << PKERNFS_KEY_SHIFT;

	while (s->collides && has_key(w, key))
		key++;
	return key;
}

/* Add a name to a leaf that has room. It is invisible until used covers it. */
static int append(struct pkernfs_tx *tx, struct dir_walk *w, u64 key,
		  const char *name, u32 len, const struct pkernfs_entry *entry)
{
	struct pkernfs_dirent *d = (void *)w->leaf + w->used;
	u32 size = ALIGN(sizeof(*d) + len, 8);

	d->key = cpu_to_le64(key);
	d->ino = cpu_to_le32(entry->ino);
	d->type = entry->type;
	d->name_len = len;
	d->size = cpu_to_le16(size);
	memcpy(d->name, name, len);
	return pkernfs_tx_set_le16(tx, &w->leaf->used, w->used + size);
}

/* Add a name if there is a leaf with room; -EAGAIN when one was made. */
static int try_add(struct pkernfs_tx *tx, u32 dir, const char *name, u32 len,
		   const struct pkernfs_entry *entry)
{
	struct dir_search s;
	struct dir_walk w;
	int err;

	err = find(&w, tx->m, dir, name, len, &s);
	if (err)
		return err;
	if (s.found)
		return -EEXIST;
	if (!w.leaf) {
		err = add_leaf(tx, &w);
		return err ?: -EAGAIN;
	}
	err = make_room(tx, &w, ALIGN(sizeof(struct pkernfs_dirent) + len, 8));
	if (!err)
		err = append(tx, &w, choose_key(&w, &s), name, len, entry);
	return err ?: add_names(tx, w.inode, 1);
}

/**
 * pkernfs_dir_add() - add a name
 * @tx: the transaction
 * @dir: inode number of the directory
 * @name: the name, without '/' and NUL
 * @len: its length, from 1 to PKERNFS_MAX_NAME bytes
 * @ino: the inode it names
 * @type: the inode's type, DT_*
 *
 * The caller holds the directory exclusively until the transaction ends.
 *
 * Return: 0; -EEXIST; -EINVAL or -ENAMETOOLONG for the length; -ENOSPC without
 * a meta block, or with too many names of nearly the same hash; -ESTALE; -EINVAL
 * when @dir is no directory; -EFBIG; -EUCLEAN.
 */
int pkernfs_dir_add(struct pkernfs_tx *tx, u32 dir, const char *name, u32 len,
		    u32 ino, u8 type)
{
	struct pkernfs_entry entry = { .ino = ino, .type = type };
	int err;

	if (!len)
		return -EINVAL;
	if (len > PKERNFS_MAX_NAME)
		return -ENAMETOOLONG;
	/* Ends: a leaf is made once, and then has room. */
	do {
		err = try_add(tx, dir, name, len, &entry);
	} while (err == -EAGAIN);
	return err;
}

/* Is there a name, or something that is none, in the leaf from @pos to @end? */
static bool has_names(const struct dir_walk *w, u32 pos, u32 end)
{
	const struct pkernfs_dirent *d;
	u32 size;

	for (; pos < end; pos += size) {
		d = (void *)w->leaf + pos;
		size = record_size(w, pos);
		if (!size || d->ino)
			return true;
	}
	return false;
}

/*
 * Is the leaf without names when @removed is? Names mostly go in the order in which
 * they came, or against it: then one is found at once behind it, or at the begin.
 */
static bool becomes_empty(const struct dir_walk *w,
			  const struct pkernfs_dirent *removed)
{
	u32 pos = (void *)removed - (void *)w->leaf;

	return !has_names(w, pos, w->used) &&
	       !has_names(w, sizeof(*w->leaf), pos);
}

/* Free a leaf without names, and each index that is empty without it. */
static int free_leaf(struct pkernfs_tx *tx, struct dir_walk *w)
{
	s64 freed = 1;
	__le64 *slots;
	u32 n;
	int err;

	err = leaf_slots(w, &slots, &n);
	if (!err)
		err = set_slots(tx, slots, n, 0);
	if (!err)
		err = pkernfs_meta_free(tx, pkernfs_offset(tx->m, w->leaf));
	while (!err && w->level &&
	       are_empty(w->table[w->level], PKERNFS_TABLE_ENTRIES)) {
		err = pkernfs_meta_free(tx, pkernfs_offset(tx->m,
							   w->table[w->level]));
		w->level--;
		freed++;
		if (!err)
			err = pkernfs_tx_set_le64(tx, slot(w), 0);
	}
	return err ?: pkernfs_inode_add_blocks(tx, w->inode, -freed);
}

/**
 * pkernfs_dir_remove() - remove a name
 * @tx: the transaction
 * @dir: inode number of the directory
 * @name: the name
 * @len: its length in bytes
 *
 * A directory without names has no blocks. The caller holds the directory
 * exclusively until the transaction ends.
 *
 * Return: 0, -ENOENT, -ESTALE, -EINVAL when @dir is no directory, -EFBIG,
 * -EUCLEAN.
 */
int pkernfs_dir_remove(struct pkernfs_tx *tx, u32 dir, const char *name,
		       u32 len)
{
	struct dir_search s;
	struct dir_walk w;
	int err;

	err = find_existing(&w, tx->m, dir, name, len, &s);
	if (!err)
		err = pkernfs_tx_set_le32(tx, &s.found->ino, 0);
	if (!err && becomes_empty(&w, s.found))
		err = free_leaf(tx, &w);
	return err ?: add_names(tx, w.inode, -1);
}

/**
 * pkernfs_dir_replace() - let a name lead to another inode
 * @tx: the transaction
 * @dir: inode number of the directory
 * @name: the name
 * @len: its length in bytes
 * @ino: the inode it is to name
 * @type: that inode's type, DT_*
 *
 * The caller holds the directory exclusively until the transaction ends.
 *
 * Return: 0, -ENOENT, -ESTALE, -EINVAL when @dir is no directory, -EFBIG,
 * -EUCLEAN.
 */
int pkernfs_dir_replace(struct pkernfs_tx *tx, u32 dir, const char *name,
			u32 len, u32 ino, u8 type)
{
	struct dir_search s;
	struct dir_walk w;
	int err;

	err = find_existing(&w, tx->m, dir, name, len, &s);
	if (!err)
		err = pkernfs_tx_save(tx, &s.found->ino,
				      sizeof(s.found->ino) +
				      sizeof(s.found->type));
	if (err)
		return err;
	s.found->ino = cpu_to_le32(ino);
	s.found->type = type;
	return 0;
}

/* Insert @pos into the records @order, which are sorted by key. */
static void insert_sorted(const struct dir_walk *w, u16 *order, u32 n, u16 pos)
{
	const struct pkernfs_dirent *d = (void *)w->leaf + pos, *before;

	for (; n; n--) {
		before = (void *)w->leaf + order[n - 1];
		if (le64_to_cpu(before->key) <= le64_to_cpu(d->key))
			break;
		order[n] = order[n - 1];
	}
	order[n] = pos;
}

/* Collect the names from @from on, in the order of their keys. */
static int sort_leaf(const struct dir_walk *w, u64 from, u16 *order, u32 *n)
{
	struct pkernfs_dirent *d = NULL;
	bool empty = true;
	int err = 0;

	*n = 0;
	while ((d = next_record(w, d, &err))) {
		if (!d->ino)
			continue;
		empty = false;
		if (le64_to_cpu(d->key) >= from)
			insert_sorted(w, order, (*n)++,
				      (void *)d - (void *)w->leaf);
	}
	/* Leaves without names could make the walk endless. */
	if (!err && empty)
		err = pkernfs_corrupt(w->m, w->dir,
				      pkernfs_offset(w->m, w->leaf),
				      "directory leaf has no name");
	return err;
}

#define ONES	0x0101010101010101ULL

/* As has_zero() of <asm/word-at-a-time.h>. */
static bool has_byte(u64 word, u8 byte)
{
	word ^= ONES * byte;
	return (word - ONES) & ~word & ONES << 7;
}

/* There is neither '/' nor NUL in a name. Records consist of whole words. */
static bool is_name(const struct pkernfs_dirent *d)
{
	const __le64 *p = (const __le64 *)d->name;
	u32 left = d->name_len;
	u64 word;

	for (; left; left -= min(left, 8U), p++) {
		word = le64_to_cpu(*p);
		/* Behind the name there may be anything. */
		if (left < 8)
			word |= ~0ULL << left * 8;
		if (has_byte(word, 0) || has_byte(word, '/'))
			return false;
	}
	return true;
}

/* Hand a leaf's names to the actor. Return: 1 when it has enough. */
static int emit_leaf(const struct dir_walk *w, u64 from, pkernfs_dir_actor actor,
		     void *context)
{
	const struct pkernfs_dirent *d;
	struct pkernfs_entry entry;
	u16 order[MAX_RECORDS];
	u32 i, n;
	int err;

	err = sort_leaf(w, from, order, &n);
	if (err)
		return err;
	for (i = 0; i < n; i++) {
		d = (void *)w->leaf + order[i];
		if (!is_name(d))
			return pkernfs_corrupt(w->m, w->dir,
					       pkernfs_offset(w->m, d),
					       "directory has a name with '/' or NUL");
		entry = (struct pkernfs_entry) {
			.ino	= le32_to_cpu(d->ino),
			.type	= d->type,
			.key	= le64_to_cpu(d->key),
		};
		if (!actor(context, d->name, d->name_len, &entry))
			return 1;
	}
	return 0;
}

/* The first hash behind the leaf, or behind the slots that have none. */
static int next_hash(const struct dir_walk *w, u64 *hash)
{
	u32 index = slot_index(w), n = 0;
	u32 shift = bits_below(w->level);

	if (w->leaf) {
		shift = PKERNFS_HASH_BITS - w->depth;
		*hash = ((w->hash >> shift) + 1) << shift;
		return 0;
	}
	if (!w->level) {
		*hash = BIT_ULL(PKERNFS_HASH_BITS);
		return 0;
	}
	while (index + n < PKERNFS_TABLE_ENTRIES &&
	       !w->table[w->level][index + n])
		n++;
	/* Indices without leaves could make the walk endless. */
	if (n == PKERNFS_TABLE_ENTRIES)
		return pkernfs_corrupt(w->m, w->dir,
				       pkernfs_offset(w->m, w->table[w->level]),
				       "directory index is empty");
	*hash = ((w->hash >> shift) + n) << shift;
	return 0;
}

/**
 * pkernfs_dir_iterate() - call a function for the names of a directory
 * @m: the region
 * @dir: inode number of the directory
 * @from_key: where to begin: 0, or the last name's key plus 1
 * @actor: what to call; false ends the walk
 * @context: its first argument
 *
 * Names come by ascending key. A key is valid as a position whatever names were
 * added or removed since it was seen.
 *
 * Return: 0 when done or ended, -ESTALE, -EINVAL when @dir is no directory,
 * -EUCLEAN.
 */
int pkernfs_dir_iterate(struct pkernfs_media *m, u32 dir, u64 from_key,
			pkernfs_dir_actor actor, void *context)
{
	u64 hash = from_key >> PKERNFS_KEY_SHIFT;
	struct dir_walk w;
	int err = 0;

	while (!err && hash < BIT_ULL(PKERNFS_HASH_BITS)) {
		err = walk_to(&w, m, dir, hash);
		if (!err && w.leaf)
			err = emit_leaf(&w, from_key, actor, context);
		if (!err)
			err = next_hash(&w, &hash);
		cond_resched();
	}
	return min(err, 0);
}
