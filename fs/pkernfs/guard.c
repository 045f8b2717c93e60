// SPDX-License-Identifier: GPL-2.0-only
/*
 * What else in the kernel could destroy a region, and how it is kept from that:
 * kexec, hibernation, drivers that take a range for their own, memmap= in forms
 * that are not safe.
 */
#define pr_fmt(fmt) "pkernfs: " fmt

#include <linux/init.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/kernel.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/pkernfs.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/suspend.h>
#include <asm/e820/api.h>
#include <asm/setup.h>

#include "pkernfs.h"

/* Of several memmap= parameters, how many ranges KASLR takes notice of. */
#define KASLR_MEMMAP_RANGES	4

/* Ranges with a filesystem that no region is for. Written only while booting. */
static struct pkernfs_range forgotten[PKERNFS_MAX_REGIONS];
static unsigned int nr_forgotten;

static bool overlap(u64 start, u64 end, u64 phys, u64 size)
{
	return start < phys + size && phys < end;
}

static bool refuse_segment(u64 start, u64 end, const char *name)
{
	pr_err("kexec refused: it would overwrite %s with its segment 0x%llx-0x%llx; load the kernel with kexec -s\n",
	       name, start, end - 1);
	return true;
}

/**
 * pkernfs_refuses_kexec() - refuse what would overwrite a region
 * @start: physical address of a segment of the kernel to be started
 * @end: the first address behind the segment
 *
 * kexec_load() puts segments where user space says. kexec_file_load() chooses
 * places in System RAM, which a region is not; it is asked all the same.
 *
 * Return: whether the segment touches a region; the log says so then.
 */
bool pkernfs_refuses_kexec(u64 start, u64 end)
{
	unsigned int i;

	for (i = 0; i < pkernfs_nr_regions; i++) {
		const struct pkernfs_region *region = &pkernfs_regions[i];

		if (pkernfs_is_usable(region) &&
		    overlap(start, end, region->media.phys, region->media.size))
			return refuse_segment(start, end, region->name);
	}
	for (i = 0; i < nr_forgotten; i++) {
		if (overlap(start, end, forgotten[i].start, forgotten[i].size))
			return refuse_segment(start, end, "a region of the kernel before");
	}
	return false;
}

/**
 * pkernfs_refuses_kexec_jump() - refuse a kernel that comes back to this one
 *
 * This one would go on with caches and page tables of what the other one may have
 * changed, as after hibernation (KEXEC_PRESERVE_CONTEXT).
 *
 * Return: whether there is a region; the log says so then.
 */
bool pkernfs_refuses_kexec_jump(void)
{
	unsigned int i;

	for (i = 0; i < pkernfs_nr_regions; i++) {
		if (!pkernfs_is_usable(&pkernfs_regions[i]))
			continue;
		pr_err("kexec refused: a kernel to come back from would change %s behind this one's back; load it without --load-preserve-context\n",
		       pkernfs_regions[i].name);
		return true;
	}
	return false;
}

static bool __init holds_filesystem(u64 phys, u64 size)
{
	const struct pkernfs_format_options least = { .small_size = 1, .inodes = 1 };
	struct pkernfs_media m = {};
	struct pkernfs_geometry geo;
	struct pkernfs_message why;
	bool present;

	if (pkernfs_geometry_plan(phys, size, &least, &geo, &why))
		return false;
	m.base = memremap(phys, size, MEMREMAP_WB);
	if (!m.base)
		return false;
	present = pkernfs_sb_is_present(&m);
	memunmap(m.base);
	return present;
}

/*
 * Somebody's data may be here, though this kernel was not told. So it is kept
 * from /dev/mem and from the driver that makes a /dev/pmem of memmap=nn!ss.
 */
static void __init protect_forgotten(u64 start, u64 size)
{
	if (nr_forgotten == ARRAY_SIZE(forgotten) ||
	    !holds_filesystem(start, size))
		return;
	forgotten[nr_forgotten++] = (struct pkernfs_range) { start, size };
	pr_warn("0x%llx-0x%llx holds a filesystem, but no valid pkernfs= names it; it is left alone. To use it give memmap= and pkernfs= as before, perhaps 0x%llx!0x%llx\n",
		start, start + size - 1, size, start);
	if (!request_mem_region_exclusive(start, size, "pkernfs (not named)"))
		pr_warn("0x%llx-0x%llx is not one free resource, see /proc/iomem\n",
			start, start + size - 1);
}

/* The end of the region that has @addr in it, else @addr. */
static u64 __init skip_named(u64 addr)
{
	unsigned int i;

	for (i = 0; i < pkernfs_nr_regions; i++) {
		const struct pkernfs_region *region = &pkernfs_regions[i];
		const struct pkernfs_media *m = &region->media;

		if (pkernfs_is_usable(region) && addr >= m->phys &&
		    addr - m->phys < m->size)
			addr = m->phys + m->size;
	}
	return addr;
}

/* The start of the first region behind @addr, else @end. */
static u64 __init next_named(u64 addr, u64 end)
{
	unsigned int i;

	for (i = 0; i < pkernfs_nr_regions; i++) {
		const struct pkernfs_region *region = &pkernfs_regions[i];

		if (pkernfs_is_usable(region) && region->media.phys > addr)
			return min(end, region->media.phys);
	}
	return end;
}

/* Look through what the kernel before has kept and this one was not told of. */
static void __init find_forgotten(void)
{
	u32 i;

	for (i = 0; i < e820_table_firmware->nr_entries; i++) {
		const struct e820_entry *e = &e820_table_firmware->entries[i];
		u64 addr = skip_named(e->addr), end = e->addr + e->size, next;

		if (e->type != E820_TYPE_PMEM)
			continue;
		for (; addr < end; addr = skip_named(next)) {
			next = next_named(addr, end);
			protect_forgotten(addr, next - addr);
		}
	}
}

/* What the memmap= parameters are so far, as the command line is read. */
struct memmap_scan {
	unsigned int ranges;
	bool kaslr_off;
	bool covers[PKERNFS_MAX_REGIONS];
};

/* One range of memmap= against one region. */
static void __init check_range(struct memmap_scan *scan, unsigned int i,
			       const char *range, bool heeded)
{
	const struct pkernfs_region *region = &pkernfs_regions[i];
	const struct pkernfs_media *m = &region->media;
	u64 size, start;
	char *form;

	size = memparse(range, &form);
	if (!*form || !strchr("!$%", *form))
		return;
	start = memparse(form + 1, NULL);
	if (!overlap(start, start + size, m->phys, m->size))
		return;
	if (*form == '%')
		pr_warn("%s: memmap=%s is not safe: the next kernel may be put there, since KASLR does not know the form with %%; use memmap=%s\n",
			region->name, range, region->value);
	else if (!heeded)
		pr_warn("%s: memmap=%s is not safe: the next kernel may be put there, since KASLR heeds the first %u ranges only; give all ranges in one memmap=, separated by commas\n",
			region->name, range, KASLR_MEMMAP_RANGES);
	if (start <= m->phys && start + size >= m->phys + m->size)
		scan->covers[i] = true;
}

/*
 * One parameter. KASLR (arch/x86/boot/compressed/kaslr.c) counts ranges and does
 * not move the kernel at all when one parameter exceeds the limit, but overlooks
 * parameters that begin beyond it.
 */
static int __init scan_memmap(char *param, char *val, const char *unused,
			      void *arg)
{
	struct memmap_scan *scan = arg;
	char *range;
	bool heeded;
	unsigned int i;

	if (!val || strcmp(param, "memmap"))
		return 0;
	heeded = scan->kaslr_off || scan->ranges < KASLR_MEMMAP_RANGES;
	while ((range = strsep(&val, ","))) {
		for (i = 0; i < pkernfs_nr_regions; i++)
			check_range(scan, i, range, heeded);
		if (heeded && strpbrk(range, "!$#"))
			scan->ranges++;
		if (heeded && val && scan->ranges >= KASLR_MEMMAP_RANGES)
			scan->kaslr_off = true;
	}
	return 0;
}

static void __init check_memmaps(void)
{
	struct memmap_scan scan = {};
	unsigned int i;
	char *copy;

	copy = kstrdup(boot_command_line, GFP_KERNEL);
	if (!copy)
		return;
	parse_args("pkernfs", copy, NULL, 0, 0, 0, &scan, scan_memmap);
	kfree(copy);
	for (i = 0; i < pkernfs_nr_regions; i++) {
		const struct pkernfs_region *region = &pkernfs_regions[i];

		if (region->inherited && pkernfs_is_usable(region) &&
		    !scan.covers[i])
			pr_warn("%s: only the kernel before keeps it; add memmap=%s to the kernel command line\n",
				region->name, region->value);
	}
}

static DEFINE_MUTEX(use_lock);
static unsigned int nr_in_use;		/* under use_lock */
static bool hibernating;		/* under use_lock */

/**
 * pkernfs_begin_use() - a region is about to be mounted
 *
 * Return: 0, -EBUSY during hibernation.
 */
int pkernfs_begin_use(void)
{
	int err = 0;

	mutex_lock(&use_lock);
	if (hibernating)
		err = -EBUSY;
	else
		nr_in_use++;
	mutex_unlock(&use_lock);
	return err;
}

/**
 * pkernfs_end_use() - undo pkernfs_begin_use()
 */
void pkernfs_end_use(void)
{
	mutex_lock(&use_lock);
	nr_in_use--;
	mutex_unlock(&use_lock);
}

static int prepare_hibernation(void)
{
	int err = 0;

	mutex_lock(&use_lock);
	if (nr_in_use)
		err = -EBUSY;
	else
		hibernating = true;
	mutex_unlock(&use_lock);
	if (err)
		pr_err("hibernation refused: regions are mounted, and the image would not have what is in them; unmount them\n");
	return notifier_from_errno(err);
}

/*
 * An image has the caches of a mounted superblock, but not the region, which goes
 * on changing or is lost.
 */
static int hibernation_event(struct notifier_block *block, unsigned long event,
			     void *unused)
{
	switch (event) {
	case PM_HIBERNATION_PREPARE:
	case PM_RESTORE_PREPARE:
		return prepare_hibernation();
	case PM_POST_HIBERNATION:
	case PM_POST_RESTORE:
		mutex_lock(&use_lock);
		hibernating = false;
		mutex_unlock(&use_lock);
	}
	return NOTIFY_DONE;
}

static struct notifier_block hibernation_block = {
	.notifier_call = hibernation_event,
};

/* After claim_regions(), which is linked before, and before drivers probe. */
static int __init pkernfs_guard(void)
{
	find_forgotten();
	check_memmaps();
	return register_pm_notifier(&hibernation_block);
}
fs_initcall(pkernfs_guard);
