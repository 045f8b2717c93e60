/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What tests of pins share: they take all other memory of the region, and watch
 * what becomes of the pinned block.
 */
#ifndef _TEST_PIN_H
#define _TEST_PIN_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

#define PAGE		4096UL
#define DATA_BLOCK	(2UL << 20)

/* What a file of this size consists of. */
static inline long block_of(size_t size)
{
	return size > DATA_BLOCK ? DATA_BLOCK : PAGE;
}

static inline long used_bytes(const struct statfs *at_start)
{
	struct statfs now;

	if (statfs(".", &now))
		return -1;
	return (at_start->f_bfree - now.f_bfree) * now.f_bsize;
}

/* Freeing follows the unpin soon, but not at once. */
static inline bool becomes_used(const struct statfs *at_start, long bytes)
{
	time_t end = time(NULL) + 10;

	while (used_bytes(at_start) != bytes) {
		if (time(NULL) > end)
			return false;
		sched_yield();
	}
	return true;
}

/* Take all the memory there is and write to it: the file "other". */
static inline int fill_region(void)
{
	static char buf[DATA_BLOCK];
	int fd = open("other", O_RDWR | O_CREAT, 0644);
	size_t step;

	memset(buf, 'n', sizeof(buf));
	for (step = DATA_BLOCK; step >= PAGE; step = step > PAGE ? PAGE : 0) {
		while (write(fd, buf, step) > 0)
			;
		if (errno != ENOSPC)
			return errno;
	}
	close(fd);
	return 0;
}

#endif /* _TEST_PIN_H */
