/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SHIM_LINUX_STRING_H
#define _SHIM_LINUX_STRING_H

#include <linux/types.h>
#include <string.h>

static inline void *memchr_inv(const void *p, int c, size_t size)
{
	const unsigned char *s = p;

	for (; size; s++, size--) {
		if (*s != (unsigned char)c)
			return (void *)s;
	}
	return NULL;
}

#endif /* _SHIM_LINUX_STRING_H */
