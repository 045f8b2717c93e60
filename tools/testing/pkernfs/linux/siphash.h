/* SPDX-License-Identifier: GPL-2.0-only */
/* SipHash-2-4, as in the kernel's lib/siphash.c. */
#ifndef _SHIM_LINUX_SIPHASH_H
#define _SHIM_LINUX_SIPHASH_H

#include <asm/byteorder.h>
#include <linux/types.h>
#include <string.h>

typedef struct {
	u64 key[2];
} siphash_key_t;

static inline u64 rotate_left(u64 x, unsigned int n)
{
	return x << n | x >> (64 - n);
}

static inline void siphash_round(u64 v[4])
{
	v[0] += v[1];
	v[1] = rotate_left(v[1], 13) ^ v[0];
	v[0] = rotate_left(v[0], 32);
	v[2] += v[3];
	v[3] = rotate_left(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate_left(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate_left(v[1], 17) ^ v[2];
	v[2] = rotate_left(v[2], 32);
}

static inline u64 siphash(const void *data, size_t len,
			  const siphash_key_t *key)
{
	u64 v[4] = {
		0x736f6d6570736575ULL ^ key->key[0],
		0x646f72616e646f6dULL ^ key->key[1],
		0x6c7967656e657261ULL ^ key->key[0],
		0x7465646279746573ULL ^ key->key[1],
	};
	const u8 *p = data;
	size_t left = len;
	u64 word;

	for (; left >= 8; p += 8, left -= 8) {
		memcpy(&word, p, 8);
		word = le64_to_cpu(word);
		v[3] ^= word;
		siphash_round(v);
		siphash_round(v);
		v[0] ^= word;
	}
	word = 0;
	memcpy(&word, p, left);
	word = le64_to_cpu(word) | (u64)len << 56;
	v[3] ^= word;
	siphash_round(v);
	siphash_round(v);
	v[0] ^= word;
	v[2] ^= 0xff;
	siphash_round(v);
	siphash_round(v);
	siphash_round(v);
	siphash_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

#endif /* _SHIM_LINUX_SIPHASH_H */
