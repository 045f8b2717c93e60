/* SPDX-License-Identifier: GPL-2.0-only */
/* Random numbers that a seed repeats. */
#ifndef _PKERNFS_TEST_RANDOM_H
#define _PKERNFS_TEST_RANDOM_H

#include <linux/types.h>

/* xorshift64*; the state is never 0. */
static inline __u64 next_random(__u64 *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dULL;
}

static inline __u64 below(__u64 *state, __u64 limit)
{
	return (next_random(state) >> 16) % limit;
}

#endif /* _PKERNFS_TEST_RANDOM_H */
