// SPDX-License-Identifier: GPL-2.0-only
/*
 * The struct pages of a region, for mappings and pins of file data.
 *
 * Both data zones get them, as drivers/dax/device.c does it: a block is one
 * (compound) page of MEMORY_DEVICE_GENERIC. Metadata gets none, so nothing in the
 * kernel can pin it or map it into a process.
 *
 * A block that nobody pins has one reference, the base reference. Once a pinned
 * block is in limbo, its base reference is given up: the last unpin then calls
 * page_free(), and mm/memremap.c gives the base reference back.
 */
#define pr_fmt(fmt) "pkernfs: " fmt

#include <linux/crash_dump.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/mutex.h>
#include <linux/numa.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/vmstat.h>

#include "pkernfs.h"

static const enum pkernfs_zone_id mapped_zones[PKERNFS_NR_PAGEMAPS] = {
	PKERNFS_ZONE_SMALL, PKERNFS_ZONE_DATA,
};

/* One region after the other: what one finds available may be about to be another's. */
static DEFINE_MUTEX(make_lock);

/* Called by the last unpin, maybe in atomic context. */
static void page_free(struct page *page)
{
	struct pkernfs_region *region = page->pgmap->owner;

	WRITE_ONCE(page->zone_device_data, NULL);
	schedule_delayed_work(&region->reap, 0);
}

static const struct dev_pagemap_ops pages_ops = {
	.page_free	= page_free,
	.memory_failure	= pkernfs_memory_failure,
};

static bool is_empty(const struct range *range)
{
	return range->start > range->end;
}

/*
 * Struct pages come in sections. Those of a section that has memory of the kernel
 * were made at boot, and making compound pages of them is not supported.
 */
static int check_sections(const struct range *range, struct pkernfs_message *why)
{
	unsigned long nr = pfn_to_section_nr(PHYS_PFN(range->start));
	unsigned long last = pfn_to_section_nr(PHYS_PFN(range->end));

	for (; nr <= last; nr++) {
		if (online_section_nr(nr))
			return pkernfs_refuse(why, -ENXIO,
					      "the %lu MiB at 0x%llx are shared with System RAM; align memmap= to that",
					      1UL << (SECTION_SIZE_BITS - 20),
					      PFN_PHYS(section_nr_to_pfn(nr)));
		cond_resched();
	}
	return 0;
}

/* How many struct pages a block has in memory; the others are these once more. */
static unsigned long count_own(struct dev_pagemap *pgmap)
{
	if (vmemmap_can_optimize(NULL, pgmap))
		return VMEMMAP_RESERVE_NR * (PAGE_SIZE / sizeof(struct page));
	return pgmap_vmemmap_nr(pgmap);
}

/*
 * What making them takes: their own memory, and page tables for all of them, as if
 * each had its own (vmemmap_populate_compound_pages() in mm/sparse-vmemmap.c).
 */
static u64 memory_needed(struct dev_pagemap *pgmap)
{
	u64 pages = PHYS_PFN(range_len(&pgmap->range));
	u64 own = (pages >> pgmap->vmemmap_shift) * count_own(pgmap);

	return own * sizeof(struct page) +
	       DIV_ROUND_UP(pages * sizeof(struct page), PMD_SIZE) * PAGE_SIZE;
}

/* Without what si_mem_available() counts of memory that is only for movable pages. */
static u64 memory_available(void)
{
	long available = si_mem_available();
	struct zone *zone;

	for_each_populated_zone(zone) {
		if (zone_idx(zone) != ZONE_MOVABLE)
			available -= zone_page_state(zone, NR_FREE_CMA_PAGES);
		else
			available -= zone_page_state(zone, NR_FREE_PAGES) +
				     zone_page_state(zone, NR_ZONE_INACTIVE_FILE) +
				     zone_page_state(zone, NR_ZONE_ACTIVE_FILE);
	}
	return PFN_PHYS(max(available, 0L));
}

/*
 * Is there memory for all struct pages? If it ran out on the way, what has been made
 * so far would stay, of no use to anybody (__add_pages() in mm/memory_hotplug.c).
 */
static int check_memory(struct pkernfs_region *region, struct pkernfs_message *why)
{
	u64 available = memory_available(), needed = 0;
	int i;

	for (i = 0; i < PKERNFS_NR_PAGEMAPS; i++) {
		if (!is_empty(&region->pages[i].range))
			needed += memory_needed(&region->pages[i]);
	}
	if (needed > available)
		return pkernfs_refuse(why, -ENOMEM,
				      "their struct pages need %llu MiB of memory, %llu MiB are available",
				      needed >> 20, available >> 20);
	return 0;
}

/*
 * Device pages are born reserved. VFIO takes that for memory without references
 * (is_invalid_reserved_pfn() in drivers/vfio/vfio_iommu_type1.c) and would pin,
 * but never unpin them.
 */
static void clear_reserved(struct dev_pagemap *pgmap)
{
	unsigned long pfn = PHYS_PFN(pgmap->range.start);
	unsigned long end = PHYS_PFN(pgmap->range.end);
	unsigned long i, own = count_own(pgmap);

	for (; pfn <= end; pfn += pgmap_vmemmap_nr(pgmap)) {
		for (i = 0; i < own; i++)
			clear_bit(PG_reserved, &pfn_to_page(pfn + i)->flags);
		if (!(pfn % PAGES_PER_SECTION))
			cond_resched();
	}
}

/* Memory is added in units of 2 MiB; see pkernfs_geometry_plan(). */
static void plan_pages(struct pkernfs_region *region,
		       const struct pkernfs_zone *zone, struct dev_pagemap *pgmap)
{
	u64 start = region->media.phys + zone->start;
	u64 end = start + (zone->count << zone->shift);

	pgmap->type = MEMORY_DEVICE_GENERIC;
	pgmap->ops = &pages_ops;
	pgmap->owner = region;
	pgmap->vmemmap_shift = zone->shift - PAGE_SHIFT;
	pgmap->range.start = ALIGN(start, PFN_PHYS(PAGES_PER_SUBSECTION));
	pgmap->range.end = ALIGN_DOWN(end, PFN_PHYS(PAGES_PER_SUBSECTION)) - 1;
}

static int add_pages_of(struct dev_pagemap *pgmap, struct pkernfs_message *why)
{
	int nid = numa_map_to_online_node(phys_to_target_node(pgmap->range.start));
	void *addr;

	pgmap->nr_range = 1;
	addr = memremap_pages(pgmap, nid);
	if (IS_ERR(addr)) {
		pgmap->nr_range = 0;
		return pkernfs_refuse(why, -ENXIO,
				      "no struct pages for 0x%llx-0x%llx, error %ld; not before the next kernel",
				      pgmap->range.start, pgmap->range.end,
				      PTR_ERR(addr));
	}
	clear_reserved(pgmap);
	return 0;
}

static void unmake_all(struct pkernfs_region *region)
{
	int i;

	for (i = 0; i < PKERNFS_NR_PAGEMAPS; i++) {
		if (region->pages[i].nr_range)
			memunmap_pages(&region->pages[i]);
	}
	kfree(region->pages);
	region->pages = NULL;
}

/* Nothing is made before all can be. */
static int make_all(struct pkernfs_region *region, struct pkernfs_message *why)
{
	int i, err;

	/* Its memory is for saving files, and that is done by reading them. */
	if (is_kdump_kernel())
		return pkernfs_refuse(why, -ENXIO, "this is a kdump kernel");
	region->pages = kcalloc(PKERNFS_NR_PAGEMAPS, sizeof(*region->pages),
				GFP_KERNEL);
	if (!region->pages)
		return pkernfs_refuse(why, -ENOMEM, "out of memory");
	for (i = 0; i < PKERNFS_NR_PAGEMAPS; i++)
		plan_pages(region, &region->media.zone[mapped_zones[i]],
			   &region->pages[i]);
	mutex_lock(&make_lock);
	err = check_memory(region, why);
	for (i = 0; i < PKERNFS_NR_PAGEMAPS && !err; i++) {
		if (!is_empty(&region->pages[i].range))
			err = check_sections(&region->pages[i].range, why);
	}
	for (i = 0; i < PKERNFS_NR_PAGEMAPS && !err; i++) {
		if (!is_empty(&region->pages[i].range))
			err = add_pages_of(&region->pages[i], why);
	}
	mutex_unlock(&make_lock);
	if (err)
		unmake_all(region);
	return err;
}

/**
 * pkernfs_make_pages() - have struct pages for a mounted region
 * @region: the region
 *
 * They are made once per boot, when the first file is opened: a mount costs the
 * same for any size of the region. Umount keeps them, since memunmap_pages()
 * does not wait for pins. May sleep.
 *
 * Without them files cannot be mapped, see pkernfs_are_pages_made(); the log says
 * why. What was for want of memory is tried again by the next call.
 */
void pkernfs_make_pages(struct pkernfs_region *region)
{
	struct pkernfs_message why;
	int err;

	if (READ_ONCE(region->pages_error) != -EAGAIN)
		return;
	mutex_lock(&region->lock);
	if (region->pages_error == -EAGAIN) {
		err = make_all(region, &why);
		if (err)
			pr_warn_ratelimited("%s: files cannot be mapped: %s\n",
					    region->name, why.text);
		if (err != -ENOMEM) {
			/* With region->pages, for those who do not take the lock. */
			smp_store_release(&region->pages_error, err);
		}
	}
	mutex_unlock(&region->lock);
}

/**
 * pkernfs_are_pages_made() - whether there are struct pages
 * @region: a mounted region
 *
 * Return: true if pkernfs_make_pages() has succeeded.
 */
bool pkernfs_are_pages_made(const struct pkernfs_region *region)
{
	/* Before region->pages, see pkernfs_make_pages(). */
	return !smp_load_acquire(&region->pages_error);
}

/*
 * Whether the base reference of a page is all there is. One that was given up is not
 * there, and without any reference mm/memremap.c is just giving it back.
 */
static bool is_idle(struct page *page)
{
	return !READ_ONCE(page->zone_device_data) && page_ref_count(page) == 1;
}

static bool has_pages(const struct pkernfs_region *region, u64 phys)
{
	int i;

	if (!pkernfs_are_pages_made(region))
		return false;
	for (i = 0; i < PKERNFS_NR_PAGEMAPS; i++) {
		const struct dev_pagemap *pgmap = &region->pages[i];

		if (pgmap->nr_range && phys >= pgmap->range.start &&
		    phys <= pgmap->range.end)
			return true;
	}
	return false;
}

/**
 * pkernfs_has_page() - whether there are struct pages for a place
 * @region: the region
 * @offset: in the region
 *
 * Return: true if there are.
 */
bool pkernfs_has_page(const struct pkernfs_region *region, u64 offset)
{
	return has_pages(region, region->media.phys + offset);
}

/**
 * pkernfs_is_pinned() - whether a block is in use by others than its file
 * @m: a region's media
 * @offset: of the block in the region; no page table leads there any more
 *
 * Without a way to get at the block there are no new pins; get_user_pages_fast()
 * may take a short-lived reference, which is no harm. May sleep.
 *
 * Return: true if somebody has a reference.
 */
bool pkernfs_is_pinned(struct pkernfs_media *m, u64 offset)
{
	const struct pkernfs_region *region =
		container_of(m, struct pkernfs_region, media);

	return has_pages(region, m->phys + offset) &&
	       !is_idle(pfn_to_page(PHYS_PFN(m->phys + offset)));
}

/**
 * pkernfs_await_unpin() - have the region reaped when a block is unpinned
 * @m: a region's media
 * @offset: of a block in limbo that was not idle just now
 *
 * Gives up the base reference, so that the last pin that goes frees the page. When
 * that has begun already, the reference may not be back yet when the work that
 * page_free() queues looks for it; so it is to look again.
 */
void pkernfs_await_unpin(struct pkernfs_media *m, u64 offset)
{
	struct pkernfs_region *region =
		container_of(m, struct pkernfs_region, media);
	struct page *page = pfn_to_page(PHYS_PFN(m->phys + offset));

	if (READ_ONCE(page->zone_device_data))
		return;
	/* Without references it was page_free() that cleared the mark. */
	smp_rmb();
	if (!page_ref_count(page)) {
		schedule_delayed_work(&region->reap, 1);
		return;
	}
	WRITE_ONCE(page->zone_device_data, page);
	put_page(page);
}

/**
 * pkernfs_reap() - put inodes, reuse blocks that were pinned when they went out of use
 * @work: of a region, which may have been unmounted meanwhile
 */
void pkernfs_reap(struct work_struct *work)
{
	struct pkernfs_region *region =
		container_of(to_delayed_work(work), struct pkernfs_region, reap);
	struct super_block *sb;

	pkernfs_put_inodes(region);
	mutex_lock(&region->reap_lock);
	sb = region->sb;
	/* Memory failures need the lock, so do not wait for a thaw with it. */
	if (sb && !sb_start_intwrite_trylock(sb)) {
		schedule_delayed_work(&region->reap, HZ);
	} else if (sb) {
		pkernfs_limbo_reap(&region->media);
		sb_end_intwrite(sb);
	}
	mutex_unlock(&region->reap_lock);
}

/**
 * pkernfs_start_reaper() - have limbo looked through
 * @m: a region's media; something has been put into limbo
 */
void pkernfs_start_reaper(struct pkernfs_media *m)
{
	struct pkernfs_region *region =
		container_of(m, struct pkernfs_region, media);

	schedule_delayed_work(&region->reap, 0);
}

/**
 * pkernfs_set_reaper() - allow or forbid that pkernfs_reap() does anything
 * @region: the region
 * @sb: its superblock, writable; NULL before it is not any more
 *
 * What was unpinned while it was forbidden is reaped now. When it is forbidden, this
 * waits for what is under way, and no inode of the superblock remains to be put.
 */
void pkernfs_set_reaper(struct pkernfs_region *region, struct super_block *sb)
{
	mutex_lock(&region->reap_lock);
	region->sb = sb;
	mutex_unlock(&region->reap_lock);
	if (sb) {
		schedule_delayed_work(&region->reap, 0);
		return;
	}
	/*
	 * Who is just queueing the work may have kept another one from doing so, and
	 * is not waited for: it must not find any.
	 */
	pkernfs_put_inodes(region);
	flush_delayed_work(&region->reap);
}

static bool has_pins(const struct dev_pagemap *pgmap)
{
	unsigned long step = 1UL << pgmap->vmemmap_shift, pfn;

	if (!pgmap->nr_range)
		return false;
	for (pfn = PHYS_PFN(pgmap->range.start);
	     pfn <= PHYS_PFN(pgmap->range.end); pfn += step) {
		if (!is_idle(pfn_to_page(pfn)))
			return true;
		cond_resched();
	}
	return false;
}

/**
 * pkernfs_drop_pages() - forget the struct pages, since the layout changes
 * @region: the region, not mounted
 *
 * Return: 0, or -EBUSY when some are pinned.
 */
int pkernfs_drop_pages(struct pkernfs_region *region)
{
	int i, err = 0;

	mutex_lock(&region->lock);
	for (i = 0; region->pages && i < PKERNFS_NR_PAGEMAPS; i++) {
		if (has_pins(&region->pages[i]))
			err = -EBUSY;
	}
	if (!err) {
		region->pages_error = -EAGAIN;
		if (region->pages)
			unmake_all(region);
	}
	mutex_unlock(&region->lock);
	return err;
}
