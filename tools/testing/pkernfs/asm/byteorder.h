/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SHIM_ASM_BYTEORDER_H
#define _SHIM_ASM_BYTEORDER_H

#include <endian.h>
#include <linux/types.h>

#define cpu_to_le16(x)		htole16(x)
#define cpu_to_le32(x)		htole32(x)
#define cpu_to_le64(x)		htole64(x)
#define le16_to_cpu(x)		le16toh(x)
#define le32_to_cpu(x)		le32toh(x)
/* The library's type is unsigned long, the kernel's is not. */
#define le64_to_cpu(x)		((unsigned long long)le64toh(x))

static inline void le64_add_cpu(__le64 *var, __u64 val)
{
	*var = cpu_to_le64(le64_to_cpu(*var) + val);
}

#endif /* _SHIM_ASM_BYTEORDER_H */
