/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SHIM_LINUX_SMP_H
#define _SHIM_LINUX_SMP_H

static inline int raw_smp_processor_id(void)
{
	return 0;
}

#endif /* _SHIM_LINUX_SMP_H */
