/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SHIM_LINUX_VMALLOC_H
#define _SHIM_LINUX_VMALLOC_H

#include <stdlib.h>

/* Always zeroes the memory, as all callers want it. */
static inline void *__vmalloc_array(size_t n, size_t size, int flags)
{
	(void)flags;
	return calloc(n, size);
}

static inline void vfree(const void *p)
{
	free((void *)p);
}

#endif /* _SHIM_LINUX_VMALLOC_H */
