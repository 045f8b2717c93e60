// SPDX-License-Identifier: GPL-2.0-only
/*
 * edit_superblock FILE OFFSET FIELD VALUE: change a field in both superblock
 * copies of the region at OFFSET in FILE, such as /dev/mem, and make the checksums
 * fit, to see what a kernel does with media of another version.
 */
#include <endian.h>
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../../../../fs/pkernfs/media/format.h"
#include "crc32c.h"

static void set_field(struct pkernfs_sb *sb, const char *field, uint64_t value)
{
	if (!strcmp(field, "version"))
		sb->version = htole32(value);
	else if (!strcmp(field, "compat"))
		sb->compat = htole64(value);
	else if (!strcmp(field, "ro_compat"))
		sb->ro_compat = htole64(value);
	else if (!strcmp(field, "incompat"))
		sb->incompat = htole64(value);
	else if (!strcmp(field, "data_block_shift"))
		sb->data_block_shift = htole32(value);
	else
		errx(2, "unknown field %s", field);
	sb->csum = htole32(crc32c(~0U, &sb->version,
				  offsetof(struct pkernfs_sb, state) -
				  offsetof(struct pkernfs_sb, version)));
}

int main(int argc, char **argv)
{
	const size_t len = PKERNFS_SB_BACKUP_OFFSET + PKERNFS_BLOCK_SIZE;
	uint64_t offset, value;
	char *region;
	int fd;

	if (argc != 5)
		errx(2, "usage: edit_superblock FILE OFFSET FIELD VALUE");
	offset = strtoull(argv[2], NULL, 0);
	value = strtoull(argv[4], NULL, 0);
	fd = open(argv[1], O_RDWR);
	if (fd < 0)
		err(1, "%s", argv[1]);
	region = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		      offset);
	if (region == MAP_FAILED)
		err(1, "mmap %s", argv[1]);
	set_field((void *)(region + PKERNFS_SB_OFFSET), argv[3], value);
	set_field((void *)(region + PKERNFS_SB_BACKUP_OFFSET), argv[3], value);
	return 0;
}
