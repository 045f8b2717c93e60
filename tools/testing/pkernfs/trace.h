/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every store that instrumented code makes into a region, in order.
 *
 * media/ and ops.c are compiled with -fsanitize=thread and linked with the
 * callbacks of trace.c instead of the sanitizer's runtime. So nothing has to be
 * marked in the code under test, and no store can be forgotten.
 */
#ifndef _TRACE_H
#define _TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One store. A range is split into words: it may stop between any two. */
struct trace_store {
	uint64_t offset;	/* in the region */
	uint32_t length;
	uint32_t epoch;		/* number of barriers that came before it */
	size_t data;		/* where trace_log.data has old, then new bytes */
};

struct trace_log {
	struct trace_store *store;
	size_t count, room;
	uint8_t *data;
	size_t used, size;
	uint32_t epoch;
	size_t pending;		/* first store whose new bytes are not known */
};

/* Stores into [@base, @base + @size) are recorded while a log is attached. */
void trace_region(void *base, size_t size, uint64_t coarse_from);
void trace_start(struct trace_log *log);
void trace_stop(void);
size_t trace_count(void);	/* of stores since trace_start() */

void trace_free(struct trace_log *log);
void trace_apply(const struct trace_log *log, size_t i);
void trace_revert(const struct trace_log *log, size_t i);
void trace_revert_all(struct trace_log *log);

#endif /* _TRACE_H */
