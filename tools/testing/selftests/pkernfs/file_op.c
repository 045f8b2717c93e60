// SPDX-License-Identifier: GPL-2.0-only
/* What the shell of a test guest has no command for. */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

union handle {
	struct file_handle fh;
	unsigned char bytes[sizeof(struct file_handle) + MAX_HANDLE_SZ];
};

/* As digits: the type, then the bytes. */
static void print_handle(const char *path)
{
	union handle h = { .fh.handle_bytes = MAX_HANDLE_SZ };
	unsigned int i;
	int mount_id;

	if (name_to_handle_at(AT_FDCWD, path, &h.fh, &mount_id, 0))
		err(1, "%s", path);
	printf("%02x", h.fh.handle_type);
	for (i = 0; i < h.fh.handle_bytes; i++)
		printf("%02x", h.fh.f_handle[i]);
	printf("\n");
}

static unsigned int parse_byte(const char *digits)
{
	unsigned int byte;

	if (sscanf(digits, "%2x", &byte) != 1)
		errx(2, "%s is no handle", digits);
	return byte;
}

/* Print the beginning of the file. */
static void read_handle(const char *mount, const char *digits)
{
	union handle h = { .fh.handle_type = parse_byte(digits) };
	char buf[4096];
	ssize_t len;
	int fd;

	while (digits += 2, *digits && h.fh.handle_bytes < MAX_HANDLE_SZ)
		h.fh.f_handle[h.fh.handle_bytes++] = parse_byte(digits);
	fd = open_by_handle_at(open(mount, O_RDONLY), &h.fh, O_RDONLY);
	if (fd < 0)
		err(1, "open by handle");
	len = read(fd, buf, sizeof(buf));
	if (len < 0)
		err(1, "read");
	fwrite(buf, 1, len, stdout);
}

static void punch(const char *path, const char *offset, const char *len)
{
	int fd = open(path, O_RDWR);

	if (fd < 0 || fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				strtoull(offset, NULL, 0),
				strtoull(len, NULL, 0)))
		err(1, "%s", path);
}

static void map(const char *path)
{
	int fd = open(path, O_RDWR);

	if (fd < 0 ||
	    mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED)
		err(1, "%s", path);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "handle"))
		print_handle(argv[2]);
	else if (argc == 4 && !strcmp(argv[1], "read"))
		read_handle(argv[2], argv[3]);
	else if (argc == 5 && !strcmp(argv[1], "punch"))
		punch(argv[2], argv[3], argv[4]);
	else if (argc == 3 && !strcmp(argv[1], "map"))
		map(argv[2]);
	else
		errx(2, "usage: file_op handle|read|punch|map ARGUMENTS");
	return 0;
}
