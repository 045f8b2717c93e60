/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SHIM_LINUX_VMALLOC_H
#define _SHIM_LINUX_VMALLOC_H

#include <stdlib.h>

static inline void *vcalloc(size_t n, size_t size)
{
	return calloc(n, size);
}

static inline void vfree(const void *p)
{
	free((void *)p);
}

#endif /* _SHIM_LINUX_VMALLOC_H */
