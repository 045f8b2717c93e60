/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SHIM_LINUX_BITOPS_H
#define _SHIM_LINUX_BITOPS_H

#define __ffs64(word)		((unsigned long)__builtin_ctzll(word))
#define fls64(word)		((word) ? 64 - __builtin_clzll(word) : 0)

#endif /* _SHIM_LINUX_BITOPS_H */
