/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of media/ share: a region in ordinary memory, TAP, and a
 * digest of everything a user can see.
 */
#ifndef _HARNESS_H
#define _HARNESS_H

#include "ops.h"

/* Small files, few inodes, two or three data blocks: quick to check whole. */
struct region_options {
	u64 data_blocks;
	u64 data_block_size;
	u64 small_size;
	u64 inodes;
	bool dirty;		/* was used for something else before */
};

void region_create(struct fs *fs, const struct region_options *options);
void region_destroy(struct fs *fs);
int region_mount(struct fs *fs);
void region_umount(struct fs *fs);

/* A file of every kind, and an orphan. */
void populate(struct fs *fs);

/* What the last check or operation said, when it said something. */
extern char last_report[256];

struct digest {
	u64 tree;		/* names, attributes, link counts, sizes */
	u64 contents;		/* of all files but @skip */
	u64 space;		/* free counts and blocks of each file */
	u32 skip;		/* a file that is being written to */
	bool sample;		/* read only one word of each page */
	bool no_contents;	/* read none */
	bool stale;		/* a file shows what was never written to it */
};

int take_digest(struct fs *fs, struct digest *digest);

/* The block that a file has around @page; size 0 for a hole. */
struct pkernfs_range find_block(struct fs *fs, u32 ino, u64 page);
/* Whether the block at @offset is in use, and a sum of what is in it. */
bool is_block_used(const struct fs *fs, u64 offset);
u64 sum_block(const struct fs *fs, struct pkernfs_range block);

/* A word of a file's contents that no other file has. */
static inline u64 pattern(u32 owner, u64 pos)
{
	return (u64)owner << 32 | (u32)(pos / 8 + 1);
}

__printf(2, 3)
void tap(bool ok, const char *fmt, ...);
int tap_end(void);
u64 next_random(u64 *seed);

#endif /* _HARNESS_H */
