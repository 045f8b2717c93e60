// SPDX-License-Identifier: GPL-2.0-only
/*
 * The crash sweep: stop each operation at every store it makes into the region,
 * recover, check everything, and compare what a user sees with what may be seen.
 *
 * An operation runs once while its stores are recorded. Then the region is set
 * back, and the stores are put in again one by one. At each step recovery runs
 * on the region; its stores are recorded as well, so that they can be taken back
 * and, for some states, swept in turn.
 *
 * Stores between two barriers may reach memory in any order, as far as the code
 * says. So for each such group some random subsets are tried, too.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/sizes.h>
#include <linux/stat.h>
#include <linux/string.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "harness.h"
#include "internal.h"
#include "trace.h"

#define PAGE		PKERNFS_BLOCK_SIZE
#define MAX_PRINTED	20

/* How an operation may look to a user when it was stopped. */
enum outcome {
	ATOMIC,		/* wholly there or wholly absent */
	STEPS,		/* ends after any of its transactions */
	UNSEEN,		/* the same, and no reader ever notices */
};

static struct fs fs;
static struct trace_log op_log, recovery_log, nested_log;
static struct digest *allowed;		/* after each transaction, see sweep() */
static u32 nr_allowed;
static enum outcome outcome;
static u32 written_to;			/* file whose contents may be anything */
static const char *op_name;
static void *metadata;			/* copy of the zones before data */
static u32 generations[PKERNFS_BLOCK_SIZE];	/* of all inodes before */
static struct {
	struct pkernfs_range block;
	u64 sum;
} pins[MAX_PINS];			/* what fs.pins says, and was there */
static u32 nr_pins;
static bool pins_remain;		/* over the mount after a stop */

static u64 stops, nested_stops, reordered_stops, violations, operations;
static u64 seed = 0x706b65726e6673;
static u32 nested_every = 160, subsets = 2;
static bool first_only, verbose;

static int finish(void)
{
	printf("# %llu operations, %.1f s\n", operations,
	       (double)clock() / CLOCKS_PER_SEC);
	printf("# stops: %llu in operations, %llu in recovery, %llu reordered\n",
	       stops, nested_stops, reordered_stops);
	printf("crash sweep: %llu stop points, %llu violations\n",
	       stops + nested_stops + reordered_stops, violations);
	return violations ? EXIT_FAILURE : EXIT_SUCCESS;
}

__printf(1, 2)
static void violation(const char *fmt, ...)
{
	va_list args;

	if (violations++ < MAX_PRINTED) {
		printf("# %s: ", op_name);
		va_start(args, fmt);
		vprintf(fmt, args);
		va_end(args);
		printf("\n");
	}
	if (first_only)
		exit(finish());
}

static u32 generation(u32 i)
{
	return le32_to_cpu(pkernfs_inode(&fs.m, i + 1)->generation);
}

/* A file handle must not lead to another file one day. */
static bool is_generation_lost(void)
{
	u32 i;

	for (i = 0; i < fs.m.zone[PKERNFS_ZONE_INODES].count; i++) {
		if (generation(i) - generations[i] > 16)
			return true;
	}
	return false;
}

/* A device uses the block around a page of a file. */
static void pin(u32 ino, u64 page)
{
	struct pkernfs_range block = find_block(&fs, ino, page);

	if (!block.size || !op_pin(&fs, block.start))
		abort();
	pins[nr_pins].block = block;
	pins[nr_pins++].sum = sum_block(&fs, block);
}

static s64 unpin(u32 i)
{
	u64 offset = pins[i].block.start;

	pins[i] = pins[--nr_pins];
	return op_unpin(&fs, offset);
}

static bool is_pin_lost(const struct fs *after)
{
	u32 i;

	for (i = 0; i < nr_pins; i++) {
		if (!is_block_used(after, pins[i].block.start) ||
		    sum_block(after, pins[i].block) != pins[i].sum)
			return true;
	}
	return false;
}

/* Delete orphans, in a kernel that knows of the pins still, and in another. */
static int reclaim(struct fs *after)
{
	u32 i;
	int err;

	for (i = 0; pins_remain && i < nr_pins; i++)
		op_pin(after, pins[i].block.start);
	err = op_reclaim(after);
	if (!pins_remain)
		return err;
	/* Without an inode for limbo an orphan waits for the next mount. */
	if (err && err != -ENOSPC)
		return err;
	if (is_pin_lost(after))
		return -EBUSY;
	memset(after->pins, 0, sizeof(after->pins));
	return op_reclaim(after) ?: pkernfs_limbo_reap(&after->m);
}

/* A mount after the stop. The digest says what a user sees then. */
static bool recover(struct fs *after, struct digest *d, const char *where,
		    size_t i)
{
	struct pkernfs_check_result result;
	bool good = false, interrupted;
	int err;

	memset(after, 0, sizeof(*after));
	after->m.base = fs.m.base;
	after->m.phys = fs.m.phys;
	after->m.size = fs.m.size;
	after->m.report = fs.m.report;
	last_report[0] = '\0';

	after->m.geo = fs.m.geo;
	interrupted = pkernfs_is_interrupted(&after->m);
	err = region_mount(after);
	if (err) {
		violation("%s %zu: mount: %d, %s", where, i, err, last_report);
		return false;
	}
	if (interrupted != (trace_count() > 0))
		violation("%s %zu: undid something, or did not, unlike foretold",
			  where, i);
	err = reclaim(after);
	if (err)
		violation("%s %zu: orphans: %d, %s", where, i, err, last_report);
	else if (pkernfs_check(&after->m, 0, &result))
		violation("%s %zu: check: %llu errors, %s", where, i,
			  result.errors, last_report);
	else if (take_digest(after, d))
		violation("%s %zu: tree: %s", where, i, last_report);
	else if (is_generation_lost())
		violation("%s %zu: an inode's generation was lost", where, i);
	else if (d->stale)
		violation("%s %zu: old contents are readable", where, i);
	else
		good = true;
	region_umount(after);
	return good;
}

static bool is_same(const struct digest *a, const struct digest *b)
{
	return a->tree == b->tree && a->contents == b->contents &&
	       a->space == b->space;
}

/* @step transactions were over at the stop, and another one perhaps begun. */
static bool is_allowed(const struct digest *d, u32 step)
{
	u32 last = nr_allowed - 1;

	if (outcome == ATOMIC)
		return is_same(d, &allowed[0]) || is_same(d, &allowed[last]);
	return is_same(d, &allowed[step]) ||
	       is_same(d, &allowed[min(step + 1, last)]);
}

/* The state now in the region: what comes out must be one of the outcomes. */
static void probe(u32 step, size_t i, const char *where)
{
	struct digest d = { .skip = written_to, .sample = true };
	struct fs after;

	if (recover(&after, &d, where, i) && !is_allowed(&d, step))
		violation("%s %zu: neither the old nor the new state", where, i);
}

/* Stop at each store of the recovery that recovery_log has. */
static void sweep_recovery(u32 step)
{
	size_t i;

	for (i = 0; i < recovery_log.count; i++) {
		nested_stops++;
		trace_start(&nested_log);
		probe(step, i, "stop in recovery at store");
		trace_stop();
		trace_revert_all(&nested_log);
		trace_apply(&recovery_log, i);
	}
	trace_revert_all(&recovery_log);
}

static void probe_and_restore(u32 step, size_t i, const char *where)
{
	do {
		trace_start(&recovery_log);
		probe(step, i, where);
		trace_stop();
		trace_revert_all(&recovery_log);
		pins_remain = nr_pins && !pins_remain;
	} while (pins_remain);
}

/* Stores @i up to @end are not ordered: try some that overtook others. */
static void sweep_reordered(u32 step, size_t i, size_t end)
{
	u32 n;
	size_t k;

	for (n = 0; n < subsets; n++) {
		for (k = i; k < end; k++) {
			if (next_random(&seed) % 2)
				trace_apply(&op_log, k);
		}
		reordered_stops++;
		probe_and_restore(step, i, "reordered from store");
		for (k = end; k-- > i; )
			trace_revert(&op_log, k);
	}
}

static size_t epoch_end(size_t i)
{
	u32 epoch = op_log.store[i].epoch;

	while (i < op_log.count && op_log.store[i].epoch == epoch)
		i++;
	return i;
}

/* Does store @i end a transaction? */
static bool is_end(size_t i)
{
	const struct pkernfs_range *a = &fs.m.geo.area[PKERNFS_AREA_JOURNAL];
	const struct trace_store *s = &op_log.store[i];
	u64 offset = s->offset - a->start - PKERNFS_BLOCK_SIZE;
	u32 old, new;

	if (s->offset < a->start + PKERNFS_BLOCK_SIZE || offset >= a->size ||
	    offset % PKERNFS_SLOT_SIZE || s->length != sizeof(old))
		return false;
	memcpy(&old, op_log.data + s->data, sizeof(old));
	memcpy(&new, op_log.data + s->data + sizeof(old), sizeof(new));
	return old && !new;
}

/* What a user sees in the region as it is now, after a mount. */
static void add_allowed(void)
{
	struct digest *d;
	struct fs after;

	allowed = realloc(allowed, (nr_allowed + 1) * sizeof(*allowed));
	d = &allowed[nr_allowed++];
	*d = (struct digest) { .skip = written_to, .sample = true };
	trace_start(&recovery_log);
	recover(&after, d, "transaction", nr_allowed - 1);
	trace_stop();
	trace_revert_all(&recovery_log);
}

/* Learn the outcomes: before everything, and after each transaction. */
static void find_allowed(void)
{
	size_t i;

	nr_allowed = 0;
	add_allowed();
	for (i = 0; i < op_log.count; i++) {
		trace_apply(&op_log, i);
		if (is_end(i))
			add_allowed();
	}
	trace_revert_all(&op_log);
	for (i = 1; outcome == UNSEEN && i < nr_allowed; i++) {
		if (allowed[i].tree != allowed[0].tree ||
		    allowed[i].contents != allowed[0].contents)
			violation("transaction %zu: a reader notices", i);
	}
}

/* Stop at each store of the operation that op_log has, which is taken back. */
static void sweep_stores(void)
{
	size_t i, end = 0;
	u32 step = 0;

	for (i = 0; i <= op_log.count; i++) {
		stops++;
		probe_and_restore(step, i, "store");
		if (stops % nested_every == 0) {
			pins_remain = nr_pins;
			trace_start(&recovery_log);
			probe(step, i, "store");
			trace_stop();
			trace_revert_all(&recovery_log);
			pins_remain = false;
			sweep_recovery(step);
		}
		if (i == op_log.count)
			break;
		if (i == end) {
			end = epoch_end(i);
			if (end > i + 1)
				sweep_reordered(step, i, end);
		}
		trace_apply(&op_log, i);
		step += is_end(i);
	}
}

static void sweep_begin(void)
{
	u32 i;

	memcpy(metadata, fs.m.base, fs.m.geo.area[PKERNFS_AREA_DATA].start);
	for (i = 0; i < fs.m.zone[PKERNFS_ZONE_INODES].count; i++)
		generations[i] = generation(i);
	trace_start(&op_log);
}

/* If a store escaped the recorder, the sweep would prove nothing. */
static void take_back(void)
{
	trace_revert_all(&op_log);
	if (!memcmp(metadata, fs.m.base, fs.m.geo.area[PKERNFS_AREA_DATA].start))
		return;
	fprintf(stderr, "%s: a store was not recorded\n", op_name);
	exit(EXIT_FAILURE);
}

/*
 * Sweep what happened since sweep_begin(): operation @name, which returned @got
 * and should have returned @expected.
 */
static void sweep_end(const char *name, enum outcome how, u32 ino, s64 expected,
		      s64 got)
{
	u64 before = violations;

	trace_stop();
	op_name = name;
	outcome = how;
	written_to = ino;
	operations++;
	if (got != expected)
		violation("returned %lld, expected %lld: %s", got, expected,
			  last_report);
	if (!op_log.count && !expected)
		violation("made no store");
	take_back();
	find_allowed();
	sweep_stores();
	if (is_pin_lost(&fs))
		violation("a busy block is free, or has changed");
	if (verbose)
		printf("# %s: %zu stores, %u transactions, %llu violations\n",
		       name, op_log.count, nr_allowed - 1, violations - before);
}

#define SWEEP(name, how, expected, call)				\
do {									\
	sweep_begin();							\
	sweep_end(name, how, 0, expected, call);			\
} while (0)

/* The same for what changes contents of file @ino. */
#define SWEEP_DATA(name, ino, expected, call)				\
do {									\
	sweep_begin();							\
	sweep_end(name, STEPS, ino, expected, call);			\
} while (0)

/* A step that only prepares. */
static void must(s64 result, const char *what)
{
	if (result >= 0)
		return;
	fprintf(stderr, "%s: %lld, %s\n", what, result, last_report);
	exit(EXIT_FAILURE);
}

#define MUST(call)	must(call, #call)

/* A name of 255 bytes. The last two stay valid. */
static const char *long_name(u32 n)
{
	static char names[2][PKERNFS_MAX_NAME + 1];
	static int turn;
	char *name = names[turn ^= 1];

	sprintf(name, "%06u", n);
	memset(name + 6, 'n', PKERNFS_MAX_NAME - 6);
	return name;
}

static const char *long_target(u32 n)
{
	static char target[201];

	memset(target, 'a' + n % 26, 200);
	return target;
}

/* Write words that only this file may show. */
static s64 write_pattern(u32 ino, u64 pos, u64 len)
{
	struct pkernfs_attr attr;
	u64 *buf = malloc(len), i;
	s64 ret;

	MUST(pkernfs_inode_read(&fs.m, ino, &attr));
	for (i = 0; i < len / 8; i++)
		buf[i] = pattern(attr.btime.sec, pos + i * 8);
	ret = op_write(&fs, ino, pos, buf, len);
	free(buf);
	return ret;
}

static void start(const struct region_options *options)
{
	region_create(&fs, options);
	trace_region(fs.m.base, fs.m.size,
		     fs.m.geo.area[PKERNFS_AREA_DATA].start);
	metadata = realloc(metadata, fs.m.geo.area[PKERNFS_AREA_DATA].start);
}

static const struct region_options tiny = {
	.data_blocks	= 3,
	.small_size	= SZ_64K,
	.inodes		= 64,
	.dirty		= true,
};

#define ROOT	PKERNFS_ROOT_INO

static void sweep_names(void)
{
	u32 a, b, c, d, e, x;

	start(&tiny);
	SWEEP("create in an empty directory", ATOMIC, 0,
	      op_create(&fs, ROOT, "a", S_IFREG | 0644, 0, &a));
	SWEEP("create in a leaf", ATOMIC, 0,
	      op_create(&fs, ROOT, "b", S_IFREG | 0600, 0, &b));
	SWEEP("create what exists", ATOMIC, -EEXIST,
	      op_create(&fs, ROOT, "a", S_IFREG | 0600, 0, &x));
	SWEEP("mkdir", ATOMIC, 0,
	      op_create(&fs, ROOT, "d", S_IFDIR | 0755, 0, &d));
	SWEEP("mkdir below", ATOMIC, 0,
	      op_create(&fs, d, "e", S_IFDIR | 0755, 0, &e));
	SWEEP("mkfifo", ATOMIC, 0,
	      op_create(&fs, d, "fifo", S_IFIFO | 0600, 0, &x));
	SWEEP("mknod", ATOMIC, 0,
	      op_create(&fs, d, "null", S_IFCHR | 0666, 0x103, &x));
	SWEEP("mksock", ATOMIC, 0,
	      op_create(&fs, d, "sock", S_IFSOCK | 0666, 0, &x));
	SWEEP("short symlink", ATOMIC, 0,
	      op_symlink(&fs, d, "short", "target", &x));
	SWEEP("long symlink", ATOMIC, 0,
	      op_symlink(&fs, d, "long", long_target(1), &c));
	SWEEP("setattr", ATOMIC, 0, op_setattr(&fs, a, 04711, 7, 9));
	SWEEP("access", ATOMIC, 0, op_touch(&fs, a, true));
	SWEEP("change of times", ATOMIC, 0, op_touch(&fs, d, false));
	SWEEP("link", ATOMIC, 0, op_link(&fs, a, d, "a2"));
	SWEEP("link what exists", ATOMIC, -EEXIST, op_link(&fs, a, d, "e"));
	SWEEP("unlink one of two links", ATOMIC, 0,
	      op_unlink(&fs, ROOT, "a", &x));
	SWEEP("rename", ATOMIC, 0,
	      op_rename(&fs, ROOT, "b", ROOT, "bb", 0, &x));
	SWEEP("rename to another directory", ATOMIC, 0,
	      op_rename(&fs, ROOT, "bb", d, "b", 0, &x));
	SWEEP("rename a directory", ATOMIC, 0,
	      op_rename(&fs, d, "e", ROOT, "e", 0, &x));
	SWEEP("rename, noreplace", ATOMIC, -EEXIST,
	      op_rename(&fs, d, "b", d, "a2", OP_RENAME_NOREPLACE, &x));
	MUST(op_link(&fs, a, ROOT, "a"));
	SWEEP("rename over one of two links", ATOMIC, 0,
	      op_rename(&fs, d, "b", d, "a2", 0, &x));
	MUST(write_pattern(a, 0, 2 * PAGE));
	SWEEP("rename over the last link", ATOMIC, 0,
	      op_rename(&fs, d, "a2", ROOT, "a", 0, &x));
	SWEEP("delete what was replaced", ATOMIC, 0, op_evict(&fs, x));
	SWEEP("exchange", ATOMIC, 0,
	      op_rename(&fs, ROOT, "a", ROOT, "d", OP_RENAME_EXCHANGE, &x));
	SWEEP("exchange across directories", ATOMIC, 0,
	      op_rename(&fs, ROOT, "e", d, "fifo", OP_RENAME_EXCHANGE, &x));
	MUST(op_create(&fs, ROOT, "empty", S_IFDIR | 0755, 0, &x));
	SWEEP("rename a directory over an empty one", ATOMIC, 0,
	      op_rename(&fs, d, "fifo", ROOT, "empty", 0, &x));
	SWEEP("delete the directory", ATOMIC, 0, op_evict(&fs, x));
	SWEEP("unlink the last link, long symlink", ATOMIC, 0,
	      op_unlink(&fs, d, "long", &x));
	SWEEP("delete the symlink", ATOMIC, 0, op_evict(&fs, x));
	SWEEP("rmdir", ATOMIC, 0, op_rmdir(&fs, ROOT, "empty", &x));
	SWEEP("delete a directory", ATOMIC, 0, op_evict(&fs, x));
	SWEEP("rmdir of what is not empty", ATOMIC, -ENOTEMPTY,
	      op_rmdir(&fs, ROOT, "a", &x));
	SWEEP("tmpfile", ATOMIC, 0, op_tmpfile(&fs, S_IFREG | 0600, &x));
	SWEEP("link a tmpfile", ATOMIC, 0, op_link(&fs, x, ROOT, "tmp"));
	MUST(op_create(&fs, ROOT, "alone", S_IFDIR | 0755, 0, &x));
	MUST(op_create(&fs, x, "only", S_IFREG | 0600, 0, &a));
	SWEEP("unlink the only name of a directory", ATOMIC, 0,
	      op_unlink(&fs, x, "only", &a));
	region_destroy(&fs);
}

/* Several inodes on one orphan list: ends, middle, all at a mount. */
static void sweep_orphans(void)
{
	u32 ino[40], i, n, x, open[3];
	char name[8];

	start(&tiny);
	for (i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		MUST(op_create(&fs, ROOT, name, S_IFREG | 0600, 0, &ino[i]));
		if (i % 8 == 0)
			MUST(write_pattern(ino[i], 0, PAGE));
	}
	for (i = 0, n = 0; i < 40 && n < 3; i++) {
		if (ino[i] % PKERNFS_NR_ORPHAN_LISTS != 3)
			continue;
		snprintf(name, sizeof(name), "f%u", i);
		SWEEP("unlink an open file, same orphan list", ATOMIC, 0,
		      op_unlink(&fs, ROOT, name, &open[n++]));
	}
	SWEEP("delete from the middle of a list", ATOMIC, 0,
	      op_evict(&fs, open[1]));
	SWEEP("link from the end of a list", ATOMIC, 0,
	      op_link(&fs, open[0], ROOT, "again"));
	SWEEP("reclaim at a mount", ATOMIC, 0, op_reclaim(&fs));
	for (i = 0; i < 40; i += 8) {
		snprintf(name, sizeof(name), "f%u", i);
		MUST(op_unlink(&fs, ROOT, name, &x));
	}
	SWEEP("reclaim several at a mount", ATOMIC, 0, op_reclaim(&fs));
	region_destroy(&fs);
}

/* Splits, indices and compaction. Names are long, so a leaf has 15. */
static void sweep_directories(void)
{
	struct region_options options = tiny;
	u32 i, d, ino;

	options.inodes = 256;
	start(&options);
	MUST(op_create(&fs, ROOT, "d", S_IFDIR | 0755, 0, &d));
	for (i = 0; i < 50; i++) {
		if (i % 5) {
			SWEEP("create in a growing directory", ATOMIC, 0,
			      op_create(&fs, d, long_name(i), S_IFREG | 0600,
					0, &ino));
			continue;
		}
		MUST(op_create(&fs, ROOT, "x", S_IFREG | 0600, 0, &ino));
		SWEEP("rename into a growing directory", ATOMIC, 0,
		      op_rename(&fs, ROOT, "x", d, long_name(i), 0, &ino));
	}
	SWEEP("rename in a directory with an index", ATOMIC, 0,
	      op_rename(&fs, d, long_name(1), d, long_name(1001), 0, &ino));
	for (i = 2; i < 10; i++) {
		MUST(op_unlink(&fs, d, long_name(i), &ino));
		MUST(op_evict(&fs, ino));
	}
	for (i = 100; i < 110; i++)
		SWEEP("create where names were removed", ATOMIC, 0,
		      op_create(&fs, d, long_name(i), S_IFREG | 0600, 0, &ino));
	for (i = 10; i < 50; i++)
		SWEEP("unlink from a shrinking directory", ATOMIC, 0,
		      op_unlink(&fs, d, long_name(i), &ino));
	for (i = 100; i < 110; i++)
		SWEEP("unlink from a shrinking directory", ATOMIC, 0,
		      op_unlink(&fs, d, long_name(i), &ino));
	for (i = 200; i < 212; i++)
		SWEEP("create in a directory that shrank", ATOMIC, 0,
		      op_create(&fs, d, long_name(i), S_IFREG | 0600, 0, &ino));
	for (i = 200; i < 212; i++)
		MUST(op_unlink(&fs, d, long_name(i), &ino));
	MUST(op_unlink(&fs, d, long_name(0), &ino));
	SWEEP("unlink the last name", ATOMIC, 0,
	      op_unlink(&fs, d, long_name(1001), &ino));
	SWEEP("rmdir of what was large", ATOMIC, 0,
	      op_rmdir(&fs, ROOT, "d", &ino));
	region_destroy(&fs);
}

/* The next number whose long name has this hash in its top 9 bits. */
static u32 next_number(u32 n, u64 top)
{
	while (pkernfs_dir_hash(&fs.m, long_name(n), PKERNFS_MAX_NAME) >>
	       (PKERNFS_HASH_BITS - PKERNFS_TABLE_SHIFT) != top)
		n++;
	return n;
}

/* A leaf in one slot of an index gets an index below: names of one kind. */
static void sweep_second_index(void)
{
	struct region_options options = tiny;
	u32 i, n = 0, d, ino, numbers[17];

	options.inodes = 96;
	start(&options);
	MUST(op_create(&fs, ROOT, "d", S_IFDIR | 0755, 0, &d));
	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		n = next_number(n, 77);
		numbers[i] = n++;
		if (i < 14)
			MUST(op_create(&fs, d, long_name(numbers[i]),
				       S_IFREG | 0600, 0, &ino));
		else
			SWEEP("create where hashes are alike", ATOMIC, 0,
			      op_create(&fs, d, long_name(numbers[i]),
					S_IFREG | 0600, 0, &ino));
	}
	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		SWEEP("unlink where hashes are alike", ATOMIC, 0,
		      op_unlink(&fs, d, long_name(numbers[i]), &ino));
	region_destroy(&fs);
}

static void sweep_data(void)
{
	u32 a, b, c, x;

	start(&tiny);
	MUST(op_create(&fs, ROOT, "a", S_IFREG | 0600, 0, &a));
	MUST(op_create(&fs, ROOT, "b", S_IFREG | 0600, 0, &b));
	MUST(op_create(&fs, ROOT, "c", S_IFREG | 0600, 0, &c));
	SWEEP_DATA("write the first page", a, PAGE, write_pattern(a, 0, PAGE));
	SWEEP_DATA("append", a, PAGE, write_pattern(a, PAGE, PAGE));
	SWEEP_DATA("write behind a hole", a, PAGE,
		   write_pattern(a, 6 * PAGE, PAGE));
	SWEEP_DATA("write into a hole", a, 16, write_pattern(a, 4 * PAGE, 16));
	SWEEP_DATA("write: the map grows", a, PAGE,
		   write_pattern(a, 8 * PAGE, PAGE));
	SWEEP_DATA("write: the map grows twice", b, PAGE,
		   write_pattern(b, 0, PAGE) + write_pattern(b, 40 * SZ_2M, PAGE) -
		   PAGE);
	SWEEP_DATA("write far away: the largest map", b, PAGE,
		   write_pattern(b, 1ULL << 50, PAGE));
	SWEEP("truncate the largest map", ATOMIC, 0,
	      op_truncate(&fs, b, 50ULL * SZ_2M));
	SWEEP("truncate down", ATOMIC, 0, op_truncate(&fs, a, 3 * PAGE + 8));
	SWEEP("truncate into a page", ATOMIC, 0, op_truncate(&fs, a, 24));
	SWEEP("truncate up", ATOMIC, 0, op_truncate(&fs, a, 2 * PAGE));
	SWEEP_DATA("punch a page", a, 0, op_punch(&fs, a, 0, PAGE));
	SWEEP_DATA("punch: tables are freed", b, 0,
		   op_punch(&fs, b, PAGE, 50ULL * SZ_2M));
	SWEEP_DATA("fallocate, keep size", a, 0,
		   op_fallocate(&fs, a, 0, 5 * PAGE, true));
	SWEEP_DATA("fallocate", a, 0,
		   op_fallocate(&fs, a, 5 * PAGE, 2 * PAGE, false));
	SWEEP_DATA("write a data block", c, 2 * PAGE,
		   write_pattern(c, SZ_2M, 2 * PAGE));
	SWEEP_DATA("fallocate data blocks", c, 0,
		   op_fallocate(&fs, c, 0, 2 * SZ_2M, false));
	SWEEP_DATA("punch inside a data block", c, 0,
		   op_punch(&fs, c, SZ_2M, PAGE));
	SWEEP_DATA("punch a data block", c, 0, op_punch(&fs, c, 0, SZ_2M));
	SWEEP("truncate a data block away", ATOMIC, 0, op_truncate(&fs, c, 8));
	SWEEP_DATA("write what was another file's", b, PAGE,
		   write_pattern(b, 0, PAGE));
	SWEEP("unlink", ATOMIC, 0, op_unlink(&fs, ROOT, "b", &x));
	SWEEP("delete a file with contents", ATOMIC, 0, op_evict(&fs, x));
	MUST(op_tmpfile(&fs, S_IFREG | 0600, &x));
	MUST(write_pattern(x, 0, 9 * PAGE));
	SWEEP("truncate an open file without a name", STEPS, 0,
	      op_truncate(&fs, x, 2 * PAGE));
	SWEEP("link a tmpfile with contents", ATOMIC, 0,
	      op_link(&fs, x, ROOT, "x"));
	region_destroy(&fs);
}

/* Truncate and delete in several batches: 14 separate runs of small blocks. */
static void sweep_batches(void)
{
	struct region_options options = tiny;
	u32 a, b, i, x;

	options.small_size = SZ_1M;
	start(&options);
	MUST(op_create(&fs, ROOT, "a", S_IFREG | 0600, 0, &a));
	MUST(op_create(&fs, ROOT, "b", S_IFREG | 0600, 0, &b));
	for (i = 0; i < 90; i++) {
		MUST(write_pattern(a, i * PAGE, PAGE));
		MUST(write_pattern(b, i * PAGE, PAGE));
	}
	SWEEP("truncate in batches", ATOMIC, 0, op_truncate(&fs, a, PAGE));
	MUST(op_unlink(&fs, ROOT, "b", &x));
	SWEEP("delete in batches", ATOMIC, 0, op_evict(&fs, x));
	region_destroy(&fs);
}

/*
 * No data block is free while these pages are written: they get small blocks.
 * The data blocks keep what another file had in them.
 */
static void write_small(u32 ino, u64 pos, u32 count)
{
	u64 n = pkernfs_free_count(&fs.m, PKERNFS_ZONE_DATA);
	u32 x;

	MUST(op_tmpfile(&fs, S_IFREG | 0600, &x));
	MUST(write_pattern(x, 0, n * SZ_2M));
	while (count--)
		MUST(write_pattern(ino, pos + count * 2 * PAGE, PAGE));
	MUST(op_evict(&fs, x));
}

/* A data block takes the place of small ones, wherever they stand in the map. */
static void sweep_promotion(void)
{
	struct region_options options = tiny;
	u32 a, b, c, d, x, i;

	options.data_blocks = 5;
	options.small_size = SZ_1M;
	start(&options);
	MUST(op_create(&fs, ROOT, "a", S_IFREG | 0600, 0, &a));
	MUST(op_create(&fs, ROOT, "b", S_IFREG | 0600, 0, &b));
	MUST(op_create(&fs, ROOT, "c", S_IFREG | 0600, 0, &c));
	MUST(op_create(&fs, ROOT, "d", S_IFREG | 0600, 0, &d));
	SWEEP("promote an empty map", UNSEEN, -ENOSPC, op_promote(&fs, a, 0));
	write_small(a, PAGE, 3);
	SWEEP("promote elsewhere", UNSEEN, -ENOSPC,
	      op_promote(&fs, a, SZ_2M / PAGE));
	SWEEP("promote what is in the inode", UNSEEN, 0,
	      op_promote(&fs, a, 0));
	SWEEP("promote a data block", UNSEEN, -ENOSPC, op_promote(&fs, a, 0));
	MUST(op_truncate(&fs, a, 0));
	write_small(a, 0, 4);
	SWEEP("promote: the map grows", UNSEEN, 0, op_promote(&fs, a, 511));
	/* More runs of blocks than a transaction can free. */
	write_small(b, SZ_2M + 9 * PAGE, 80);
	write_small(b, 2 * SZ_2M, 1);
	SWEEP("promote in the middle", UNSEEN, 0, op_promote(&fs, b, 512));
	write_small(c, 40 * SZ_2M + PAGE, 2);
	SWEEP("promote in a table", UNSEEN, 0,
	      op_promote(&fs, c, 40 * SZ_2M / PAGE + 511));

	write_small(d, PAGE, 1);
	MUST(op_create(&fs, ROOT, "full", S_IFREG | 0600, 0, &x));
	write_small(x, 0, pkernfs_free_count(&fs.m, PKERNFS_ZONE_SMALL));
	SWEEP_DATA("write where a promotion is needed", d, PAGE,
		   write_pattern(d, 9 * PAGE, PAGE));
	for (i = 0; pkernfs_free_count(&fs.m, PKERNFS_ZONE_INODES); i++)
		MUST(op_create(&fs, ROOT, long_name(i), S_IFIFO | 0600, 0, &x));
	SWEEP("no inode left to promote with", UNSEEN, -ENOSPC,
	      op_promote(&fs, b, 2 * SZ_2M / PAGE));
	region_destroy(&fs);
}

/* Blocks that are busy when they go out of use wait in limbo. */
static void sweep_limbo(void)
{
	struct region_options options = tiny;
	u32 a, b, c, d, x, i;

	options.data_blocks = 5;
	options.small_size = SZ_1M;
	start(&options);
	MUST(op_create(&fs, ROOT, "a", S_IFREG | 0600, 0, &a));
	MUST(op_create(&fs, ROOT, "b", S_IFREG | 0600, 0, &b));
	MUST(op_create(&fs, ROOT, "c", S_IFREG | 0600, 0, &c));
	MUST(op_create(&fs, ROOT, "d", S_IFREG | 0600, 0, &d));
	MUST(write_pattern(a, 0, 20 * PAGE));
	MUST(write_pattern(b, 0, 2 * SZ_2M));
	for (i = 0; i < 8; i++) {
		MUST(write_pattern(c, 2 * i * PAGE, PAGE));
		MUST(write_pattern(d, 2 * i * PAGE, PAGE));
	}

	SWEEP("reap without a limbo", UNSEEN, 0, pkernfs_limbo_reap(&fs.m));
	pin(a, 12);
	pin(a, 14);
	SWEEP("truncate: the first busy block", ATOMIC, 0,
	      op_truncate(&fs, a, 13 * PAGE));
	SWEEP("truncate: another busy block", ATOMIC, 0,
	      op_truncate(&fs, a, PAGE));
	pin(b, 512);
	SWEEP_DATA("punch a busy data block", b, 0,
		   op_punch(&fs, b, SZ_2M - PAGE, SZ_2M + PAGE));
	for (i = 0; i < 8; i++)
		pin(c, 2 * i);
	MUST(op_unlink(&fs, ROOT, "c", &x));
	SWEEP("delete a file of busy blocks", ATOMIC, 0, op_evict(&fs, x));
	pin(d, 6);
	SWEEP("promote with a busy block", UNSEEN, -ENOSPC,
	      op_promote(&fs, d, 1));
	SWEEP("reap nothing", UNSEEN, 0, pkernfs_limbo_reap(&fs.m));

	region_umount(&fs);
	MUST(region_mount(&fs));
	SWEEP("reclaim what is busy still", UNSEEN, 0, op_reclaim(&fs));
	SWEEP("reap one of several", UNSEEN, 0, unpin(2));
	SWEEP("unpin what is in use", UNSEEN, 0, unpin(nr_pins - 1));
	while (nr_pins > 1)
		MUST(unpin(0));
	SWEEP("reap the last one", UNSEEN, 0, unpin(0));
	if (fs.m.limbo || pkernfs_inode_blocks(&fs.m, d) != 8 + 1)
		violation("limbo is not gone");

	pin(d, 4);
	for (i = 0; pkernfs_free_count(&fs.m, PKERNFS_ZONE_INODES); i++)
		MUST(op_create(&fs, ROOT, long_name(i), S_IFIFO | 0600, 0, &x));
	SWEEP("no inode for a limbo", STEPS, -ENOSPC, op_truncate(&fs, d, 0));
	MUST(unpin(0));
	region_destroy(&fs);
}

/* Everything that can be full: the operation fails and leaves nothing behind. */
static void sweep_full(void)
{
	u32 a, b, i, n, d, e, x;
	char name[16];

	start(&tiny);
	MUST(op_create(&fs, ROOT, "a", S_IFREG | 0600, 0, &a));
	MUST(op_create(&fs, ROOT, "b", S_IFREG | 0600, 0, &b));
	n = pkernfs_free_count(&fs.m, PKERNFS_ZONE_SMALL);
	for (i = 0; i < n; i++)
		MUST(write_pattern(a, (u64)i * PAGE, PAGE));
	SWEEP_DATA("small zone full: a data block serves", b, PAGE,
		   write_pattern(b, 0, PAGE));
	MUST(op_fallocate(&fs, b, 0, 3 * SZ_2M, false));
	SWEEP_DATA("no data block left", b, -ENOSPC,
		   write_pattern(b, 3 * SZ_2M, PAGE));
	for (i = 0; pkernfs_free_count(&fs.m, PKERNFS_ZONE_INODES); i++)
		MUST(op_create(&fs, ROOT, long_name(i), S_IFIFO | 0600, 0, &x));
	SWEEP("no inode left", ATOMIC, -ENOSPC,
	      op_create(&fs, ROOT, "x", S_IFREG | 0600, 0, &x));
	MUST(op_unlink(&fs, ROOT, "a", &x));
	SWEEP("delete a file of many blocks", ATOMIC, 0, op_evict(&fs, x));
	SWEEP("create with the only free inode", ATOMIC, 0,
	      op_create(&fs, ROOT, "x", S_IFREG | 0600, 0, &x));
	SWEEP_DATA("write with the search at the end of the zone", x, PAGE,
		   write_pattern(x, 0, PAGE));
	region_destroy(&fs);

	start(&(struct region_options) {
		.data_blocks	= 1,
		.small_size	= SZ_64K,
		.inodes		= 192,
		.dirty		= true,
	});
	MUST(op_create(&fs, ROOT, "a", S_IFREG | 0600, 0, &a));
	MUST(op_create(&fs, ROOT, "b", S_IFREG | 0600, 0, &b));
	MUST(write_pattern(b, 0, PAGE));
	MUST(op_create(&fs, ROOT, "d", S_IFDIR | 0700, 0, &d));
	for (i = 0; i < 15; i++)
		MUST(op_create(&fs, d, long_name(i), S_IFIFO | 0600, 0, &x));
	MUST(op_create(&fs, ROOT, "e", S_IFDIR | 0700, 0, &e));
	i = 0;
	do {
		snprintf(name, sizeof(name), "%u", i);
	} while (!op_symlink(&fs, e, name, long_target(i++), &x));
	SWEEP("no meta block for a symlink", ATOMIC, -ENOSPC,
	      op_symlink(&fs, e, name, long_target(i), &x));
	SWEEP("no meta block for a promotion", UNSEEN, -ENOSPC,
	      op_promote(&fs, b, 1));
	for (i = 1; write_pattern(a, (u64)i * SZ_2M, PAGE) > 0; i++)
		;
	SWEEP_DATA("no meta block for a map", a, -ENOSPC,
		   write_pattern(a, (u64)i * SZ_2M, PAGE));
	for (i = 20; !op_create(&fs, d, long_name(i), S_IFIFO | 0600, 0, &x);
	     i++)
		;
	SWEEP("no meta block for a split", ATOMIC, -ENOSPC,
	      op_create(&fs, d, long_name(i), S_IFIFO | 0600, 0, &x));
	SWEEP("no meta block for a rename", ATOMIC, -ENOSPC,
	      op_rename(&fs, ROOT, "a", d, long_name(i), 0, &x));
	region_destroy(&fs);
}

/* A transaction of another CPU is open all the while, and is undone. */
static void sweep_parallel(void)
{
	struct pkernfs_attr attr = { .mode = S_IFREG | 0600, .nlink = 1 };
	struct pkernfs_extent extent;
	struct pkernfs_tx other;
	u32 a, b, ino, x;

	start(&tiny);
	MUST(op_create(&fs, ROOT, "a", S_IFREG | 0600, 0, &a));
	MUST(op_create(&fs, ROOT, "b", S_IFREG | 0600, 0, &b));
	MUST(write_pattern(b, 0, 2 * PAGE));

	MUST(pkernfs_tx_begin(&fs.m, &other));
	MUST(pkernfs_inode_create(&other, &attr, &ino));
	MUST(pkernfs_map_alloc(&other, a, 0, 2, PAGE, &extent));
	MUST(pkernfs_map_alloc(&other, a, 20, 1, PAGE, &extent));
	SWEEP("create beside an open transaction", ATOMIC, 0,
	      op_create(&fs, ROOT, "c", S_IFREG | 0600, 0, &x));
	SWEEP_DATA("write beside an open transaction", b, PAGE,
		   write_pattern(b, 9 * PAGE, PAGE));
	SWEEP("truncate beside an open transaction", ATOMIC, 0,
	      op_truncate(&fs, b, 0));
	sweep_begin();
	pkernfs_tx_abort(&other);
	sweep_end("abort", ATOMIC, 0, 0, 0);

	MUST(pkernfs_tx_begin(&fs.m, &other));
	MUST(pkernfs_inode_create(&other, &attr, &ino));
	MUST(pkernfs_dir_add(&other, ROOT, "parallel", 8, ino, S_IFREG >> 12));
	SWEEP("write beside a name being added", STEPS, 0,
	      op_setattr(&fs, b, 0700, 1, 2));
	sweep_begin();
	pkernfs_tx_commit(&other);
	sweep_end("commit", ATOMIC, 0, 0, 0);
	region_destroy(&fs);
}

/* A stop while the superblock's state is written: the old one or the new one. */
static void probe_state(size_t i, u64 old)
{
	struct pkernfs_media m = {
		.base = fs.m.base, .phys = fs.m.phys, .size = fs.m.size,
	};
	struct pkernfs_message why;

	stops++;
	if (pkernfs_sb_read(&m, &why))
		violation("store %zu: %s", i, why.text);
	else if (m.state.mounts != old && m.state.mounts != old + 1)
		violation("store %zu: state of another time", i);
}

static void sweep_state(void)
{
	u64 old;
	size_t i, torn;

	start(&tiny);
	op_name = "superblock state";
	operations++;
	old = fs.m.state.mounts++;
	trace_start(&op_log);
	pkernfs_sb_write_state(&fs.m);
	trace_stop();
	trace_revert_all(&op_log);
	for (torn = 0; torn <= op_log.count; torn++) {
		probe_state(torn, old);
		/* The next mount writes while one copy may be torn. */
		trace_start(&nested_log);
		pkernfs_sb_write_state(&fs.m);
		trace_stop();
		trace_revert_all(&nested_log);
		for (i = 0; i < nested_log.count; i++) {
			trace_apply(&nested_log, i);
			probe_state(torn, old);
		}
		trace_revert_all(&nested_log);
		if (torn < op_log.count)
			trace_apply(&op_log, torn);
	}
	region_destroy(&fs);
}

/*
 * A stop after @i of @count stores of formatting: the old filesystem is there until
 * the second store, the new one from the last but one on, and nothing in between.
 */
static void probe_format(size_t i, size_t count)
{
	struct pkernfs_media m = {
		.base = fs.m.base, .phys = fs.m.phys, .size = fs.m.size,
	};
	struct pkernfs_message why;
	int expected = i >= 2 && i < count - 1 ? -ENODATA : 0, err;

	stops++;
	err = pkernfs_sb_read(&m, &why);
	if (err != expected)
		violation("store %zu: %d, expected %d: %s", i, err, expected,
			  why.text);
}

static void sweep_format(void)
{
	struct pkernfs_attr root = { .mode = S_IFDIR | 0700 };
	const struct pkernfs_range *journal;
	u64 offset;
	u32 x;
	size_t i;

	start(&tiny);
	MUST(op_create(&fs, ROOT, "a", S_IFREG | 0600, 0, &x));
	op_name = "format";
	operations++;
	trace_start(&op_log);
	pkernfs_sb_format(&fs.m, &root);
	trace_stop();
	trace_revert_all(&op_log);
	journal = &fs.m.geo.area[PKERNFS_AREA_JOURNAL];
	for (i = 0; i <= op_log.count; i++) {
		offset = op_log.store[min(i, op_log.count - 1)].offset;
		/* Of zeroing the journal a few stores say enough. */
		if (offset < journal->start ||
		    offset >= journal->start + journal->size || i % 1000 == 0)
			probe_format(i, op_log.count);
		if (i < op_log.count)
			trace_apply(&op_log, i);
	}
	region_destroy(&fs);
}

static void (*const scenarios[])(void) = {
	sweep_state,
	sweep_format,
	sweep_data,
	sweep_promotion,
	sweep_limbo,
	sweep_names,
	sweep_orphans,
	sweep_directories,
	sweep_second_index,
	sweep_batches,
	sweep_full,
	sweep_parallel,
};

static int usage(const char *name)
{
	fprintf(stderr, "Usage: %s [-flv] [-s SEED]\n"
		"  -f       end at the first violation\n"
		"  -l       long: far more stops inside recovery\n"
		"  -v       a line for each operation\n"
		"  -s SEED  for the order of stores\n", name);
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	size_t i;
	int c;

	while ((c = getopt(argc, argv, "flvs:")) != -1) {
		switch (c) {
		case 'f':
			first_only = true;
			break;
		case 'v':
			verbose = true;
			break;
		case 'l':
			nested_every = 3;
			subsets = 8;
			break;
		case 's':
			seed = strtoull(optarg, NULL, 0) ?: 1;
			break;
		default:
			return usage(argv[0]);
		}
	}
	for (i = 0; i < ARRAY_SIZE(scenarios); i++)
		scenarios[i]();
	return finish();
}
