// SPDX-License-Identifier: GPL-2.0-only
/* Attributes: modes, owners, times, and who may change and use what. */
#define _GNU_SOURCE
#include <linux/mount.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>

#include "../kselftest_harness.h"
#include "test_mount.h"

FIXTURE(attr)
{
	struct test_mount mount;
	int fd;		/* a new file of root */
};

FIXTURE_SETUP(attr)
{
	ASSERT_EQ(0, enter_new_fs(&self->mount, "format,inodes=1024"));
	self->fd = make_text("file", "text");
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, mkdir("shared", 0777));
}

FIXTURE_TEARDOWN(attr)
{
	EXPECT_EQ(0, leave_fs_clean(&self->mount));
}

static uid_t owner_of(const char *name)
{
	struct stat st;

	return lstat(name, &st) ? -2 : st.st_uid;
}

static gid_t group_of(const char *name)
{
	struct stat st;

	return lstat(name, &st) ? -2 : st.st_gid;
}

TEST_F(attr, chmod_sets_every_bit_and_lasts)
{
	int mode;

	for (mode = 1; mode <= 07777; mode = mode * 2 + 1) {
		ASSERT_EQ(0, chmod("file", mode));
		EXPECT_EQ(S_IFREG | mode, mode_of("file"));
	}
	EXPECT_EQ(0, fchmod(self->fd, 0));
	EXPECT_EQ(S_IFREG, mode_of("file"));
	EXPECT_EQ(0, chmod("shared", 03750));
	ASSERT_EQ(0, reenter_fs(&self->mount));
	EXPECT_EQ(S_IFREG, mode_of("file"));
	EXPECT_EQ(S_IFDIR | 03750, mode_of("shared"));
}

TEST_F(attr, chown_sets_every_id_and_lasts)
{
	EXPECT_EQ(0, chown("file", 4294967294U, 4294967293U));
	EXPECT_EQ(4294967294U, owner_of("file"));
	EXPECT_EQ(0, chown("file", -1, 5));
	EXPECT_EQ(0, fchown(self->fd, -1, -1));
	EXPECT_EQ(0, symlink("file", "link"));
	EXPECT_EQ(0, lchown("link", 6, 7));
	EXPECT_EQ(0, chown("link", 8, -1));
	ASSERT_EQ(0, reenter_fs(&self->mount));
	EXPECT_EQ(8, owner_of("file"));
	EXPECT_EQ(5, group_of("file"));
	EXPECT_EQ(6, owner_of("link"));
	EXPECT_EQ(7, group_of("link"));
}

TEST_F(attr, user_cannot_change_what_is_not_theirs)
{
	struct timespec times[2] = {};

	ASSERT_EQ(0, become_user(TEST_USER));
	EXPECT_ERRNO(EPERM, chmod("file", 0777));
	EXPECT_ERRNO(EPERM, chown("file", TEST_USER, -1));
	EXPECT_ERRNO(EPERM, utimensat(AT_FDCWD, "file", times, 0));
	EXPECT_ERRNO(EACCES, utimensat(AT_FDCWD, "file", NULL, 0));
	EXPECT_ERRNO(EACCES, truncate("file", 0));
	EXPECT_ERRNO(EACCES, open("file", O_WRONLY));
	EXPECT_LE(0, open("file", O_RDONLY));
	EXPECT_EQ(S_IFREG | 0644, mode_of("file"));
}

TEST_F(attr, user_owns_what_they_make)
{
	ASSERT_EQ(0, become_user(TEST_USER));
	ASSERT_EQ(0, make_file("shared/mine"));
	EXPECT_EQ(TEST_USER, owner_of("shared/mine"));
	EXPECT_EQ(TEST_USER, group_of("shared/mine"));
	EXPECT_EQ(0, chmod("shared/mine", 0600));
	EXPECT_ERRNO(EPERM, chown("shared/mine", OTHER_USER, -1));
	EXPECT_ERRNO(EPERM, chown("shared/mine", -1, OTHER_USER));
	EXPECT_EQ(0, chown("shared/mine", -1, TEST_USER));
	ASSERT_EQ(0, become_user(OTHER_USER));
	EXPECT_ERRNO(EACCES, open("shared/mine", O_RDONLY));
	ASSERT_EQ(0, become_root());
	EXPECT_LE(0, open("shared/mine", O_RDWR));
}

TEST_F(attr, chown_takes_suid_and_sgid)
{
	ASSERT_EQ(0, chmod("file", 06755));
	EXPECT_EQ(0, chown("file", 1, 1));
	EXPECT_EQ(S_IFREG | 0755, mode_of("file"));
	/* On a directory sgid means something else. */
	ASSERT_EQ(0, chmod("shared", 06755));
	EXPECT_EQ(0, chown("shared", 1, 1));
	EXPECT_EQ(S_IFDIR | 06755, mode_of("shared"));
}

TEST_F(attr, change_by_a_user_takes_suid_and_sgid)
{
	int fd;

	ASSERT_EQ(0, become_user(TEST_USER));
	fd = open("file", O_RDONLY);
	ASSERT_EQ(0, become_root());
	ASSERT_EQ(0, chmod("file", 06777));
	close(fd);
	ASSERT_EQ(0, become_user(TEST_USER));
	fd = open("file", O_RDWR);
	ASSERT_EQ(1, pwrite(fd, "x", 1, 0));
	EXPECT_EQ(S_IFREG | 0777, mode_of("file"));

	ASSERT_EQ(0, become_root());
	ASSERT_EQ(0, chmod("file", 06777));
	ASSERT_EQ(0, become_user(TEST_USER));
	ASSERT_EQ(0, ftruncate(fd, 2));
	EXPECT_EQ(S_IFREG | 0777, mode_of("file"));

	ASSERT_EQ(0, become_root());
	ASSERT_EQ(0, chmod("file", 06777));
	ASSERT_EQ(0, become_user(TEST_USER));
	ASSERT_EQ(0, fallocate(fd, 0, 0, 100));
	EXPECT_EQ(S_IFREG | 0777, mode_of("file"));
	ASSERT_EQ(0, reenter_fs(&self->mount));
	EXPECT_EQ(S_IFREG | 0777, mode_of("file"));
}

TEST_F(attr, change_by_root_keeps_suid_and_sgid)
{
	ASSERT_EQ(0, chmod("file", 06777));
	ASSERT_EQ(1, pwrite(self->fd, "x", 1, 0));
	EXPECT_EQ(S_IFREG | 06777, mode_of("file"));
}

TEST_F(attr, sgid_directory_passes_its_group_on)
{
	ASSERT_EQ(0, chown("shared", -1, 77));
	ASSERT_EQ(0, chmod("shared", 02777));
	ASSERT_EQ(0, become_user(TEST_USER));
	ASSERT_EQ(0, make_file("shared/file"));
	ASSERT_EQ(0, mkdir("shared/dir", 0755));
	ASSERT_EQ(0, symlink("target", "shared/link"));
	EXPECT_EQ(77, group_of("shared/file"));
	EXPECT_EQ(77, group_of("shared/dir"));
	EXPECT_EQ(77, group_of("shared/link"));
	EXPECT_EQ(S_IFREG | 0644, mode_of("shared/file"));
	EXPECT_EQ(S_IFDIR | 02755, mode_of("shared/dir"));
}

TEST_F(attr, user_makes_no_sgid_file_of_a_foreign_group)
{
	ASSERT_EQ(0, chown("shared", -1, 77));
	ASSERT_EQ(0, chmod("shared", 02777));
	ASSERT_EQ(0, become_user(TEST_USER));
	ASSERT_EQ(0, mknod("shared/file", S_IFREG | 02775, 0));
	EXPECT_EQ(S_IFREG | 0775, mode_of("shared/file"));
	EXPECT_EQ(0, chmod("shared/file", 02775));
	EXPECT_EQ(S_IFREG | 0775, mode_of("shared/file"));
	EXPECT_EQ(77, group_of("shared/file"));
}

static int set_times(const char *name, time_t sec, long nsec)
{
	struct timespec times[2] = { { sec, nsec }, { sec + 1, nsec + 1 } };

	return utimensat(AT_FDCWD, name, times, AT_SYMLINK_NOFOLLOW);
}

static void check_times(struct __test_metadata *_metadata, const char *name,
			time_t sec, long nsec)
{
	struct stat st;

	ASSERT_EQ(0, lstat(name, &st));
	EXPECT_EQ(sec, st.st_atim.tv_sec);
	EXPECT_EQ(nsec, st.st_atim.tv_nsec);
	EXPECT_EQ(sec + 1, st.st_mtim.tv_sec);
	EXPECT_EQ(nsec + 1, st.st_mtim.tv_nsec);
}

TEST_F(attr, times_have_nanoseconds_in_any_century)
{
	static const struct {
		const char *name;
		time_t sec;
		long nsec;
	} times[] = {
		{ "past", -5000000000L, 123456789 },
		{ "epoch", -1, 0 },
		{ "now", 1700000000L, 999999998 },
		{ "future", 50000000000L, 1 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(times); i++) {
		ASSERT_EQ(0, symlink("target", times[i].name));
		ASSERT_EQ(0, set_times(times[i].name, times[i].sec, times[i].nsec));
		check_times(_metadata, times[i].name, times[i].sec, times[i].nsec);
	}
	ASSERT_EQ(0, reenter_fs(&self->mount));
	for (i = 0; i < ARRAY_SIZE(times); i++)
		check_times(_metadata, times[i].name, times[i].sec, times[i].nsec);
}

TEST_F(attr, utimensat_knows_now_and_omit)
{
	struct timespec times[2] = {
		{ .tv_nsec = UTIME_NOW }, { .tv_nsec = UTIME_OMIT },
	};
	struct timespec before;
	struct stat st;

	ASSERT_EQ(0, set_times("file", 1000, 5));
	clock_gettime(CLOCK_REALTIME_COARSE, &before);
	ASSERT_EQ(0, futimens(self->fd, times));
	ASSERT_EQ(0, fstat(self->fd, &st));
	EXPECT_LE(before.tv_sec, st.st_atim.tv_sec);
	EXPECT_EQ(1001, st.st_mtim.tv_sec);
	EXPECT_EQ(6, st.st_mtim.tv_nsec);
	times[0].tv_nsec = 1000000000;
	EXPECT_ERRNO(EINVAL, futimens(self->fd, times));
}

static int is_later(struct timespec a, struct timespec b)
{
	return a.tv_sec > b.tv_sec ||
	       (a.tv_sec == b.tv_sec && a.tv_nsec > b.tv_nsec);
}

/* Until what happens gets a later time than what has happened. */
static void let_the_clock_tick(void)
{
	struct timespec start, now;

	clock_gettime(CLOCK_REALTIME_COARSE, &start);
	do
		clock_gettime(CLOCK_REALTIME_COARSE, &now);
	while (!is_later(now, start));
}

enum { MODIFIED = 1, CHANGED = 2, ACCESSED = 4 };

/* Which times of a name have changed since the last call for it. */
static int changed_times(const char *name, struct stat *old)
{
	struct stat new;
	int changed;

	if (lstat(name, &new))
		return -1;
	changed = (is_later(new.st_mtim, old->st_mtim) ? MODIFIED : 0) |
		  (is_later(new.st_ctim, old->st_ctim) ? CHANGED : 0) |
		  (is_later(new.st_atim, old->st_atim) ? ACCESSED : 0);
	*old = new;
	let_the_clock_tick();
	return changed;
}

TEST_F(attr, changes_of_a_file_set_its_times)
{
	struct stat st = {};

	changed_times("file", &st);
	ASSERT_EQ(1, write(self->fd, "x", 1));
	EXPECT_EQ(MODIFIED | CHANGED, changed_times("file", &st));
	ASSERT_EQ(0, ftruncate(self->fd, 1));
	EXPECT_EQ(MODIFIED | CHANGED, changed_times("file", &st));
	ASSERT_EQ(0, ftruncate(self->fd, 10));
	EXPECT_EQ(MODIFIED | CHANGED, changed_times("file", &st));
	ASSERT_EQ(0, truncate("file", 20));
	EXPECT_EQ(MODIFIED | CHANGED, changed_times("file", &st));
	ASSERT_EQ(0, truncate("file", 20));
	EXPECT_EQ(0, changed_times("file", &st));
	ASSERT_EQ(0, truncate("file", 5));
	EXPECT_EQ(MODIFIED | CHANGED, changed_times("file", &st));
	ASSERT_EQ(0, fallocate(self->fd, 0, 0, 100));
	EXPECT_EQ(MODIFIED | CHANGED, changed_times("file", &st));
	ASSERT_EQ(0, fchmod(self->fd, 0600));
	EXPECT_EQ(CHANGED, changed_times("file", &st));
	ASSERT_EQ(0, fchown(self->fd, 1, 1));
	EXPECT_EQ(CHANGED, changed_times("file", &st));
	ASSERT_EQ(0, link("file", "link"));
	EXPECT_EQ(CHANGED, changed_times("file", &st));
	ASSERT_EQ(0, unlink("link"));
	EXPECT_EQ(CHANGED, changed_times("file", &st));
	ASSERT_EQ(0, rename("file", "link"));
	EXPECT_EQ(CHANGED, changed_times("link", &st));
	ASSERT_EQ(0, stat("link", &st));
	EXPECT_EQ(0, changed_times("link", &st));
}

TEST_F(attr, changes_of_names_set_times_of_the_directory)
{
	struct stat st = {}, other = {};

	changed_times("shared", &st);
	ASSERT_EQ(0, make_file("shared/a"));
	EXPECT_EQ(MODIFIED | CHANGED, changed_times("shared", &st));
	ASSERT_EQ(0, mkdir("shared/dir", 0755));
	EXPECT_EQ(MODIFIED | CHANGED, changed_times("shared", &st));
	ASSERT_EQ(0, link("shared/a", "shared/b"));
	EXPECT_EQ(MODIFIED | CHANGED, changed_times("shared", &st));
	ASSERT_EQ(0, unlink("shared/b"));
	EXPECT_EQ(MODIFIED | CHANGED, changed_times("shared", &st));
	changed_times("shared/dir", &other);
	ASSERT_EQ(0, rename("shared/a", "shared/dir/a"));
	EXPECT_EQ(MODIFIED | CHANGED, changed_times("shared", &st));
	EXPECT_EQ(MODIFIED | CHANGED, changed_times("shared/dir", &other));
	ASSERT_EQ(0, unlink("shared/dir/a"));
	ASSERT_EQ(0, rmdir("shared/dir"));
	EXPECT_EQ(MODIFIED | CHANGED, changed_times("shared", &st));
	EXPECT_EQ(0, changed_times("shared", &st));
}

TEST_F(attr, failed_operations_set_no_times)
{
	struct stat st = {};

	ASSERT_EQ(0, mkdir("shared/dir", 0755));
	ASSERT_EQ(0, make_file("shared/dir/file"));
	changed_times("shared", &st);
	EXPECT_ERRNO(EEXIST, mkdir("shared/dir", 0755));
	EXPECT_ERRNO(ENOTEMPTY, rmdir("shared/dir"));
	EXPECT_ERRNO(ENOENT, unlink("shared/none"));
	EXPECT_EQ(0, changed_times("shared", &st));
}

static int get_statx(const char *name, struct statx *stx)
{
	return statx(AT_FDCWD, name, 0, STATX_BASIC_STATS | STATX_BTIME, stx);
}

TEST_F(attr, btime_is_the_time_of_creation)
{
	struct timespec before, after;
	struct statx old, new;

	clock_gettime(CLOCK_REALTIME_COARSE, &before);
	ASSERT_EQ(0, make_file("new"));
	clock_gettime(CLOCK_REALTIME_COARSE, &after);
	ASSERT_EQ(0, get_statx("new", &old));
	EXPECT_TRUE(old.stx_mask & STATX_BTIME);
	EXPECT_EQ(old.stx_ctime.tv_sec, old.stx_btime.tv_sec);
	EXPECT_LE(before.tv_sec * 1000000000L + before.tv_nsec,
		  old.stx_btime.tv_sec * 1000000000L + old.stx_btime.tv_nsec);
	EXPECT_GE(after.tv_sec * 1000000000L + after.tv_nsec,
		  old.stx_btime.tv_sec * 1000000000L + old.stx_btime.tv_nsec);
	let_the_clock_tick();
	ASSERT_EQ(0, set_times("new", 1000, 5));
	ASSERT_EQ(0, truncate("new", 1));
	ASSERT_EQ(0, chmod("new", 0600));
	ASSERT_EQ(0, rename("new", "newer"));
	ASSERT_EQ(0, reenter_fs(&self->mount));
	ASSERT_EQ(0, get_statx("newer", &new));
	EXPECT_EQ(old.stx_btime.tv_sec, new.stx_btime.tv_sec);
	EXPECT_EQ(old.stx_btime.tv_nsec, new.stx_btime.tv_nsec);
}

TEST_F(attr, statx_tells_what_stat_does)
{
	struct statx stx;
	struct stat st;

	ASSERT_EQ(0, get_statx("file", &stx));
	ASSERT_EQ(0, stat("file", &st));
	EXPECT_EQ(STATX_BASIC_STATS, stx.stx_mask & STATX_BASIC_STATS);
	EXPECT_EQ(st.st_ino, stx.stx_ino);
	EXPECT_EQ(4, stx.stx_size);
	EXPECT_EQ(8, stx.stx_blocks);
	EXPECT_EQ(4096, stx.stx_blksize);
	EXPECT_EQ(st.st_nlink, stx.stx_nlink);
}

static int remount(const struct test_mount *t, unsigned long flags)
{
	return mount(NULL, t->dir, NULL, MS_REMOUNT | flags, NULL);
}

/* Whether reading sets the access time. */
static int read_sets_atime(struct __test_metadata *_metadata, int fd)
{
	struct stat before, after;
	char c;

	let_the_clock_tick();
	EXPECT_EQ(0, fstat(fd, &before));
	EXPECT_EQ(1, pread(fd, &c, 1, 0));
	EXPECT_EQ(0, fstat(fd, &after));
	return is_later(after.st_atim, before.st_atim);
}

TEST_F(attr, relatime_sets_an_old_access_time_only)
{
	struct timespec times[2];

	clock_gettime(CLOCK_REALTIME_COARSE, &times[0]);
	times[1] = times[0];
	times[0].tv_sec -= 3600;
	times[1].tv_sec -= 1800;
	ASSERT_EQ(0, futimens(self->fd, times));
	EXPECT_TRUE(read_sets_atime(_metadata, self->fd));
	EXPECT_FALSE(read_sets_atime(_metadata, self->fd));
}

TEST_F(attr, strictatime_always_sets_and_noatime_never)
{
	ASSERT_EQ(0, remount(&self->mount, MS_STRICTATIME));
	EXPECT_TRUE(read_sets_atime(_metadata, self->fd));
	EXPECT_TRUE(read_sets_atime(_metadata, self->fd));
	ASSERT_EQ(0, remount(&self->mount, MS_NOATIME));
	ASSERT_EQ(0, set_times("file", 1000, 0));
	EXPECT_FALSE(read_sets_atime(_metadata, self->fd));
	ASSERT_EQ(0, remount(&self->mount, MS_STRICTATIME));
	EXPECT_FALSE(read_sets_atime(_metadata,
				     open("file", O_RDONLY | O_NOATIME)));
}

TEST_F(attr, reading_sets_access_times_of_other_types)
{
	struct stat st = {};
	char buf[1024];
	int dir;

	ASSERT_EQ(0, remount(&self->mount, MS_STRICTATIME));
	ASSERT_EQ(0, symlink("target", "link"));
	dir = open("shared", O_RDONLY);
	changed_times("shared", &st);
	ASSERT_LT(0, syscall(SYS_getdents64, dir, buf, sizeof(buf)));
	EXPECT_EQ(ACCESSED, changed_times("shared", &st));
	memset(&st, 0, sizeof(st));
	changed_times("link", &st);
	ASSERT_EQ(6, readlink("link", buf, sizeof(buf)));
	EXPECT_EQ(ACCESSED, changed_times("link", &st));
}

TEST_F(attr, lazytime_loses_no_time)
{
	struct stat before, after;
	char c;

	ASSERT_EQ(0, remount(&self->mount, MS_LAZYTIME | MS_STRICTATIME));
	/* Nothing but the times changes. */
	let_the_clock_tick();
	ASSERT_EQ(1, pwrite(self->fd, "t", 1, 0));
	let_the_clock_tick();
	ASSERT_EQ(1, pread(self->fd, &c, 1, 0));
	ASSERT_EQ(0, fstat(self->fd, &before));
	ASSERT_EQ(0, reenter_fs(&self->mount));
	ASSERT_EQ(0, stat("file", &after));
	EXPECT_EQ(before.st_atim.tv_nsec, after.st_atim.tv_nsec);
	EXPECT_EQ(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
	EXPECT_EQ(before.st_ctim.tv_nsec, after.st_ctim.tv_nsec);
}

TEST_F(attr, nothing_changes_on_a_readonly_mount)
{
	struct stat before, after;
	char c;

	close(self->fd);
	ASSERT_EQ(0, set_times("file", 1000, 0));
	ASSERT_EQ(0, stat("file", &before));
	ASSERT_EQ(0, remount(&self->mount, MS_RDONLY));
	EXPECT_ERRNO(EROFS, make_file("new"));
	EXPECT_ERRNO(EROFS, unlink("file"));
	EXPECT_ERRNO(EROFS, chmod("file", 0600));
	EXPECT_ERRNO(EROFS, open("file", O_WRONLY));
	EXPECT_ERRNO(EROFS, truncate("file", 0));
	EXPECT_EQ(1, read(open("file", O_RDONLY), &c, 1));
	ASSERT_EQ(0, stat("file", &after));
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
	EXPECT_EQ(0, remount(&self->mount, 0));
	EXPECT_EQ(0, unlink("file"));
}

TEST_F(attr, xattrs_are_not_supported)
{
	char buf[16];

	EXPECT_ERRNO(EOPNOTSUPP, setxattr("file", "user.name", "value", 5, 0));
	EXPECT_ERRNO(EOPNOTSUPP, setxattr("file", "trusted.name", "value", 5, 0));
	EXPECT_ERRNO(EOPNOTSUPP, getxattr("file", "user.name", buf, sizeof(buf)));
	EXPECT_ERRNO(EOPNOTSUPP, removexattr("file", "user.name"));
}

/* A user namespace whose id 1000 is 2000 outside. */
static int make_userns(void)
{
	int ready[2], fd, ns = -1;
	char path[64];
	pid_t child;

	if (pipe(ready))
		return -1;
	child = fork();
	if (!child) {
		fd = unshare(CLONE_NEWUSER);
		if (write(ready[1], fd ? "f" : "y", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	if (read(ready[0], path, 1) == 1 && *path == 'y') {
		sprintf(path, "/proc/%d/gid_map", child);
		dprintf(open(path, O_WRONLY), "1000 2000 1");
		sprintf(path, "/proc/%d/uid_map", child);
		dprintf(open(path, O_WRONLY), "1000 2000 1");
		sprintf(path, "/proc/%d/ns/user", child);
		ns = open(path, O_RDONLY);
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return ns;
}

/* A copy of the mount with those ids; or -1. */
static int make_idmapped_mount(void)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP };
	int tree, ns = make_userns();

	if (ns < 0)
		return -1;
	attr.userns_fd = ns;
	tree = syscall(SYS_open_tree, AT_FDCWD, ".", OPEN_TREE_CLONE);
	if (tree < 0 ||
	    syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attr,
		    sizeof(attr)))
		return -1;
	return tree;
}

TEST_F(attr, idmapped_mount_shows_mapped_owners)
{
	struct stat st;
	int tree;

	ASSERT_EQ(0, fchown(self->fd, 1000, 1000));
	tree = make_idmapped_mount();
	ASSERT_LE(0, tree);
	ASSERT_EQ(0, fstatat(tree, "file", &st, 0));
	EXPECT_EQ(2000, st.st_uid);
	EXPECT_EQ(2000, st.st_gid);
	EXPECT_EQ(1000, owner_of("file"));
	/* Who has no id there is nobody. */
	ASSERT_EQ(0, fstatat(tree, "shared", &st, 0));
	EXPECT_EQ(65534, st.st_uid);
}

TEST_F(attr, idmapped_mount_maps_who_makes_and_changes)
{
	int tree = make_idmapped_mount();

	ASSERT_LE(0, tree);
	ASSERT_EQ(0, chown("shared", 1000, 1000));
	ASSERT_EQ(0, become_user(2000));
	ASSERT_EQ(0, mknodat(tree, "shared/file", S_IFREG | 0600, 0));
	ASSERT_EQ(0, mkdirat(tree, "shared/dir", 0700));
	ASSERT_EQ(0, symlinkat("target", tree, "shared/link"));
	EXPECT_LE(0, openat(tree, "shared", O_TMPFILE | O_RDWR, 0600));
	EXPECT_EQ(0, fchmodat(tree, "shared/file", 0640, 0));
	EXPECT_LE(0, openat(tree, "shared/file", O_RDWR));
	EXPECT_EQ(1000, owner_of("shared/file"));
	EXPECT_EQ(1000, group_of("shared/dir"));
	EXPECT_EQ(1000, owner_of("shared/link"));
	EXPECT_ERRNO(EACCES, open("shared/file", O_RDWR));
	ASSERT_EQ(0, become_user(1000));
	EXPECT_ERRNO(EACCES, openat(tree, "shared/file", O_RDWR));
	EXPECT_LE(0, open("shared/file", O_RDWR));
	/* Id 1000 of the outside is nobody inside. */
	EXPECT_ERRNO(EOVERFLOW, mknodat(tree, "shared/none", S_IFREG | 0600, 0));
}

TEST_F(attr, idmapped_mount_maps_chown)
{
	int tree = make_idmapped_mount();

	ASSERT_LE(0, tree);
	EXPECT_EQ(0, fchown(self->fd, 1000, 1000));
	EXPECT_EQ(0, fchownat(tree, "file", 2000, 2000, 0));
	EXPECT_EQ(1000, owner_of("file"));
	EXPECT_ERRNO(EOVERFLOW, fchownat(tree, "file", 3000, -1, 0));
	EXPECT_EQ(1000, owner_of("file"));
}

TEST_HARNESS_MAIN
