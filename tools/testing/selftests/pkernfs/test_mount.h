/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What tests share that run inside a new filesystem: they format the region
 * pkernfs0, which must not be mounted, and go there. So names in a test are
 * names in that filesystem. Needs root.
 */
#ifndef _TEST_MOUNT_H
#define _TEST_MOUNT_H

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* Seconds. The harness's own 30 are not enough for debug kernels on a busy machine. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	120

#define TEST_USER	1000
#define OTHER_USER	1001

struct test_mount {
	char dir[32];
};

/* These return 0 or the errno of what failed. */

static inline int mount_and_enter(const struct test_mount *t,
				  const char *options)
{
	if (mount("pkernfs0", t->dir, "pkernfs", 0, options) || chdir(t->dir))
		return errno;
	return 0;
}

static inline int enter_new_fs(struct test_mount *t, const char *options)
{
	umask(0);
	/* Whatever becomes of the test, its mount ends with its process. */
	if (unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return errno;
	snprintf(t->dir, sizeof(t->dir), "/tmp/pkernfs-XXXXXX");
	if (!mkdtemp(t->dir))
		return errno;
	return mount_and_enter(t, options);
}

/* Take away all mappings of files in the filesystem. */
static inline void unmap_files(const struct test_mount *t)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long start, end;
	char line[512];

	while (maps && fgets(line, sizeof(line), maps)) {
		if (strstr(line, t->dir) &&
		    sscanf(line, "%lx-%lx", &start, &end) == 2)
			munmap((void *)start, end - start);
	}
	if (maps)
		fclose(maps);
}

/* Unmount; closes and unmaps what the test has left. */
static inline int leave_fs(const struct test_mount *t)
{
	int err = 0;

	if (seteuid(0) || chdir("/"))
		return errno;
	unmap_files(t);
	syscall(SYS_close_range, 3, ~0U, 0);
	if (umount(t->dir)) {
		err = errno;
		umount2(t->dir, MNT_DETACH);
	}
	return err;
}

/* Go on with what is on media, after all of it has been checked. */
static inline int reenter_fs(const struct test_mount *t)
{
	int err = leave_fs(t);

	return err ? err : mount_and_enter(t, "check");
}

/* The end of a test: it left nothing behind that the checker complains about. */
static inline int leave_fs_clean(const struct test_mount *t)
{
	int err = leave_fs(t);

	if (!err && mount("pkernfs0", t->dir, "pkernfs", 0, "check"))
		err = errno;
	else if (!err && umount(t->dir))
		err = errno;
	rmdir(t->dir);
	return err;
}

static inline int become_user(uid_t uid)
{
	if (seteuid(0) || setgroups(0, NULL) || setegid(uid) || seteuid(uid))
		return errno;
	return 0;
}

static inline int become_root(void)
{
	return seteuid(0) || setegid(0) ? errno : 0;
}

/* An empty file. */
static inline int make_file(const char *name)
{
	return mknod(name, S_IFREG | 0644, 0);
}

/* A new file that holds @text; returns its descriptor. */
static inline int make_text(const char *name, const char *text)
{
	int fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0644);

	if (fd >= 0 && write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		return -1;
	return fd;
}

static inline ino_t inode_of(const char *name)
{
	struct stat st;

	return lstat(name, &st) ? 0 : st.st_ino;
}

static inline nlink_t links_of(const char *name)
{
	struct stat st;

	return lstat(name, &st) ? 0 : st.st_nlink;
}

static inline mode_t mode_of(const char *name)
{
	struct stat st;

	return lstat(name, &st) ? 0 : st.st_mode;
}

static inline int exists(const char *name)
{
	return !faccessat(AT_FDCWD, name, F_OK, AT_SYMLINK_NOFOLLOW);
}

#define EXPECT_ERRNO(expected, call) do {		\
	errno = 0;					\
	EXPECT_EQ(-1, (long)(call));			\
	EXPECT_EQ(expected, errno);			\
} while (0)

#endif /* _TEST_MOUNT_H */
