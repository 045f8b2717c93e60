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
 * In the primary superblock's magic field while a format is under way. One
 * store of PKERNFS_MAGIC completes the format; a region found in this state
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
	PKERNFS_AREA_META,		/* directory, extent, symlink blocks */
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
	__le32 root_mode;
	__le32 root_uid;
	__le32 root_gid;
	__le32 reserved;
	struct pkernfs_time root_atime;
	struct pkernfs_time root_mtime;
	struct pkernfs_time root_ctime;
	struct pkernfs_time root_btime;
};

#define PKERNFS_STATE_CLEAN	0x1	/* unmounted */

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

static_assert(sizeof(struct pkernfs_area) == 16);
static_assert(sizeof(struct pkernfs_time) == 16);
static_assert(sizeof(struct pkernfs_sb_state) == 104);
static_assert(offsetof(struct pkernfs_sb_state, flags) == 4);
static_assert(offsetof(struct pkernfs_sb_state, generation) == 8);
static_assert(offsetof(struct pkernfs_sb_state, mounts) == 16);
static_assert(offsetof(struct pkernfs_sb_state, root_mode) == 24);
static_assert(offsetof(struct pkernfs_sb_state, root_atime) == 40);
static_assert(offsetof(struct pkernfs_sb_state, root_btime) == 88);
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

#endif /* _PKERNFS_FORMAT_H */
