// SPDX-License-Identifier: GPL-2.0-only
/* KUnit: the parser of pkernfs=. */
#include <kunit/test.h>
#include <linux/sizes.h>

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
	{ "99999999999999999999999999!1G", -EINVAL, .why = "size is not a number" },
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

static struct kunit_case region_cases[] = {
	KUNIT_CASE_PARAM(parses_region, parse_gen_params),
	{}
};

static struct kunit_suite region_suite = {
	.name = "pkernfs_region",
	.test_cases = region_cases,
};

kunit_test_suite(region_suite);
