/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the guest of vmm.c runs, from VMM_CODE on: 32-bit protected mode without
 * paging. ebx is a word, edi the end of its page, esi the round, edx the end of
 * memory, eax what is expected of the word.
 */
#include "vmm_guest.h"

	.section .rodata
	.globl	vmm_guest, vmm_guest_end
	.code32
vmm_guest:
	mov	$VMM_FIRST_PAGE, %ebx
fill:
	imul	$0x9e3779b1, %ebx, %eax
	mov	%eax, (%ebx)
	add	$4, %ebx
	cmp	%edx, %ebx
	jb	fill
	xor	%esi, %esi
round:
	mov	$VMM_FIRST_PAGE, %ebx
page:
	lea	4096(%ebx), %edi
word:
	imul	$0x9e3779b1, %ebx, %eax
	add	%esi, %eax
	cmp	%eax, (%ebx)
	je	good
	/* Any port: it ends the guest. */
	out	%al, $0xe9
good:
	inc	%eax
	mov	%eax, (%ebx)
	add	$4, %ebx
	cmp	%edi, %ebx
	jb	word
	addl	$1, VMM_STEPS
	adcl	$0, VMM_STEPS + 4
	cmp	%edx, %ebx
	jb	page
	inc	%esi
	mov	%esi, VMM_ROUND
	jmp	round
vmm_guest_end:

	.section .note.GNU-stack, "", @progbits
