/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _CRC32C_H
#define _CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32C as <linux/crc32c.h> computes it: reflected, no final inversion. */
static inline uint32_t crc32c(uint32_t crc, const void *data, size_t len)
{
	static uint32_t table[256];
	const uint8_t *p = data;
	uint32_t i, bit;

	for (i = 0; !table[255] && i < 256; i++) {
		table[i] = i;
		for (bit = 0; bit < 8; bit++)
			table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0x82f63b78 : 0);
	}
	while (len--)
		crc = crc >> 8 ^ table[(crc ^ *p++) & 0xff];
	return crc;
}

#endif /* _CRC32C_H */
