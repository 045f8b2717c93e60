// SPDX-License-Identifier: GPL-2.0-only
/*
 * The callbacks that -fsanitize=thread inserts before each memory access, used
 * as a recorder of stores. See trace.h.
 *
 * A callback comes before its store, so old bytes are taken at once and new
 * bytes when the next callback, or the end, is reached.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace.h"

/* Pieces of a range store: words, but file data only in large steps. */
#define WORD	8
#define COARSE	65536

static uint8_t *region;
static size_t region_size;
static uint64_t coarse_start;
static struct trace_log *current;

void trace_region(void *base, size_t size, uint64_t coarse_from)
{
	region = base;
	region_size = size;
	coarse_start = coarse_from;
}

static void *grow(void *p, size_t *room, size_t need, size_t unit)
{
	size_t n = *room ? *room : 4096;

	if (need <= *room)
		return p;
	while (n < need)
		n *= 2;
	p = realloc(p, n * unit);
	if (!p)
		abort();
	*room = n;
	return p;
}

/* The stores begun before this moment are done: learn what they wrote. */
static void settle(struct trace_log *log)
{
	for (; log->pending < log->count; log->pending++) {
		const struct trace_store *s = &log->store[log->pending];

		memcpy(log->data + s->data + s->length, region + s->offset,
		       s->length);
	}
}

static void record(struct trace_log *log, uint64_t offset, uint32_t length)
{
	struct trace_store *s;

	log->store = grow(log->store, &log->room, log->count + 1, sizeof(*s));
	log->data = grow(log->data, &log->size, log->used + 2 * length, 1);
	s = &log->store[log->count++];
	s->offset = offset;
	s->length = length;
	s->epoch = log->epoch;
	s->data = log->used;
	memcpy(log->data + log->used, region + offset, length);
	log->used += 2 * length;
}

static void on_store(const void *addr, size_t length)
{
	uint64_t offset = (const uint8_t *)addr - region;

	if (!current || (const uint8_t *)addr < region || offset >= region_size)
		return;
	if (length > region_size - offset) {
		fprintf(stderr, "store of %zu bytes at 0x%llx leaves the region\n",
			length, (unsigned long long)offset);
		abort();
	}
	settle(current);
	while (length) {
		size_t unit = offset >= coarse_start ? COARSE : WORD;
		size_t n = unit - offset % unit;

		if (n > length)
			n = length;
		record(current, offset, n);
		offset += n;
		length -= n;
	}
}

static void on_barrier(void)
{
	if (current) {
		settle(current);
		current->epoch++;
	}
}

/* Begin an empty log. */
void trace_start(struct trace_log *log)
{
	log->count = 0;
	log->used = 0;
	log->epoch = 0;
	log->pending = 0;
	current = log;
}

size_t trace_count(void)
{
	return current->count;
}

void trace_stop(void)
{
	settle(current);
	current = NULL;
}

void trace_free(struct trace_log *log)
{
	free(log->store);
	free(log->data);
	memset(log, 0, sizeof(*log));
}

void trace_apply(const struct trace_log *log, size_t i)
{
	const struct trace_store *s = &log->store[i];

	memcpy(region + s->offset, log->data + s->data + s->length, s->length);
}

void trace_revert(const struct trace_log *log, size_t i)
{
	const struct trace_store *s = &log->store[i];

	memcpy(region + s->offset, log->data + s->data, s->length);
}

void trace_revert_all(struct trace_log *log)
{
	size_t i = log->count;

	while (i--)
		trace_revert(log, i);
}

/* What the instrumented code calls instead of the library's functions. */
void *traced_memcpy(void *to, const void *from, size_t n)
{
	on_store(to, n);
	return memcpy(to, from, n);
}

void *traced_memmove(void *to, const void *from, size_t n)
{
	on_store(to, n);
	return memmove(to, from, n);
}

void *traced_memset(void *to, int c, size_t n)
{
	on_store(to, n);
	return memset(to, c, n);
}

/* The callbacks proper: reads say nothing here, stores are recorded. */
#define ACCESS(size)							\
	void __tsan_read##size(void *p) { (void)p; }			\
	void __tsan_unaligned_read##size(void *p) { (void)p; }		\
	void __tsan_write##size(void *p) { on_store(p, size); }		\
	void __tsan_unaligned_write##size(void *p) { on_store(p, size); } \
	void __tsan_read_write##size(void *p) { on_store(p, size); }	\
	void __tsan_unaligned_read_write##size(void *p) { on_store(p, size); }

ACCESS(1)
ACCESS(2)
ACCESS(4)
ACCESS(8)
ACCESS(16)

#define ATOMIC(bits, type)						\
	type __tsan_atomic##bits##_load(const type *p, int order)	\
	{								\
		return __atomic_load_n(p, order);			\
	}								\
									\
	void __tsan_atomic##bits##_store(type *p, type v, int order)	\
	{								\
		if (order >= __ATOMIC_RELEASE)				\
			on_barrier();					\
		on_store(p, sizeof(*p));				\
		__atomic_store_n(p, v, order);				\
	}

ATOMIC(8, uint8_t)
ATOMIC(16, uint16_t)
ATOMIC(32, uint32_t)
ATOMIC(64, uint64_t)

void __tsan_atomic_thread_fence(int order)
{
	(void)order;
	on_barrier();
}

void __tsan_atomic_signal_fence(int order)
{
	(void)order;
}

void __tsan_read_range(void *p, size_t n)
{
	(void)p;
	(void)n;
}

void __tsan_write_range(void *p, size_t n)
{
	on_store(p, n);
}

void __tsan_init(void)
{
}

void __tsan_func_entry(void *caller)
{
	(void)caller;
}

void __tsan_func_exit(void)
{
}
