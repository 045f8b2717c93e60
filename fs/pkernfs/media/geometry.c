// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the areas of a region lie: planned when formatting, checked whenever
 * they are read from media.
 */
#include <linux/align.h>
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/sizes.h>

#include "media.h"

#define BITS_PER_BLOCK		(8ULL * PKERNFS_BLOCK_SIZE)

/* What a name of usual length costs in a directory. */
#define BYTES_PER_NAME		192

/*
 * Inode numbers fit 32 bits, so that a 32-bit process can stat() every file.
 * Number 0 means "none", so the last number is the same as the count; and the
 * table has whole blocks.
 */
#define PKERNFS_MAX_INODES	ALIGN_DOWN((u64)U32_MAX, \
					   PKERNFS_BLOCK_SIZE / PKERNFS_INODE_SIZE)

/* Memory is hotplugged, and gets struct pages, in units of this. */
#define SMALL_ALIGN		((u64)SZ_2M)

/* Far beyond any physical address; keeps all sums below clear of overflow. */
#define PKERNFS_MAX_SIZE	BIT_ULL(60)

const char * const pkernfs_area_names[PKERNFS_NR_AREAS] = {
	[PKERNFS_AREA_JOURNAL]		= "journal",
	[PKERNFS_AREA_INODE_BITMAP]	= "inode bitmap",
	[PKERNFS_AREA_META_BITMAP]	= "meta bitmap",
	[PKERNFS_AREA_SMALL_BITMAP]	= "small bitmap",
	[PKERNFS_AREA_DATA_BITMAP]	= "data bitmap",
	[PKERNFS_AREA_INODES]		= "inode table",
	[PKERNFS_AREA_META]		= "meta zone",
	[PKERNFS_AREA_SMALL]		= "small zone",
	[PKERNFS_AREA_DATA]		= "data zone",
};

/* Bytes of whole blocks that hold a bitmap of @bits. */
static u64 bitmap_bytes(u64 bits)
{
	return ALIGN(bits, BITS_PER_BLOCK) / 8;
}

/*
 * Defaults for a host of virtual machines: few large files and some thousand
 * small ones. The clamps keep a test region of 16 MiB usable and a region of
 * terabytes from spending gigabytes on inodes nobody creates.
 */
static u64 default_inodes(u64 size)
{
	return clamp(size / SZ_16K, 1024ULL, 1048576ULL);
}

static u64 default_small_size(u64 size)
{
	return clamp(ALIGN(size / 32, PKERNFS_BLOCK_SIZE), (u64)SZ_1M,
		     4ULL * SZ_1G);
}

/**
 * pkernfs_geometry_inodes() - how many inodes a region has
 * @geo: the geometry
 *
 * Return: the number of inodes, the root directory's included.
 */
u64 pkernfs_geometry_inodes(const struct pkernfs_geometry *geo)
{
	return geo->area[PKERNFS_AREA_INODES].size / PKERNFS_INODE_SIZE;
}

/**
 * pkernfs_geometry_plan() - lay out a region that is to be formatted
 * @phys: physical address of the region
 * @size: bytes of the region
 * @options: what the user chose; 0 takes the default
 * @geo: the result
 * @why: set when refused
 *
 * The data zone begins at the first address that is a multiple of the data
 * block size, since only such blocks can be mapped by one huge page. The small
 * zone takes what lies before it, and begins where struct pages can begin; the
 * meta zone takes what lies before that.
 *
 * Return: 0, -EINVAL for an option that makes no sense, -ENOSPC when the region
 * is too small for the format.
 */
int pkernfs_geometry_plan(u64 phys, u64 size,
			  const struct pkernfs_format_options *options,
			  struct pkernfs_geometry *geo,
			  struct pkernfs_message *why)
{
	u64 block = options->data_block_size ?: SZ_2M;
	u64 inodes = options->inodes ?: default_inodes(size);
	u64 small = options->small_size ?: default_small_size(size);
	u64 bytes[PKERNFS_NR_AREAS], pos, start, data;
	int i;

	if (block != SZ_2M && block != SZ_1G)
		return pkernfs_refuse(why, -EINVAL,
				      "block=%llu: a data block is 2M or 1G",
				      block);
	if (inodes > PKERNFS_MAX_INODES)
		return pkernfs_refuse(why, -EINVAL,
				      "inodes=%llu: at most %llu are possible",
				      inodes, PKERNFS_MAX_INODES);
	if (options->small_size > size)
		return pkernfs_refuse(why, -EINVAL,
				      "small=%llu: the region has only %llu bytes",
				      options->small_size, size);
	if (size > PKERNFS_MAX_SIZE || phys > PKERNFS_MAX_SIZE)
		return pkernfs_refuse(why, -EINVAL,
				      "0x%llx bytes at 0x%llx are beyond any physical memory",
				      size, phys);

	small = ALIGN(small, PKERNFS_BLOCK_SIZE);
	inodes = ALIGN(inodes, PKERNFS_BLOCK_SIZE / PKERNFS_INODE_SIZE);

	bytes[PKERNFS_AREA_INODES] = inodes * PKERNFS_INODE_SIZE;
	bytes[PKERNFS_AREA_INODE_BITMAP] = bitmap_bytes(inodes);
	/*
	 * Of two small blocks one is a file's that needs an extent block. And each
	 * inode has a name, of some 20 in a block.
	 */
	bytes[PKERNFS_AREA_META] = max3((u64)SZ_512K,
					ALIGN(small / 2, PKERNFS_BLOCK_SIZE),
					ALIGN(inodes * BYTES_PER_NAME,
					      PKERNFS_BLOCK_SIZE));
	/* The meta zone may grow by up to SMALL_ALIGN, see above. */
	bytes[PKERNFS_AREA_META_BITMAP] =
		bitmap_bytes((bytes[PKERNFS_AREA_META] + SMALL_ALIGN) >>
			     PKERNFS_BLOCK_SHIFT);
	/* The small zone may grow by up to a data block, see above. */
	bytes[PKERNFS_AREA_SMALL_BITMAP] =
		bitmap_bytes((small + block) >> PKERNFS_BLOCK_SHIFT);
	bytes[PKERNFS_AREA_DATA_BITMAP] = bitmap_bytes(div_u64(size, block));

	geo->data_block_shift = ilog2(block);
	geo->area[PKERNFS_AREA_JOURNAL].start = PKERNFS_BLOCK_SIZE;
	geo->area[PKERNFS_AREA_JOURNAL].size =
		PKERNFS_SB_BACKUP_OFFSET - PKERNFS_BLOCK_SIZE;

	pos = PKERNFS_SB_BACKUP_OFFSET + PKERNFS_BLOCK_SIZE;
	for (i = PKERNFS_AREA_INODE_BITMAP; i <= PKERNFS_AREA_META; i++) {
		geo->area[i].start = pos;
		geo->area[i].size = bytes[i];
		pos += bytes[i];
	}

	start = ALIGN(phys + pos, SMALL_ALIGN) - phys;
	geo->area[PKERNFS_AREA_META].size += start - pos;
	data = ALIGN(phys + start + small, block) - phys;
	if (data > size || size - data < block)
		return pkernfs_refuse(why, -ENOSPC,
				      "%llu KiB are too small for the format, which needs %llu KiB here",
				      size / SZ_1K, (data + block) / SZ_1K);
	geo->area[PKERNFS_AREA_SMALL].start = start;
	geo->area[PKERNFS_AREA_SMALL].size = data - start;
	geo->area[PKERNFS_AREA_DATA].start = data;
	geo->area[PKERNFS_AREA_DATA].size = ALIGN_DOWN(size - data, block);
	return 0;
}

static int check_order(u64 size, const struct pkernfs_geometry *geo,
		       struct pkernfs_message *why)
{
	u64 end = PKERNFS_BLOCK_SIZE;
	int i;

	for (i = 0; i < PKERNFS_NR_AREAS; i++) {
		const struct pkernfs_range *a = &geo->area[i];

		/* The backup superblock stands behind the journal. */
		if (i == PKERNFS_AREA_INODE_BITMAP)
			end = max(end, (u64)PKERNFS_HEADER_SIZE);
		if (!a->size || a->start < end || a->start > size ||
		    a->size > size - a->start ||
		    !IS_ALIGNED(a->start | a->size, PKERNFS_BLOCK_SIZE))
			return pkernfs_refuse(why, -EUCLEAN,
					      "%s of 0x%llx bytes at 0x%llx does not fit between 0x%llx and 0x%llx",
					      pkernfs_area_names[i], a->size, a->start,
					      end, size);
		end = a->start + a->size;
	}

	end = geo->area[PKERNFS_AREA_JOURNAL].start +
	      geo->area[PKERNFS_AREA_JOURNAL].size;
	if (end > PKERNFS_SB_BACKUP_OFFSET)
		return pkernfs_refuse(why, -EUCLEAN,
				      "journal ends at 0x%llx, beyond the backup superblock",
				      end);
	return 0;
}

static int check_bitmap(const struct pkernfs_geometry *geo,
			enum pkernfs_area_id bitmap, u64 bits,
			struct pkernfs_message *why)
{
	if (geo->area[bitmap].size < bitmap_bytes(bits))
		return pkernfs_refuse(why, -EUCLEAN,
				      "%s of 0x%llx bytes is too small for %llu bits",
				      pkernfs_area_names[bitmap],
				      geo->area[bitmap].size, bits);
	return 0;
}

/**
 * pkernfs_geometry_check() - check a geometry that was read from media
 * @phys: physical address of the region
 * @size: bytes of the region
 * @geo: what was read; any values are handled
 * @why: set when refused
 *
 * Areas must lie in order, inside the region and apart from each other and from
 * both superblocks, and each bitmap must cover its zone. Everything that
 * pkernfs_geometry_plan() makes passes; a later version may plan differently.
 *
 * Return: 0 or -EUCLEAN.
 */
int pkernfs_geometry_check(u64 phys, u64 size,
			   const struct pkernfs_geometry *geo,
			   struct pkernfs_message *why)
{
	const struct pkernfs_range *data = &geo->area[PKERNFS_AREA_DATA];
	u64 block;
	int err;

	if (geo->data_block_shift != ilog2(SZ_2M) &&
	    geo->data_block_shift != ilog2(SZ_1G))
		return pkernfs_refuse(why, -EUCLEAN,
				      "data block of 2^%u bytes, expected 2^21 or 2^30",
				      geo->data_block_shift);
	block = 1ULL << geo->data_block_shift;

	err = check_order(size, geo, why);
	if (err)
		return err;
	if (!IS_ALIGNED((phys + data->start) | data->size, block))
		return pkernfs_refuse(why, -EUCLEAN,
				      "data zone of 0x%llx bytes at 0x%llx is not aligned to its blocks",
				      data->size, data->start);
	if (pkernfs_geometry_inodes(geo) > PKERNFS_MAX_INODES)
		return pkernfs_refuse(why, -EUCLEAN, "%llu inodes, at most %llu are possible",
				      pkernfs_geometry_inodes(geo),
				      PKERNFS_MAX_INODES);

	err = check_bitmap(geo, PKERNFS_AREA_INODE_BITMAP,
			   pkernfs_geometry_inodes(geo), why);
	if (!err)
		err = check_bitmap(geo, PKERNFS_AREA_META_BITMAP,
				   geo->area[PKERNFS_AREA_META].size >> PKERNFS_BLOCK_SHIFT,
				   why);
	if (!err)
		err = check_bitmap(geo, PKERNFS_AREA_SMALL_BITMAP,
				   geo->area[PKERNFS_AREA_SMALL].size >> PKERNFS_BLOCK_SHIFT,
				   why);
	if (!err)
		err = check_bitmap(geo, PKERNFS_AREA_DATA_BITMAP,
				   data->size >> geo->data_block_shift, why);
	return err;
}
