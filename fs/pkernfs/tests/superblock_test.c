// SPDX-License-Identifier: GPL-2.0-only
/* KUnit: telling intact, empty, unfinished and damaged superblocks apart. */
#include <kunit/test.h>
#include <linux/crc32c.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/stat.h>

#include "../media/media.h"

#define PHYS	(5ULL * SZ_1G)
#define SIZE	SZ_16M

static struct pkernfs_sb *copy(struct pkernfs_media *m, int i)
{
	return m->base + (i ? PKERNFS_SB_BACKUP_OFFSET : PKERNFS_SB_OFFSET);
}

/* Make the checksums right again after a field was changed on purpose. */
static void seal(struct pkernfs_sb *sb)
{
	sb->csum = cpu_to_le32(crc32c(~0, &sb->version,
				      offsetof(struct pkernfs_sb, state) -
				      offsetof(struct pkernfs_sb, version)));
	sb->state.csum = cpu_to_le32(crc32c(~0, &sb->state.flags,
					    sizeof(sb->state) -
					    offsetof(struct pkernfs_sb_state, flags)));
}

static void free_base(void *base)
{
	kvfree(base);
}

/* A formatted region in ordinary memory. */
static int superblock_init(struct kunit *test)
{
	const struct pkernfs_format_options defaults = {};
	const struct pkernfs_attr root = {
		.mode	= S_IFDIR | 0751,
		.uid	= 1001,
		.gid	= 1002,
		.atime	= { .sec = -1, .nsec = 999999999 },
	};
	struct pkernfs_message why = {};
	struct pkernfs_media *m;

	m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m);
	m->base = kvzalloc(SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m->base);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, free_base, m->base));
	m->phys = PHYS;
	m->size = SIZE;
	KUNIT_ASSERT_EQ(test, 0, pkernfs_geometry_plan(PHYS, SIZE, &defaults,
						       &m->geo, &why));
	memset(m->uuid, 0x5a, sizeof(m->uuid));
	m->state = (struct pkernfs_state) {
		.generation	= 3,
		.mounts		= 7,
	};
	pkernfs_sb_format(m, &root);
	test->priv = m;
	return 0;
}

/* Expect the region to be refused, for this reason, and left as it was. */
static void expect_refused(struct kunit *test, int err, const char *reason)
{
	struct pkernfs_media *m = test->priv;
	u32 before = crc32c(0, m->base, PKERNFS_HEADER_SIZE);
	struct pkernfs_message why = {};

	KUNIT_EXPECT_EQ(test, err, pkernfs_sb_read(m, &why));
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(why.text, reason),
				  "the reason is: %s", why.text);
	KUNIT_EXPECT_EQ(test, before, crc32c(0, m->base, PKERNFS_HEADER_SIZE));
}

static void expect_intact(struct kunit *test)
{
	struct pkernfs_media *m = test->priv;
	struct pkernfs_message why = {};

	KUNIT_EXPECT_EQ_MSG(test, 0, pkernfs_sb_read(m, &why), "%s", why.text);
}

static void format_can_be_read(struct kunit *test)
{
	struct pkernfs_media *m = test->priv;
	struct pkernfs_media wrote = *m;
	struct pkernfs_attr root;

	memset(&m->state, 0, sizeof(m->state));
	memset(&m->geo, 0, sizeof(m->geo));
	memset(m->uuid, 0, sizeof(m->uuid));
	expect_intact(test);
	KUNIT_EXPECT_MEMEQ(test, &wrote.geo, &m->geo, sizeof(m->geo));
	KUNIT_EXPECT_MEMEQ(test, wrote.uuid, m->uuid, sizeof(m->uuid));
	KUNIT_EXPECT_EQ(test, 3, m->state.generation);
	KUNIT_EXPECT_EQ(test, 7, m->state.mounts);

	KUNIT_ASSERT_EQ(test, 0, pkernfs_recover(m));
	KUNIT_EXPECT_EQ(test, 0, pkernfs_inode_read(m, PKERNFS_ROOT_INO, &root));
	KUNIT_EXPECT_EQ(test, S_IFDIR | 0751, root.mode);
	KUNIT_EXPECT_EQ(test, 2, root.nlink);
	KUNIT_EXPECT_EQ(test, 1001, root.uid);
	KUNIT_EXPECT_EQ(test, 1002, root.gid);
	KUNIT_EXPECT_EQ(test, -1, root.atime.sec);
	KUNIT_EXPECT_EQ(test, 999999999, root.atime.nsec);
	pkernfs_release(m);
}

static void zeroed_region_is_empty(struct kunit *test)
{
	struct pkernfs_media *m = test->priv;

	memset(m->base, 0, PKERNFS_HEADER_SIZE);
	expect_refused(test, -ENODATA, "no superblock");
}

static void garbage_is_empty(struct kunit *test)
{
	static const u8 garbage[] = { 0xff, 0xaa, 0x01, 0x80 };
	struct pkernfs_media *m = test->priv;
	int i;

	for (i = 0; i < ARRAY_SIZE(garbage); i++) {
		memset(m->base, garbage[i], PKERNFS_HEADER_SIZE);
		expect_refused(test, -ENODATA, "no superblock");
	}
}

static void unfinished_format_is_empty(struct kunit *test)
{
	struct pkernfs_media *m = test->priv;

	copy(m, 0)->magic = cpu_to_le64(PKERNFS_MAGIC_FORMATTING);
	copy(m, 1)->magic = cpu_to_le64(PKERNFS_MAGIC_FORMATTING);
	expect_refused(test, -ENODATA, "no superblock");
}

/* The first store of formatting loses nothing, the last one adds nothing. */
static void marked_backup_is_intact(struct kunit *test)
{
	struct pkernfs_media *m = test->priv;

	copy(m, 1)->magic = cpu_to_le64(PKERNFS_MAGIC_FORMATTING);
	expect_intact(test);
	pkernfs_sb_write_state(m);
	KUNIT_EXPECT_EQ(test, PKERNFS_MAGIC, le64_to_cpu(copy(m, 1)->magic));
}

/* Formatting never leaves this, so the backup speaks for lost data. */
static void marked_primary_is_damage(struct kunit *test)
{
	struct pkernfs_media *m = test->priv;

	copy(m, 0)->magic = cpu_to_le64(PKERNFS_MAGIC_FORMATTING);
	expect_refused(test, -EUCLEAN, "primary superblock at 0x0: magic");
}

/* No byte of the part that formatting sets may change unnoticed. */
static void every_damaged_byte_is_noticed(struct kunit *test)
{
	struct pkernfs_media *m = test->priv;
	struct pkernfs_message why;
	unsigned int i, n;

	for (n = 0; n < 2; n++) {
		u8 *bytes = (u8 *)copy(m, n);

		for (i = 0; i < offsetof(struct pkernfs_sb, state); i++) {
			bytes[i] ^= 0x40;
			KUNIT_EXPECT_EQ_MSG(test, -EUCLEAN,
					    pkernfs_sb_read(m, &why),
					    "byte %u of copy %u", i, n);
			bytes[i] ^= 0x40;
		}
	}
	expect_intact(test);
}

static void damaged_primary_is_named(struct kunit *test)
{
	struct pkernfs_media *m = test->priv;

	copy(m, 0)->uuid[0] ^= 1;
	expect_refused(test, -EUCLEAN, "primary superblock at 0x0: checksum");
}

static void damaged_backup_is_named(struct kunit *test)
{
	struct pkernfs_media *m = test->priv;

	copy(m, 1)->uuid[0] ^= 1;
	expect_refused(test, -EUCLEAN, "backup superblock at 0x100000: checksum");
}

static void lost_primary_is_damage(struct kunit *test)
{
	struct pkernfs_media *m = test->priv;

	memset(copy(m, 0), 0, PKERNFS_BLOCK_SIZE);
	expect_refused(test, -EUCLEAN, "primary superblock at 0x0: magic");
}

static void lost_backup_is_damage(struct kunit *test)
{
	struct pkernfs_media *m = test->priv;

	memset(copy(m, 1), 0, PKERNFS_BLOCK_SIZE);
	expect_refused(test, -EUCLEAN, "backup superblock at 0x100000: magic");
}

static void both_damaged_is_not_empty(struct kunit *test)
{
	struct pkernfs_media *m = test->priv;

	copy(m, 0)->uuid[0] ^= 1;
	copy(m, 1)->uuid[0] ^= 1;
	expect_refused(test, -EUCLEAN, "primary");
}

static void both_magics_lost_is_not_empty(struct kunit *test)
{
	struct pkernfs_media *m = test->priv;

	copy(m, 0)->magic = 0;
	copy(m, 1)->magic = 0;
	expect_refused(test, -EUCLEAN, "magic");
}

static void magic_and_csum_lost_is_not_empty(struct kunit *test)
{
	struct pkernfs_media *m = test->priv;
	int i;

	for (i = 0; i < 2; i++) {
		copy(m, i)->magic = 0;
		copy(m, i)->csum ^= cpu_to_le32(1);
	}
	expect_refused(test, -EUCLEAN, "magic");
}

static void copies_that_differ_are_damage(struct kunit *test)
{
	struct pkernfs_media *m = test->priv;

	copy(m, 1)->uuid[0] ^= 1;
	seal(copy(m, 1));
	expect_refused(test, -EUCLEAN, "differ");
}

/* Make both copies what the primary one says, with checksums that fit. */
static void replicate(struct pkernfs_media *m)
{
	seal(copy(m, 0));
	*copy(m, 1) = *copy(m, 0);
}

static void other_version_is_refused(struct kunit *test)
{
	struct pkernfs_media *m = test->priv;

	copy(m, 0)->version = cpu_to_le32(PKERNFS_VERSION + 1);
	replicate(m);
	expect_refused(test, -EPROTONOSUPPORT, "format version 2");
}

static void unknown_incompat_is_refused(struct kunit *test)
{
	struct pkernfs_media *m = test->priv;

	copy(m, 0)->incompat = cpu_to_le64(1ULL << 63);
	replicate(m);
	expect_refused(test, -EOPNOTSUPP, "0x8000000000000000");
}

static void unknown_ro_compat_is_reported(struct kunit *test)
{
	struct pkernfs_media *m = test->priv;

	copy(m, 0)->ro_compat = cpu_to_le64(1ULL << 62);
	replicate(m);
	expect_intact(test);
	KUNIT_EXPECT_EQ(test, 1ULL << 62, m->unknown_ro_compat);
}

static void unknown_compat_is_ignored(struct kunit *test)
{
	struct pkernfs_media *m = test->priv;

	copy(m, 0)->compat = cpu_to_le64(~0ULL);
	replicate(m);
	expect_intact(test);
	KUNIT_EXPECT_EQ(test, 0, m->unknown_ro_compat);
}

static void other_base_is_refused(struct kunit *test)
{
	struct pkernfs_media *m = test->priv;

	copy(m, 0)->region_base = cpu_to_le64(PHYS + SZ_2M);
	replicate(m);
	expect_refused(test, -ERANGE, "formatted at address 0x140200000");
}

static void other_size_is_refused(struct kunit *test)
{
	struct pkernfs_media *m = test->priv;

	copy(m, 0)->region_size = cpu_to_le64(SIZE + SZ_2M);
	replicate(m);
	expect_refused(test, -ERANGE, "formatted with size 0x1200000");
}

static void other_inode_size_is_refused(struct kunit *test)
{
	struct pkernfs_media *m = test->priv;

	copy(m, 0)->inode_size = 0;
	replicate(m);
	expect_refused(test, -EUCLEAN, "inode size is 0");
}

static void bad_geometry_is_refused(struct kunit *test)
{
	struct pkernfs_media *m = test->priv;

	copy(m, 0)->area[PKERNFS_AREA_META].size = cpu_to_le64(~0ULL);
	replicate(m);
	expect_refused(test, -EUCLEAN, "meta zone");
}

/*
 * A stop while the state is written: at each byte, the next mount reads the old
 * state or the new one.
 */
static void torn_state_is_old_or_new(struct kunit *test)
{
	struct pkernfs_media *m = test->priv;
	const unsigned int len = sizeof(struct pkernfs_sb_state);
	struct pkernfs_sb_state old, new;
	unsigned int n, torn;

	old = copy(m, 0)->state;
	m->state.generation = 4;
	pkernfs_sb_write_state(m);
	new = copy(m, 0)->state;

	for (torn = 0; torn <= 2 * len; torn++) {
		n = min(torn, len);
		copy(m, 0)->state = old;
		copy(m, 1)->state = old;
		memcpy(&copy(m, 1)->state, &new, n);
		memcpy(&copy(m, 0)->state, &new, torn - n);

		expect_intact(test);
		if (torn == 0)
			KUNIT_EXPECT_EQ(test, 3, m->state.generation);
		else if (torn == 2 * len)
			KUNIT_EXPECT_EQ(test, 4, m->state.generation);
		else
			KUNIT_EXPECT_TRUE(test, m->state.generation == 3 ||
					  m->state.generation == 4);
	}
}

/* Whichever copy a stop left torn, the next change makes both whole again. */
static void torn_copy_is_repaired(struct kunit *test)
{
	struct pkernfs_media *m = test->priv;
	int i;

	for (i = 0; i < 2; i++) {
		copy(m, i)->state.csum ^= cpu_to_le32(1);
		expect_intact(test);
		m->state.generation++;
		pkernfs_sb_write_state(m);
		KUNIT_EXPECT_MEMEQ(test, &copy(m, 0)->state, &copy(m, 1)->state,
				   sizeof(copy(m, 0)->state));
		expect_intact(test);
		KUNIT_EXPECT_EQ(test, 4 + i, m->state.generation);
	}
}

static void tear_states(struct pkernfs_media *m)
{
	copy(m, 0)->state.mounts ^= cpu_to_le64(1);
	copy(m, 1)->state.mounts ^= cpu_to_le64(1);
}

static void two_torn_states_are_damage(struct kunit *test)
{
	struct pkernfs_media *m = test->priv;
	struct pkernfs_message why;

	tear_states(m);
	expect_refused(test, -EUCLEAN, "both checksums");
	KUNIT_EXPECT_EQ(test, 0, pkernfs_sb_repair(m, &why));
	expect_intact(test);
	KUNIT_EXPECT_EQ(test, PKERNFS_STATE_UNCHECKED, m->state.flags);
}

/* Whatever else is wrong with a region that can be repaired, once is enough. */
static void one_repair_is_enough(struct kunit *test)
{
	struct pkernfs_media *m = test->priv;
	struct pkernfs_message why;
	int i;

	for (i = 0; i < 2; i++) {
		tear_states(m);
		copy(m, i)->uuid[0] ^= 1;
		expect_refused(test, -EUCLEAN, "checksum");
		KUNIT_EXPECT_EQ(test, 0, pkernfs_sb_repair(m, &why));
		expect_intact(test);
		KUNIT_EXPECT_EQ(test, PKERNFS_STATE_UNCHECKED, m->state.flags);
	}
}

static void unknown_state_is_refused(struct kunit *test)
{
	struct pkernfs_media *m = test->priv;

	copy(m, 0)->state.flags = cpu_to_le32(0x40);
	replicate(m);
	expect_refused(test, -EOPNOTSUPP, "state flags 0x40");
	/* Nor where only the other copy can be read. */
	copy(m, 0)->state.csum ^= cpu_to_le32(1);
	expect_refused(test, -EOPNOTSUPP, "state flags 0x40");
}

/* Expect that a damaged copy is left as it is, for this reason. */
static void expect_no_repair(struct kunit *test, int err, const char *reason)
{
	struct pkernfs_media *m = test->priv;
	struct pkernfs_message why = {};
	u32 before;

	copy(m, 1)->uuid[0] ^= 1;
	before = crc32c(0, m->base, PKERNFS_HEADER_SIZE);
	KUNIT_EXPECT_EQ(test, -EUCLEAN, pkernfs_sb_read(m, &why));
	KUNIT_EXPECT_EQ(test, err, pkernfs_sb_repair(m, &why));
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(why.text, reason),
				  "the reason is: %s", why.text);
	KUNIT_EXPECT_EQ(test, before, crc32c(0, m->base, PKERNFS_HEADER_SIZE));
	copy(m, 1)->uuid[0] ^= 1;
}

static void unknown_is_not_repaired(struct kunit *test)
{
	struct pkernfs_media *m = test->priv;
	const struct pkernfs_sb known = *copy(m, 0);
	struct pkernfs_sb *sb = copy(m, 0);

	sb->version = cpu_to_le32(2);
	replicate(m);
	expect_no_repair(test, -EPROTONOSUPPORT, "version 2");
	*sb = known;
	sb->incompat = cpu_to_le64(0x80);
	replicate(m);
	expect_no_repair(test, -EOPNOTSUPP, "incompatible features 0x80");
	*sb = known;
	sb->ro_compat = cpu_to_le64(0x20);
	replicate(m);
	expect_no_repair(test, -EOPNOTSUPP, "unknown features 0x20");
	*sb = known;
	sb->state.flags = cpu_to_le32(0x40);
	replicate(m);
	expect_no_repair(test, -EOPNOTSUPP, "state flags 0x40");
	*sb = known;
	sb->region_base = cpu_to_le64(PHYS + SIZE);
	replicate(m);
	expect_no_repair(test, -ERANGE, "formatted at address");
	*sb = known;
	sb->area[PKERNFS_AREA_META].size = cpu_to_le64(~0ULL);
	replicate(m);
	expect_no_repair(test, -EUCLEAN, "meta zone");
}

/* Nothing is repaired where nothing tells which copy is right. */
static void intact_copies_are_not_repaired(struct kunit *test)
{
	struct pkernfs_media *m = test->priv;
	struct pkernfs_message why = {};

	copy(m, 1)->uuid[0] ^= 1;
	seal(copy(m, 1));
	KUNIT_EXPECT_EQ(test, -EUCLEAN, pkernfs_sb_repair(m, &why));
	KUNIT_EXPECT_NOT_NULL(test, strstr(why.text, "but differ"));
	expect_refused(test, -EUCLEAN, "differ");
}

static struct kunit_case superblock_cases[] = {
	KUNIT_CASE(format_can_be_read),
	KUNIT_CASE(zeroed_region_is_empty),
	KUNIT_CASE(garbage_is_empty),
	KUNIT_CASE(unfinished_format_is_empty),
	KUNIT_CASE(marked_backup_is_intact),
	KUNIT_CASE(marked_primary_is_damage),
	KUNIT_CASE(every_damaged_byte_is_noticed),
	KUNIT_CASE(damaged_primary_is_named),
	KUNIT_CASE(damaged_backup_is_named),
	KUNIT_CASE(lost_primary_is_damage),
	KUNIT_CASE(lost_backup_is_damage),
	KUNIT_CASE(both_damaged_is_not_empty),
	KUNIT_CASE(both_magics_lost_is_not_empty),
	KUNIT_CASE(magic_and_csum_lost_is_not_empty),
	KUNIT_CASE(copies_that_differ_are_damage),
	KUNIT_CASE(other_version_is_refused),
	KUNIT_CASE(unknown_incompat_is_refused),
	KUNIT_CASE(unknown_ro_compat_is_reported),
	KUNIT_CASE(unknown_compat_is_ignored),
	KUNIT_CASE(other_base_is_refused),
	KUNIT_CASE(other_size_is_refused),
	KUNIT_CASE(other_inode_size_is_refused),
	KUNIT_CASE(bad_geometry_is_refused),
	KUNIT_CASE(torn_state_is_old_or_new),
	KUNIT_CASE(torn_copy_is_repaired),
	KUNIT_CASE(two_torn_states_are_damage),
	KUNIT_CASE(one_repair_is_enough),
	KUNIT_CASE(unknown_state_is_refused),
	KUNIT_CASE(unknown_is_not_repaired),
	KUNIT_CASE(intact_copies_are_not_repaired),
	{}
};

static struct kunit_suite superblock_suite = {
	.name = "pkernfs_superblock",
	.init = superblock_init,
	.test_cases = superblock_cases,
};

kunit_test_suite(superblock_suite);
