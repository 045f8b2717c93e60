/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _CRC32C_H
#define _CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32C as <linux/crc32c.h> computes it: reflected, no final inversion. */
static inline uint32_t crc32c(uint32_t crc, const void *data, size_t len)
{
	const uint8_t *p = data;
	int bit;

	while (len--) {
		crc ^= *p++;
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return crc;
}

#endif /* _CRC32C_H */
