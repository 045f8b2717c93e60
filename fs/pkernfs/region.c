// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ranges of memory that pkernfs= names: parsing them, refusing those that
 * are not safe to use, claiming the others before any driver can, mapping them.
 */
#define pr_fmt(fmt) "pkernfs: " fmt

#include <linux/cc_platform.h>
#include <linux/crash_dump.h>
#include <linux/init.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/pkernfs.h>
#include <linux/processor.h>
#include <linux/string.h>
#include <asm/e820/api.h>

#include "pkernfs.h"

/* Sorted by address; written only while booting. */
struct pkernfs_region pkernfs_regions[PKERNFS_MAX_REGIONS];
unsigned int pkernfs_nr_regions;

/**
 * pkernfs_parse_size() - parse a number with an optional suffix K, M, G or T
 * @s: where to begin; on success set to the first character not used
 * @bytes: the result
 *
 * memparse() would do but for two things that lose memory: it takes a missing
 * number for 0, and it drops the bits that overflow.
 *
 * Return: 0, -EINVAL when there is no number, -ERANGE when it exceeds 64 bits.
 */
int pkernfs_parse_size(const char **s, u64 *bytes)
{
	size_t len = strspn(*s, "0123456789abcdefABCDEFxX");
	const char *end = *s + len;
	unsigned int shift = 0;
	char digits[24];
	u64 number;
	int err;

	if (!len)
		return -EINVAL;
	if (len >= sizeof(digits))
		return -ERANGE;
	memcpy(digits, *s, len);
	digits[len] = '\0';
	err = kstrtou64(digits, 0, &number);
	if (err)
		return err;

	switch (*end) {
	case 'T': case 't':
		shift += 10;
		fallthrough;
	case 'G': case 'g':
		shift += 10;
		fallthrough;
	case 'M': case 'm':
		shift += 10;
		fallthrough;
	case 'K': case 'k':
		shift += 10;
		end++;
	}
	if (check_shl_overflow(number, shift, bytes))
		return -ERANGE;
	*s = end;
	return 0;
}

static int refuse_number(const char *what, int err, struct pkernfs_message *why)
{
	if (err == -ERANGE)
		return pkernfs_refuse(why, err, "the %s exceeds 64 bits", what);
	return pkernfs_refuse(why, err, "the %s is not a number, expected nn[KMG]!ss[KMG]",
			      what);
}

/**
 * pkernfs_parse_region() - parse one value of pkernfs=
 * @value: "nn[KMG]!ss[KMG]", size and address
 * @phys: the physical address
 * @size: bytes
 * @why: set when refused
 *
 * The form is that of memmap=nn!ss, see
 * Documentation/admin-guide/kernel-parameters.txt, so that the same text serves
 * both.
 *
 * Return: 0, -EINVAL for a malformed value, -ERANGE for one that overflows.
 */
int pkernfs_parse_region(const char *value, u64 *phys, u64 *size,
			 struct pkernfs_message *why)
{
	u64 end;
	int err;

	err = pkernfs_parse_size(&value, size);
	if (err)
		return refuse_number("size", err, why);
	if (*value != '!')
		return pkernfs_refuse(why, -EINVAL,
				      "the size is followed by '%.8s', expected !ss[KMG]",
				      value);
	value++;
	err = pkernfs_parse_size(&value, phys);
	if (err)
		return refuse_number("address", err, why);
	if (*value)
		return pkernfs_refuse(why, -EINVAL,
				      "the address is followed by '%.8s', expected nothing",
				      value);
	if (!*size)
		return pkernfs_refuse(why, -EINVAL, "the size is zero");
	if (!PAGE_ALIGNED(*size) || !PAGE_ALIGNED(*phys))
		return pkernfs_refuse(why, -EINVAL,
				      "size and address must be multiples of the page size, %lu",
				      PAGE_SIZE);
	if (check_add_overflow(*phys, *size, &end))
		return pkernfs_refuse(why, -ERANGE,
				      "size and address together exceed 64 bits");
	return 0;
}

/* Keep the array sorted by address. */
static struct pkernfs_region * __init insert_region(u64 phys)
{
	unsigned int i = pkernfs_nr_regions++;

	for (; i && pkernfs_regions[i - 1].media.phys > phys; i--)
		pkernfs_regions[i] = pkernfs_regions[i - 1];
	memset(&pkernfs_regions[i], 0, sizeof(pkernfs_regions[i]));
	return &pkernfs_regions[i];
}

static bool __init is_known(u64 phys, u64 size)
{
	unsigned int i;

	for (i = 0; i < pkernfs_nr_regions; i++) {
		const struct pkernfs_media *m = &pkernfs_regions[i].media;

		if (m->phys == phys && m->size == size)
			return true;
	}
	return false;
}

static void __init add_region(const char *value)
{
	struct pkernfs_message why = {};
	struct pkernfs_region *region;
	u64 phys, size;
	int err;

	err = pkernfs_parse_region(value, &phys, &size, &why);
	/* As easily happens when a command line is reused and appended to. */
	if (!err && is_known(phys, size)) {
		pr_warn("pkernfs=%s is given twice\n", value);
		return;
	}
	if (!err && pkernfs_nr_regions == PKERNFS_MAX_REGIONS)
		err = pkernfs_refuse(&why, -ENOSPC, "there are %u regions already",
				     PKERNFS_MAX_REGIONS);
	if (err) {
		pr_err("pkernfs=%s refused: %s\n", value, why.text);
		return;
	}
	region = insert_region(phys);
	region->media.phys = phys;
	region->media.size = size;
	strscpy(region->value, value, sizeof(region->value));
}

/*
 * Values that can be parsed are checked later, by pkernfs_keep_regions(): the
 * memory map is not complete yet.
 */
static int __init parse_pkernfs(char *arg)
{
	char *value;

	if (!arg) {
		pr_err("pkernfs refused: expected pkernfs=nn[KMG]!ss[KMG]\n");
		return 0;
	}
	while ((value = strsep(&arg, ",")))
		add_region(value);
	return 0;
}
early_param("pkernfs", parse_pkernfs);

/*
 * Of two regions that overlap nobody can tell which one holds the data, and
 * formatting the wrong one would destroy it: neither may be used.
 */
static int __init check_overlap(const struct pkernfs_region *region,
				struct pkernfs_message *why)
{
	const struct pkernfs_media *m = &region->media;
	unsigned int i;

	for (i = 0; i < pkernfs_nr_regions; i++) {
		const struct pkernfs_region *other = &pkernfs_regions[i];

		if (other != region &&
		    m->phys < other->media.phys + other->media.size &&
		    other->media.phys < m->phys + m->size)
			return pkernfs_refuse(why, -EINVAL,
					      "it overlaps pkernfs=%s; both are refused",
					      other->value);
	}
	return 0;
}

static const char *firmware_type_name(enum e820_type type)
{
	switch (type) {
	case E820_TYPE_ACPI:
		return "ACPI tables";
	case E820_TYPE_NVS:
		return "ACPI non-volatile storage";
	case E820_TYPE_UNUSABLE:
		return "unusable memory";
	case E820_TYPE_PRAM:
		return "persistent memory";
	default:
		return "reserved by the firmware";
	}
}

static const struct e820_entry *find_entry(const struct e820_table *table,
					   u64 addr)
{
	u32 i;

	for (i = 0; i < table->nr_entries; i++) {
		const struct e820_entry *e = &table->entries[i];

		if (addr >= e->addr && addr - e->addr < e->size)
			return e;
	}
	return NULL;
}

/**
 * pkernfs_check_map() - check that a memory map calls a range RAM
 * @table: the map that the firmware or the kernel before gave, which memmap=
 *         does not change: memmap=nn$ss makes anything look reserved, ACPI
 *         tables and addresses without memory included
 * @phys: physical address
 * @size: bytes; the sum of both does not overflow
 * @inherited: set to whether the kernel before kept the range, see
 *             pkernfs_keep_regions()
 * @why: set when refused
 *
 * Return: 0 or -EINVAL.
 */
int pkernfs_check_map(const struct e820_table *table, u64 phys, u64 size,
		      bool *inherited, struct pkernfs_message *why)
{
	const struct e820_entry *e, *kept = NULL;
	u64 addr, end = phys + size;
	bool ram = false;

	for (addr = phys; addr < end; addr = e->addr + e->size) {
		e = find_entry(table, addr);
		if (!e)
			return pkernfs_refuse(why, -EINVAL,
					      "it goes beyond the machine's RAM: there is no memory at 0x%llx",
					      addr);
		if (e->type == E820_TYPE_RAM)
			ram = true;
		else if (e->type == E820_TYPE_PMEM)
			kept = e;
		else
			return pkernfs_refuse(why, -EINVAL,
					      "it overlaps 0x%llx-0x%llx: %s",
					      e->addr, e->addr + e->size - 1,
					      firmware_type_name(e->type));
	}
	if (kept && ram)
		return pkernfs_refuse(why, -EINVAL,
				      "it is partly outside of 0x%llx-0x%llx, which the kernel before kept; use the address and size of before",
				      kept->addr, kept->addr + kept->size - 1);
	*inherited = kept;
	return 0;
}

static bool __init mapped_as(const struct pkernfs_region *region,
			     enum e820_type type)
{
	const struct pkernfs_media *m = &region->media;

	return e820__mapped_all(m->phys, m->phys + m->size, type);
}

static bool __init is_ram(const struct pkernfs_region *region)
{
	u64 phys = region->media.phys, end = phys + region->media.size;

	return e820__mapped_any(phys, end, E820_TYPE_RAM) ||
	       e820__mapped_any(phys, end, E820_TYPE_RESERVED_KERN);
}

static int __init refuse_ram(const struct pkernfs_region *region,
			     struct pkernfs_message *why)
{
	return pkernfs_refuse(why, -EBUSY,
			      "it overlaps System RAM; add memmap=%s to the kernel command line",
			      region->value);
}

/* This kernel must leave the range alone: memmap= must cover all of it. */
static int __init check_memmap(const struct pkernfs_region *region,
			       struct pkernfs_message *why)
{
	if (is_ram(region))
		return refuse_ram(region, why);
	if (mapped_as(region, E820_TYPE_PRAM) ||
	    mapped_as(region, E820_TYPE_RESERVED))
		return 0;
	if (!region->inherited || !mapped_as(region, E820_TYPE_PMEM))
		return pkernfs_refuse(why, -EBUSY,
				      "no memmap= with ! or $ keeps it; use memmap=%s",
				      region->value);
	return 0;
}

static int __init check_region(struct pkernfs_region *region,
			       struct pkernfs_message *why)
{
	/* A region of any version must get through, so take the least there is. */
	const struct pkernfs_format_options least = { .small_size = 1, .inodes = 1 };
	const struct pkernfs_media *m = &region->media;
	struct pkernfs_geometry geo;
	int err;

	err = check_overlap(region, why);
	if (err)
		return err;
	/* memremap() would map without encryption what processes map with it. */
	if (cc_platform_has(CC_ATTR_MEM_ENCRYPT))
		return pkernfs_refuse(why, -EOPNOTSUPP,
				      "memory encryption (mem_encrypt=on, SEV, TDX) is not supported");
	if ((m->phys + m->size - 1) >> boot_cpu_data.x86_phys_bits)
		return pkernfs_refuse(why, -EINVAL,
				      "it goes beyond the CPU's %u physical address bits",
				      boot_cpu_data.x86_phys_bits);
	/*
	 * The map that a kdump kernel gets has hardly more than its own memory.
	 * The kernel that crashed made this check, and nothing is formatted here
	 * without being asked for, see open_region().
	 */
	if (!is_kdump_kernel())
		err = pkernfs_check_map(e820_table_firmware, m->phys, m->size,
					&region->inherited, why);
	if (err)
		return err;
	err = check_memmap(region, why);
	if (err)
		return err;
	return pkernfs_geometry_plan(m->phys, m->size, &least, &geo, why);
}

/**
 * pkernfs_keep_regions() - have the next kernel leave the regions alone
 *
 * Called by e820__finish_early_params(), when the memory map of this kernel is
 * known and that for the next one is still what the firmware said.
 *
 * memmap= changes the map of this kernel only. A next kernel that is started
 * without it would take the range for free memory, so the map that it gets must
 * say otherwise. It says "Persistent Memory", type 7, for these reasons:
 *
 *  - No kernel uses such memory by itself. (Type 12, which memmap=nn!ss sets,
 *    becomes a /dev/pmem, a disk that looks empty.)
 *  - Both kexec_file_load() and kexec-tools pass it on, and so does a kernel in
 *    between that knows no pkernfs.
 *  - It is told apart from what the firmware reserves for itself, so that the
 *    same check still keeps pkernfs from that.
 *
 * Memory modules that do persist have the same type. So what is in a range of
 * this type is never formatted without being asked for, see open_region().
 *
 * Regions that are refused are not kept. If there is data in one, the kernel
 * before has kept it, and the map says so already.
 */
void __init pkernfs_keep_regions(void)
{
	unsigned int i;

	/* All of them are checked before the first changes the map. */
	for (i = 0; i < pkernfs_nr_regions; i++)
		check_region(&pkernfs_regions[i], &pkernfs_regions[i].refused);
	for (i = 0; i < pkernfs_nr_regions; i++) {
		const struct pkernfs_region *region = &pkernfs_regions[i];

		if (pkernfs_is_usable(region))
			e820__range_persist(region->media.phys,
					    region->media.size);
	}
}

static int __init claim_region(struct pkernfs_region *region,
			       struct pkernfs_message *why)
{
	const struct pkernfs_media *m = &region->media;

	if (!pkernfs_is_usable(region))
		return -EINVAL;
	/* The memory map has been changed since it was checked. */
	if (region_intersects(m->phys, m->size, IORESOURCE_SYSTEM_RAM,
			      IORES_DESC_NONE) != REGION_DISJOINT)
		return refuse_ram(region, why);
	if (!request_mem_region_exclusive(m->phys, m->size, region->name))
		return pkernfs_refuse(why, -EBUSY,
				      "it is not one free resource, see /proc/iomem");
	return 0;
}

/*
 * Numbers count regions that are refused here too: a region keeps its name
 * whatever happens to another one. Only a value that cannot be parsed has no
 * place in the order, and so no number.
 *
 * fs_initcall, because the ranges of memmap= become resources in subsys_initcall
 * (e820__reserve_resources_late()) and drivers/nvdimm takes memmap=nn!ss for a
 * persistent memory device in device_initcall (arch/x86/kernel/pmem.c).
 */
static int __init claim_regions(void)
{
	unsigned int i;

	for (i = 0; i < pkernfs_nr_regions; i++) {
		struct pkernfs_region *region = &pkernfs_regions[i];
		const struct pkernfs_media *m = &region->media;

		snprintf(region->name, sizeof(region->name), "pkernfs%u", i);
		mutex_init(&region->lock);
		mutex_init(&region->reap_lock);
		region->pages_error = -EAGAIN;
		if (claim_region(region, &region->refused))
			pr_err("%s: pkernfs=%s refused: %s\n", region->name,
			       region->value, region->refused.text);
		else
			pr_info("%s: %llu MiB at 0x%llx\n", region->name,
				m->size >> 20, m->phys);
	}
	return 0;
}
fs_initcall(claim_regions);

static int refuse_names(const char *name, struct pkernfs_message *why)
{
	size_t len;
	unsigned int i;

	if (!pkernfs_nr_regions)
		return pkernfs_refuse(why, -ENODEV,
				      "there is no region; add pkernfs=nn!ss and memmap=nn!ss to the kernel command line");
	pkernfs_refuse(why, 0, "source '%.32s' is not one of", name);
	for (i = 0; i < pkernfs_nr_regions; i++) {
		len = strlen(why->text);
		scnprintf(why->text + len, sizeof(why->text) - len, " %s",
			  pkernfs_regions[i].name);
	}
	return -ENODEV;
}

/**
 * pkernfs_find_region() - find the region that a mount names
 * @name: "pkernfs0" and so on; "none" serves when there is just one region
 * @why: set when refused
 *
 * Return: the region, ERR_PTR(-ENODEV) when there is no such region,
 * ERR_PTR(-ENXIO) when it was refused at boot.
 */
struct pkernfs_region *pkernfs_find_region(const char *name,
					   struct pkernfs_message *why)
{
	struct pkernfs_region *region = NULL;
	unsigned int i;

	if (!strcmp(name, "none") && pkernfs_nr_regions == 1)
		region = &pkernfs_regions[0];
	for (i = 0; i < pkernfs_nr_regions && !region; i++) {
		if (!strcmp(name, pkernfs_regions[i].name))
			region = &pkernfs_regions[i];
	}
	if (!region)
		return ERR_PTR(refuse_names(name, why));
	if (!pkernfs_is_usable(region))
		return ERR_PTR(pkernfs_refuse(why, -ENXIO,
					      "pkernfs=%s was refused at boot: %s",
					      region->value,
					      region->refused.text));
	return region;
}

/**
 * pkernfs_map_region() - map a region
 * @region: the region, not mapped
 *
 * Called while the region's superblock is being set up. There is one at a time,
 * and the region is unmapped before that one lets go of it, in put_super.
 *
 * Return: 0 or -ENOMEM.
 */
int pkernfs_map_region(struct pkernfs_region *region)
{
	region->media.base = memremap(region->media.phys, region->media.size,
				      MEMREMAP_WB);
	return region->media.base ? 0 : -ENOMEM;
}

/**
 * pkernfs_unmap_region() - undo pkernfs_map_region()
 * @region: the region; one that is not mapped is left alone
 */
void pkernfs_unmap_region(struct pkernfs_region *region)
{
	if (!region->media.base)
		return;
	memunmap(region->media.base);
	region->media.base = NULL;
}
