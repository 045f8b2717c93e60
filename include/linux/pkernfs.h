/* SPDX-License-Identifier: GPL-2.0-only */
/* What the rest of the kernel asks pkernfs, so that no kexec loses a region. */
#ifndef _LINUX_PKERNFS_H
#define _LINUX_PKERNFS_H

#include <linux/types.h>

#ifdef CONFIG_PKERNFS_FS

void pkernfs_keep_regions(void);
bool pkernfs_refuses_kexec(u64 start, u64 end);
bool pkernfs_refuses_kexec_jump(void);

#else

static inline void pkernfs_keep_regions(void)
{
}

static inline bool pkernfs_refuses_kexec(u64 start, u64 end)
{
	return false;
}

static inline bool pkernfs_refuses_kexec_jump(void)
{
	return false;
}

#endif /* CONFIG_PKERNFS_FS */

#endif /* _LINUX_PKERNFS_H */
