/* SPDX-License-Identifier: GPL-2.0-only */
/* A region in a file, for the tools. */
#ifndef _IMAGE_H
#define _IMAGE_H

#include "media.h"

int image_open(struct pkernfs_media *m, const char *path, bool writable);
int image_close(struct pkernfs_media *m);

#endif /* _IMAGE_H */
