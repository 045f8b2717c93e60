/* SPDX-License-Identifier: GPL-2.0-only */
/* The two functions that libFuzzer calls. See fuzz.c. */
#ifndef _FUZZ_H
#define _FUZZ_H

#include <linux/types.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#endif /* _FUZZ_H */
