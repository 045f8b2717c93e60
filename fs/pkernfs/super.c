// SPDX-License-Identifier: GPL-2.0-only
/* Mounting: options, formatting or restoring, statfs, remount, unmount. */
#define pr_fmt(fmt) "pkernfs: " fmt

#include <linux/crash_dump.h>
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/init.h>
#include <linux/ktime.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/statfs.h>
#include <linux/uuid.h>

#include "pkernfs.h"

/**
 * struct pkernfs_mount_options - what a mount asks for
 * @format: make a new filesystem whatever the region holds
 * @check: check everything before the mount succeeds
 * @repair: the same, and repair what can be repaired
 * @errors: what to do about damage, 0 when that was not said
 * @layout: for formatting; otherwise what is given must be what is there
 * @filled: a superblock was set up, not found
 */
struct pkernfs_mount_options {
	bool format;
	bool check;
	bool repair;
	enum pkernfs_errors errors;
	struct pkernfs_format_options layout;
	bool filled;
};

enum {
	OPT_FORMAT, OPT_CHECK, OPT_REPAIR, OPT_ERRORS, OPT_BLOCK, OPT_SMALL,
	OPT_INODES, OPT_EMERGENCY_RO
};

static const struct constant_table errors_names[] = {
	{ "remount-ro",	PKERNFS_ERRORS_REMOUNT_RO },
	{ "continue",	PKERNFS_ERRORS_CONTINUE },
	{ "panic",	PKERNFS_ERRORS_PANIC },
	{}
};

static const struct fs_parameter_spec pkernfs_parameters[] = {
	fsparam_flag("format", OPT_FORMAT),
	fsparam_flag("check", OPT_CHECK),
	fsparam_flag("repair", OPT_REPAIR),
	fsparam_enum("errors", OPT_ERRORS, errors_names),
	fsparam_string("block", OPT_BLOCK),
	fsparam_string("small", OPT_SMALL),
	fsparam_string("inodes", OPT_INODES),
	fsparam_flag("emergency_ro", OPT_EMERGENCY_RO),
	{}
};

static int parse_number(struct fs_context *fc, struct fs_parameter *param,
			u64 *number)
{
	const char *end = param->string;

	if (pkernfs_parse_size(&end, number) || *end || !*number)
		return invalfc(fc, "%s=%s: expected a number above 0, such as 2M",
			      param->key, param->string);
	return 0;
}

static int pkernfs_parse_param(struct fs_context *fc, struct fs_parameter *param)
{
	struct pkernfs_mount_options *options = fc->fs_private;
	struct fs_parse_result result;
	int opt;

	opt = fs_parse(fc, pkernfs_parameters, param, &result);
	switch (opt) {
	case OPT_FORMAT:
		options->format = true;
		return 0;
	case OPT_CHECK:
		options->check = true;
		return 0;
	case OPT_REPAIR:
		options->check = true;
		options->repair = true;
		return 0;
	case OPT_ERRORS:
		options->errors = result.uint_32;
		return 0;
	case OPT_BLOCK:
		return parse_number(fc, param, &options->layout.data_block_size);
	case OPT_SMALL:
		return parse_number(fc, param, &options->layout.small_size);
	case OPT_INODES:
		return parse_number(fc, param, &options->layout.inodes);
	case OPT_EMERGENCY_RO:
		/* A remount repeats what /proc/mounts shows; it cannot be chosen. */
		return 0;
	default:
		return opt;
	}
}

/*
 * A region that is formatted already keeps its layout: say so, rather than mount
 * something else than what was asked for. small= and inodes= ask for at least
 * that much, since formatting rounds them up.
 */
static int check_layout(struct fs_context *fc, struct pkernfs_region *region)
{
	const struct pkernfs_mount_options *options = fc->fs_private;
	const struct pkernfs_format_options *want = &options->layout;
	const struct pkernfs_geometry *geo = &region->media.geo;
	u64 block = 1ULL << geo->data_block_shift;
	u64 small = geo->area[PKERNFS_AREA_SMALL].size;
	u64 inodes = pkernfs_geometry_inodes(geo);

	if (want->data_block_size && want->data_block_size != block)
		return invalfc(fc, "%s has block=%llu; only -o format changes that",
			      region->name, block);
	if (want->small_size > small)
		return invalfc(fc, "%s has small=%llu; only -o format changes that",
			      region->name, small);
	if (want->inodes > inodes)
		return invalfc(fc, "%s has inodes=%llu; only -o format changes that",
			      region->name, inodes);
	return 0;
}

static int format_region(struct fs_context *fc, struct pkernfs_region *region)
{
	const struct pkernfs_mount_options *options = fc->fs_private;
	struct pkernfs_media *m = &region->media;
	struct pkernfs_timestamp now;
	struct pkernfs_message why;
	struct pkernfs_attr root;
	struct timespec64 ts;
	int err;

	err = pkernfs_geometry_plan(m->phys, m->size, &options->layout,
				    &m->geo, &why);
	if (err) {
		errorfc(fc, "%s cannot be formatted: %s", region->name,
			why.text);
		return err;
	}

	err = pkernfs_drop_pages(region);
	if (err) {
		errorfc(fc, "%s was not formatted: some of its memory is still pinned",
			region->name);
		return err;
	}

	ktime_get_real_ts64(&ts);
	now = (struct pkernfs_timestamp) { .sec = ts.tv_sec, .nsec = ts.tv_nsec };
	generate_random_uuid(m->uuid);
	root = (struct pkernfs_attr) {
		.mode	= S_IFDIR | 0755,
		.atime	= now,
		.mtime	= now,
		.ctime	= now,
		.btime	= now,
	};
	memset(&m->state, 0, sizeof(m->state));
	pkernfs_sb_format(m, &root);
	region->counted = false;
	return 0;
}

/* One copy of the superblock is enough to get the other one back. */
static int read_superblock(struct fs_context *fc, struct pkernfs_region *region,
			   struct pkernfs_message *why)
{
	const struct pkernfs_mount_options *options = fc->fs_private;
	int err = pkernfs_sb_read(&region->media, why);

	if (err != -EUCLEAN || !options->repair)
		return err;
	warnfc(fc, "%s: %s", region->name, why->text);
	err = pkernfs_sb_repair(&region->media, why);
	return err ?: pkernfs_sb_read(&region->media, why);
}

/*
 * Restore what the region holds; format it when it holds nothing. A damaged
 * region is neither: it may be all that is left of somebody's machines.
 *
 * Two kernels format only when asked to. One that got the range from a kernel
 * before it, which must have had a reason to keep it: the address may be wrong
 * now. And a kdump kernel, which is there to save what the kernel that crashed
 * has left, and cannot know if there is memory at all behind the range.
 */
static int open_region(struct fs_context *fc, struct pkernfs_region *region,
		       bool *formatted)
{
	const struct pkernfs_mount_options *options = fc->fs_private;
	struct pkernfs_message why;
	int err = -ENODATA;

	if (options->repair && fc->sb_flags & SB_RDONLY) {
		errorfc(fc, "%s cannot be repaired by a read-only mount",
			region->name);
		return -EROFS;
	}
	if (!options->format)
		err = read_superblock(fc, region, &why);
	*formatted = err == -ENODATA;
	if (!err)
		return check_layout(fc, region);
	if (err != -ENODATA) {
		errorfc(fc, "%s was not mounted and not changed: %s",
			region->name, why.text);
		return err;
	}
	if (fc->sb_flags & SB_RDONLY) {
		errorfc(fc, "%s is to be formatted, which a read-only mount cannot do",
			region->name);
		return -EROFS;
	}
	if (is_kdump_kernel() && !options->format) {
		errorfc(fc, "%s holds no filesystem, and a kdump kernel makes none",
			region->name);
		return -ENODATA;
	}
	if (region->inherited && !options->format) {
		errorfc(fc, "%s holds no filesystem, but the kernel before kept it",
			region->name);
		infofc(fc, "are address and size as before? Only -o format makes a new one");
		return -ENODATA;
	}
	return format_region(fc, region);
}

/* Record on media that this kernel writes to the region from now on. */
static void count_mount(struct pkernfs_region *region)
{
	struct pkernfs_state *s = &region->media.state;

	mutex_lock(&region->lock);
	if (!region->counted)
		s->generation++;
	region->counted = true;
	s->mounts++;
	s->flags &= ~PKERNFS_STATE_CLEAN;
	pkernfs_sb_write_state(&region->media);
	mutex_unlock(&region->lock);
}

/* Nobody can write yet. */
static void begin_writing(struct super_block *sb)
{
	struct pkernfs_region *region = pkernfs_sb_region(sb);

	count_mount(region);
	/* What is deleted now is deleted only from a writable superblock. */
	sb->s_flags &= ~SB_RDONLY;
	/* A damaged orphan must not keep the rest from being used. */
	WRITE_ONCE(region->policy_sb, NULL);
	pkernfs_reclaim_orphans(sb);
	pkernfs_set_reaper(region, sb);
}

static void end_writing(struct pkernfs_region *region)
{
	pkernfs_set_reaper(region, NULL);
	/*
	 * Nor is the region marked as unchecked: what is damaged is found again by who
	 * needs it, and must not keep everything else from the next kernel.
	 */
	if (READ_ONCE(region->media.broken))
		return;
	mutex_lock(&region->lock);
	region->media.state.flags |= PKERNFS_STATE_CLEAN;
	pkernfs_sb_write_state(&region->media);
	mutex_unlock(&region->lock);
}

/*
 * Not in kill_sb: once kill_anon_super() is through, another mount may be setting
 * up the region already.
 */
static void close_region(struct pkernfs_region *region)
{
	pkernfs_release(&region->media);
	pkernfs_unmap_region(region);
	pkernfs_end_use();
}

static void pkernfs_put_super(struct super_block *sb)
{
	struct pkernfs_region *region = pkernfs_sb_region(sb);

	WRITE_ONCE(region->policy_sb, NULL);
	if (!sb_rdonly(sb))
		end_writing(region);
	close_region(region);
}

/*
 * What is on media is complete at any time. With these functions, though, the
 * VFS offers freezing, which keeps everything that changes it waiting; but stores
 * through mappings go on.
 */
static int pkernfs_freeze(struct super_block *sb)
{
	return 0;
}

static int pkernfs_unfreeze(struct super_block *sb)
{
	return 0;
}

static int pkernfs_statfs(struct dentry *dentry, struct kstatfs *buf)
{
	const struct pkernfs_media *m = pkernfs_media(dentry->d_sb);

	buf->f_type = PKERNFS_SUPER_MAGIC;
	buf->f_bsize = PKERNFS_BLOCK_SIZE;
	buf->f_blocks = (m->geo.area[PKERNFS_AREA_SMALL].size +
			 m->geo.area[PKERNFS_AREA_DATA].size) >>
			PKERNFS_BLOCK_SHIFT;
	buf->f_bfree = pkernfs_free_count(m, PKERNFS_ZONE_SMALL) +
		       (pkernfs_free_count(m, PKERNFS_ZONE_DATA) <<
			(m->geo.data_block_shift - PKERNFS_BLOCK_SHIFT));
	buf->f_bavail = buf->f_bfree;
	buf->f_files = pkernfs_geometry_inodes(&m->geo);
	buf->f_ffree = pkernfs_free_count(m, PKERNFS_ZONE_INODES);
	buf->f_fsid = uuid_to_fsid((u8 *)m->uuid);
	buf->f_namelen = NAME_MAX;
	return 0;
}

/* Two mounts may name the region differently ("none"): show its own name. */
static int pkernfs_show_devname(struct seq_file *m, struct dentry *root)
{
	seq_puts(m, pkernfs_sb_region(root->d_sb)->name);
	return 0;
}

static const char *errors_name(const struct pkernfs_region *region)
{
	const struct constant_table *entry = errors_names;

	while (entry->value != region->errors)
		entry++;
	return entry->name;
}

static int pkernfs_show_options(struct seq_file *m, struct dentry *root)
{
	const struct pkernfs_region *region = pkernfs_sb_region(root->d_sb);
	const struct pkernfs_geometry *geo = &region->media.geo;

	if (READ_ONCE(region->media.broken))
		seq_puts(m, ",emergency_ro");
	seq_printf(m, ",errors=%s", errors_name(region));
	seq_printf(m, ",block=%lluM,small=%lluK,inodes=%llu",
		   (1ULL << geo->data_block_shift) / SZ_1M,
		   geo->area[PKERNFS_AREA_SMALL].size / SZ_1K,
		   pkernfs_geometry_inodes(geo));
	return 0;
}

static struct kmem_cache *inode_cache;

static struct inode *pkernfs_alloc_inode(struct super_block *sb)
{
	struct pkernfs_inode_info *info;

	info = alloc_inode_sb(sb, inode_cache, GFP_KERNEL);
	return info ? &info->vfs_inode : NULL;
}

static void pkernfs_free_inode(struct inode *inode)
{
	kmem_cache_free(inode_cache, PKERNFS_I(inode));
}

static const struct super_operations pkernfs_super_operations = {
	.alloc_inode	= pkernfs_alloc_inode,
	.free_inode	= pkernfs_free_inode,
	.evict_inode	= pkernfs_evict_inode,
	.put_super	= pkernfs_put_super,
	.freeze_fs	= pkernfs_freeze,
	.unfreeze_fs	= pkernfs_unfreeze,
	.statfs		= pkernfs_statfs,
	.show_devname	= pkernfs_show_devname,
	.show_options	= pkernfs_show_options,
};

/*
 * Do what the administrator wants to be done about damage. What is under way then
 * fails with EROFS where it would begin a transaction. The caller may hold any
 * lock. SB_RDONLY stays as it is: it is for those who hold s_umount, and thawing a
 * superblock that has got it meanwhile leaves everybody waiting, see
 * thaw_super_locked() and ext4_handle_error() of 6.12.
 */
static void apply_policy(struct pkernfs_region *region, struct super_block *sb)
{
	if (region->errors == PKERNFS_ERRORS_PANIC)
		panic("pkernfs: %s is damaged, and mounted with errors=panic\n",
		      region->name);
	if (region->errors == PKERNFS_ERRORS_CONTINUE &&
	    !READ_ONCE(region->media.broken))
		return;
	if (sb_rdonly(sb))
		return;
	WRITE_ONCE(region->media.broken, true);
	if (!xchg(&region->told_broken, true))
		pr_crit("%s: becomes read-only, since it is damaged\n",
			region->name);
}

/* Deleting orphans may have broken the region, which had no consequences then. */
static void start_policy(struct pkernfs_region *region, struct super_block *sb)
{
	WRITE_ONCE(region->policy_sb, sb);
	if (READ_ONCE(region->media.broken))
		apply_policy(region, sb);
}

/* The one place where damage that media/ finds is told. */
static void report_damage(struct pkernfs_media *m, u32 ino, u64 offset,
			  const char *text)
{
	struct pkernfs_region *region =
		container_of(m, struct pkernfs_region, media);
	struct super_block *sb = READ_ONCE(region->policy_sb);

	pr_err_ratelimited("%s: inode %u, offset 0x%llx: %s\n", region->name,
			   ino, offset, text);
	if (sb)
		apply_policy(region, sb);
}

static int check_region(struct fs_context *fc, struct pkernfs_region *region)
{
	const struct pkernfs_mount_options *options = fc->fs_private;
	struct pkernfs_check_result found, left;
	int err;

	err = pkernfs_check(&region->media,
			    options->repair ? PKERNFS_CHECK_REPAIR : 0, &found);
	if (found.repaired) {
		warnfc(fc, "%s: %llu errors repaired", region->name,
		       found.repaired);
		/* Repairing one thing may have shown another. */
		err = pkernfs_check(&region->media, 0, &left);
		found = left;
	}
	if (err == -EUCLEAN)
		errorfc(fc, "%s did not pass the check: %llu errors, see the kernel log",
			region->name, found.errors - found.repaired);
	else if (err)
		errorfc(fc, "%s could not be checked", region->name);
	return err;
}

static bool is_unchecked(const struct pkernfs_region *region)
{
	return region->media.state.flags & PKERNFS_STATE_UNCHECKED;
}

/* A choice of the administrator's that is easily overlooked. */
static void warn_without_huge_pages(const struct pkernfs_region *region)
{
	if (!(transparent_hugepage_flags &
	      (1UL << TRANSPARENT_HUGEPAGE_FLAG |
	       1UL << TRANSPARENT_HUGEPAGE_REQ_MADV_FLAG)))
		pr_warn("%s: files are mapped by 4 KiB pages only, since /sys/kernel/mm/transparent_hugepage/enabled is 'never'\n",
			region->name);
}

/*
 * Undo what was interrupted, and check before anything builds on the rest. A
 * read-only mount does that, too, as with other filesystems that have a journal.
 * But with features that this kernel does not know, undoing may mean something
 * else than what it would do.
 */
static int recover_region(struct super_block *sb, struct fs_context *fc)
{
	const struct pkernfs_mount_options *options = fc->fs_private;
	struct pkernfs_region *region = pkernfs_sb_region(sb);
	u64 unknown = region->media.unknown_ro_compat;
	u32 dropped = 0;
	int err;

	if (unknown && pkernfs_is_interrupted(&region->media)) {
		errorfc(fc, "%s was not changed: it needs recovery but has unknown features 0x%llx",
			region->name, unknown);
		return -EOPNOTSUPP;
	}
	if (unknown && options->repair) {
		errorfc(fc, "%s cannot be repaired: it has unknown features 0x%llx",
			region->name, unknown);
		return -EOPNOTSUPP;
	}
	if (options->repair)
		dropped = pkernfs_drop_damaged_logs(&region->media);
	if (dropped)
		warnfc(fc, "%s: %u damaged logs dropped; what they would undo remains",
		       region->name, dropped);
	err = pkernfs_recover(&region->media);
	if (err) {
		errorfc(fc, "%s cannot be recovered; see the kernel log and -o repair",
			region->name);
		return err;
	}
	if (options->check || (is_unchecked(region) && !sb_rdonly(sb)))
		return check_region(fc, region);
	return 0;
}

/* Everything that can fail; what it sets up is undone by its caller. */
static int setup_super(struct super_block *sb, struct fs_context *fc,
		       bool *formatted)
{
	struct pkernfs_region *region = pkernfs_sb_region(sb);
	struct pkernfs_media *m = &region->media;
	struct inode *root;
	int err;

	err = open_region(fc, region, formatted);
	if (err)
		return err;
	if (m->unknown_ro_compat && !sb_rdonly(sb)) {
		warnfc(fc, "%s becomes read-only: it has unknown features 0x%llx",
		       region->name, m->unknown_ro_compat);
		sb->s_flags |= SB_RDONLY;
	}
	/* There is no telling an explicit "rw" from the default; a remount is one. */
	if (is_kdump_kernel() && !*formatted && !sb_rdonly(sb)) {
		warnfc(fc, "%s becomes read-only in a kdump kernel, until -o remount,rw",
		       region->name);
		sb->s_flags |= SB_RDONLY;
	}

	strscpy(sb->s_id, region->name, sizeof(sb->s_id));
	sb->s_magic = PKERNFS_SUPER_MAGIC;
	sb->s_blocksize = PKERNFS_BLOCK_SIZE;
	sb->s_blocksize_bits = PKERNFS_BLOCK_SHIFT;
	sb->s_maxbytes = PKERNFS_MAX_FILE_PAGES << PKERNFS_BLOCK_SHIFT;
	sb->s_time_gran = 1;
	sb->s_max_links = PKERNFS_MAX_LINKS;
	sb->s_flags |= SB_NOSEC;
	sb->s_op = &pkernfs_super_operations;
	sb->s_export_op = &pkernfs_export_operations;
	import_uuid(&sb->s_uuid, m->uuid);

	err = recover_region(sb, fc);
	if (err)
		return err;
	root = pkernfs_iget(sb, PKERNFS_ROOT_INO);
	if (IS_ERR(root)) {
		errorfc(fc, "%s: the root directory cannot be read, see the kernel log",
			region->name);
		return PTR_ERR(root);
	}
	if (!S_ISDIR(root->i_mode) || root->i_nlink < 2) {
		iput(root);
		errorfc(fc, "%s has no root directory", region->name);
		return -EUCLEAN;
	}
	sb->s_root = d_make_root(root);
	return sb->s_root ? 0 : -ENOMEM;
}

static int pkernfs_fill_super(struct super_block *sb, struct fs_context *fc)
{
	struct pkernfs_region *region = pkernfs_sb_region(sb);
	struct pkernfs_mount_options *options = fc->fs_private;
	struct pkernfs_media *m = &region->media;
	ktime_t start = ktime_get();
	bool formatted;
	int err;

	options->filled = true;
	region->errors = options->errors ?: PKERNFS_ERRORS_REMOUNT_RO;
	region->told_broken = false;
	m->report = report_damage;
	m->is_busy = pkernfs_is_pinned;
	m->await = pkernfs_await_unpin;
	err = pkernfs_begin_use();
	if (err) {
		errorfc(fc, "%s cannot be mounted during hibernation",
			region->name);
		return err;
	}
	err = pkernfs_map_region(region);
	if (err) {
		pkernfs_end_use();
		errorfc(fc, "%s cannot be mapped", region->name);
		return err;
	}
	err = setup_super(sb, fc, &formatted);
	if (err) {
		close_region(region);
		return err;
	}

	if (!sb_rdonly(sb))
		begin_writing(sb);
	start_policy(region, sb);
	warn_without_huge_pages(region);
	pr_info("%s: %s, %llu MiB, generation %llu, %lld us\n", region->name,
		formatted ? "formatted" : "restored", m->size / SZ_1M,
		m->state.generation, ktime_us_delta(ktime_get(), start));
	return 0;
}

/* A second mount gets the superblock of the first, which must be what it wants. */
static int check_shared(struct fs_context *fc, struct pkernfs_region *region)
{
	const struct pkernfs_mount_options *options = fc->fs_private;
	struct super_block *sb = fc->root->d_sb;

	if (options->check) {
		errorfc(fc, "%s is mounted; it can only be checked when it is not",
			region->name);
		return -EBUSY;
	}
	if (options->format) {
		errorfc(fc, "%s is mounted; unmount it before formatting",
			region->name);
		return -EBUSY;
	}
	if (options->errors && options->errors != region->errors) {
		errorfc(fc, "%s is already mounted with errors=%s",
			region->name, errors_name(region));
		return -EBUSY;
	}
	/* It may have become read-only, whatever the first mount wanted. */
	if (sb_rdonly(sb) &&
	    (region->media.unknown_ro_compat || is_kdump_kernel()))
		return check_layout(fc, region);
	if ((fc->sb_flags ^ sb->s_flags) & SB_RDONLY) {
		errorfc(fc, "%s is already mounted %s", region->name,
			sb_rdonly(sb) ? "read-only" : "read-write");
		return -EBUSY;
	}
	return check_layout(fc, region);
}

static int pkernfs_get_tree(struct fs_context *fc)
{
	struct pkernfs_mount_options *options = fc->fs_private;
	struct pkernfs_region *region;
	struct pkernfs_message why;
	int err;

	region = pkernfs_find_region(fc->source ?: "none", &why);
	if (IS_ERR(region)) {
		errorfc(fc, "%s", why.text);
		return PTR_ERR(region);
	}
	err = get_tree_keyed(fc, pkernfs_fill_super, region);
	if (err || options->filled)
		return err;

	err = check_shared(fc, region);
	if (err) {
		struct super_block *sb = fc->root->d_sb;

		dput(fc->root);
		fc->root = NULL;
		deactivate_locked_super(sb);
	}
	return err;
}

/* May the region be written to from now on? */
static int check_writable(struct fs_context *fc,
			  const struct pkernfs_region *region)
{
	if (region->media.unknown_ro_compat) {
		errorfc(fc, "%s stays read-only: it has unknown features 0x%llx",
			region->name, region->media.unknown_ro_compat);
		return -EROFS;
	}
	if (READ_ONCE(region->media.broken)) {
		errorfc(fc, "%s stays read-only, since it is damaged; see -o repair",
			region->name);
		return -EROFS;
	}
	if (is_unchecked(region)) {
		errorfc(fc, "%s stays read-only, since no check has passed; see -o check",
			region->name);
		return -EROFS;
	}
	return 0;
}

static int pkernfs_reconfigure(struct fs_context *fc)
{
	const struct pkernfs_mount_options *options = fc->fs_private;
	struct super_block *sb = fc->root->d_sb;
	struct pkernfs_region *region = pkernfs_sb_region(sb);
	bool rdonly = fc->sb_flags & SB_RDONLY;
	int err;

	if (options->format || options->check)
		return invalfc(fc, "a remount cannot format, check or repair; unmount %s first",
			       region->name);
	err = check_layout(fc, region);
	if (err)
		return err;
	if (!rdonly && fc->sb_flags_mask & SB_RDONLY) {
		err = check_writable(fc, region);
		if (err)
			return err;
	}
	if (options->errors)
		region->errors = options->errors;
	if (!(fc->sb_flags_mask & SB_RDONLY) || rdonly == sb_rdonly(sb))
		return 0;
	if (rdonly) {
		end_writing(region);
		return 0;
	}
	begin_writing(sb);
	start_policy(region, sb);
	return 0;
}

static void pkernfs_free_fc(struct fs_context *fc)
{
	kfree(fc->fs_private);
}

static const struct fs_context_operations pkernfs_context_operations = {
	.parse_param	= pkernfs_parse_param,
	.get_tree	= pkernfs_get_tree,
	.reconfigure	= pkernfs_reconfigure,
	.free		= pkernfs_free_fc,
};

static int pkernfs_init_fs_context(struct fs_context *fc)
{
	struct pkernfs_mount_options *options;

	options = kzalloc(sizeof(*options), GFP_KERNEL);
	if (!options)
		return -ENOMEM;
	fc->fs_private = options;
	fc->ops = &pkernfs_context_operations;
	return 0;
}

/* No FS_USERNS_MOUNT: only real root may use the host's memory. */
static struct file_system_type pkernfs_fs_type = {
	.owner			= THIS_MODULE,
	.name			= "pkernfs",
	.init_fs_context	= pkernfs_init_fs_context,
	.parameters		= pkernfs_parameters,
	.kill_sb		= kill_anon_super,
	.fs_flags		= FS_ALLOW_IDMAP,
};
MODULE_ALIAS_FS("pkernfs");

static void init_inode(void *info)
{
	inode_init_once(&((struct pkernfs_inode_info *)info)->vfs_inode);
}

static int __init pkernfs_init(void)
{
	unsigned int i;
	int err;

	for (i = 0; i < pkernfs_nr_regions; i++)
		INIT_DELAYED_WORK(&pkernfs_regions[i].reap, pkernfs_reap);
	inode_cache = kmem_cache_create("pkernfs_inode",
					sizeof(struct pkernfs_inode_info), 0,
					SLAB_RECLAIM_ACCOUNT | SLAB_ACCOUNT,
					init_inode);
	if (!inode_cache)
		return -ENOMEM;
	err = register_filesystem(&pkernfs_fs_type);
	if (err)
		kmem_cache_destroy(inode_cache);
	return err;
}
fs_initcall(pkernfs_init);
