/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SHIM_ASM_PAGE_H
#define _SHIM_ASM_PAGE_H

#include <string.h>

static inline void clear_page(void *page)
{
	memset(page, 0, 4096);
}

#endif /* _SHIM_ASM_PAGE_H */
