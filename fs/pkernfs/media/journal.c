// SPDX-License-Identifier: GPL-2.0-only
/*
 * Transactions. Metadata is changed in place, after the old bytes were saved in
 * the transaction's slot of the journal. Committing is one store, which forgets
 * the log. After a stop, and to abort, the log is put back from its end.
 *
 * A slot belongs to one transaction at a time, so transactions run in parallel,
 * and a stop may leave several of them open. They never save the same bytes:
 * what inodes share is either locked until the commit (orphan lists), or split
 * by slot (counters), or undone bit by bit (bitmaps).
 *
 * A block that is allocated in a transaction leads nowhere until something that
 * was saved points to it. So it may be filled without being saved.
 */
#include <asm/barrier.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/error-injection.h>
#include <linux/kernel.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/string.h>

#include "internal.h"

/* What a commit may have to log: all frees, and each counter. */
#define COMMIT_LOG_SIZE	(PKERNFS_TX_MAX_FREES * sizeof(struct pkernfs_undo) + \
			 PKERNFS_NR_ZONES * (8 + sizeof(struct pkernfs_undo)))

static void *slot_log(struct pkernfs_slot *slot)
{
	return slot + 1;
}

static void set_used(struct pkernfs_slot *slot, u32 used)
{
	WRITE_ONCE(slot->used, cpu_to_le32(used));
}

static bool has_room(const struct pkernfs_tx *tx, size_t len)
{
	u32 room = PKERNFS_SLOT_LOG_SIZE - COMMIT_LOG_SIZE;

	return len <= room && tx->used <= room &&
	       ALIGN(len, 8) + sizeof(struct pkernfs_undo) <= room - tx->used;
}

/* Add a record. @old has @len bytes, none for records about bits. */
static void append(struct pkernfs_tx *tx, struct pkernfs_undo undo,
		   const void *old, size_t len)
{
	void *record = slot_log(tx->slot) + tx->used;
	u32 padded = ALIGN(len, 8);

	undo.size = cpu_to_le16(padded + sizeof(undo));
	if (len)
		memcpy(record, old, len);
	memcpy(record + padded, &undo, sizeof(undo));
	/* The record must be whole when it becomes part of the log. */
	smp_wmb();
	tx->used += padded + sizeof(undo);
	set_used(tx->slot, tx->used);
	/* It must be part of the log when what it undoes is done. */
	smp_wmb();
}

static void append_bytes(struct pkernfs_tx *tx, const void *p, size_t len)
{
	struct pkernfs_undo undo = {
		.target	= cpu_to_le64(pkernfs_offset(tx->m, p)),
		.length	= cpu_to_le32(len),
		.type	= PKERNFS_UNDO_BYTES,
	};

	append(tx, undo, p, len);
}

static void append_bits(struct pkernfs_tx *tx, u8 type, u32 zone, u64 first,
			u32 count)
{
	struct pkernfs_undo undo = {
		.target	= cpu_to_le64(first),
		.length	= cpu_to_le32(count),
		.type	= type,
		.zone	= zone,
	};

	append(tx, undo, NULL, 0);
}

/**
 * pkernfs_tx_save() - save bytes of metadata that are about to change
 * @tx: the transaction
 * @p: where they are on media
 * @len: how many; at most a block
 *
 * Orders all stores before this call before all stores behind it.
 *
 * Return: 0, or -EFBIG when the transaction is too large.
 */
int pkernfs_tx_save(struct pkernfs_tx *tx, const void *p, size_t len)
{
	if (!has_room(tx, len))
		return -EFBIG;
	append_bytes(tx, p, len);
	return 0;
}
ALLOW_ERROR_INJECTION(pkernfs_tx_save, ERRNO);

/**
 * pkernfs_tx_set_le64() - change 8 bytes of metadata
 * @tx: the transaction
 * @p: where they are on media
 * @value: what to store
 *
 * Return: 0, or -EFBIG when the transaction is too large.
 */
int pkernfs_tx_set_le64(struct pkernfs_tx *tx, __le64 *p, u64 value)
{
	int err = pkernfs_tx_save(tx, p, sizeof(*p));

	if (!err)
		WRITE_ONCE(*p, cpu_to_le64(value));
	return err;
}
ALLOW_ERROR_INJECTION(pkernfs_tx_set_le64, ERRNO);

/**
 * pkernfs_tx_set_le32() - change 4 bytes of metadata
 * @tx: the transaction
 * @p: where they are on media
 * @value: what to store
 *
 * Return: 0, or -EFBIG when the transaction is too large.
 */
int pkernfs_tx_set_le32(struct pkernfs_tx *tx, __le32 *p, u32 value)
{
	int err = pkernfs_tx_save(tx, p, sizeof(*p));

	if (!err)
		WRITE_ONCE(*p, cpu_to_le32(value));
	return err;
}
ALLOW_ERROR_INJECTION(pkernfs_tx_set_le32, ERRNO);

/**
 * pkernfs_tx_set_le16() - change 2 bytes of metadata
 * @tx: the transaction
 * @p: where they are on media
 * @value: what to store
 *
 * Return: 0, or -EFBIG when the transaction is too large.
 */
int pkernfs_tx_set_le16(struct pkernfs_tx *tx, __le16 *p, u16 value)
{
	int err = pkernfs_tx_save(tx, p, sizeof(*p));

	if (!err)
		WRITE_ONCE(*p, cpu_to_le16(value));
	return err;
}
ALLOW_ERROR_INJECTION(pkernfs_tx_set_le16, ERRNO);

/**
 * pkernfs_tx_log_alloc() - log that bits of a bitmap are about to be set
 * @tx: the transaction
 * @id: the zone
 * @first: the first bit
 * @count: how many
 *
 * Called with alloc_lock held. Does not sleep.
 *
 * Return: 0, or -EFBIG when the transaction is too large.
 */
int pkernfs_tx_log_alloc(struct pkernfs_tx *tx, enum pkernfs_zone_id id,
			 u64 first, u32 count)
{
	if (!has_room(tx, 0))
		return -EFBIG;
	append_bits(tx, PKERNFS_UNDO_ALLOC, id, first, count);
	return 0;
}

/* Wait for the slot of this CPU only when there is no other. */
static u32 lock_slot(struct pkernfs_journal *journal)
{
	u32 own = raw_smp_processor_id() % journal->nr_slots, i, n;

	for (i = 0; i < journal->nr_slots; i++) {
		n = (own + i) % journal->nr_slots;
		if (mutex_trylock(&journal->slot[n].lock))
			return n;
	}
	mutex_lock(&journal->slot[own].lock);
	return own;
}

/**
 * pkernfs_tx_begin() - begin a transaction
 * @m: the region, recovered
 * @tx: set up here
 *
 * Waits for other transactions when all slots are taken, so a thread must not
 * begin a second one. The caller ends it with pkernfs_tx_commit() or
 * pkernfs_tx_abort().
 *
 * Return: 0, -EUCLEAN, or -EROFS when there may be no more transactions.
 */
int pkernfs_tx_begin(struct pkernfs_media *m, struct pkernfs_tx *tx)
{
	struct pkernfs_slot *slot;
	int err = 0;
	u32 n;

	n = lock_slot(m->journal);
	slot = pkernfs_slot(m, n);
	/* Here, for it may have broken while this waited. */
	if (READ_ONCE(m->broken))
		err = -EROFS;
	else if (slot->used)
		err = pkernfs_corrupt(m, 0, pkernfs_offset(m, slot),
				      "slot %u of the journal is not empty", n);
	if (err) {
		mutex_unlock(&m->journal->slot[n].lock);
		return err;
	}
	*tx = (struct pkernfs_tx) {
		.m		= m,
		.state		= &m->journal->slot[n],
		.slot		= slot,
		.orphan_list	= -1,
	};
	tx->state->nr_frees = 0;
	return 0;
}
ALLOW_ERROR_INJECTION(pkernfs_tx_begin, ERRNO);

static void unlock(struct pkernfs_tx *tx)
{
	if (tx->orphan_list >= 0)
		mutex_unlock(&tx->m->journal->orphan_lock[tx->orphan_list]);
	if (tx->limbo_locked)
		mutex_unlock(&tx->m->journal->limbo_lock);
	mutex_unlock(&tx->state->lock);
}

static void commit_frees(struct pkernfs_tx *tx)
{
	const struct pkernfs_run *run = tx->state->frees;
	u32 i;

	for (i = 0; i < tx->state->nr_frees; i++, run++) {
		append_bits(tx, PKERNFS_UNDO_FREE, run->zone, run->first,
			    run->count);
		pkernfs_bits_change(tx->m, run->zone, run->first, run->count,
				    false);
		tx->in_use[run->zone] -= run->count;
		tx->m->zone[run->zone].free += run->count;
	}
}

static void commit_counters(struct pkernfs_tx *tx)
{
	__le64 *in_use;
	int i;

	for (i = 0; i < PKERNFS_NR_ZONES; i++) {
		if (!tx->in_use[i])
			continue;
		in_use = &tx->slot->in_use[i];
		append_bytes(tx, in_use, sizeof(*in_use));
		le64_add_cpu(in_use, tx->in_use[i]);
	}
}

/**
 * pkernfs_tx_commit() - make all changes of a transaction last
 * @tx: the transaction, which ends
 *
 * Blocks it frees become free here: nobody can get one before its last user is
 * gone for good, hence the lock until the transaction is over. Never fails: room
 * in the log has been kept.
 */
void pkernfs_tx_commit(struct pkernfs_tx *tx)
{
	spin_lock(&tx->m->alloc_lock);
	commit_frees(tx);
	commit_counters(tx);
	/* The log may be forgotten when all changes are there. */
	smp_wmb();
	set_used(tx->slot, 0);
	/* It must be forgotten when the next transaction writes over it. */
	smp_wmb();
	spin_unlock(&tx->m->alloc_lock);
	unlock(tx);
}

/* Is @len bytes at @target something that transactions change? */
static bool is_metadata(const struct pkernfs_media *m,
			const struct pkernfs_slot *slot, u64 target, u32 len)
{
	const struct pkernfs_range ranges[] = {
		{ m->geo.area[PKERNFS_AREA_JOURNAL].start,
		  sizeof(struct pkernfs_journal_head) },
		{ pkernfs_offset(m, slot->in_use), sizeof(slot->in_use) },
		m->geo.area[PKERNFS_AREA_INODES],
		m->geo.area[PKERNFS_AREA_META],
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		if (target >= ranges[i].start && len <= ranges[i].size &&
		    target - ranges[i].start <= ranges[i].size - len)
			return true;
	}
	return false;
}

static bool is_record(const struct pkernfs_media *m,
		      const struct pkernfs_slot *slot,
		      const struct pkernfs_undo *undo, u32 used)
{
	u64 target = le64_to_cpu(undo->target);
	u32 length = le32_to_cpu(undo->length);
	u32 size = le16_to_cpu(undo->size);
	const struct pkernfs_zone *zone;

	if (size > used)
		return false;
	switch (undo->type) {
	case PKERNFS_UNDO_BYTES:
		return length <= PKERNFS_SLOT_LOG_SIZE &&
		       size == ALIGN(length, 8) + sizeof(*undo) &&
		       is_metadata(m, slot, target, length);
	case PKERNFS_UNDO_ALLOC:
	case PKERNFS_UNDO_FREE:
		if (undo->zone >= PKERNFS_NR_ZONES || size != sizeof(*undo))
			return false;
		zone = &m->zone[undo->zone];
		return length <= PKERNFS_MAX_RUN && length <= zone->count &&
		       target <= zone->count - length;
	default:
		return false;
	}
}

/* Copy the last record of a log of @used bytes, checked. */
static int last_record(struct pkernfs_media *m, struct pkernfs_slot *slot,
		       u32 used, struct pkernfs_undo *undo)
{
	void *end = slot_log(slot) + used;

	if (used >= sizeof(*undo) && used <= PKERNFS_SLOT_LOG_SIZE &&
	    IS_ALIGNED(used, 8)) {
		memcpy(undo, end - sizeof(*undo), sizeof(*undo));
		if (is_record(m, slot, undo, used))
			return 0;
	}
	return pkernfs_corrupt(m, 0, pkernfs_offset(m, end),
			       "the journal has no valid record before this");
}

static int check_log(struct pkernfs_media *m, struct pkernfs_slot *slot)
{
	u32 used = le32_to_cpu(slot->used);
	struct pkernfs_undo undo;
	int err;

	for (; used; used -= le16_to_cpu(undo.size)) {
		err = last_record(m, slot, used, &undo);
		if (err)
			return err;
	}
	return 0;
}

/* @record is where the record of @undo begins. */
static void apply(struct pkernfs_media *m, const struct pkernfs_undo *undo,
		  const void *record)
{
	u64 target = le64_to_cpu(undo->target);
	u32 length = le32_to_cpu(undo->length);

	if (undo->type == PKERNFS_UNDO_BYTES)
		memcpy(pkernfs_at(m, target), record, length);
	else
		pkernfs_bits_change(m, undo->zone, target, length,
				    undo->type == PKERNFS_UNDO_FREE);
}

/*
 * Each record is dropped as soon as it was put back: bits that are free again
 * may be taken by another transaction, and must not be cleared a second time.
 */
static int roll_back(struct pkernfs_media *m, struct pkernfs_slot *slot)
{
	u32 used = le32_to_cpu(slot->used);
	struct pkernfs_undo undo;
	int err;

	while (used) {
		err = last_record(m, slot, used, &undo);
		if (err)
			return err;
		used -= le16_to_cpu(undo.size);
		spin_lock(&m->alloc_lock);
		apply(m, &undo, slot_log(slot) + used);
		/* The record is needed until it was put back. */
		smp_wmb();
		set_used(slot, used);
		/* It must be gone when its bits are used again. */
		smp_wmb();
		spin_unlock(&m->alloc_lock);
		cond_resched();
	}
	return 0;
}

/**
 * pkernfs_tx_abort() - undo all changes of a transaction
 * @tx: the transaction, which ends
 *
 * Never fails, unless a stray write hit the log; that is reported.
 */
void pkernfs_tx_abort(struct pkernfs_tx *tx)
{
	struct pkernfs_media *m = tx->m;
	int i;

	if (roll_back(m, tx->slot)) {
		/* Nothing must be built on it. */
		WRITE_ONCE(m->broken, true);
		pkernfs_corrupt(m, 0, pkernfs_offset(m, tx->slot),
				"half a transaction remains");
	} else {
		spin_lock(&m->alloc_lock);
		for (i = 0; i < PKERNFS_NR_ZONES; i++)
			m->zone[i].free += tx->in_use[i];
		spin_unlock(&m->alloc_lock);
	}
	unlock(tx);
}

/*
 * Wrong counters are no obstacle to a mount: at worst a zone counts as full that
 * is not, until a repair.
 */
static void count_free(struct pkernfs_media *m, enum pkernfs_zone_id id)
{
	struct pkernfs_zone *zone = &m->zone[id];
	u64 in_use = 0;
	u32 i;

	for (i = 0; i < m->journal->nr_slots; i++)
		in_use += le64_to_cpu(pkernfs_slot(m, i)->in_use[id]);
	if (in_use > zone->count) {
		pkernfs_corrupt(m, 0, pkernfs_offset(m, pkernfs_slot(m, 0)->in_use),
				"zone %d has %llu blocks, but %lld are counted",
				id, zone->count, in_use);
		in_use = 0;
	}
	zone->free = zone->count - in_use;
}

/* The journal has at least the block before the slots. */
static u32 count_slots(const struct pkernfs_media *m)
{
	return (m->geo.area[PKERNFS_AREA_JOURNAL].size - PKERNFS_BLOCK_SIZE) /
	       PKERNFS_SLOT_SIZE;
}

/**
 * pkernfs_is_interrupted() - whether pkernfs_recover() has anything to undo
 * @m: the region; its superblock has been read
 *
 * Changes nothing, and the caller excludes everybody who does.
 *
 * Return: true if a transaction was not over when the last user stopped.
 */
bool pkernfs_is_interrupted(const struct pkernfs_media *m)
{
	u32 i, n = count_slots(m);

	for (i = 0; i < n; i++) {
		if (pkernfs_slot(m, i)->used)
			return true;
	}
	return false;
}

static int create_journal(struct pkernfs_media *m)
{
	const struct pkernfs_range *area = &m->geo.area[PKERNFS_AREA_JOURNAL];
	u32 i, n = count_slots(m);
	struct pkernfs_journal *journal;

	if (!n)
		return pkernfs_corrupt(m, 0, area->start,
				       "the journal of 0x%llx bytes has no slot",
				       area->size);
	journal = kvzalloc(struct_size(journal, slot, n), GFP_KERNEL);
	if (!journal)
		return -ENOMEM;
	journal->nr_slots = n;
	for (i = 0; i < n; i++)
		mutex_init(&journal->slot[i].lock);
	mutex_init(&journal->limbo_lock);
	for (i = 0; i < PKERNFS_NR_ORPHAN_LISTS; i++)
		mutex_init(&journal->orphan_lock[i]);
	m->journal = journal;
	return 0;
}

/**
 * pkernfs_drop_damaged_logs() - give up logs that cannot be read
 * @m: the region; its superblock has been read
 *
 * For a repair, before pkernfs_recover(), which refuses a region with such a log.
 * What was to be undone remains, so the region is marked as unchecked first: it may
 * not be mounted writable until pkernfs_check() finds nothing. The caller excludes
 * every other user.
 *
 * Return: how many logs there were; each has been reported.
 */
u32 pkernfs_drop_damaged_logs(struct pkernfs_media *m)
{
	u32 i, n = count_slots(m), dropped = 0;

	pkernfs_zones_init(m);
	for (i = 0; i < n; i++) {
		if (!check_log(m, pkernfs_slot(m, i)))
			continue;
		if (!dropped++) {
			m->state.flags |= PKERNFS_STATE_UNCHECKED;
			pkernfs_sb_write_state(m);
		}
		set_used(pkernfs_slot(m, i), 0);
	}
	return dropped;
}

static int roll_back_all(struct pkernfs_media *m)
{
	u32 i;
	int err;

	/* All or nothing: a damaged log leaves the region as it is. */
	for (i = 0; i < m->journal->nr_slots; i++) {
		err = check_log(m, pkernfs_slot(m, i));
		if (err)
			return err;
	}
	for (i = 0; i < m->journal->nr_slots; i++) {
		err = roll_back(m, pkernfs_slot(m, i));
		if (err)
			return err;
	}
	return 0;
}

/**
 * pkernfs_recover() - undo what was interrupted and get ready for use
 * @m: the region; its superblock has been read or written
 *
 * Costs the same for any size and number of files. The caller excludes every
 * other user, deletes what pkernfs_orphan_next() finds next, and calls
 * pkernfs_release() in the end.
 *
 * Return: 0; -ENOMEM; -EUCLEAN when the journal is damaged, without a change: see
 * pkernfs_drop_damaged_logs().
 */
int pkernfs_recover(struct pkernfs_media *m)
{
	int i, err;

	spin_lock_init(&m->alloc_lock);
	m->limbo = 0;
	m->broken = false;
	pkernfs_zones_init(m);
	err = create_journal(m);
	if (err)
		return err;
	err = roll_back_all(m);
	if (err) {
		pkernfs_release(m);
		return err;
	}
	for (i = 0; i < PKERNFS_NR_ZONES; i++)
		count_free(m, i);
	return 0;
}

/**
 * pkernfs_release() - forget what pkernfs_recover() set up
 * @m: the region, without open transactions
 */
void pkernfs_release(struct pkernfs_media *m)
{
	kvfree(m->journal);
	m->journal = NULL;
}
