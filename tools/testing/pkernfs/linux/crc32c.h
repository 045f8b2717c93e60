/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SHIM_LINUX_CRC32C_H
#define _SHIM_LINUX_CRC32C_H

#include <linux/types.h>

static inline u32 crc32c(u32 crc, const void *p, size_t len)
{
	const u8 *s = p;
	int i;

	while (len--) {
		crc ^= *s++;
		for (i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return crc;
}

#endif /* _SHIM_LINUX_CRC32C_H */
