// SPDX-License-Identifier: GPL-2.0-only
/*
 * poison FILE OFFSET: have the kernel take the page there for damaged memory, as if
 * the hardware had reported it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE	4096

int main(int argc, char **argv)
{
	char *page;
	int fd;

	if (argc != 3) {
		fprintf(stderr, "usage: poison FILE OFFSET\n");
		return 2;
	}
	fd = open(argv[1], O_RDWR);
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    strtoull(argv[2], NULL, 0) & ~(PAGE - 1ULL));
	if (fd < 0 || page == MAP_FAILED || madvise(page, PAGE, MADV_HWPOISON)) {
		fprintf(stderr, "poison: %s: %s\n", argv[1], strerror(errno));
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
