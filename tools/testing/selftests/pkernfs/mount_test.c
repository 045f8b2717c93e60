// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mounting through the new mount API: errors reach the caller as an errno and as
 * a message of the fs_context. Needs root and one region, pkernfs0, which is not
 * mounted. Formats it, so PKERNFS_TEST_REGION=pkernfs0 must say that it may.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../kselftest_harness.h"

FIXTURE(mount)
{
	int fs;
	char message[256];
};

FIXTURE_SETUP(mount)
{
	if (!getenv("PKERNFS_TEST_REGION"))
		SKIP(return, "set PKERNFS_TEST_REGION=pkernfs0 to lose what it holds");
	self->fs = syscall(SYS_fsopen, "pkernfs", FSOPEN_CLOEXEC);
	if (self->fs < 0 && (errno == ENODEV || errno == EPERM))
		SKIP(return, "needs pkernfs and root: %s", strerror(errno));
	ASSERT_LE(0, self->fs);
}

FIXTURE_TEARDOWN(mount)
{
	close(self->fs);
}

static int set_string(int fs, const char *key, const char *value)
{
	return syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, key, value, 0);
}

static int set_flag(int fs, const char *key)
{
	return syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, key, NULL, 0);
}

static int create(int fs)
{
	return syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
}

/* The next message of the context, such as "e pkernfs: ...". */
static const char *message(struct _test_data_mount *self)
{
	ssize_t len = read(self->fs, self->message, sizeof(self->message) - 1);

	self->message[len < 0 ? 0 : len] = '\0';
	return self->message;
}

TEST_F(mount, unknown_region_is_enodev)
{
	ASSERT_EQ(0, set_string(self->fs, "source", "pkernfs9"));
	EXPECT_EQ(-1, create(self->fs));
	EXPECT_EQ(ENODEV, errno);
	EXPECT_STREQ("e pkernfs: source 'pkernfs9' is not one of pkernfs0\n",
		     message(self));
}

TEST_F(mount, wrong_option_is_einval)
{
	EXPECT_EQ(-1, set_string(self->fs, "block", "2MB"));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_STREQ("e pkernfs: block=2MB: expected a number above 0, such as 2M\n",
		     message(self));
}

TEST_F(mount, unknown_option_is_einval)
{
	EXPECT_EQ(-1, set_flag(self->fs, "colour"));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(mount, too_small_for_layout_is_enospc)
{
	ASSERT_EQ(0, set_string(self->fs, "source", "pkernfs0"));
	ASSERT_EQ(0, set_flag(self->fs, "format"));
	ASSERT_EQ(0, set_string(self->fs, "inodes", "4000000000"));
	EXPECT_EQ(-1, create(self->fs));
	EXPECT_EQ(ENOSPC, errno);
	EXPECT_NE(NULL, strstr(message(self), "too small for the format"));
}

TEST_F(mount, context_without_source_serves_the_only_region)
{
	struct statx stx;
	struct statfs st;
	int mnt;

	ASSERT_EQ(0, set_flag(self->fs, "format"));
	ASSERT_EQ(0, create(self->fs));
	mnt = syscall(SYS_fsmount, self->fs, FSMOUNT_CLOEXEC, 0);
	ASSERT_LE(0, mnt);

	ASSERT_EQ(0, fstatfs(mnt, &st));
	EXPECT_EQ(PKERNFS_SUPER_MAGIC, st.f_type);
	EXPECT_EQ(4096, st.f_bsize);
	EXPECT_EQ(255, st.f_namelen);
	EXPECT_LT(0, st.f_blocks);
	EXPECT_EQ(st.f_blocks, st.f_bfree);
	EXPECT_EQ(st.f_files - 1, st.f_ffree);

	ASSERT_EQ(0, statx(mnt, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME,
			   &stx));
	EXPECT_EQ(1, stx.stx_ino);
	EXPECT_EQ(S_IFDIR | 0755, stx.stx_mode);
	EXPECT_EQ(2, stx.stx_nlink);
	EXPECT_TRUE(stx.stx_mask & STATX_BTIME);
	EXPECT_LT(0, stx.stx_btime.tv_sec);
	EXPECT_EQ(stx.stx_ctime.tv_sec, stx.stx_btime.tv_sec);
	close(mnt);
}

/* A reconfiguration that does not mention ro leaves it alone, and the media. */
TEST_F(mount, reconfigure_without_ro_changes_nothing)
{
	int mnt, pick;

	ASSERT_EQ(0, set_flag(self->fs, "format"));
	ASSERT_EQ(0, create(self->fs));
	mnt = syscall(SYS_fsmount, self->fs, FSMOUNT_CLOEXEC, 0);
	ASSERT_LE(0, mnt);
	pick = syscall(SYS_fspick, mnt, "", FSPICK_EMPTY_PATH);
	ASSERT_LE(0, pick);
	ASSERT_EQ(0, set_flag(pick, "ro"));
	ASSERT_EQ(0, syscall(SYS_fsconfig, pick, FSCONFIG_CMD_RECONFIGURE, NULL,
			     NULL, 0));
	close(pick);

	pick = syscall(SYS_fspick, mnt, "", FSPICK_EMPTY_PATH);
	ASSERT_LE(0, pick);
	EXPECT_EQ(0, syscall(SYS_fsconfig, pick, FSCONFIG_CMD_RECONFIGURE, NULL,
			     NULL, 0));
	close(pick);
	EXPECT_EQ(-1, fchmodat(mnt, ".", 0700, 0));
	EXPECT_EQ(EROFS, errno);
	close(mnt);
}

TEST_HARNESS_MAIN
