/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SHIM_LINUX_LIMITS_H
#define _SHIM_LINUX_LIMITS_H

#include_next <linux/limits.h>

#define U16_MAX			0xffffU
#define U32_MAX			0xffffffffU
#define INT_MAX			0x7fffffff
#define U64_MAX			0xffffffffffffffffULL

#endif /* _SHIM_LINUX_LIMITS_H */
