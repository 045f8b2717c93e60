// SPDX-License-Identifier: GPL-2.0-only
/*
 * A region in a file: a copy of the memory range, or the file that backs a
 * virtual machine's memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/string.h>
#include <linux/types.h>
#include <asm/byteorder.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image.h"

/*
 * The address that the region had when it was formatted. A kernel is told by
 * pkernfs=; here the superblock has to say it, of which a copy may be damaged.
 */
static u64 region_base(const struct pkernfs_media *m)
{
	const struct pkernfs_sb *primary = m->base + PKERNFS_SB_OFFSET;
	const struct pkernfs_sb *backup = m->base + PKERNFS_SB_BACKUP_OFFSET;

	if (pkernfs_sb_has_csum(primary))
		return le64_to_cpu(primary->region_base);
	return le64_to_cpu(backup->region_base);
}

/**
 * image_open() - map an image
 * @m: the region; base, phys and size are set here
 * @path: the image
 * @writable: changes go to the image, not only to memory
 *
 * Return: 0 or a negative errno.
 */
int image_open(struct pkernfs_media *m, const char *path, bool writable)
{
	int fd = open(path, writable ? O_RDWR : O_RDONLY), err;
	struct stat st;

	memset(m, 0, sizeof(*m));
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st)) {
		err = -errno;
		goto close;
	}
	err = -EINVAL;
	if (!S_ISREG(st.st_mode) || st.st_size < (off_t)PKERNFS_HEADER_SIZE)
		goto close;
	m->size = st.st_size;
	m->base = mmap(NULL, m->size, PROT_READ | PROT_WRITE,
		       (writable ? MAP_SHARED : MAP_PRIVATE) | MAP_NORESERVE,
		       fd, 0);
	err = m->base == MAP_FAILED ? -errno : 0;
	if (!err)
		m->phys = region_base(m);
close:
	close(fd);
	return err;
}

/**
 * image_close() - write an image back and unmap it
 * @m: the region
 *
 * Return: 0 or a negative errno: then changes may be lost.
 */
int image_close(struct pkernfs_media *m)
{
	int err = msync(m->base, m->size, MS_SYNC) ? -errno : 0;

	munmap(m->base, m->size);
	return err;
}
