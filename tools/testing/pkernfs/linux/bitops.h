/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SHIM_LINUX_BITOPS_H
#define _SHIM_LINUX_BITOPS_H

#include <linux/types.h>

#define __ffs64(word)		((unsigned long)__builtin_ctzll(word))
#define fls64(word)		((word) ? 64 - __builtin_clzll(word) : 0)

static inline u16 ror16(u16 word, unsigned int shift)
{
	return word >> (shift & 15) | word << (-shift & 15);
}

static inline u64 ror64(u64 word, unsigned int shift)
{
	return word >> (shift & 63) | word << (-shift & 63);
}

#endif /* _SHIM_LINUX_BITOPS_H */
