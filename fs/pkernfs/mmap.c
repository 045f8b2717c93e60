// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings of files: page faults of 4 KiB, 2 MiB and 1 GiB.
 *
 * A fault finds the block and puts it into the page table; there is no page
 * cache between. The mapping's invalidate_lock keeps the block where it is
 * meanwhile, and is held exclusively by everything that changes the map of a
 * file. Blocks are freed under it only after the page tables were cleared.
 *
 * There is no page_mkwrite() and no pfn_mkwrite(), since long-term pins are
 * refused where there is one (writable_file_mapping_allowed() in mm/gup.c). So a
 * page in a mapping that may be written can be written at once, and the zero page
 * must not be there: a read fault of a hole allocates a block, as it does on
 * tmpfs and hugetlbfs. Only where writing is excluded for ever it does not.
 */
#define pr_fmt(fmt) "pkernfs: " fmt

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/pagemap.h>
#include <linux/pfn_t.h>
#include <linux/sizes.h>

#include "pkernfs.h"

/* What a fault asks for: @count pages of the file from @page on. */
struct fault {
	struct vm_fault *vmf;
	unsigned int order;
	u64 page;
	u64 count;
};

static struct inode *fault_inode(const struct fault *f)
{
	return file_inode(f->vmf->vma->vm_file);
}

static bool is_write(const struct fault *f)
{
	return f->vmf->flags & FAULT_FLAG_WRITE;
}

/* Do the pages stand at an address where one huge page can map them? */
static bool is_possible(const struct fault *f)
{
	struct vm_area_struct *vma = f->vmf->vma;
	unsigned long size = PAGE_SIZE << f->order;
	unsigned long start = ALIGN_DOWN(f->vmf->address, size);

	return start >= vma->vm_start && vma->vm_end - start >= size &&
	       IS_ALIGNED((start >> PAGE_SHIFT) - f->page, f->count) &&
	       linear_page_index(vma, start) == f->page;
}

/*
 * Has another thread been here, with pages of another size? One of two sizes is
 * chosen by what the file is at that moment. fs/dax.c has the same checks in
 * dax_iomap_pte_fault() and dax_iomap_pmd_fault(); what keeps the answer true here
 * is lock_to_insert().
 */
static bool is_mapped_otherwise(const struct fault *f)
{
	const struct vm_fault *vmf = f->vmf;

	if (f->order == PUD_ORDER)
		return !pud_none(*vmf->pud) && !pud_trans_huge(*vmf->pud) &&
		       !pud_devmap(*vmf->pud);
	if (f->order == PMD_ORDER)
		return !pmd_none(*vmf->pmd) && !pmd_trans_huge(*vmf->pmd) &&
		       !pmd_devmap(*vmf->pmd);
	return pmd_trans_huge(*vmf->pmd) || pmd_devmap(*vmf->pmd);
}

/* The page can be mapped unless it, or one beside it, is bad. */
static vm_fault_t check_bad(const struct fault *f, const struct pkernfs_media *m,
			    u64 offset)
{
	u64 size = PAGE_SIZE << f->order;

	if (pkernfs_good_size(m, offset, size) == size)
		return 0;
	return f->order ? VM_FAULT_FALLBACK : VM_FAULT_HWPOISON;
}

static vm_fault_t insert_block(const struct fault *f, u64 phys)
{
	pfn_t pfn = phys_to_pfn_t(phys, PFN_DEV | PFN_MAP);
	struct vm_fault *vmf = f->vmf;

	if (!IS_ALIGNED(phys, PAGE_SIZE << f->order))
		return VM_FAULT_FALLBACK;
	if (f->order == PMD_ORDER)
		return vmf_insert_pfn_pmd(vmf, pfn, is_write(f));
	if (f->order == PUD_ORDER)
		return vmf_insert_pfn_pud(vmf, pfn, is_write(f));
	if (is_write(f))
		return vmf_insert_mixed_mkwrite(vmf->vma, vmf->address, pfn);
	return vmf_insert_mixed(vmf->vma, vmf->address, pfn);
}

/* A hole that is only read, and can never be written through this mapping. */
static vm_fault_t insert_zero(const struct fault *f)
{
	struct vm_fault *vmf = f->vmf;

	if (f->order)
		return VM_FAULT_FALLBACK;
	return vmf_insert_mixed(vmf->vma, vmf->address,
				pfn_to_pfn_t(my_zero_pfn(vmf->address)));
}

/*
 * Map what there is. The invalidate_lock is held. Returns 0 when there is a hole
 * that must be filled first.
 */
static vm_fault_t insert(const struct fault *f)
{
	struct inode *inode = fault_inode(f);
	struct pkernfs_region *region = pkernfs_sb_region(inode->i_sb);
	u64 end = DIV_ROUND_UP(i_size_read(inode), PAGE_SIZE);
	struct pkernfs_extent extent;
	vm_fault_t ret;

	if (is_mapped_otherwise(f))
		return VM_FAULT_NOPAGE;
	if (f->vmf->pgoff >= end)
		return VM_FAULT_SIGBUS;
	/* What lies behind the end of the file must not be mapped. */
	if (f->page + f->count > end)
		return VM_FAULT_FALLBACK;
	if (pkernfs_map_lookup(&region->media, inode->i_ino, f->page, f->count,
			       &extent))
		return VM_FAULT_SIGBUS;
	if (extent.count < f->count)
		return VM_FAULT_FALLBACK;
	if (!extent.offset)
		return f->vmf->vma->vm_flags & VM_MAYWRITE ? 0 : insert_zero(f);
	if (!pkernfs_has_page(region, extent.offset))
		return VM_FAULT_SIGBUS;
	ret = check_bad(f, &region->media, extent.offset);
	return ret ?: insert_block(f, region->media.phys + extent.offset);
}

static vm_fault_t errno_to_fault(int err)
{
	return err == -ENOMEM ? VM_FAULT_OOM : VM_FAULT_SIGBUS;
}

/* Fill the hole and map it. The invalidate_lock is held exclusively. */
static vm_fault_t fill_and_insert(const struct fault *f)
{
	struct inode *inode = fault_inode(f);
	vm_fault_t ret = insert(f);
	struct pkernfs_extent extent;
	int err;

	if (ret)
		return ret;
	err = pkernfs_fill_pages(inode, f->page, f->count, i_size_read(inode),
				 &extent);
	if (err)
		return errno_to_fault(err);
	return insert(f) ?: VM_FAULT_SIGBUS;
}

/* A hole is filled by huge pages only if the file is to have such blocks. */
static bool wants_blocks_of(const struct fault *f)
{
	const struct inode *inode = fault_inode(f);

	return !f->order || pkernfs_wants_data_blocks(pkernfs_media(inode->i_sb),
						      i_size_read(inode));
}

/* Huge pages are mapped while nobody else maps anything of the file. */
static void lock_to_insert(const struct fault *f)
{
	struct address_space *mapping = fault_inode(f)->i_mapping;

	if (f->order)
		filemap_invalidate_lock(mapping);
	else
		filemap_invalidate_lock_shared(mapping);
}

static void unlock_after_insert(const struct fault *f)
{
	struct address_space *mapping = fault_inode(f)->i_mapping;

	if (f->order)
		filemap_invalidate_unlock(mapping);
	else
		filemap_invalidate_unlock_shared(mapping);
}

static vm_fault_t handle(const struct fault *f)
{
	struct inode *inode = fault_inode(f);
	vm_fault_t ret;

	lock_to_insert(f);
	ret = insert(f);
	unlock_after_insert(f);
	if (ret)
		return ret;
	if (!wants_blocks_of(f))
		return VM_FAULT_FALLBACK;

	sb_start_pagefault(inode->i_sb);
	filemap_invalidate_lock(inode->i_mapping);
	ret = fill_and_insert(f);
	filemap_invalidate_unlock(inode->i_mapping);
	sb_end_pagefault(inode->i_sb);
	return ret;
}

static vm_fault_t pkernfs_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	u64 count = 1ULL << order;
	struct fault f = {
		.vmf	= vmf,
		.order	= order,
		.page	= ALIGN_DOWN(vmf->pgoff, count),
		.count	= count,
	};
	const struct pkernfs_media *m = pkernfs_media(fault_inode(&f)->i_sb);

	if (order && (order + PAGE_SHIFT > m->geo.data_block_shift ||
		      !is_possible(&f)))
		return VM_FAULT_FALLBACK;
	return handle(&f);
}

static vm_fault_t pkernfs_fault(struct vm_fault *vmf)
{
	return pkernfs_huge_fault(vmf, 0);
}

/*
 * v6.8 takes an entry of 1 GiB for a bad one when it changes the protection
 * (change_pud_range()), and every kernel when it moves a mapping
 * (move_page_tables()): take such entries away before. They come back by faults,
 * which wait for the lock of the mm or of the vma.
 */
static void zap_giant_pages(struct vm_area_struct *vma, unsigned long start,
			    unsigned long end)
{
	struct inode *inode = file_inode(vma->vm_file);

	if (pkernfs_media(inode->i_sb)->geo.data_block_shift != PUD_SHIFT)
		return;
	vma_start_write(vma);
	start = max(ALIGN_DOWN(start, PUD_SIZE), vma->vm_start);
	end = min(ALIGN(end, PUD_SIZE), vma->vm_end);
	pkernfs_unmap_pages(inode, linear_page_index(vma, start),
			    linear_page_index(vma, end));
}

static int pkernfs_may_split(struct vm_area_struct *vma, unsigned long addr)
{
	if (!IS_ALIGNED(addr, PUD_SIZE))
		zap_giant_pages(vma, addr, addr + 1);
	return 0;
}

static int pkernfs_mprotect(struct vm_area_struct *vma, unsigned long start,
			    unsigned long end, unsigned long newflags)
{
	zap_giant_pages(vma, start, end);
	return 0;
}

static const struct vm_operations_struct pkernfs_vm_operations = {
	.fault		= pkernfs_fault,
	.huge_fault	= pkernfs_huge_fault,
	.may_split	= pkernfs_may_split,
	.mprotect	= pkernfs_mprotect,
};

/**
 * pkernfs_mmap() - map a file
 * @file: a regular file
 * @vma: the mapping to be
 *
 * Private mappings cannot be written: the copy would be memory that does not
 * survive, without anybody having asked for that. As in drivers/dax/device.c.
 *
 * Return: 0; -EINVAL for a private writable mapping; -ENODEV when the region has
 * no struct pages.
 */
int pkernfs_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct pkernfs_region *region = pkernfs_sb_region(file_inode(file)->i_sb);

	if (!pkernfs_are_pages_made(region))
		return -ENODEV;
	if (is_cow_mapping(vma->vm_flags)) {
		if (vma->vm_flags & VM_WRITE) {
			pr_info_ratelimited("%s: %s: private writable mapping refused, use MAP_SHARED\n",
					    region->name, current->comm);
			return -EINVAL;
		}
		vm_flags_clear(vma, VM_MAYWRITE);
	}
	file_accessed(file);
	vma->vm_ops = &pkernfs_vm_operations;
	/*
	 * Without VM_MIXEDMAP zapping would take the entries for normal pages. It also
	 * has munmap() flush the TLB before a truncation stops seeing the mapping:
	 * see tlb_end_vma() in asm-generic/tlb.h.
	 */
	vm_flags_set(vma, VM_MIXEDMAP | VM_HUGEPAGE);
	return 0;
}

/*
 * An address that is as far from a multiple of 1 GiB as its offset in the file:
 * in @len more bytes than needed there is one.
 */
static unsigned long find_giant_area(struct file *file, unsigned long len,
				     unsigned long pgoff, unsigned long flags)
{
	unsigned long addr;

	if (len > TASK_SIZE - PUD_SIZE)
		return -ENOMEM;
	addr = thp_get_unmapped_area(file, 0, len + PUD_SIZE, pgoff, flags);
	if (IS_ERR_VALUE(addr))
		return addr;
	return addr + (((pgoff << PAGE_SHIFT) - addr) & (PUD_SIZE - 1));
}

/*
 * mremap() takes even a whole entry of 1 GiB for a bad one, and clears it without
 * flushing the TLB (get_old_pud() in mm/mremap.c, pud_clear_bad()). This is the one
 * place where it asks before it moves; that mmap() asks here, too, only costs page
 * faults. The lock of the mm is held exclusively.
 */
static void zap_before_move(const struct inode *inode, unsigned long pgoff,
			    unsigned long len)
{
	VMA_ITERATOR(vmi, current->mm, 0);
	u64 end = pgoff + (len >> PAGE_SHIFT);
	struct vm_area_struct *vma;

	for_each_vma(vmi, vma) {
		if (!vma->vm_file || file_inode(vma->vm_file) != inode ||
		    vma->vm_pgoff >= end ||
		    pgoff >= vma->vm_pgoff + vma_pages(vma))
			continue;
		zap_giant_pages(vma, vma->vm_start, vma->vm_end);
	}
}

/**
 * pkernfs_get_unmapped_area() - choose an address where huge pages fit
 * @file: a regular file
 * @addr: what the caller wishes
 * @len: bytes
 * @pgoff: offset in the file, in pages
 * @flags: MAP_*
 *
 * Where data blocks have 1 GiB, a mapping of that size is only possible where
 * they fit, as on hugetlbfs: v6.8 cannot move an entry of 1 GiB anywhere else.
 *
 * Return: the address, or a negative errno.
 */
unsigned long pkernfs_get_unmapped_area(struct file *file, unsigned long addr,
					unsigned long len, unsigned long pgoff,
					unsigned long flags)
{
	const struct pkernfs_media *m = pkernfs_media(file_inode(file)->i_sb);
	bool fits = addr && IS_ALIGNED(addr - (pgoff << PAGE_SHIFT), PUD_SIZE);
	unsigned long found;

	if (m->geo.data_block_shift != PUD_SHIFT)
		return thp_get_unmapped_area(file, addr, len, pgoff, flags);
	zap_before_move(file_inode(file), pgoff, len);
	if (len < PUD_SIZE || fits)
		return thp_get_unmapped_area(file, addr, len, pgoff, flags);
	if (flags & MAP_FIXED)
		return -EINVAL;
	found = find_giant_area(file, len, pgoff, flags);
	if (!IS_ERR_VALUE(found))
		return found;
	return thp_get_unmapped_area(file, addr, len, pgoff, flags);
}
