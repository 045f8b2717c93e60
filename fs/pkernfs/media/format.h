/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The on-media format of pkernfs, and nothing else.
 *
 * Everything is little-endian and of fixed width. Places in the region are
 * byte offsets from its start, never pointers: the next kernel maps the region
 * somewhere else. User space includes this file too.
 */
#ifndef _PKERNFS_FORMAT_H
#define _PKERNFS_FORMAT_H

#include <linux/types.h>

#ifdef __KERNEL__
#include <linux/build_bug.h>
#include <linux/stddef.h>
#else
#include <assert.h>
#include <stddef.h>
#endif

#define PKERNFS_MAGIC		0x706b65726e6673ULL	/* "pkernfs" */

/*
 * In the magic fields of both superblocks while a format is under way. The
 * backup's is set first and the primary's next; one store of PKERNFS_MAGIC to the
 * primary's completes the format, and the backup's follows. A region with both
 * holds nothing and is formatted again.
 */
#define PKERNFS_MAGIC_FORMATTING 0x746d66736670ULL	/* "pfsfmt" */

#define PKERNFS_VERSION		1

/* Blocks of the meta and the small zone. */
#define PKERNFS_BLOCK_SHIFT	12
#define PKERNFS_BLOCK_SIZE	4096

#define PKERNFS_INODE_SIZE	256
#define PKERNFS_ROOT_INO	1

/*
 * The backup superblock has a fixed place, since it must be found when the
 * primary one says nothing. It lies far enough from the primary one that a
 * stray write is unlikely to hit both.
 */
#define PKERNFS_SB_OFFSET	0
#define PKERNFS_SB_BACKUP_OFFSET 0x100000

/*
 * Feature bits this version knows. Unknown compat bits are ignored, unknown
 * ro_compat bits allow a read-only mount, unknown incompat bits none.
 */
#define PKERNFS_COMPAT_KNOWN	0ULL
#define PKERNFS_RO_COMPAT_KNOWN	0ULL
#define PKERNFS_INCOMPAT_KNOWN	0ULL

/* The areas of a region, in the order in which they lie on media. */
enum pkernfs_area_id {
	PKERNFS_AREA_JOURNAL,
	PKERNFS_AREA_INODE_BITMAP,
	PKERNFS_AREA_META_BITMAP,
	PKERNFS_AREA_SMALL_BITMAP,
	PKERNFS_AREA_DATA_BITMAP,
	PKERNFS_AREA_INODES,
	PKERNFS_AREA_META,		/* directory, map, symlink blocks */
	PKERNFS_AREA_SMALL,		/* 4 KiB blocks of small files */
	PKERNFS_AREA_DATA,		/* data blocks */
	PKERNFS_NR_AREAS
};

/* An area: bytes from the start of the region, multiples of 4 KiB. */
struct pkernfs_area {
	__le64 start;
	__le64 size;
};

struct pkernfs_time {
	__le64 sec;		/* signed, since the epoch */
	__le32 nsec;
	__le32 reserved;
};

/*
 * The part of a superblock that changes while mounted. It has a checksum of its
 * own, and each of the two copies is written whole before the other one is
 * begun: a stop between any two stores leaves at most one copy torn.
 */
struct pkernfs_sb_state {
	__le32 csum;		/* crc32c of the rest of this structure */
	__le32 flags;		/* PKERNFS_STATE_* */
	__le64 generation;	/* kernels that mounted the region writable */
	__le64 mounts;		/* writable mounts */
};

#define PKERNFS_STATE_CLEAN	0x1	/* unmounted */
#define PKERNFS_STATE_UNCHECKED	0x2	/* not sound until a check finds nothing */
/* A kernel must not mount a region in a state that it does not know. */
#define PKERNFS_STATE_KNOWN	(PKERNFS_STATE_CLEAN | PKERNFS_STATE_UNCHECKED)

/*
 * A superblock. What stands before state is set by formatting and the same in
 * both copies.
 */
struct pkernfs_sb {
	__le64 magic;		/* not part of the checksum: written last */
	__le32 csum;		/* crc32c of the bytes from version to reserved */
	__le32 version;
	__le64 compat;
	__le64 ro_compat;
	__le64 incompat;
	__u8   uuid[16];
	__le64 region_base;	/* physical address */
	__le64 region_size;	/* bytes */
	__le32 data_block_shift; /* 21 (2 MiB) or 30 (1 GiB) */
	__le32 inode_size;	/* bytes */
	struct pkernfs_area area[PKERNFS_NR_AREAS];
	__u8   reserved[288];
	struct pkernfs_sb_state state;
};

/*
 * What is counted and has a bitmap: bit n of the bitmap says whether the zone's
 * block n is in use. For the inode table block n is inode n + 1.
 */
enum pkernfs_zone_id {
	PKERNFS_ZONE_INODES,
	PKERNFS_ZONE_META,
	PKERNFS_ZONE_SMALL,
	PKERNFS_ZONE_DATA,
	PKERNFS_NR_ZONES
};

/*
 * The journal: one block with this head, then as many slots as fit.
 *
 * Inodes on an orphan list are being deleted or truncated; the next mount ends
 * what was begun. Inode number n is on list n % PKERNFS_NR_ORPHAN_LISTS.
 */
#define PKERNFS_NR_ORPHAN_LISTS	16
#define PKERNFS_MAX_BAD		500

struct pkernfs_journal_head {
	__le32 orphan[PKERNFS_NR_ORPHAN_LISTS];	/* first inode, 0 for none */
	/*
	 * Memory that the hardware has reported as damaged: the offsets of its
	 * pages of 4 KiB, all of them in the small or data zone.
	 */
	__le32 nr_bad;
	__le32 reserved;
	__le64 bad[PKERNFS_MAX_BAD];
};

/*
 * A slot: this header, then the undo log of one transaction. The transaction is
 * complete, or none is under way, when used is 0. Otherwise each record of the
 * log, the last one first, says how to put back what the transaction changed.
 */
#define PKERNFS_SLOT_SIZE	16384

struct pkernfs_slot {
	__le32 used;		/* bytes of records */
	__le32 reserved;
	/*
	 * How many blocks transactions in this slot allocated, minus how many
	 * they freed: signed. The sum of all slots is the number in use.
	 */
	__le64 in_use[PKERNFS_NR_ZONES];
	__u8   reserved2[24];
};

#define PKERNFS_SLOT_LOG_SIZE	(PKERNFS_SLOT_SIZE - 64)

/*
 * The end of a log record, since the log is read from its end. The bytes to
 * restore stand before it, padded to a multiple of 8.
 *
 * Inodes and blocks belong to one transaction at a time, so their bytes can be
 * put back. Words of a bitmap are shared, so there bits are set or cleared.
 */
struct pkernfs_undo {
	__le64 target;		/* offset in the region, or number of first bit */
	__le32 length;		/* bytes or bits */
	__u8   type;		/* PKERNFS_UNDO_* */
	__u8   zone;		/* whose bitmap */
	__le16 size;		/* of the whole record: multiple of 8 */
};

#define PKERNFS_UNDO_BYTES	1	/* put back the bytes before this */
#define PKERNFS_UNDO_ALLOC	2	/* clear the bits again */
#define PKERNFS_UNDO_FREE	3	/* set the bits again */

/*
 * A pointer to a block: its offset in the region, which is a multiple of 4 KiB,
 * plus one of these. 0 points to nothing.
 */
#define PKERNFS_PTR_TYPE_MASK	0x3ULL
#define PKERNFS_PTR_SMALL	1	/* map: block of the small zone */
#define PKERNFS_PTR_DATA	2	/* map: block of the data zone */
#define PKERNFS_PTR_TABLE	3	/* map, symlink: block of the meta zone */
#define PKERNFS_PTR_LEAF	1	/* directory: leaf in the meta zone */
#define PKERNFS_PTR_INDEX	3	/* directory: index in the meta zone */

/* A block full of pointers: map tables and directory indices. */
#define PKERNFS_TABLE_SHIFT	9
#define PKERNFS_TABLE_ENTRIES	512

/*
 * The map of a file is like a page table. An entry of level 0 stands for 4 KiB,
 * of level 1 for 2 MiB, each level for 512 times as much as the one below. An
 * inode has 8 entries of level height. Small blocks stand at level 0, data
 * blocks at the level that stands for as much as they have, tables anywhere
 * above 0; a table's entries are one level below its own.
 */
#define PKERNFS_MAP_ENTRIES	8
#define PKERNFS_MAX_HEIGHT	4
#define PKERNFS_MAX_FILE_PAGES	(1ULL << (3 + PKERNFS_MAX_HEIGHT * PKERNFS_TABLE_SHIFT))

struct pkernfs_inode {
	__le16 mode;		/* as in stat(2) */
	__u8   height;		/* regular files: level of the map */
	__u8   reserved;
	__le32 nlink;
	__le32 uid;
	__le32 gid;
	__le32 generation;	/* changes whenever the number is reused */
	__le32 rdev;		/* device nodes */
	__le64 size;		/* bytes; directories: number of entries */
	__le64 blocks;		/* units of 4 KiB, tables included */
	struct pkernfs_time atime;
	struct pkernfs_time mtime;
	struct pkernfs_time ctime;
	struct pkernfs_time btime;
	__le32 parent;		/* directories: inode number of the parent */
	__le32 orphan_next;	/* inode numbers, 0 at the ends of the list */
	__le32 orphan_prev;
	__le32 reserved2;
	union {
		__le64 map[PKERNFS_MAP_ENTRIES];
		/* Symlinks up to this size; longer ones have a block, map[0]. */
		char symlink[PKERNFS_MAP_ENTRIES * 8];
	};
	__u8   reserved3[72];
};

#define PKERNFS_MAX_SYMLINK	4095
#define PKERNFS_MAX_LINKS	0x7fffffff

/*
 * A directory is a tree of index blocks that leads from the top bits of a
 * name's hash to the leaf that holds the name; map[0] points to its root. An
 * index has a slot for each value of the next 9 bits. A leaf that covers more
 * than one of them is in all of their slots, an aligned run of a power of two;
 * no leaf in a slot means no such name. So leaves never have to be searched for
 * or kept sorted. Neither leaves nor indices are ever empty.
 *
 * The hash is 48 bits of siphash-2-4 with the uuid as key. A dirent's key is
 * unique in its directory, lasts as long as the name, and gives the order and
 * the position for readdir. "." and ".." are not stored.
 */
#define PKERNFS_MAX_NAME	255
#define PKERNFS_HASH_BITS	48
#define PKERNFS_KEY_SHIFT	15	/* key = hash << 15 | collision number */
#define PKERNFS_DIR_MAX_LEVELS	5	/* of index blocks */
#define PKERNFS_DIR_MAX_DEPTH	(PKERNFS_DIR_MAX_LEVELS * PKERNFS_TABLE_SHIFT)

struct pkernfs_dirent {
	__le64 key;
	__le32 ino;		/* 0: removed */
	__u8   type;		/* DT_*: the type bits of mode, shifted by 12 */
	__u8   name_len;	/* 1 to 255 */
	__le16 size;		/* of this record: multiple of 8 */
	char   name[];
};

struct pkernfs_dir_leaf {
	__le16 used;		/* bytes, this header included */
	__le16 depth;		/* top bits of the hash that all names share */
	__le32 reserved;
	/* Dirents follow, without gaps. */
};

static_assert(sizeof(struct pkernfs_area) == 16);
static_assert(sizeof(struct pkernfs_time) == 16);
static_assert(sizeof(struct pkernfs_sb_state) == 24);
static_assert(offsetof(struct pkernfs_sb_state, flags) == 4);
static_assert(offsetof(struct pkernfs_sb_state, generation) == 8);
static_assert(offsetof(struct pkernfs_sb_state, mounts) == 16);
static_assert(offsetof(struct pkernfs_sb, csum) == 8);
static_assert(offsetof(struct pkernfs_sb, version) == 12);
static_assert(offsetof(struct pkernfs_sb, compat) == 16);
static_assert(offsetof(struct pkernfs_sb, ro_compat) == 24);
static_assert(offsetof(struct pkernfs_sb, incompat) == 32);
static_assert(offsetof(struct pkernfs_sb, uuid) == 40);
static_assert(offsetof(struct pkernfs_sb, region_base) == 56);
static_assert(offsetof(struct pkernfs_sb, region_size) == 64);
static_assert(offsetof(struct pkernfs_sb, data_block_shift) == 72);
static_assert(offsetof(struct pkernfs_sb, inode_size) == 76);
static_assert(offsetof(struct pkernfs_sb, area) == 80);
static_assert(offsetof(struct pkernfs_sb, reserved) == 224);
static_assert(offsetof(struct pkernfs_sb, state) == 512);
static_assert(sizeof(struct pkernfs_sb) <= PKERNFS_BLOCK_SIZE);
static_assert(sizeof(struct pkernfs_journal_head) == 4072);
static_assert(offsetof(struct pkernfs_journal_head, nr_bad) == 64);
static_assert(offsetof(struct pkernfs_journal_head, bad) == 72);
static_assert(sizeof(struct pkernfs_slot) == 64);
static_assert(offsetof(struct pkernfs_slot, in_use) == 8);
static_assert(offsetof(struct pkernfs_slot, reserved2) == 40);
static_assert(sizeof(struct pkernfs_undo) == 16);
static_assert(offsetof(struct pkernfs_undo, length) == 8);
static_assert(offsetof(struct pkernfs_undo, type) == 12);
static_assert(offsetof(struct pkernfs_undo, zone) == 13);
static_assert(offsetof(struct pkernfs_undo, size) == 14);
static_assert(sizeof(struct pkernfs_inode) == PKERNFS_INODE_SIZE);
static_assert(offsetof(struct pkernfs_inode, height) == 2);
static_assert(offsetof(struct pkernfs_inode, nlink) == 4);
static_assert(offsetof(struct pkernfs_inode, uid) == 8);
static_assert(offsetof(struct pkernfs_inode, gid) == 12);
static_assert(offsetof(struct pkernfs_inode, generation) == 16);
static_assert(offsetof(struct pkernfs_inode, rdev) == 20);
static_assert(offsetof(struct pkernfs_inode, size) == 24);
static_assert(offsetof(struct pkernfs_inode, blocks) == 32);
static_assert(offsetof(struct pkernfs_inode, atime) == 40);
static_assert(offsetof(struct pkernfs_inode, mtime) == 56);
static_assert(offsetof(struct pkernfs_inode, ctime) == 72);
static_assert(offsetof(struct pkernfs_inode, btime) == 88);
static_assert(offsetof(struct pkernfs_inode, parent) == 104);
static_assert(offsetof(struct pkernfs_inode, orphan_next) == 108);
static_assert(offsetof(struct pkernfs_inode, orphan_prev) == 112);
static_assert(offsetof(struct pkernfs_inode, map) == 120);
static_assert(offsetof(struct pkernfs_inode, symlink) == 120);
static_assert(offsetof(struct pkernfs_inode, reserved3) == 184);
static_assert(sizeof(struct pkernfs_dirent) == 16);
static_assert(offsetof(struct pkernfs_dirent, ino) == 8);
static_assert(offsetof(struct pkernfs_dirent, type) == 12);
static_assert(offsetof(struct pkernfs_dirent, name_len) == 13);
static_assert(offsetof(struct pkernfs_dirent, size) == 14);
static_assert(offsetof(struct pkernfs_dirent, name) == 16);
static_assert(sizeof(struct pkernfs_dir_leaf) == 8);
static_assert(offsetof(struct pkernfs_dir_leaf, depth) == 2);

#endif /* _PKERNFS_FORMAT_H */
