// SPDX-License-Identifier: GPL-2.0-only
/* Mounting: options, formatting or restoring, statfs, remount, unmount. */
#define pr_fmt(fmt) "pkernfs: " fmt

#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/init.h>
#include <linux/ktime.h>
#include <linux/magic.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include <linux/statfs.h>
#include <linux/uuid.h>

#include "pkernfs.h"

/**
 * struct pkernfs_mount_options - what a mount asks for
 * @format: make a new filesystem whatever the region holds
 * @layout: for formatting; otherwise what is given must be what is there
 * @filled: a superblock was set up, not found
 */
struct pkernfs_mount_options {
	bool format;
	struct pkernfs_format_options layout;
	bool filled;
};

enum { OPT_FORMAT, OPT_BLOCK, OPT_SMALL, OPT_INODES };

static const struct fs_parameter_spec pkernfs_parameters[] = {
	fsparam_flag("format", OPT_FORMAT),
	fsparam_string("block", OPT_BLOCK),
	fsparam_string("small", OPT_SMALL),
	fsparam_string("inodes", OPT_INODES),
	{}
};

static int parse_number(struct fs_context *fc, struct fs_parameter *param,
			u64 *number)
{
	const char *end = param->string;

	if (pkernfs_parse_size(&end, number) || *end || !*number)
		return invalf(fc, "pkernfs: %s=%s: expected a number above 0, such as 2M",
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
	case OPT_BLOCK:
		return parse_number(fc, param, &options->layout.data_block_size);
	case OPT_SMALL:
		return parse_number(fc, param, &options->layout.small_size);
	case OPT_INODES:
		return parse_number(fc, param, &options->layout.inodes);
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
		return invalf(fc, "pkernfs: %s has block=%llu; only -o format changes that",
			      region->name, block);
	if (want->small_size > small)
		return invalf(fc, "pkernfs: %s has small=%llu; only -o format changes that",
			      region->name, small);
	if (want->inodes > inodes)
		return invalf(fc, "pkernfs: %s has inodes=%llu; only -o format changes that",
			      region->name, inodes);
	return 0;
}

static int format_region(struct fs_context *fc, struct pkernfs_region *region)
{
	const struct pkernfs_mount_options *options = fc->fs_private;
	struct pkernfs_media *m = &region->media;
	struct pkernfs_timestamp now;
	struct pkernfs_message why;
	struct timespec64 ts;
	int err;

	err = pkernfs_geometry_plan(m->phys, m->size, &options->layout,
				    &m->geo, &why);
	if (err) {
		errorf(fc, "pkernfs: %s cannot be formatted: %s", region->name,
		       why.text);
		return err;
	}

	ktime_get_real_ts64(&ts);
	now = (struct pkernfs_timestamp) { .sec = ts.tv_sec, .nsec = ts.tv_nsec };
	generate_random_uuid(m->uuid);
	m->state = (struct pkernfs_state) {
		.root_mode	= S_IFDIR | 0755,
		.root_atime	= now,
		.root_mtime	= now,
		.root_ctime	= now,
		.root_btime	= now,
	};
	pkernfs_sb_format(m);
	region->counted = false;
	return 0;
}

/*
 * Restore what the region holds; format it when it holds nothing. A damaged
 * region is neither: it may be all that is left of somebody's machines.
 */
static int open_region(struct fs_context *fc, struct pkernfs_region *region,
		       bool *formatted)
{
	const struct pkernfs_mount_options *options = fc->fs_private;
	struct pkernfs_message why;
	int err = -ENODATA;

	if (!options->format)
		err = pkernfs_sb_read(&region->media, &why);
	*formatted = err == -ENODATA;
	if (!err)
		return check_layout(fc, region);
	if (err != -ENODATA) {
		errorf(fc, "pkernfs: %s was not mounted and not changed: %s",
		       region->name, why.text);
		return err;
	}
	if (fc->sb_flags & SB_RDONLY) {
		errorf(fc, "pkernfs: %s is to be formatted, which a read-only mount cannot do",
		       region->name);
		return -EROFS;
	}
	return format_region(fc, region);
}

/* Record on media that this kernel writes to the region from now on. */
static void begin_writing(struct pkernfs_region *region)
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

static void end_writing(struct pkernfs_region *region)
{
	mutex_lock(&region->lock);
	region->media.state.flags |= PKERNFS_STATE_CLEAN;
	pkernfs_sb_write_state(&region->media);
	mutex_unlock(&region->lock);
}

static void pkernfs_put_super(struct super_block *sb)
{
	if (!sb_rdonly(sb))
		end_writing(pkernfs_sb_region(sb));
}

static int pkernfs_statfs(struct dentry *dentry, struct kstatfs *buf)
{
	const struct pkernfs_media *m = &pkernfs_sb_region(dentry->d_sb)->media;

	buf->f_type = PKERNFS_SUPER_MAGIC;
	buf->f_bsize = PKERNFS_BLOCK_SIZE;
	buf->f_blocks = (m->geo.area[PKERNFS_AREA_SMALL].size +
			 m->geo.area[PKERNFS_AREA_DATA].size) >>
			PKERNFS_BLOCK_SHIFT;
	buf->f_bfree = buf->f_blocks;
	buf->f_bavail = buf->f_blocks;
	buf->f_files = pkernfs_geometry_inodes(&m->geo);
	buf->f_ffree = buf->f_files - 1;
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

static int pkernfs_show_options(struct seq_file *m, struct dentry *root)
{
	const struct pkernfs_geometry *geo =
		&pkernfs_sb_region(root->d_sb)->media.geo;

	seq_printf(m, ",block=%lluM,small=%lluK,inodes=%llu",
		   (1ULL << geo->data_block_shift) / SZ_1M,
		   geo->area[PKERNFS_AREA_SMALL].size / SZ_1K,
		   pkernfs_geometry_inodes(geo));
	return 0;
}

static const struct super_operations pkernfs_super_operations = {
	.put_super	= pkernfs_put_super,
	.statfs		= pkernfs_statfs,
	.show_devname	= pkernfs_show_devname,
	.show_options	= pkernfs_show_options,
};

static int pkernfs_fill_super(struct super_block *sb, struct fs_context *fc)
{
	struct pkernfs_region *region = pkernfs_sb_region(sb);
	struct pkernfs_mount_options *options = fc->fs_private;
	struct pkernfs_media *m = &region->media;
	ktime_t start = ktime_get();
	struct inode *root;
	bool formatted;
	int err;

	options->filled = true;
	err = pkernfs_map_region(region);
	if (err) {
		errorf(fc, "pkernfs: %s cannot be mapped", region->name);
		return err;
	}
	err = open_region(fc, region, &formatted);
	if (err)
		return err;
	if (m->unknown_ro_compat && !sb_rdonly(sb)) {
		warnf(fc, "pkernfs: %s becomes read-only: it has unknown features 0x%llx",
		      region->name, m->unknown_ro_compat);
		sb->s_flags |= SB_RDONLY;
	}

	sb->s_magic = PKERNFS_SUPER_MAGIC;
	sb->s_blocksize = PKERNFS_BLOCK_SIZE;
	sb->s_blocksize_bits = PKERNFS_BLOCK_SHIFT;
	sb->s_maxbytes = MAX_LFS_FILESIZE;
	sb->s_time_gran = 1;
	sb->s_op = &pkernfs_super_operations;
	import_uuid(&sb->s_uuid, m->uuid);

	root = pkernfs_root_inode(sb);
	if (IS_ERR(root)) {
		errorf(fc, "pkernfs: %s: the root directory cannot be read",
		       region->name);
		return PTR_ERR(root);
	}
	sb->s_root = d_make_root(root);
	if (!sb->s_root)
		return -ENOMEM;

	if (!sb_rdonly(sb))
		begin_writing(region);
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

	if (options->format) {
		errorf(fc, "pkernfs: %s is mounted; unmount it before formatting",
		       region->name);
		return -EBUSY;
	}
	if ((fc->sb_flags ^ sb->s_flags) & SB_RDONLY) {
		errorf(fc, "pkernfs: %s is already mounted %s", region->name,
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
		errorf(fc, "pkernfs: %s", why.text);
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

static int pkernfs_reconfigure(struct fs_context *fc)
{
	const struct pkernfs_mount_options *options = fc->fs_private;
	struct super_block *sb = fc->root->d_sb;
	struct pkernfs_region *region = pkernfs_sb_region(sb);
	bool rdonly = fc->sb_flags & SB_RDONLY;
	int err;

	if (options->format)
		return invalf(fc, "pkernfs: a remount cannot format; unmount %s first",
			      region->name);
	err = check_layout(fc, region);
	if (err)
		return err;
	if (rdonly == sb_rdonly(sb))
		return 0;
	if (rdonly) {
		end_writing(region);
		return 0;
	}
	if (region->media.unknown_ro_compat) {
		errorf(fc, "pkernfs: %s stays read-only: it has unknown features 0x%llx",
		       region->name, region->media.unknown_ro_compat);
		return -EROFS;
	}
	begin_writing(region);
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

static void pkernfs_kill_sb(struct super_block *sb)
{
	struct pkernfs_region *region = pkernfs_sb_region(sb);

	kill_anon_super(sb);
	pkernfs_unmap_region(region);
}

/* No FS_USERNS_MOUNT: only real root may use the host's memory. */
static struct file_system_type pkernfs_fs_type = {
	.owner			= THIS_MODULE,
	.name			= "pkernfs",
	.init_fs_context	= pkernfs_init_fs_context,
	.parameters		= pkernfs_parameters,
	.kill_sb		= pkernfs_kill_sb,
};
MODULE_ALIAS_FS("pkernfs");

static int __init pkernfs_init(void)
{
	return register_filesystem(&pkernfs_fs_type);
}
fs_initcall(pkernfs_init);
