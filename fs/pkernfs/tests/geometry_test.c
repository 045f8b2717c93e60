// SPDX-License-Identifier: GPL-2.0-only
/* KUnit: laying out a region, and refusing a layout that cannot be. */
#include <kunit/test.h>
#include <linux/sizes.h>

#include "../media/media.h"

#define PHYS	(5ULL * SZ_1G)

static void plan(struct kunit *test, u64 phys, u64 size,
		 const struct pkernfs_format_options *options,
		 struct pkernfs_geometry *geo)
{
	struct pkernfs_message why = {};

	KUNIT_ASSERT_EQ_MSG(test, 0,
			    pkernfs_geometry_plan(phys, size, options, geo, &why),
			    "%s", why.text);
}

struct layout_case {
	const char *name;
	u64 phys;
	u64 size;
	struct pkernfs_format_options options;
};

static const struct layout_case layout_cases[] = {
	{ "16 MiB", PHYS, SZ_16M },
	{ "1 GiB", PHYS, SZ_1G },
	{ "512 GiB", PHYS, 512ULL * SZ_1G },
	{ "64 TiB", PHYS, 64ULL << 40 },
	{ "1 GiB blocks", PHYS, 4ULL * SZ_1G, { .data_block_size = SZ_1G } },
	{ "odd address", PHYS + SZ_64K, SZ_1G },
	{ "odd size", PHYS, SZ_1G - SZ_4K },
	{ "odd options", PHYS, SZ_1G, { .small_size = 12345, .inodes = 1 } },
	{ "many inodes", PHYS, 64ULL * SZ_1G, { .inodes = 100000000 } },
};

static void layout_case_to_desc(const struct layout_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(layout, layout_cases, layout_case_to_desc);

static void planned_layout_is_valid(struct kunit *test)
{
	const struct layout_case *c = test->param_value;
	const struct pkernfs_range *data;
	struct pkernfs_geometry geo;
	struct pkernfs_message why = {};
	u64 block;

	plan(test, c->phys, c->size, &c->options, &geo);
	KUNIT_EXPECT_EQ_MSG(test, 0,
			    pkernfs_geometry_check(c->phys, c->size, &geo, &why),
			    "%s", why.text);

	block = c->options.data_block_size ?: SZ_2M;
	data = &geo.area[PKERNFS_AREA_DATA];
	KUNIT_EXPECT_EQ(test, block, 1ULL << geo.data_block_shift);
	KUNIT_EXPECT_EQ(test, 0, (c->phys + data->start) & (block - 1));
	/* Less than one block is left over at the end. */
	KUNIT_EXPECT_LT(test, c->size - data->start - data->size, block);
	KUNIT_EXPECT_GE(test, geo.area[PKERNFS_AREA_SMALL].size,
			c->options.small_size);
	KUNIT_EXPECT_GE(test, pkernfs_geometry_inodes(&geo), c->options.inodes);
}

struct refused_case {
	const char *name;
	u64 size;
	struct pkernfs_format_options options;
	int err;
	const char *why;
};

static const struct refused_case refused_cases[] = {
	{ "one page", SZ_4K, .err = -ENOSPC, .why = "too small" },
	{ "4 MiB", SZ_4M, .err = -ENOSPC, .why = "too small" },
	{ "1 GiB blocks in 1 GiB", SZ_1G, { .data_block_size = SZ_1G },
	  -ENOSPC, "too small" },
	{ "4 MiB blocks", SZ_1G, { .data_block_size = SZ_4M }, -EINVAL, "2M or 1G" },
	{ "small zone beyond region", SZ_1G, { .small_size = ~0ULL }, -EINVAL, "small=" },
	{ "too many inodes", SZ_1G, { .inodes = ~0ULL }, -EINVAL, "inodes=" },
	{ "inodes fill region", SZ_1G, { .inodes = 5000000 }, -ENOSPC, "too small" },
};

static void refused_case_to_desc(const struct refused_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(refused, refused_cases, refused_case_to_desc);

static void impossible_layout_is_refused(struct kunit *test)
{
	const struct refused_case *c = test->param_value;
	struct pkernfs_geometry geo;
	struct pkernfs_message why = {};

	KUNIT_EXPECT_EQ(test, c->err,
			pkernfs_geometry_plan(PHYS, c->size, &c->options, &geo,
					      &why));
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(why.text, c->why),
				  "the reason is: %s", why.text);
}

static void expect_reason(struct kunit *test, u64 size,
			  const struct pkernfs_geometry *geo, const char *reason)
{
	struct pkernfs_message why = {};

	KUNIT_EXPECT_EQ(test, -EUCLEAN,
			pkernfs_geometry_check(PHYS, size, geo, &why));
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(why.text, reason),
				  "the reason is: %s", why.text);
}

static void expect_damaged(struct kunit *test,
			   const struct pkernfs_geometry *geo)
{
	expect_reason(test, SZ_1G, geo, "does not fit between");
}

/* Each area in turn: empty, not aligned, outside, overflowing, overlapping. */
static void damaged_area_is_refused(struct kunit *test)
{
	const struct pkernfs_format_options defaults = {};
	struct pkernfs_geometry good, geo;
	int i;

	plan(test, PHYS, SZ_1G, &defaults, &good);
	for (i = 0; i < PKERNFS_NR_AREAS; i++) {
		geo = good;
		geo.area[i].size = 0;
		expect_damaged(test, &geo);

		geo = good;
		geo.area[i].start += 1;
		expect_damaged(test, &geo);

		geo = good;
		geo.area[i].start = SZ_1G;
		expect_damaged(test, &geo);

		geo = good;
		geo.area[i].start = ~0ULL << PKERNFS_BLOCK_SHIFT;
		expect_damaged(test, &geo);

		geo = good;
		geo.area[i].size = ~0ULL << PKERNFS_BLOCK_SHIFT;
		expect_damaged(test, &geo);

		geo = good;
		geo.area[i].start = 0;
		expect_damaged(test, &geo);
	}
}

static void data_zone_off_its_blocks_is_refused(struct kunit *test)
{
	const struct pkernfs_format_options defaults = {};
	struct pkernfs_geometry geo;
	struct pkernfs_range *data = &geo.area[PKERNFS_AREA_DATA];

	plan(test, PHYS, SZ_1G, &defaults, &geo);
	data->start += SZ_4K;
	data->size -= SZ_2M;
	expect_reason(test, SZ_1G, &geo, "not aligned");
	data->start -= SZ_4K;
	data->size += SZ_4K;
	expect_reason(test, SZ_1G, &geo, "not aligned");
}

static void journal_over_backup_is_refused(struct kunit *test)
{
	const struct pkernfs_format_options defaults = {};
	struct pkernfs_geometry geo;

	plan(test, PHYS, SZ_1G, &defaults, &geo);
	geo.area[PKERNFS_AREA_JOURNAL].size += PKERNFS_BLOCK_SIZE;
	expect_reason(test, SZ_1G, &geo, "backup superblock");
}

/* In 512 GiB each bitmap needs more than one block. */
static void damaged_bitmap_is_refused(struct kunit *test)
{
	const struct pkernfs_format_options options = {
		.small_size	= 4ULL * SZ_1G,
	};
	static const char * const reasons[] = {
		[PKERNFS_AREA_INODE_BITMAP]	= "inode bitmap of",
		[PKERNFS_AREA_META_BITMAP]	= "meta bitmap of",
		[PKERNFS_AREA_SMALL_BITMAP]	= "small bitmap of",
		[PKERNFS_AREA_DATA_BITMAP]	= "data bitmap of",
	};
	struct pkernfs_geometry good, geo;
	int i;

	plan(test, PHYS, 512ULL * SZ_1G, &options, &good);
	for (i = PKERNFS_AREA_INODE_BITMAP; i <= PKERNFS_AREA_DATA_BITMAP; i++) {
		KUNIT_ASSERT_GT(test, good.area[i].size, PKERNFS_BLOCK_SIZE);
		geo = good;
		geo.area[i].size = PKERNFS_BLOCK_SIZE;
		expect_reason(test, 512ULL * SZ_1G, &geo, reasons[i]);
	}
}

static void damaged_block_size_is_refused(struct kunit *test)
{
	static const u32 shifts[] = { 0, 12, 20, 22, 31, 63, 64, ~0U };
	const struct pkernfs_format_options defaults = {};
	struct pkernfs_geometry geo;
	int i;

	plan(test, PHYS, SZ_1G, &defaults, &geo);
	for (i = 0; i < ARRAY_SIZE(shifts); i++) {
		geo.data_block_shift = shifts[i];
		expect_reason(test, SZ_1G, &geo, "data block of 2^");
	}
}

static struct kunit_case geometry_cases[] = {
	KUNIT_CASE_PARAM(planned_layout_is_valid, layout_gen_params),
	KUNIT_CASE_PARAM(impossible_layout_is_refused, refused_gen_params),
	KUNIT_CASE(damaged_area_is_refused),
	KUNIT_CASE(data_zone_off_its_blocks_is_refused),
	KUNIT_CASE(journal_over_backup_is_refused),
	KUNIT_CASE(damaged_bitmap_is_refused),
	KUNIT_CASE(damaged_block_size_is_refused),
	{}
};

static struct kunit_suite geometry_suite = {
	.name = "pkernfs_geometry",
	.test_cases = geometry_cases,
};

kunit_test_suite(geometry_suite);
