// SPDX-License-Identifier: GPL-2.0-only
/*
 * What shows physical memory to root, /dev/mem and /proc/kcore, does not show a
 * region. Needs root and the region pkernfs0, which it formats.
 */
#define _GNU_SOURCE
#include <linux/elf.h>

#include "../kselftest_harness.h"
#include "test_mount.h"

#define PAGE		4096UL
#define FILE_SIZE	(8UL << 20)
#define MARK		0x5ec2e7da7a5ec2e7UL

static int find_region(unsigned long *start, unsigned long *end)
{
	FILE *iomem = fopen("/proc/iomem", "r");
	char line[256];
	int found = 0;

	while (!found && iomem && fgets(line, sizeof(line), iomem))
		found = strstr(line, " : pkernfs0") &&
			sscanf(line, "%lx-%lx", start, end) == 2 && *start;
	if (iomem)
		fclose(iomem);
	(*end)++;
	return found;
}

FIXTURE(memory)
{
	struct test_mount mount;
	unsigned long start;
	unsigned long end;
	int fd;		/* of what shows memory */
};

FIXTURE_SETUP(memory)
{
	unsigned long *words;
	size_t i;
	int fd;

	if (!find_region(&self->start, &self->end))
		SKIP(return, "needs root and the region pkernfs0");
	ASSERT_EQ(0, enter_new_fs(&self->mount, "format"));
	self->fd = -1;
	fd = open("secret", O_RDWR | O_CREAT, 0600);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, FILE_SIZE));
	words = mmap(NULL, FILE_SIZE, PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, words);
	for (i = 0; i < FILE_SIZE / sizeof(*words); i++)
		words[i] = MARK;
	munmap(words, FILE_SIZE);
	close(fd);
}

FIXTURE_TEARDOWN(memory)
{
	EXPECT_EQ(0, leave_fs_clean(&self->mount));
}

static int has_mark(const void *page)
{
	return !!memmem(page, PAGE, &(unsigned long){ MARK },
			sizeof(unsigned long));
}

static void expect_closed(struct __test_metadata *_metadata,
			  struct _test_data_memory *self)
{
	char page[PAGE];
	unsigned long addr;

	for (addr = self->start; addr < self->end; addr += 1UL << 20) {
		EXPECT_ERRNO(EPERM, pread(self->fd, page, PAGE, addr));
		EXPECT_ERRNO(EPERM, pwrite(self->fd, page, PAGE, addr));
		EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE, PROT_READ, MAP_SHARED,
					   self->fd, addr));
		EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED,
					   self->fd, addr));
	}
	/* From outside into it. */
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED,
				   self->fd, self->start - PAGE));
}

TEST_F(memory, dev_mem_reaches_no_mounted_region)
{
	self->fd = open("/dev/mem", O_RDWR);
	if (self->fd < 0)
		SKIP(return, "/dev/mem: %s", strerror(errno));
	expect_closed(_metadata, self);
}

TEST_F(memory, dev_mem_reaches_no_region_that_is_not_mounted)
{
	ASSERT_EQ(0, leave_fs(&self->mount));
	self->fd = open("/dev/mem", O_RDWR);
	if (self->fd < 0)
		SKIP(return, "/dev/mem: %s", strerror(errno));
	expect_closed(_metadata, self);
	close(self->fd);
	ASSERT_EQ(0, mount_and_enter(&self->mount, NULL));
}

/*
 * The kernel's mapping of all memory has the region's pages at their place. As in
 * /proc/kcore the offset goes with the address, one can ask for them.
 */
static int find_direct_map(int fd, struct elf64_phdr *ram)
{
	struct elf64_hdr header;
	int i;

	if (pread(fd, &header, sizeof(header), 0) != sizeof(header))
		return 0;
	for (i = 0; i < header.e_phnum; i++) {
		if (pread(fd, ram, sizeof(*ram),
			  header.e_phoff + i * sizeof(*ram)) != sizeof(*ram))
			return 0;
		/* Low memory, which every machine has. */
		if (ram->p_type == PT_LOAD && ram->p_paddr == 0x100000)
			return 1;
	}
	return 0;
}

static int expect_not_listed(struct __test_metadata *_metadata, int fd,
			     unsigned long start, unsigned long end)
{
	struct elf64_hdr header;
	struct elf64_phdr entry;
	int i;

	if (pread(fd, &header, sizeof(header), 0) != sizeof(header))
		return 0;
	for (i = 0; i < header.e_phnum; i++) {
		pread(fd, &entry, sizeof(entry), header.e_phoff + i * sizeof(entry));
		if (entry.p_type == PT_LOAD)
			EXPECT_FALSE(entry.p_vaddr < end &&
				     start < entry.p_vaddr + entry.p_memsz);
	}
	return header.e_phnum;
}

TEST_F(memory, kcore_shows_no_region)
{
	struct elf64_phdr ram;
	unsigned long addr, vaddr;
	char page[PAGE];
	int writable;

	self->fd = open("/proc/kcore", O_RDONLY);
	if (self->fd < 0)
		SKIP(return, "/proc/kcore: %s", strerror(errno));
	ASSERT_TRUE(find_direct_map(self->fd, &ram));
	/* There it does show memory. */
	ASSERT_EQ(PAGE, pread(self->fd, page, PAGE, ram.p_offset));

	vaddr = ram.p_vaddr - ram.p_paddr;
	EXPECT_LT(1, expect_not_listed(_metadata, self->fd,
				       vaddr + self->start, vaddr + self->end));
	for (addr = self->start; addr < self->end; addr += 1UL << 20) {
		memset(page, 0, PAGE);
		pread(self->fd, page, PAGE, ram.p_offset + addr - ram.p_paddr);
		EXPECT_FALSE(has_mark(page));
	}

	/* Root can open it for writing, but not write. */
	writable = open("/proc/kcore", O_RDWR);
	EXPECT_LE(0, writable);
	addr = ram.p_offset + self->start - ram.p_paddr;
	EXPECT_EQ(-1, pwrite(writable, page, PAGE, addr));
}

TEST_HARNESS_MAIN
