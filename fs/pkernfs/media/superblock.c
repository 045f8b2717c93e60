// SPDX-License-Identifier: GPL-2.0-only
/*
 * The superblock: telling a region that was never formatted from one that is
 * intact and one that is damaged, and writing it so that a stop between any two
 * stores leaves one of the first two.
 *
 * Nothing here trusts the media: what was read is copied first, then checked,
 * then used.
 */
#include <asm/barrier.h>
#include <asm/byteorder.h>
#include <linux/compiler.h>
#include <linux/crc32c.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/stdarg.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "internal.h"

static const struct {
	u64 offset;
	const char *name;
} copies[] = {
	{ PKERNFS_SB_OFFSET, "primary" },
	{ PKERNFS_SB_BACKUP_OFFSET, "backup" },
};

/**
 * pkernfs_refuse() - set a reason and pass on an error
 * @why: where the reason goes
 * @err: negative errno
 * @fmt: the reason, one sentence without newline
 *
 * Return: @err.
 */
int pkernfs_refuse(struct pkernfs_message *why, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, args);
	va_end(args);
	return err;
}

/**
 * pkernfs_corrupt() - report that something on media is wrong
 * @m: the region
 * @ino: whose inode, map or directory it is; 0 for none in particular
 * @offset: where in the region the wrong value stands
 * @fmt: what is wrong, without newline
 *
 * Return: -EUCLEAN.
 */
int pkernfs_corrupt(struct pkernfs_media *m, u32 ino, u64 offset,
		    const char *fmt, ...)
{
	struct pkernfs_message message;
	va_list args;

	if (m->report) {
		va_start(args, fmt);
		vsnprintf(message.text, sizeof(message.text), fmt, args);
		va_end(args);
		m->report(m, ino, offset, message.text);
	}
	return -EUCLEAN;
}

static u32 static_csum(const struct pkernfs_sb *sb)
{
	return crc32c(~0, &sb->version, offsetof(struct pkernfs_sb, state) -
		      offsetof(struct pkernfs_sb, version));
}

static u32 state_csum(const struct pkernfs_sb_state *state)
{
	return crc32c(~0, &state->flags,
		      sizeof(*state) - offsetof(struct pkernfs_sb_state, flags));
}

static bool has_state_csum(const struct pkernfs_sb *sb)
{
	return sb->state.csum == cpu_to_le32(state_csum(&sb->state));
}

static struct pkernfs_sb *sb_copy(const struct pkernfs_media *m, int i)
{
	return m->base + copies[i].offset;
}

static bool has_magic(const struct pkernfs_sb *sb)
{
	return sb->magic == cpu_to_le64(PKERNFS_MAGIC);
}

/**
 * pkernfs_sb_has_csum() - is what formatting has set as it was?
 * @sb: a copy of the superblock
 *
 * Return: whether its checksum is right.
 */
bool pkernfs_sb_has_csum(const struct pkernfs_sb *sb)
{
	return sb->csum == cpu_to_le32(static_csum(sb));
}

static bool is_being_formatted(const struct pkernfs_sb *sb)
{
	return sb->magic == cpu_to_le64(PKERNFS_MAGIC_FORMATTING);
}

/*
 * A copy is present when its magic number, its checksum or its place is right:
 * one of them alone is damage, not absence.
 */
static bool is_present(const struct pkernfs_media *m,
		       const struct pkernfs_sb *sb)
{
	if (is_being_formatted(sb))
		return false;
	return has_magic(sb) || pkernfs_sb_has_csum(sb) ||
	       (sb->region_base == cpu_to_le64(m->phys) &&
		sb->region_size == cpu_to_le64(m->size));
}

/* What is set by formatting, with its checksum. */
#define STATIC_SIZE	(offsetof(struct pkernfs_sb, state) - \
			 offsetof(struct pkernfs_sb, csum))

static bool are_equal(const struct pkernfs_sb *a, const struct pkernfs_sb *b)
{
	return !memcmp(&a->csum, &b->csum, STATIC_SIZE);
}

/*
 * The first and the last store of formatting are to the backup's magic number,
 * so it may say that a format is under way when there is none.
 */
static int check_copy(const struct pkernfs_sb *sb, int i,
		      struct pkernfs_message *why)
{
	if (!has_magic(sb) && !(i == 1 && is_being_formatted(sb)))
		return pkernfs_refuse(why, -EUCLEAN,
				      "%s superblock at 0x%llx: magic number is 0x%llx, expected 0x%llx",
				      copies[i].name, copies[i].offset,
				      le64_to_cpu(sb->magic), PKERNFS_MAGIC);
	if (!pkernfs_sb_has_csum(sb))
		return pkernfs_refuse(why, -EUCLEAN,
				      "%s superblock at 0x%llx: checksum is 0x%08x, expected 0x%08x",
				      copies[i].name, copies[i].offset,
				      le32_to_cpu(sb->csum), static_csum(sb));
	return 0;
}

static int check_compatible(const struct pkernfs_media *m,
			    const struct pkernfs_sb *sb,
			    struct pkernfs_message *why)
{
	u64 unknown = le64_to_cpu(sb->incompat) & ~PKERNFS_INCOMPAT_KNOWN;

	if (le32_to_cpu(sb->version) != PKERNFS_VERSION)
		return pkernfs_refuse(why, -EPROTONOSUPPORT,
				      "format version %u, this kernel knows version %u",
				      le32_to_cpu(sb->version), PKERNFS_VERSION);
	if (unknown)
		return pkernfs_refuse(why, -EOPNOTSUPP,
				      "incompatible features 0x%llx, which this kernel does not know",
				      unknown);
	if (le64_to_cpu(sb->region_base) != m->phys)
		return pkernfs_refuse(why, -ERANGE,
				      "formatted at address 0x%llx, but pkernfs= says 0x%llx",
				      le64_to_cpu(sb->region_base), m->phys);
	if (le64_to_cpu(sb->region_size) != m->size)
		return pkernfs_refuse(why, -ERANGE,
				      "formatted with size 0x%llx, but pkernfs= says 0x%llx",
				      le64_to_cpu(sb->region_size), m->size);
	if (le32_to_cpu(sb->inode_size) != PKERNFS_INODE_SIZE)
		return pkernfs_refuse(why, -EUCLEAN, "inode size is %u, expected %u",
				      le32_to_cpu(sb->inode_size),
				      PKERNFS_INODE_SIZE);
	return 0;
}

/*
 * Asked of both states, though one may be what the other one was before: a newer
 * kernel may have stopped between them. The flags of a torn one mean nothing.
 */
static int check_state_flags(const struct pkernfs_sb *sb,
			     struct pkernfs_message *why)
{
	u32 unknown = le32_to_cpu(sb->state.flags) & ~PKERNFS_STATE_KNOWN;

	if (!unknown || !has_state_csum(sb))
		return 0;
	return pkernfs_refuse(why, -EOPNOTSUPP,
			      "state flags 0x%x, which this kernel does not know",
			      unknown);
}

static int read_geometry(struct pkernfs_media *m, const struct pkernfs_sb *sb,
			 struct pkernfs_message *why)
{
	int i;

	m->geo.data_block_shift = le32_to_cpu(sb->data_block_shift);
	for (i = 0; i < PKERNFS_NR_AREAS; i++) {
		m->geo.area[i].start = le64_to_cpu(sb->area[i].start);
		m->geo.area[i].size = le64_to_cpu(sb->area[i].size);
	}
	return pkernfs_geometry_check(m->phys, m->size, &m->geo, why);
}

/*
 * One torn state is what a stop leaves, see pkernfs_sb_write_state(). An intact
 * primary state is the whole truth.
 */
static int read_state(struct pkernfs_media *m, const struct pkernfs_sb sb[2],
		      struct pkernfs_message *why)
{
	bool primary = has_state_csum(&sb[0]);
	const struct pkernfs_sb_state *d = &sb[primary ? 0 : 1].state;
	struct pkernfs_state *s = &m->state;

	if (!primary && !has_state_csum(&sb[1]))
		return pkernfs_refuse(why, -EUCLEAN,
				      "superblock states at 0x%llx and 0x%llx: both checksums are wrong",
				      copies[0].offset + offsetof(struct pkernfs_sb, state),
				      copies[1].offset + offsetof(struct pkernfs_sb, state));

	s->flags = le32_to_cpu(d->flags);
	s->generation = le64_to_cpu(d->generation);
	s->mounts = le64_to_cpu(d->mounts);
	return 0;
}

/**
 * pkernfs_sb_is_present() - has a copy of the superblock its magic number?
 * @m: the region; base is set
 *
 * For when there are no checksums yet: the kernel has them later in boot. Nor is it
 * known then if this is a region. It may be a module with damaged memory.
 *
 * Return: whether one has, be it damaged or of another version, address or size.
 */
bool pkernfs_sb_is_present(const struct pkernfs_media *m)
{
	__le64 magic;
	int i;

	for (i = 0; i < 2; i++) {
		if (!copy_mc_to_kernel(&magic, &sb_copy(m, i)->magic,
				       sizeof(magic)) &&
		    magic == cpu_to_le64(PKERNFS_MAGIC))
			return true;
	}
	return false;
}

/**
 * pkernfs_sb_read() - find out what a region holds
 * @m: the region; base, phys and size are set. On success geometry, state,
 *     uuid and unknown features are filled in.
 * @why: set when refused
 *
 * Changes no byte of the region. The caller excludes writers.
 *
 * Return: 0 for an intact region; -ENODATA when it holds no superblock or an
 * unfinished format, so that it may be formatted; -EUCLEAN when a superblock is
 * damaged; -EPROTONOSUPPORT for another format version; -EOPNOTSUPP for
 * incompatible features or a state that is not known; -ERANGE when it was formatted
 * with another address or size.
 */
int pkernfs_sb_read(struct pkernfs_media *m, struct pkernfs_message *why)
{
	struct pkernfs_sb sb[2];
	int i, err;

	for (i = 0; i < 2; i++)
		memcpy(&sb[i], sb_copy(m, i), sizeof(sb[i]));

	if (!is_present(m, &sb[0]) && !is_present(m, &sb[1]))
		return pkernfs_refuse(why, -ENODATA, "holds no superblock");
	for (i = 0; i < 2; i++) {
		err = check_copy(&sb[i], i, why);
		if (err)
			return err;
	}
	if (!are_equal(&sb[0], &sb[1]))
		return pkernfs_refuse(why, -EUCLEAN,
				      "primary and backup superblock differ");

	err = check_compatible(m, &sb[0], why);
	for (i = 0; i < 2 && !err; i++)
		err = check_state_flags(&sb[i], why);
	if (err)
		return err;
	err = read_geometry(m, &sb[0], why);
	if (err)
		return err;
	err = read_state(m, sb, why);
	if (err)
		return err;

	m->unknown_ro_compat = le64_to_cpu(sb[0].ro_compat) &
			       ~PKERNFS_RO_COMPAT_KNOWN;
	memcpy(m->uuid, sb[0].uuid, sizeof(m->uuid));
	return 0;
}

static void fill_state(const struct pkernfs_state *s,
		       struct pkernfs_sb_state *d)
{
	memset(d, 0, sizeof(*d));
	d->flags = cpu_to_le32(s->flags);
	d->generation = cpu_to_le64(s->generation);
	d->mounts = cpu_to_le64(s->mounts);
	d->csum = cpu_to_le32(state_csum(d));
}

/* What looks damaged may be meant so where there is anything unknown. */
static int check_repairable(struct pkernfs_media *m, const struct pkernfs_sb *good,
			    const struct pkernfs_sb *bad,
			    struct pkernfs_message *why)
{
	u64 unknown = le64_to_cpu(good->ro_compat) & ~PKERNFS_RO_COMPAT_KNOWN;
	int err;

	err = check_compatible(m, good, why);
	if (err)
		return err;
	if (unknown)
		return pkernfs_refuse(why, -EOPNOTSUPP,
				      "unknown features 0x%llx, so it cannot be repaired",
				      unknown);
	err = check_state_flags(good, why);
	err = err ?: check_state_flags(bad, why);
	return err ?: read_geometry(m, good, why);
}

/* A state of its own a copy may keep, see read_state(). */
static void repair_states(struct pkernfs_sb *good, struct pkernfs_sb *bad)
{
	/* What they count is not worth a region, but was it checked? */
	const struct pkernfs_state none = { .flags = PKERNFS_STATE_UNCHECKED };

	if (has_state_csum(bad))
		return;
	if (!has_state_csum(good))
		fill_state(&none, &good->state);
	memcpy(&bad->state, &good->state, sizeof(bad->state));
}

/**
 * pkernfs_sb_repair() - make a damaged copy of the superblock what the other one is
 * @m: the region; base, phys and size are set
 * @why: set when refused
 *
 * For a region that pkernfs_sb_read() calls damaged, and will call intact then. A
 * stop inside leaves it damaged, or intact and unchecked. The caller excludes other
 * users.
 *
 * When both states are damaged they begin anew, with all counts 0 and as unchecked.
 *
 * Return: 0; without a change, -EUCLEAN when both copies are damaged, or differ, or
 * make no sense, or what pkernfs_sb_read() returns for a region that is not known.
 */
int pkernfs_sb_repair(struct pkernfs_media *m, struct pkernfs_message *why)
{
	bool backup = !check_copy(sb_copy(m, 1), 1, why);
	bool primary = !check_copy(sb_copy(m, 0), 0, why);
	struct pkernfs_sb *bad = sb_copy(m, primary), *good = sb_copy(m, !primary);
	int err;

	if (!primary && !backup)
		return pkernfs_refuse(why, -EUCLEAN,
				      "both copies of the superblock are damaged");
	if (primary && backup && !are_equal(good, bad))
		return pkernfs_refuse(why, -EUCLEAN,
				      "both copies of the superblock are intact, but differ");
	err = check_repairable(m, good, bad, why);
	if (err)
		return err;

	repair_states(good, bad);
	memcpy(&bad->csum, &good->csum, STATIC_SIZE);
	/* With its magic number it counts again. */
	smp_store_release(&bad->magic, cpu_to_le64(PKERNFS_MAGIC));
	return 0;
}

static void fill_sb(const struct pkernfs_media *m, struct pkernfs_sb *sb)
{
	int i;

	memset(sb, 0, sizeof(*sb));
	sb->version = cpu_to_le32(PKERNFS_VERSION);
	memcpy(sb->uuid, m->uuid, sizeof(sb->uuid));
	sb->region_base = cpu_to_le64(m->phys);
	sb->region_size = cpu_to_le64(m->size);
	sb->data_block_shift = cpu_to_le32(m->geo.data_block_shift);
	sb->inode_size = cpu_to_le32(PKERNFS_INODE_SIZE);
	for (i = 0; i < PKERNFS_NR_AREAS; i++) {
		sb->area[i].start = cpu_to_le64(m->geo.area[i].start);
		sb->area[i].size = cpu_to_le64(m->geo.area[i].size);
	}
	sb->csum = cpu_to_le32(static_csum(sb));
	fill_state(&m->state, &sb->state);
}

static void clear_area(const struct pkernfs_media *m, enum pkernfs_area_id id)
{
	memset(pkernfs_at(m, m->geo.area[id].start), 0, m->geo.area[id].size);
}

/* No transaction, no orphan, no block in use but the root directory's inode. */
static void format_root(const struct pkernfs_media *m,
			const struct pkernfs_attr *attr)
{
	struct pkernfs_slot *slot = pkernfs_slot(m, 0);
	__le64 *bitmap;
	int i;

	clear_area(m, PKERNFS_AREA_JOURNAL);
	for (i = PKERNFS_AREA_INODE_BITMAP; i <= PKERNFS_AREA_DATA_BITMAP; i++)
		clear_area(m, i);

	pkernfs_inode_fill(pkernfs_inode(m, PKERNFS_ROOT_INO), attr);
	bitmap = pkernfs_at(m, m->geo.area[PKERNFS_AREA_INODE_BITMAP].start);
	bitmap[0] = cpu_to_le64(1);
	slot->in_use[PKERNFS_ZONE_INODES] = cpu_to_le64(1);
}

/**
 * pkernfs_sb_format() - make the region a new, empty filesystem
 * @m: the region; base, phys, size, geo, state and uuid are set
 * @root: the root directory; size, blocks, nlink and parent are set here
 *
 * A stop inside leaves what the region held, an unfinished format, which a mount
 * begins again, or the new filesystem. The caller excludes every
 * other user of the region and calls pkernfs_recover() next.
 */
void pkernfs_sb_format(struct pkernfs_media *m, const struct pkernfs_attr *root)
{
	struct pkernfs_sb *primary = sb_copy(m, 0), *backup = sb_copy(m, 1);
	struct pkernfs_attr attr = *root;
	struct pkernfs_sb sb;

	WRITE_ONCE(backup->magic, cpu_to_le64(PKERNFS_MAGIC_FORMATTING));
	/* What the region holds is still whole here, and gone after the next. */
	smp_wmb();
	WRITE_ONCE(primary->magic, cpu_to_le64(PKERNFS_MAGIC_FORMATTING));
	/* Everything below must find the region marked as unfinished. */
	smp_wmb();

	attr.size = 0;
	attr.nlink = 2;
	attr.parent = PKERNFS_ROOT_INO;
	format_root(m, &attr);

	fill_sb(m, &sb);
	sb.magic = cpu_to_le64(PKERNFS_MAGIC_FORMATTING);
	memcpy(backup, &sb, sizeof(sb));
	memcpy(primary, &sb, sizeof(sb));

	/* The format is complete once this is seen, so all of it goes first. */
	smp_store_release(&primary->magic, cpu_to_le64(PKERNFS_MAGIC));
	WRITE_ONCE(backup->magic, cpu_to_le64(PKERNFS_MAGIC));
	m->unknown_ro_compat = 0;
}

/**
 * pkernfs_sb_write_state() - make the in-memory state the one on media
 * @m: the region
 *
 * A stop inside leaves the old state or the new one for the next mount: while
 * one copy is written, the other one is whole. So a copy that is torn already is
 * written first. The caller serialises calls for the same region.
 */
void pkernfs_sb_write_state(struct pkernfs_media *m)
{
	struct pkernfs_sb *first = sb_copy(m, 1), *second = sb_copy(m, 0);
	struct pkernfs_sb_state state;

	/* The last store of a format, which a stop may have kept away. */
	WRITE_ONCE(first->magic, cpu_to_le64(PKERNFS_MAGIC));
	if (!has_state_csum(second))
		swap(first, second);
	fill_state(&m->state, &state);
	memcpy(&first->state, &state, sizeof(state));
	/* The second copy may be torn only when the first one is whole. */
	smp_wmb();
	memcpy(&second->state, &state, sizeof(state));
	/* Whatever the caller does next comes after this change. */
	smp_wmb();
}
