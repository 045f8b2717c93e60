// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device that writes to memory of a file goes on writing when the file gives it
 * up, for as long as the IOMMU maps it: nobody else may have that memory before.
 * By both ways to give memory to a device, VFIO type1 and iommufd.
 *
 * The device is QEMU's "edu", behind an IOMMU: its DMA engine copies between
 * memory and a buffer of its own.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <linux/iommufd.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "../kselftest_harness.h"
#include "test_mount.h"
#include "test_pin.h"

#define PCI_DEVICES	"/sys/bus/pci/devices"
#define EDU_IDS		"0x1234/0x11e8"

/* Registers of edu and where it sees its buffer; see docs/specs/edu.rst of QEMU. */
#define EDU_DMA_SOURCE	0x80
#define EDU_DMA_TARGET	0x88
#define EDU_DMA_COUNT	0x90
#define EDU_DMA_COMMAND	0x98
#define EDU_DMA_START	0x01
#define EDU_DMA_WRITE	0x02	/* from the buffer to memory */
#define EDU_BUFFER	0x40000

/* Less than the buffer: QEMU 7.2 takes one byte less than all of it. */
#define DMA_SIZE	2048

/* Where the device sees the file and our page. */
#define FILE_IOVA	0x1000000
#define PAGE_IOVA	0x2000000

struct edu {
	char name[32];		/* as 0000:00:01.0 */
	int fd;
	int iommu;		/* the container, or the iommufd */
	int group;		/* type1 only */
	__u32 ioas;		/* iommufd only */
	char *page;		/* ours, at PAGE_IOVA, for what it is to copy */
};

/* These return 0 or a negative errno. */
struct iommu_api {
	int (*open)(struct edu *edu);
	int (*map)(const struct edu *edu, void *addr, size_t size, __u64 iova);
	int (*unmap)(const struct edu *edu, size_t size, __u64 iova);
};

static int type1_open(struct edu *edu)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	char link[128], target[256] = "", path[64];

	snprintf(link, sizeof(link), PCI_DEVICES "/%s/iommu_group", edu->name);
	if (readlink(link, target, sizeof(target) - 1) < 0)
		return -errno;
	snprintf(path, sizeof(path), "/dev/vfio/%s", basename(target));
	edu->iommu = open("/dev/vfio/vfio", O_RDWR);
	edu->group = open(path, O_RDWR);
	if (edu->iommu < 0 || edu->group < 0 ||
	    ioctl(edu->group, VFIO_GROUP_GET_STATUS, &status))
		return -errno;
	if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE))
		return -EBUSY;
	if (ioctl(edu->group, VFIO_GROUP_SET_CONTAINER, &edu->iommu) ||
	    ioctl(edu->iommu, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		return -errno;
	edu->fd = ioctl(edu->group, VFIO_GROUP_GET_DEVICE_FD, edu->name);
	return edu->fd < 0 ? -errno : 0;
}

static int type1_map(const struct edu *edu, void *addr, size_t size, __u64 iova)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz	= sizeof(map),
		.flags	= VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr	= (unsigned long)addr,
		.iova	= iova,
		.size	= size,
	};

	return ioctl(edu->iommu, VFIO_IOMMU_MAP_DMA, &map) ? -errno : 0;
}

static int type1_unmap(const struct edu *edu, size_t size, __u64 iova)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz	= sizeof(unmap),
		.iova	= iova,
		.size	= size,
	};

	return ioctl(edu->iommu, VFIO_IOMMU_UNMAP_DMA, &unmap) ? -errno : 0;
}

static const struct iommu_api type1 = { type1_open, type1_map, type1_unmap };

/* Open the device's own file, /dev/vfio/devices/vfioN. */
static int open_cdev(const struct edu *edu)
{
	char path[64];
	struct dirent *entry;
	int fd = -1;
	DIR *dir;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/vfio-dev", edu->name);
	dir = opendir(path);
	while (dir && fd < 0 && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, "vfio", 4))
			continue;
		snprintf(path, sizeof(path), "/dev/vfio/devices/%.20s", entry->d_name);
		fd = open(path, O_RDWR);
	}
	if (dir)
		closedir(dir);
	return fd;
}

static int iommufd_open(struct edu *edu)
{
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind) };
	struct vfio_device_attach_iommufd_pt attach = { .argsz = sizeof(attach) };
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };

	edu->iommu = open("/dev/iommu", O_RDWR);
	edu->fd = open_cdev(edu);
	if (edu->iommu < 0 || edu->fd < 0)
		return -errno;
	bind.iommufd = edu->iommu;
	if (ioctl(edu->fd, VFIO_DEVICE_BIND_IOMMUFD, &bind) ||
	    ioctl(edu->iommu, IOMMU_IOAS_ALLOC, &alloc))
		return -errno;
	edu->ioas = alloc.out_ioas_id;
	attach.pt_id = edu->ioas;
	return ioctl(edu->fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach) ? -errno : 0;
}

static int iommufd_map(const struct edu *edu, void *addr, size_t size, __u64 iova)
{
	struct iommu_ioas_map map = {
		.size		= sizeof(map),
		.flags		= IOMMU_IOAS_MAP_FIXED_IOVA |
				  IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id	= edu->ioas,
		.user_va	= (unsigned long)addr,
		.length		= size,
		.iova		= iova,
	};

	return ioctl(edu->iommu, IOMMU_IOAS_MAP, &map) ? -errno : 0;
}

static int iommufd_unmap(const struct edu *edu, size_t size, __u64 iova)
{
	struct iommu_ioas_unmap unmap = {
		.size		= sizeof(unmap),
		.ioas_id	= edu->ioas,
		.iova		= iova,
		.length		= size,
	};

	return ioctl(edu->iommu, IOMMU_IOAS_UNMAP, &unmap) ? -errno : 0;
}

static const struct iommu_api iommufd = { iommufd_open, iommufd_map, iommufd_unmap };

/* Read or write a small file of sysfs; returns 0 or a negative errno. */
static int read_attr(const char *device, const char *attr, char *text, size_t size)
{
	char path[128];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/%s", device, attr);
	fd = open(path, O_RDONLY);
	len = read(fd, text, size - 1);
	close(fd);
	if (len <= 0)
		return -EIO;
	text[strcspn(text, "\n")] = 0;
	return 0;
}

static int write_attr(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), err = 0;

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

/* Find the device; without one its name is empty. */
static void find_edu(struct edu *edu)
{
	char vendor[16] = "", device[16] = "", ids[40];
	struct dirent *entry;
	DIR *dir = opendir(PCI_DEVICES);

	edu->name[0] = 0;
	while (dir && !edu->name[0] && (entry = readdir(dir))) {
		if (read_attr(entry->d_name, "vendor", vendor, sizeof(vendor)) ||
		    read_attr(entry->d_name, "device", device, sizeof(device)))
			continue;
		snprintf(ids, sizeof(ids), "%s/%s", vendor, device);
		if (!strcmp(ids, EDU_IDS))
			snprintf(edu->name, sizeof(edu->name), "%.31s", entry->d_name);
	}
	if (dir)
		closedir(dir);
}

/* Have vfio-pci drive the device, if it does not yet. */
static int give_to_vfio(const struct edu *edu)
{
	char path[128];
	int err;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/driver_override", edu->name);
	err = write_attr(path, "vfio-pci");
	return err ? err : write_attr("/sys/bus/pci/drivers_probe", edu->name);
}

/* Where a region of the device is in its file; -1 when there is none. */
static off_t find_region(const struct edu *edu, __u32 index)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = index };

	return ioctl(edu->fd, VFIO_DEVICE_GET_REGION_INFO, &info) ? -1 : info.offset;
}

/* Without being bus master the device's DMA comes to nothing. */
static int make_bus_master(const struct edu *edu)
{
	off_t config = find_region(edu, VFIO_PCI_CONFIG_REGION_INDEX);
	__u16 command;

	if (config < 0)
		return -errno;
	if (pread(edu->fd, &command, 2, config + PCI_COMMAND) != 2)
		return -EIO;
	command |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	return pwrite(edu->fd, &command, 2, config + PCI_COMMAND) == 2 ? 0 : -EIO;
}

static int copy_by_dma(const struct edu *edu, __u32 from, __u32 to, __u32 command)
{
	const __u32 registers[][2] = {
		{ EDU_DMA_SOURCE, from }, { EDU_DMA_TARGET, to },
		{ EDU_DMA_COUNT, DMA_SIZE },
		{ EDU_DMA_COMMAND, command | EDU_DMA_START },
	};
	off_t bar = find_region(edu, VFIO_PCI_BAR0_REGION_INDEX);
	time_t end = time(NULL) + 10;
	size_t i;

	if (bar < 0)
		return -errno;
	for (i = 0; i < 4; i++) {
		if (pwrite(edu->fd, &registers[i][1], 4, bar + registers[i][0]) != 4)
			return -EIO;
	}
	do {
		if (time(NULL) > end)
			return -ETIME;
		sched_yield();
		if (pread(edu->fd, &command, 4, bar + EDU_DMA_COMMAND) != 4)
			return -EIO;
	} while (command & EDU_DMA_START);
	return 0;
}

static int read_by_dma(const struct edu *edu, __u32 iova)
{
	return copy_by_dma(edu, iova, EDU_BUFFER, 0);
}

static int write_by_dma(const struct edu *edu, __u32 iova)
{
	return copy_by_dma(edu, EDU_BUFFER, iova, EDU_DMA_WRITE);
}

FIXTURE(vfio)
{
	struct test_mount mount;
	struct statfs at_start;
	struct edu edu;
	int fd;
	char *map;
};

FIXTURE_VARIANT(vfio)
{
	const struct iommu_api *iommu;
	size_t size;		/* of the file: decides which zone it is in */
};

FIXTURE_VARIANT_ADD(vfio, type1_small_blocks)
{
	.iommu = &type1,
	.size = 4 * PAGE,
};

FIXTURE_VARIANT_ADD(vfio, type1_data_blocks)
{
	.iommu = &type1,
	.size = 2 * DATA_BLOCK,
};

FIXTURE_VARIANT_ADD(vfio, iommufd_small_blocks)
{
	.iommu = &iommufd,
	.size = 4 * PAGE,
};

FIXTURE_VARIANT_ADD(vfio, iommufd_data_blocks)
{
	.iommu = &iommufd,
	.size = 2 * DATA_BLOCK,
};

FIXTURE_SETUP(vfio)
{
	const int prot = PROT_READ | PROT_WRITE;

	find_edu(&self->edu);
	if (!self->edu.name[0])
		SKIP(return, "no edu device: start QEMU with -device edu and an IOMMU");
	ASSERT_EQ(0, give_to_vfio(&self->edu));
	ASSERT_EQ(0, variant->iommu->open(&self->edu));
	ASSERT_EQ(0, make_bus_master(&self->edu));

	ASSERT_EQ(0, enter_new_fs(&self->mount, "format,small=1M"));
	ASSERT_EQ(0, statfs(".", &self->at_start));
	self->fd = open("file", O_RDWR | O_CREAT | O_EXCL, 0644);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ftruncate(self->fd, variant->size));
	self->map = mmap(NULL, variant->size, prot, MAP_SHARED, self->fd, 0);
	ASSERT_NE(MAP_FAILED, self->map);
	memset(self->map, 'o', variant->size);
	self->edu.page = mmap(NULL, PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->edu.page);

	ASSERT_EQ(0, variant->iommu->map(&self->edu, self->map, variant->size,
					 FILE_IOVA));
	ASSERT_EQ(0, variant->iommu->map(&self->edu, self->edu.page, PAGE, PAGE_IOVA));
}

FIXTURE_TEARDOWN(vfio)
{
	EXPECT_EQ(0, leave_fs_clean(&self->mount));
}

/* The device writes @c to a block of the file. */
static int device_writes(const struct edu *edu, char c)
{
	int err;

	memset(edu->page, c, PAGE);
	err = read_by_dma(edu, PAGE_IOVA);
	return err ? err : write_by_dma(edu, FILE_IOVA);
}

/* Does the device see @c in the file's block? */
static bool device_reads(const struct edu *edu, char c)
{
	char expected[DMA_SIZE];

	memset(edu->page, ~c, PAGE);
	memset(expected, c, DMA_SIZE);
	return !read_by_dma(edu, FILE_IOVA) && !write_by_dma(edu, PAGE_IOVA) &&
	       !memcmp(edu->page, expected, DMA_SIZE);
}

/* The file that took all other memory has what was written to it. */
static bool other_is_intact(void)
{
	static char buf[DATA_BLOCK], expected[DATA_BLOCK];
	int fd = open("other", O_RDONLY);
	bool intact = fd >= 0;
	ssize_t len;

	memset(expected, 'n', sizeof(expected));
	while (intact && (len = read(fd, buf, sizeof(buf))))
		intact = len > 0 && !memcmp(buf, expected, len);
	close(fd);
	return intact;
}

/*
 * No file has the memory any more, and another file takes all there is: the device
 * works on as before, and does that file no harm. Returns "" or what is wrong.
 */
static const char *work_on(const struct edu *edu)
{
	if (fill_region())
		return "the region cannot be filled";
	if (!device_reads(edu, '1'))
		return "the device does not see what it wrote";
	if (device_writes(edu, '2') || !device_reads(edu, '2'))
		return "the device cannot write any more";
	if (!other_is_intact())
		return "the device wrote to another file";
	return "";
}

TEST_F(vfio, truncated_memory_is_not_reused)
{
	ASSERT_EQ(0, device_writes(&self->edu, '1'));
	EXPECT_EQ('1', self->map[0]);
	EXPECT_EQ('1', self->map[DMA_SIZE - 1]);
	EXPECT_EQ('o', self->map[DMA_SIZE]);
	ASSERT_EQ(0, ftruncate(self->fd, 0));
	EXPECT_EQ(variant->size, used_bytes(&self->at_start));
	EXPECT_STREQ("", work_on(&self->edu));
	ASSERT_EQ(0, variant->iommu->unmap(&self->edu, variant->size, FILE_IOVA));
	ASSERT_EQ(0, unlink("other"));
	EXPECT_TRUE(becomes_used(&self->at_start, 0));
}

TEST_F(vfio, punched_memory_is_not_reused)
{
	ASSERT_EQ(0, device_writes(&self->edu, '1'));
	ASSERT_EQ(0, fallocate(self->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       0, variant->size));
	EXPECT_EQ(variant->size, used_bytes(&self->at_start));
	EXPECT_STREQ("", work_on(&self->edu));
	ASSERT_EQ(0, variant->iommu->unmap(&self->edu, variant->size, FILE_IOVA));
	ASSERT_EQ(0, unlink("other"));
	EXPECT_TRUE(becomes_used(&self->at_start, 0));
}

TEST_F(vfio, unlinked_memory_is_not_reused)
{
	ASSERT_EQ(0, device_writes(&self->edu, '1'));
	ASSERT_EQ(0, unlink("file"));
	ASSERT_EQ(0, munmap(self->map, variant->size));
	ASSERT_EQ(0, close(self->fd));
	EXPECT_EQ(variant->size, used_bytes(&self->at_start));
	EXPECT_STREQ("", work_on(&self->edu));
	ASSERT_EQ(0, variant->iommu->unmap(&self->edu, variant->size, FILE_IOVA));
	ASSERT_EQ(0, unlink("other"));
	EXPECT_TRUE(becomes_used(&self->at_start, 0));
}

TEST_HARNESS_MAIN
