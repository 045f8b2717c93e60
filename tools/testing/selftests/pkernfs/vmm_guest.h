/* SPDX-License-Identifier: GPL-2.0-only */
/* What vmm.c and its guest agree on: guest physical addresses. */
#ifndef _VMM_GUEST_H
#define _VMM_GUEST_H

#define VMM_CODE	0x1000
#define VMM_STEPS	0x2000	/* 64 bits: pages done, of all rounds */
#define VMM_ROUND	0x2008	/* 32 bits */
#define VMM_FIRST_PAGE	0x3000

#ifndef __ASSEMBLER__
extern const char vmm_guest[], vmm_guest_end[];
#endif

#endif /* _VMM_GUEST_H */
