// SPDX-License-Identifier: GPL-2.0-only
/* KUnit: the parser of pkernfs=. */
#include <kunit/test.h>
#include <linux/sizes.h>
#include <asm/e820/types.h>

#include "../pkernfs.h"

struct parse_case {
	const char *value;
	int err;
	u64 size;
	u64 phys;
	const char *why;	/* must be part of the reason */
};

static const struct parse_case parse_cases[] = {
	{ "512M!1G", 0, SZ_512M, SZ_1G },
	{ "512m!1g", 0, SZ_512M, SZ_1G },
	{ "4096!0x100000", 0, SZ_4K, SZ_1M },
	{ "0x20000000!0x40000000", 0, SZ_512M, SZ_1G },
	{ "1T!2T", 0, 1ULL << 40, 2ULL << 40 },
	{ "4K!0", 0, SZ_4K, 0 },
	{ "", -EINVAL, .why = "size is not a number" },
	{ "M!1G", -EINVAL, .why = "size is not a number" },
	{ "-1M!1G", -EINVAL, .why = "size is not a number" },
	{ " 512M!1G", -EINVAL, .why = "size is not a number" },
	{ "0x!1G", -EINVAL, .why = "size is not a number" },
	{ "99999999999999999999999999!1G", -ERANGE, .why = "size exceeds 64 bits" },
	{ "512M", -EINVAL, .why = "expected !ss" },
	{ "512M$1G", -EINVAL, .why = "followed by '$1G'" },
	{ "512M@1G", -EINVAL, .why = "followed by '@1G'" },
	{ "512MB!1G", -EINVAL, .why = "followed by 'B!1G'" },
	{ "512M !1G", -EINVAL, .why = "followed by ' !1G'" },
	{ "512M!", -EINVAL, .why = "address is not a number" },
	{ "512M!x", -EINVAL, .why = "address is not a number" },
	{ "512M!1Gx", -EINVAL, .why = "followed by 'x'" },
	{ "512M!1G!2G", -EINVAL, .why = "followed by '!2G'" },
	{ "512M!1G ", -EINVAL, .why = "followed by ' '" },
	{ "0!1G", -EINVAL, .why = "size is zero" },
	{ "0M!1G", -EINVAL, .why = "size is zero" },
	{ "4097!1G", -EINVAL, .why = "multiples of the page size" },
	{ "512M!1073741825", -EINVAL, .why = "multiples of the page size" },
	{ "18446744073709551616!1G", -ERANGE, .why = "size exceeds 64 bits" },
	{ "16777216T!1G", -ERANGE, .why = "size exceeds 64 bits" },
	{ "512M!18014398509481984K", -ERANGE, .why = "address exceeds 64 bits" },
	{ "4K!0xfffffffffffff000", -ERANGE, .why = "together exceed 64 bits" },
	{ "8K!0xfffffffffffff000", -ERANGE, .why = "together exceed 64 bits" },
};

static void parse_case_to_desc(const struct parse_case *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "'%s'", c->value);
}

KUNIT_ARRAY_PARAM(parse, parse_cases, parse_case_to_desc);

static void parses_region(struct kunit *test)
{
	const struct parse_case *c = test->param_value;
	struct pkernfs_message why = {};
	u64 phys, size;

	KUNIT_ASSERT_EQ(test, c->err,
			pkernfs_parse_region(c->value, &phys, &size, &why));
	if (c->err) {
		KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(why.text, c->why),
					  "the reason is: %s", why.text);
		return;
	}
	KUNIT_EXPECT_EQ(test, c->size, size);
	KUNIT_EXPECT_EQ(test, c->phys, phys);
}

struct map_case {
	const char *name;
	u64 phys;
	u64 size;
	const char *why;	/* NULL: accepted */
	bool inherited;
};

static const struct e820_table map = {
	.nr_entries = 10,
	.entries = {
		{ SZ_1M, SZ_1G - SZ_1M, E820_TYPE_RAM },
		{ SZ_1G, SZ_1G, E820_TYPE_RAM },
		{ 2ULL * SZ_1G, SZ_1M, E820_TYPE_ACPI },
		{ 2ULL * SZ_1G + SZ_1M, SZ_1M, E820_TYPE_NVS },
		{ 3ULL * SZ_1G, SZ_1G, E820_TYPE_RESERVED },
		{ 4ULL * SZ_1G, SZ_1G, E820_TYPE_PRAM },
		{ 5ULL * SZ_1G, SZ_1G, E820_TYPE_UNUSABLE },
		{ 7ULL * SZ_1G, SZ_1G, E820_TYPE_RAM },
		{ 8ULL * SZ_1G, SZ_1G, E820_TYPE_PMEM },
		{ 9ULL * SZ_1G, SZ_1G, E820_TYPE_RAM },
	},
};

static const struct map_case map_cases[] = {
	{ "RAM", SZ_512M, SZ_256M },
	{ "two entries of RAM", SZ_512M, SZ_1G },
	{ "up to the end of RAM", SZ_1G, SZ_1G },
	{ "one page too many", SZ_1G, SZ_1G + SZ_4K, "ACPI tables" },
	{ "ACPI tables", 2ULL * SZ_1G, SZ_1M, "ACPI tables" },
	{ "ACPI NVS", 2ULL * SZ_1G + SZ_1M, SZ_4K, "non-volatile" },
	{ "reserved", 3ULL * SZ_1G, SZ_1M, "reserved by the firmware" },
	{ "an old NVDIMM", 4ULL * SZ_1G, SZ_1M, "persistent memory" },
	{ "unusable", 5ULL * SZ_1G, SZ_1M, "unusable memory" },
	{ "a gap", SZ_512K, SZ_1M, "no memory at 0x80000" },
	{ "beyond", 6ULL * SZ_1G, SZ_1M, "no memory at 0x180000000" },
	{ "RAM before a kept range", 7ULL * SZ_1G, SZ_1G },
	{ "a kept range", 8ULL * SZ_1G, SZ_1G, .inherited = true },
	{ "a part of one", 8ULL * SZ_1G + SZ_1M, SZ_1M, .inherited = true },
	{ "more, at its start", 8ULL * SZ_1G - SZ_1M, SZ_512M,
	  "partly outside of 0x200000000-0x23fffffff" },
	{ "more, at its end", 8ULL * SZ_1G, SZ_1G + SZ_4K,
	  "partly outside of 0x200000000-0x23fffffff" },
};

static void map_case_to_desc(const struct map_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(map, map_cases, map_case_to_desc);

static void only_ram_is_accepted(struct kunit *test)
{
	const struct map_case *c = test->param_value;
	struct pkernfs_message why = {};
	bool inherited = false;

	KUNIT_ASSERT_EQ(test, c->why ? -EINVAL : 0,
			pkernfs_check_map(&map, c->phys, c->size, &inherited,
					  &why));
	KUNIT_EXPECT_EQ(test, c->inherited, inherited);
	if (c->why)
		KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(why.text, c->why),
					  "the reason is: %s", why.text);
}

static struct kunit_case region_cases[] = {
	KUNIT_CASE_PARAM(parses_region, parse_gen_params),
	KUNIT_CASE_PARAM(only_ram_is_accepted, map_gen_params),
	{}
};

static struct kunit_suite region_suite = {
	.name = "pkernfs_region",
	.test_cases = region_cases,
};

kunit_test_suite(region_suite);
