// SPDX-License-Identifier: GPL-2.0-only
/* Names: making, linking, moving, removing and listing them; file handles. */
#define _GNU_SOURCE
#include <dirent.h>
#include <linux/fs.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#include "../kselftest_harness.h"
#include "test_mount.h"

FIXTURE(name)
{
	struct test_mount mount;
	char long_name[257];	/* one byte too long */
};

FIXTURE_SETUP(name)
{
	memset(self->long_name, 'x', 256);
	self->long_name[256] = '\0';
	ASSERT_EQ(0, enter_new_fs(&self->mount, "format,inodes=1024"));
}

FIXTURE_TEARDOWN(name)
{
	EXPECT_EQ(0, leave_fs_clean(&self->mount));
}

static int rename2(const char *from, const char *to, unsigned int flags)
{
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, flags);
}

TEST_F(name, create_makes_an_empty_regular_file)
{
	struct stat st;

	umask(022);
	ASSERT_LE(0, open("file", O_WRONLY | O_CREAT | O_EXCL, 0666));
	ASSERT_EQ(0, stat("file", &st));
	EXPECT_EQ(S_IFREG | 0644, st.st_mode);
	EXPECT_EQ(1, st.st_nlink);
	EXPECT_EQ(0, st.st_uid);
	EXPECT_EQ(0, st.st_gid);
	EXPECT_EQ(0, st.st_size);
	EXPECT_EQ(0, st.st_blocks);
	EXPECT_ERRNO(EEXIST, open("file", O_WRONLY | O_CREAT | O_EXCL, 0666));
	EXPECT_LE(0, open("file", O_WRONLY | O_CREAT, 0666));
}

TEST_F(name, paths_through_nothing_or_a_file_fail)
{
	ASSERT_EQ(0, make_file("file"));
	EXPECT_ERRNO(ENOENT, make_file("none/file"));
	EXPECT_ERRNO(ENOTDIR, make_file("file/file"));
	EXPECT_ERRNO(ENOENT, mkdir("none/dir", 0755));
	EXPECT_ERRNO(ENOTDIR, mkdir("file/dir", 0755));
	EXPECT_ERRNO(ENOENT, open("none", O_RDONLY));
	EXPECT_ERRNO(ENOENT, unlink("none"));
	EXPECT_ERRNO(ENOENT, rmdir("none"));
	EXPECT_ERRNO(ENOTDIR, open("file", O_RDONLY | O_DIRECTORY));
	EXPECT_ERRNO(EISDIR, open(".", O_WRONLY));
}

TEST_F(name, mkdir_links_the_parent)
{
	struct stat st;

	ASSERT_EQ(0, mkdir("dir", 0750));
	ASSERT_EQ(0, stat("dir", &st));
	EXPECT_EQ(S_IFDIR | 0750, st.st_mode);
	EXPECT_EQ(2, st.st_nlink);
	EXPECT_EQ(3, links_of("."));
	EXPECT_EQ(inode_of("."), inode_of("dir/.."));
	EXPECT_EQ(st.st_ino, inode_of("dir/."));
	EXPECT_ERRNO(EEXIST, mkdir("dir", 0750));
	EXPECT_EQ(3, links_of("."));
}

TEST_F(name, directories_nest)
{
	int i;

	for (i = 0; i < 100; i++) {
		ASSERT_EQ(0, mkdir("deeper", 0755));
		ASSERT_EQ(0, chdir("deeper"));
	}
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(0, chdir(".."));
		ASSERT_EQ(0, rmdir("deeper"));
	}
	EXPECT_EQ(2, links_of("."));
}

TEST_F(name, mknod_makes_every_type)
{
	const struct {
		const char *name;
		mode_t mode;
		dev_t rdev;
	} nodes[] = {
		{ "fifo", S_IFIFO | 0601, 0 },
		{ "socket", S_IFSOCK | 0602, 0 },
		{ "null", S_IFCHR | 0666, makedev(1, 3) },
		{ "char", S_IFCHR | 0604, makedev(4095, 1048575) },
		{ "block", S_IFBLK | 0610, makedev(7, 256) },
		{ "file", S_IFREG | 0620, 0 },
	};
	struct stat st;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(nodes); i++)
		ASSERT_EQ(0, mknod(nodes[i].name, nodes[i].mode, nodes[i].rdev));
	EXPECT_ERRNO(EEXIST, mknod("fifo", S_IFIFO | 0600, 0));
	ASSERT_EQ(0, reenter_fs(&self->mount));
	for (i = 0; i < ARRAY_SIZE(nodes); i++) {
		ASSERT_EQ(0, stat(nodes[i].name, &st));
		EXPECT_EQ(nodes[i].mode, st.st_mode);
		EXPECT_EQ(nodes[i].rdev, st.st_rdev);
		EXPECT_EQ(1, st.st_nlink);
	}
}

TEST_F(name, nodes_work)
{
	char c = 0;
	int fd;

	ASSERT_EQ(0, mknod("fifo", S_IFIFO | 0600, 0));
	ASSERT_EQ(0, mknod("zero", S_IFCHR | 0600, makedev(1, 5)));
	ASSERT_EQ(0, mknod("socket", S_IFSOCK | 0600, 0));
	fd = open("fifo", O_RDWR);
	EXPECT_EQ(1, write(fd, "p", 1));
	EXPECT_EQ(1, read(fd, &c, 1));
	EXPECT_EQ('p', c);
	fd = open("zero", O_RDONLY);
	EXPECT_EQ(1, read(fd, &c, 1));
	EXPECT_EQ('\0', c);
	EXPECT_ERRNO(ENXIO, open("socket", O_RDONLY));
}

static void check_symlink(struct __test_metadata *_metadata, size_t len)
{
	char target[4096], found[4097], name[16];
	struct stat st;

	memset(target, 't', len);
	sprintf(name, "link%zu", len);
	ASSERT_EQ(0, lstat(name, &st));
	EXPECT_EQ(S_IFLNK | 0777, st.st_mode);
	EXPECT_EQ(len, st.st_size);
	ASSERT_EQ(len, readlink(name, found, sizeof(found)));
	EXPECT_EQ(0, memcmp(target, found, len));
}

TEST_F(name, symlinks_of_all_lengths_last)
{
	static const size_t lengths[] = { 1, 63, 64, 65, 4094, 4095 };
	char target[4097], name[16];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		memset(target, 't', lengths[i]);
		target[lengths[i]] = '\0';
		sprintf(name, "link%zu", lengths[i]);
		ASSERT_EQ(0, symlink(target, name));
		check_symlink(_metadata, lengths[i]);
	}
	memset(target, 't', 4096);
	target[4096] = '\0';
	EXPECT_ERRNO(ENAMETOOLONG, symlink(target, "link4096"));
	EXPECT_ERRNO(ENOENT, symlink("", "link0"));
	ASSERT_EQ(0, reenter_fs(&self->mount));
	for (i = 0; i < ARRAY_SIZE(lengths); i++)
		check_symlink(_metadata, lengths[i]);
}

TEST_F(name, symlinks_are_followed)
{
	char buf[8];

	ASSERT_LE(0, make_text("file", "text"));
	ASSERT_EQ(0, mkdir("dir", 0755));
	ASSERT_EQ(0, symlink("../file", "dir/link"));
	ASSERT_EQ(0, symlink("loop", "loop"));
	EXPECT_EQ(4, read(open("dir/link", O_RDONLY), buf, sizeof(buf)));
	EXPECT_ERRNO(ELOOP, open("dir/link", O_RDONLY | O_NOFOLLOW));
	EXPECT_ERRNO(ELOOP, open("loop", O_RDONLY));
	EXPECT_ERRNO(EEXIST, symlink("other", "dir/link"));
	EXPECT_ERRNO(EINVAL, readlink("file", buf, sizeof(buf)));
	EXPECT_EQ(3, readlink("dir/link", buf, 3));
	ASSERT_EQ(0, unlink("file"));
	EXPECT_ERRNO(ENOENT, open("dir/link", O_RDONLY));
}

TEST_F(name, link_is_another_name_of_the_inode)
{
	char buf[8];

	ASSERT_LE(0, make_text("file", "text"));
	ASSERT_EQ(0, mkdir("dir", 0755));
	ASSERT_EQ(0, link("file", "dir/other"));
	EXPECT_EQ(inode_of("file"), inode_of("dir/other"));
	EXPECT_EQ(2, links_of("file"));
	EXPECT_ERRNO(EEXIST, link("file", "dir/other"));
	EXPECT_ERRNO(EPERM, link("dir", "dir2"));
	EXPECT_ERRNO(ENOENT, link("none", "dir2"));
	EXPECT_EQ(2, links_of("file"));
	ASSERT_EQ(0, unlink("file"));
	EXPECT_EQ(1, links_of("dir/other"));
	EXPECT_EQ(4, read(open("dir/other", O_RDONLY), buf, sizeof(buf)));
}

TEST_F(name, every_type_but_directories_can_be_linked)
{
	ASSERT_EQ(0, symlink("target", "symlink"));
	ASSERT_EQ(0, mknod("fifo", S_IFIFO | 0600, 0));
	EXPECT_EQ(0, link("symlink", "symlink2"));
	EXPECT_EQ(0, link("fifo", "fifo2"));
	EXPECT_EQ(2, links_of("symlink"));
	EXPECT_EQ(2, links_of("fifo2"));
}

TEST_F(name, unlink_removes_no_directory)
{
	ASSERT_EQ(0, mkdir("dir", 0755));
	ASSERT_EQ(0, make_file("dir/file"));
	EXPECT_ERRNO(EISDIR, unlink("dir"));
	EXPECT_EQ(0, unlink("dir/file"));
	EXPECT_ERRNO(ENOENT, unlink("dir/file"));
	EXPECT_FALSE(exists("dir/file"));
}

TEST_F(name, rmdir_removes_only_an_empty_directory)
{
	ASSERT_EQ(0, mkdir("dir", 0755));
	ASSERT_EQ(0, make_file("dir/file"));
	EXPECT_ERRNO(ENOTEMPTY, rmdir("dir"));
	EXPECT_ERRNO(ENOTDIR, rmdir("dir/file"));
	EXPECT_ERRNO(EINVAL, rmdir("dir/."));
	EXPECT_ERRNO(ENOTEMPTY, rmdir("dir/.."));
	ASSERT_EQ(0, unlink("dir/file"));
	EXPECT_EQ(3, links_of("."));
	EXPECT_EQ(0, rmdir("dir"));
	EXPECT_EQ(2, links_of("."));
	EXPECT_FALSE(exists("dir"));
}

TEST_F(name, nothing_is_made_in_a_removed_directory)
{
	struct stat st;
	char buf[256];
	int dir;

	ASSERT_EQ(0, make_file("file"));
	ASSERT_EQ(0, mkdir("dir", 0755));
	dir = open("dir", O_RDONLY);
	ASSERT_EQ(0, rmdir("dir"));
	ASSERT_EQ(0, fstat(dir, &st));
	EXPECT_EQ(0, st.st_nlink);
	EXPECT_ERRNO(ENOENT, mknodat(dir, "file", S_IFREG | 0644, 0));
	EXPECT_ERRNO(ENOENT, mkdirat(dir, "dir", 0755));
	EXPECT_ERRNO(ENOENT, symlinkat("target", dir, "link"));
	EXPECT_ERRNO(ENOENT, linkat(AT_FDCWD, "file", dir, "file", 0));
	EXPECT_ERRNO(ENOENT, renameat(AT_FDCWD, "file", dir, "file"));
	EXPECT_ERRNO(ENOENT, getdents64(dir, buf, sizeof(buf)));
}

TEST_F(name, rename_replaces)
{
	ino_t ino;
	int fd;

	ASSERT_EQ(0, make_file("a"));
	fd = make_text("b", "old");
	ASSERT_LE(0, fd);
	ino = inode_of("a");
	EXPECT_EQ(0, rename("a", "b"));
	EXPECT_FALSE(exists("a"));
	EXPECT_EQ(ino, inode_of("b"));
	EXPECT_EQ(1, links_of("b"));
	EXPECT_EQ(3, lseek(fd, 0, SEEK_END));
	EXPECT_ERRNO(ENOENT, rename("a", "b"));
	EXPECT_EQ(0, rename("b", "c"));
	EXPECT_EQ(ino, inode_of("c"));
}

TEST_F(name, rename_of_two_names_of_one_inode_does_nothing)
{
	ASSERT_EQ(0, make_file("a"));
	ASSERT_EQ(0, link("a", "b"));
	EXPECT_EQ(0, rename("a", "b"));
	EXPECT_EQ(0, rename("a", "a"));
	EXPECT_TRUE(exists("a"));
	EXPECT_TRUE(exists("b"));
	EXPECT_EQ(2, links_of("a"));
}

TEST_F(name, rename_of_a_directory_moves_its_parent)
{
	ASSERT_EQ(0, mkdir("from", 0755));
	ASSERT_EQ(0, mkdir("to", 0755));
	ASSERT_EQ(0, mkdir("from/dir", 0755));
	ASSERT_EQ(0, make_file("from/dir/file"));
	EXPECT_EQ(0, rename("from/dir", "to/moved"));
	EXPECT_EQ(2, links_of("from"));
	EXPECT_EQ(3, links_of("to"));
	EXPECT_EQ(inode_of("to"), inode_of("to/moved/.."));
	EXPECT_TRUE(exists("to/moved/file"));
	EXPECT_EQ(0, rmdir("from"));
	ASSERT_EQ(0, reenter_fs(&self->mount));
	EXPECT_EQ(3, links_of("."));
	EXPECT_EQ(inode_of("to"), inode_of("to/moved/.."));
	EXPECT_TRUE(exists("to/moved/file"));
}

TEST_F(name, rename_replaces_an_empty_directory)
{
	ASSERT_EQ(0, mkdir("a", 0755));
	ASSERT_EQ(0, mkdir("a/dir", 0755));
	ASSERT_EQ(0, mkdir("b", 0755));
	ASSERT_EQ(0, mkdir("b/dir", 0755));
	EXPECT_ERRNO(ENOTEMPTY, rename("a", "b"));
	EXPECT_EQ(0, rename("a/dir", "b/dir"));
	EXPECT_EQ(2, links_of("a"));
	EXPECT_EQ(3, links_of("b"));
	EXPECT_EQ(4, links_of("."));
	EXPECT_EQ(0, rename("b", "a"));
	EXPECT_EQ(3, links_of("."));
	EXPECT_EQ(3, links_of("a"));
}

TEST_F(name, rename_mixes_no_types_and_makes_no_loop)
{
	ASSERT_EQ(0, make_file("file"));
	ASSERT_EQ(0, mkdir("dir", 0755));
	ASSERT_EQ(0, mkdir("dir/sub", 0755));
	EXPECT_ERRNO(ENOTDIR, rename("dir", "file"));
	EXPECT_ERRNO(EISDIR, rename("file", "dir"));
	EXPECT_ERRNO(EINVAL, rename("dir", "dir/sub/dir"));
	EXPECT_ERRNO(EINVAL, rename("dir", "dir/dir"));
	EXPECT_ERRNO(ENOTEMPTY, rename("dir/sub", "dir"));
	EXPECT_ERRNO(EBUSY, rename("dir/.", "other"));
	EXPECT_ERRNO(EBUSY, rename(".", "other"));
}

/* Make files in the directory @dir, wherever it is, and remove some of them. */
static int make_many(int dir, int count)
{
	char text[16];
	int i, fd;

	for (i = 0; i < count; i++) {
		sprintf(text, "%d", i);
		fd = openat(dir, text, O_CREAT | O_EXCL, 0644);
		if (fd < 0 || close(fd) || (i % 3 == 0 && unlinkat(dir, text, 0)))
			return errno;
	}
	return 0;
}

TEST_F(name, rename_of_a_directory_races_with_creates_in_it)
{
	enum { COUNT = 300 };
	int dir, i, status, renames = 0;
	char text[16];
	pid_t child;

	ASSERT_EQ(0, mkdir("a", 0755));
	ASSERT_EQ(0, mkdir("b", 0755));
	ASSERT_EQ(0, mkdir("b/other", 0755));
	ASSERT_EQ(0, mkdir("a/dir", 0755));
	dir = open("a/dir", O_RDONLY | O_DIRECTORY);
	ASSERT_LE(0, dir);
	child = fork();
	if (!child)
		_exit(make_many(dir, COUNT));
	while (!waitpid(child, &status, WNOHANG)) {
		ASSERT_EQ(0, rename("a/dir", "b/dir"));
		ASSERT_EQ(0, rename2("b/dir", "b/other", RENAME_EXCHANGE));
		ASSERT_EQ(0, rename("b/other", "a/dir"));
		ASSERT_EQ(0, rename("b/dir", "b/other"));
		renames++;
	}
	EXPECT_EQ(0, status);
	EXPECT_LT(0, renames);
	for (i = 0; i < COUNT; i++) {
		sprintf(text, "a/dir/%d", i);
		EXPECT_EQ(i % 3 != 0, exists(text));
	}
}

TEST_F(name, replacing_a_directory_races_with_a_create_in_it)
{
	int dir, i, made, replaced, status, won[2] = {};
	pid_t child;

	for (i = 0; i < 100; i++) {
		ASSERT_EQ(0, mkdir("new", 0755));
		ASSERT_EQ(0, mkdir("old", 0755));
		dir = open("old", O_RDONLY | O_DIRECTORY);
		ASSERT_LE(0, dir);
		child = fork();
		if (!child) {
			replaced = rename("new", "old");
			_exit(replaced ? errno : 0);
		}
		made = mknodat(dir, "file", S_IFREG | 0644, 0);
		if (made)
			EXPECT_EQ(ENOENT, errno);
		ASSERT_EQ(child, waitpid(child, &status, 0));
		/* One of both has come too late. */
		EXPECT_EQ(made ? 0 : ENOTEMPTY, WEXITSTATUS(status));
		won[!made]++;
		unlinkat(dir, "file", 0);
		close(dir);
		rmdir("new");
		ASSERT_EQ(0, rmdir("old"));
	}
	TH_LOG("%d creates and %d renames won", won[1], won[0]);
}

TEST_F(name, rename_noreplace_replaces_nothing)
{
	ino_t ino;

	ASSERT_EQ(0, make_file("a"));
	ASSERT_EQ(0, make_file("b"));
	ino = inode_of("a");
	EXPECT_ERRNO(EEXIST, rename2("a", "b", RENAME_NOREPLACE));
	EXPECT_EQ(ino, inode_of("a"));
	EXPECT_EQ(0, rename2("a", "c", RENAME_NOREPLACE));
	EXPECT_EQ(ino, inode_of("c"));
	EXPECT_FALSE(exists("a"));
}

TEST_F(name, rename_exchange_swaps_any_types)
{
	ino_t dir, file;

	ASSERT_EQ(0, mkdir("a", 0755));
	ASSERT_EQ(0, mkdir("a/dir", 0755));
	ASSERT_EQ(0, make_file("a/dir/inside"));
	ASSERT_EQ(0, mkdir("b", 0755));
	ASSERT_EQ(0, make_file("b/file"));
	dir = inode_of("a/dir");
	file = inode_of("b/file");
	EXPECT_EQ(0, rename2("a/dir", "b/file", RENAME_EXCHANGE));
	ASSERT_EQ(0, reenter_fs(&self->mount));
	EXPECT_EQ(file, inode_of("a/dir"));
	EXPECT_EQ(dir, inode_of("b/file"));
	EXPECT_EQ(2, links_of("a"));
	EXPECT_EQ(3, links_of("b"));
	EXPECT_EQ(1, links_of("a/dir"));
	EXPECT_TRUE(exists("b/file/inside"));
	EXPECT_EQ(inode_of("b"), inode_of("b/file/.."));
}

TEST_F(name, rename_exchange_swaps_directories)
{
	ino_t one, two;

	ASSERT_EQ(0, mkdir("a", 0755));
	ASSERT_EQ(0, mkdir("a/dir", 0755));
	ASSERT_EQ(0, mkdir("b", 0755));
	ASSERT_EQ(0, mkdir("b/dir", 0755));
	ASSERT_EQ(0, make_file("b/dir/full"));
	one = inode_of("a/dir");
	two = inode_of("b/dir");
	EXPECT_EQ(0, rename2("a/dir", "b/dir", RENAME_EXCHANGE));
	EXPECT_EQ(two, inode_of("a/dir"));
	EXPECT_EQ(one, inode_of("b/dir"));
	EXPECT_EQ(3, links_of("a"));
	EXPECT_EQ(3, links_of("b"));
	EXPECT_EQ(inode_of("a"), inode_of("a/dir/.."));
	EXPECT_EQ(0, rename2("a", "b", RENAME_EXCHANGE));
	EXPECT_EQ(two, inode_of("b/dir"));
	EXPECT_EQ(0, rename2("a", "a", RENAME_EXCHANGE));
	EXPECT_ERRNO(ENOENT, rename2("a", "none", RENAME_EXCHANGE));
	EXPECT_ERRNO(EINVAL, rename2("a", "a/dir", RENAME_EXCHANGE));
	EXPECT_ERRNO(EINVAL, rename2("a/dir", "a", RENAME_EXCHANGE));
}

TEST_F(name, rename_with_other_flags_is_einval)
{
	ASSERT_EQ(0, make_file("a"));
	ASSERT_EQ(0, make_file("b"));
	EXPECT_ERRNO(EINVAL, rename2("a", "c", RENAME_WHITEOUT));
	EXPECT_ERRNO(EINVAL, rename2("a", "b", RENAME_NOREPLACE | RENAME_EXCHANGE));
	EXPECT_ERRNO(EINVAL, rename2("a", "c", 1 << 3));
	EXPECT_TRUE(exists("a"));
	EXPECT_FALSE(exists("c"));
}

static int link_fd(int fd, const char *name)
{
	char path[32];

	sprintf(path, "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, path, AT_FDCWD, name, AT_SYMLINK_FOLLOW);
}

TEST_F(name, tmpfile_has_no_name_until_linkat)
{
	struct stat st;
	char buf[8];
	int fd;

	ASSERT_EQ(0, mkdir("dir", 0755));
	fd = open("dir", O_TMPFILE | O_RDWR, 0640);
	ASSERT_LE(0, fd);
	ASSERT_EQ(4, write(fd, "text", 4));
	ASSERT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(S_IFREG | 0640, st.st_mode);
	EXPECT_EQ(0, st.st_nlink);
	EXPECT_EQ(0, link_fd(fd, "dir/file"));
	ASSERT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(1, st.st_nlink);
	EXPECT_EQ(0, link_fd(fd, "other"));
	ASSERT_EQ(0, reenter_fs(&self->mount));
	EXPECT_EQ(2, links_of("dir/file"));
	EXPECT_EQ(4, read(open("dir/file", O_RDONLY), buf, sizeof(buf)));
}

TEST_F(name, tmpfile_goes_when_it_is_closed)
{
	struct statfs before, during, after;
	int fd;

	ASSERT_EQ(0, statfs(".", &before));
	fd = open(".", O_TMPFILE | O_RDWR | O_EXCL, 0600);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, write(fd, "x", 1));
	EXPECT_ERRNO(ENOENT, link_fd(fd, "name"));
	ASSERT_EQ(0, statfs(".", &during));
	EXPECT_EQ(before.f_ffree - 1, during.f_ffree);
	EXPECT_EQ(before.f_bfree - 1, during.f_bfree);
	ASSERT_EQ(0, close(fd));
	ASSERT_EQ(0, statfs(".", &after));
	EXPECT_EQ(before.f_ffree, after.f_ffree);
	EXPECT_EQ(before.f_bfree, after.f_bfree);
	EXPECT_ERRNO(EINVAL, open(".", O_TMPFILE | O_RDONLY, 0600));
}

TEST_F(name, unlinked_file_lives_while_it_is_open)
{
	struct statfs before, after;
	struct stat st;
	char c = 0;
	int fd;

	ASSERT_EQ(0, statfs(".", &before));
	fd = make_text("file", "text");
	ASSERT_EQ(0, unlink("file"));
	ASSERT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(0, st.st_nlink);
	EXPECT_EQ(4, pwrite(fd, "more", 4, 8192));
	EXPECT_EQ(1, pread(fd, &c, 1, 2));
	EXPECT_EQ('x', c);
	EXPECT_EQ(0, ftruncate(fd, 4096));
	EXPECT_EQ(0, fchmod(fd, 0600));
	EXPECT_ERRNO(ENOENT, link_fd(fd, "again"));
	ASSERT_EQ(0, close(fd));
	ASSERT_EQ(0, statfs(".", &after));
	EXPECT_EQ(before.f_ffree, after.f_ffree);
	EXPECT_EQ(before.f_bfree, after.f_bfree);
}

TEST_F(name, names_have_up_to_255_bytes)
{
	const char *long_name = self->long_name + 1;	/* 255 */
	const char *too_long = self->long_name;

	ASSERT_EQ(0, make_file("y"));
	EXPECT_EQ(0, make_file(long_name));
	EXPECT_TRUE(exists(long_name));
	EXPECT_ERRNO(ENAMETOOLONG, make_file(too_long));
	EXPECT_ERRNO(ENAMETOOLONG, mkdir(too_long, 0755));
	EXPECT_ERRNO(ENAMETOOLONG, symlink("target", too_long));
	EXPECT_ERRNO(ENAMETOOLONG, link("y", too_long));
	EXPECT_ERRNO(ENAMETOOLONG, rename("y", too_long));
	EXPECT_ERRNO(ENAMETOOLONG, unlink(too_long));
	EXPECT_ERRNO(ENAMETOOLONG, open(too_long, O_RDONLY));
	EXPECT_EQ(0, rename("y", long_name));
	ASSERT_EQ(0, reenter_fs(&self->mount));
	EXPECT_TRUE(exists(long_name));
	EXPECT_FALSE(exists("y"));
	EXPECT_EQ(0, unlink(long_name));
}

TEST_F(name, names_are_any_bytes)
{
	char name[2] = "";
	int i;

	for (i = 1; i < 256; i++) {
		name[0] = i;
		if (i != '/' && i != '.')
			ASSERT_EQ(0, make_file(name));
	}
	EXPECT_EQ(0, make_file("..."));
	EXPECT_NE(inode_of("a"), inode_of("A"));
	for (i = 1; i < 256; i++) {
		name[0] = i;
		if (i != '/' && i != '.')
			ASSERT_EQ(0, unlink(name));
	}
	EXPECT_FALSE(exists("a"));
}

/* Reading a directory in small pieces, so that it changes in between. */
struct reader {
	int dir;
	long len;
	long pos;
	char buf[512];	/* as aligned as a dirent */
};

static struct dirent64 *next_entry(struct reader *r)
{
	struct dirent64 *entry;

	if (r->pos == r->len) {
		r->len = getdents64(r->dir, r->buf, sizeof(r->buf));
		r->pos = 0;
	}
	if (r->len <= 0)
		return NULL;
	entry = (struct dirent64 *)(r->buf + r->pos);
	r->pos += entry->d_reclen;
	return entry;
}

static void seek_entry(struct reader *r, off_t cookie)
{
	lseek(r->dir, cookie, SEEK_SET);
	r->len = 0;
	r->pos = 0;
}

#define MANY	10000

/* Names by number, all of one inode. Numbers from MANY on come later. */
static int add_entry(int n)
{
	char name[32];

	sprintf(name, "dir/entry %d", n);
	return link("file", name);
}

static int remove_entry(int n)
{
	char name[32];

	sprintf(name, "dir/entry %d", n);
	return unlink(name);
}

static int number_of(const struct dirent64 *entry)
{
	int n;

	return sscanf(entry->d_name, "entry %d", &n) == 1 ? n : -1;
}

/* Returns a reader of a directory of @count entries. */
static struct reader *make_entries(int count)
{
	struct reader *r = calloc(1, sizeof(*r));

	if (make_file("file") || mkdir("dir", 0755))
		return NULL;
	while (count--) {
		if (add_entry(count))
			return NULL;
	}
	r->dir = open("dir", O_RDONLY | O_DIRECTORY);
	return r;
}

/* Count in @seen what is left to read; returns how many names that are. */
static int read_entries(struct reader *r, unsigned char *seen)
{
	struct dirent64 *entry;
	int n, count = 0;

	while ((entry = next_entry(r))) {
		n = number_of(entry);
		if (n < 0)
			continue;
		seen[n]++;
		count++;
	}
	return r->len ? -1 : count;
}

TEST_F(name, readdir_tells_inode_and_type)
{
	struct reader r = { .dir = open(".", O_RDONLY) };
	struct dirent64 *entry;
	int count = 0;

	ASSERT_EQ(0, make_file("regular"));
	ASSERT_EQ(0, mkdir("dir", 0755));
	ASSERT_EQ(0, symlink("target", "link"));
	ASSERT_EQ(0, mknod("fifo", S_IFIFO | 0600, 0));
	ASSERT_EQ(0, mknod("socket", S_IFSOCK | 0600, 0));
	ASSERT_EQ(0, mknod("char", S_IFCHR | 0600, makedev(1, 3)));
	ASSERT_EQ(0, mknod("block", S_IFBLK | 0600, makedev(7, 0)));
	for (; (entry = next_entry(&r)); count++) {
		EXPECT_EQ(IFTODT(mode_of(entry->d_name)), entry->d_type);
		if (strcmp(entry->d_name, ".."))
			EXPECT_EQ(inode_of(entry->d_name), entry->d_ino);
	}
	EXPECT_EQ(9, count);
}

TEST_F(name, readdir_begins_with_the_dots)
{
	struct reader r = {};

	ASSERT_EQ(0, mkdir("dir", 0755));
	r.dir = open("dir", O_RDONLY);
	ASSERT_STREQ(".", next_entry(&r)->d_name);
	ASSERT_STREQ("..", next_entry(&r)->d_name);
	EXPECT_EQ(NULL, next_entry(&r));
	seek_entry(&r, 0);
	EXPECT_EQ(inode_of("dir"), next_entry(&r)->d_ino);
	EXPECT_EQ(inode_of("."), next_entry(&r)->d_ino);
}

TEST_F(name, readdir_needs_a_directory_and_room)
{
	char buf[24];
	int fd;

	fd = make_text("file", "text");
	EXPECT_ERRNO(ENOTDIR, getdents64(fd, buf, sizeof(buf)));
	fd = open(".", O_RDONLY);
	EXPECT_ERRNO(EINVAL, getdents64(fd, buf, 1));
	EXPECT_ERRNO(EISDIR, read(fd, buf, sizeof(buf)));
	EXPECT_ERRNO(EINVAL, lseek(fd, -1, SEEK_SET));
	EXPECT_LT(0, getdents64(fd, buf, sizeof(buf)));
}

TEST_F_TIMEOUT(name, readdir_of_10000_entries_under_change_is_complete, 300)
{
	static unsigned char seen[2 * MANY], gone[MANY];
	struct reader *r = make_entries(MANY);
	int n, i, added = MANY, removed = 0;
	struct dirent64 *entry;

	ASSERT_NE(NULL, r);
	while ((entry = next_entry(r))) {
		n = number_of(entry);
		if (n < 0)
			continue;
		seen[n]++;
		if (n >= MANY || n % 4)
			continue;
		/* One that was read, one that was perhaps not; and a new one. */
		for (i = n; i < n + 2; i++, removed++) {
			ASSERT_EQ(0, remove_entry(i));
			gone[i] = 1;
		}
		ASSERT_EQ(0, add_entry(added++));
	}
	EXPECT_EQ(0, r->len);
	EXPECT_EQ(MANY / 2, removed);
	for (n = 0; n < MANY; n++) {
		ASSERT_GE(1, seen[n]);
		ASSERT_EQ(1, seen[n] || gone[n]);
	}
	for (; n < added; n++)
		ASSERT_GE(1, seen[n]);
}

TEST_F(name, cookies_stay_valid_while_entries_come_and_go)
{
	enum { COUNT = 1000, STEP = 100 };
	static off_t cookies[COUNT];
	static int order[COUNT];
	unsigned char seen[2 * COUNT];
	struct reader *r = make_entries(COUNT);
	struct dirent64 *entry;
	int i, n, count = 0;

	ASSERT_NE(NULL, r);
	while ((entry = next_entry(r))) {
		if (number_of(entry) < 0)
			continue;
		order[count] = number_of(entry);
		cookies[count++] = entry->d_off;
	}
	ASSERT_EQ(COUNT, count);

	/* Every second name goes, those at cookies too; new ones come. */
	for (i = 0; i < COUNT; i += 2) {
		ASSERT_EQ(0, remove_entry(order[i]));
		ASSERT_EQ(0, add_entry(COUNT + i));
	}
	for (n = COUNT - STEP; n >= 0; n -= STEP) {
		memset(seen, 0, sizeof(seen));
		seek_entry(r, cookies[n]);
		ASSERT_LE(0, read_entries(r, seen));
		for (i = 0; i < COUNT; i++)
			ASSERT_EQ(i > n && i % 2, seen[order[i]]);
	}
}

TEST_F(name, telldir_and_seekdir_work)
{
	char name[256];
	struct dirent *entry;
	long place;
	DIR *dir;
	int i;

	ASSERT_NE(NULL, make_entries(50));
	dir = opendir("dir");
	ASSERT_NE(NULL, dir);
	for (i = 0; i < 20; i++)
		ASSERT_NE(NULL, readdir(dir));
	place = telldir(dir);
	entry = readdir(dir);
	ASSERT_NE(NULL, entry);
	snprintf(name, sizeof(name), "%s", entry->d_name);
	while (readdir(dir))
		;
	seekdir(dir, place);
	entry = readdir(dir);
	ASSERT_NE(NULL, entry);
	EXPECT_STREQ(name, entry->d_name);
	rewinddir(dir);
	for (i = 0; readdir(dir); i++)
		;
	EXPECT_EQ(52, i);
}

TEST_F(name, rewound_directory_shows_what_is_there_now)
{
	unsigned char seen[10] = {};
	struct reader *r = make_entries(4);

	ASSERT_NE(NULL, r);
	EXPECT_EQ(4, read_entries(r, seen));
	ASSERT_EQ(0, add_entry(4));
	ASSERT_EQ(0, remove_entry(2));
	seek_entry(r, 0);
	memset(seen, 0, sizeof(seen));
	EXPECT_EQ(4, read_entries(r, seen));
	EXPECT_EQ(0, seen[2]);
	EXPECT_EQ(1, seen[4]);
}

TEST_F(name, emptied_directory_can_be_removed)
{
	int i;

	ASSERT_NE(NULL, make_entries(1000));
	for (i = 0; i < 1000; i++)
		ASSERT_EQ(0, remove_entry((i * 7) % 1000));
	EXPECT_EQ(1, links_of("file"));
	EXPECT_EQ(0, rmdir("dir"));
}

struct handle {
	struct file_handle fh;
	unsigned char bytes[MAX_HANDLE_SZ];
};

static int get_handle(const char *name, struct handle *h)
{
	int mount_id;

	h->fh.handle_bytes = MAX_HANDLE_SZ;
	return name_to_handle_at(AT_FDCWD, name, &h->fh, &mount_id, 0);
}

/* Open by handle, as if the current directory were just any of the mount. */
static int open_handle(struct handle *h, int flags)
{
	int mount = open(".", O_RDONLY);
	int fd = open_by_handle_at(mount, &h->fh, flags);
	int err = errno;

	close(mount);
	errno = err;
	return fd;
}

TEST_F(name, handle_opens_the_file_after_a_remount)
{
	struct handle h;
	struct stat st;
	char buf[8];
	ino_t ino;
	int fd;

	ASSERT_EQ(0, mkdir("dir", 0755));
	ASSERT_LE(0, make_text("dir/file", "text"));
	ASSERT_EQ(0, get_handle("dir/file", &h));
	ino = inode_of("dir/file");
	ASSERT_EQ(0, rename("dir/file", "moved"));
	ASSERT_EQ(0, reenter_fs(&self->mount));
	fd = open_handle(&h, O_RDONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(ino, st.st_ino);
	EXPECT_EQ(4, read(fd, buf, sizeof(buf)));
}

TEST_F(name, handle_of_a_moved_directory_knows_its_parent)
{
	struct handle h;
	struct stat st;
	char path[64], found[64] = "";
	int fd;

	ASSERT_EQ(0, mkdir("a", 0755));
	ASSERT_EQ(0, mkdir("b", 0755));
	ASSERT_EQ(0, mkdir("a/dir", 0755));
	ASSERT_EQ(0, mkdir("a/dir/sub", 0755));
	ASSERT_EQ(0, get_handle("a/dir/sub", &h));
	ASSERT_EQ(0, rename("a/dir", "b/moved"));
	ASSERT_EQ(0, reenter_fs(&self->mount));
	fd = open_handle(&h, O_RDONLY | O_DIRECTORY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fstatat(fd, "../..", &st, 0));
	EXPECT_EQ(inode_of("b"), st.st_ino);
	sprintf(path, "/proc/self/fd/%d", fd);
	ASSERT_LT(0, readlink(path, found, sizeof(found) - 1));
	sprintf(path, "%s/b/moved/sub", self->mount.dir);
	EXPECT_STREQ(path, found);
}

/* Make symlinks and delete them until killed. They get the number of the first. */
static pid_t start_making_symlinks(void)
{
	char target[200];
	pid_t pid = fork();

	if (pid)
		return pid;
	memset(target, 'x', sizeof(target) - 1);
	target[sizeof(target) - 1] = '\0';
	for (;;) {
		if (symlink(target, "link") || unlink("link"))
			_exit(1);
	}
}

TEST_F(name, handle_finds_no_inode_that_is_being_made)
{
	struct handle h;
	int i, status;
	pid_t pid;

	ASSERT_EQ(0, symlink("target", "link"));
	ASSERT_EQ(0, get_handle("link", &h));
	ASSERT_EQ(0, unlink("link"));
	pid = start_making_symlinks();
	for (i = 0; i < 20000; i++) {
		if (open_handle(&h, O_PATH | O_NOFOLLOW) >= 0)
			break;
		/* That iget_locked() says when it meets one that is hashed. */
		if (errno != ESTALE && errno != ENOMEM)
			break;
	}
	EXPECT_EQ(20000, i);
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	/* Nor was it taken for damage, which would have made the region read-only. */
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(0, make_file("file"));
}

TEST_F(name, handle_of_a_deleted_file_is_stale)
{
	struct handle file, dir;
	ino_t ino;
	int i;

	ASSERT_EQ(0, make_file("file"));
	ASSERT_EQ(0, mkdir("dir", 0755));
	ASSERT_EQ(0, get_handle("file", &file));
	ASSERT_EQ(0, get_handle("dir", &dir));
	ino = inode_of("file");
	ASSERT_EQ(0, unlink("file"));
	ASSERT_EQ(0, rmdir("dir"));
	EXPECT_ERRNO(ESTALE, open_handle(&file, O_RDONLY));
	EXPECT_ERRNO(ESTALE, open_handle(&dir, O_RDONLY));

	/* Whoever gets the number now is somebody else. */
	for (i = 0; i < 2000 && inode_of("file") != ino; i++) {
		unlink("file");
		ASSERT_EQ(0, make_file("file"));
	}
	ASSERT_EQ(ino, inode_of("file"));
	EXPECT_ERRNO(ESTALE, open_handle(&file, O_RDONLY));
	ASSERT_EQ(0, reenter_fs(&self->mount));
	EXPECT_ERRNO(ESTALE, open_handle(&file, O_RDONLY));
	EXPECT_ERRNO(ESTALE, open_handle(&dir, O_RDONLY));
}

TEST_F(name, handle_of_an_open_file_without_name_is_stale)
{
	struct handle h = { .fh.handle_bytes = MAX_HANDLE_SZ };
	int fd = open(".", O_TMPFILE | O_RDWR, 0600), mount_id;
	char path[64];

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, name_to_handle_at(fd, "", &h.fh, &mount_id, AT_EMPTY_PATH));
	EXPECT_ERRNO(ESTALE, open_handle(&h, O_RDONLY));
	sprintf(path, "/proc/self/fd/%d", fd);
	ASSERT_EQ(0, linkat(AT_FDCWD, path, AT_FDCWD, "file", AT_SYMLINK_FOLLOW));
	EXPECT_LE(0, open_handle(&h, O_RDONLY));
	ASSERT_EQ(0, unlink("file"));
	EXPECT_ERRNO(ESTALE, open_handle(&h, O_RDONLY));
	ASSERT_EQ(0, reenter_fs(&self->mount));
	EXPECT_ERRNO(ESTALE, open_handle(&h, O_RDONLY));
}

TEST_F(name, made_up_handle_is_stale)
{
	struct handle h;

	ASSERT_EQ(0, make_file("file"));
	ASSERT_EQ(0, get_handle("file", &h));
	memset(h.fh.f_handle, 0xff, h.fh.handle_bytes);
	EXPECT_ERRNO(ESTALE, open_handle(&h, O_RDONLY));
	memset(h.fh.f_handle, 0, h.fh.handle_bytes);
	EXPECT_ERRNO(ESTALE, open_handle(&h, O_RDONLY));
}

TEST_F(name, handle_buffer_too_small_is_eoverflow)
{
	struct handle h = { .fh.handle_bytes = 0 };
	int mount_id;

	ASSERT_EQ(0, make_file("file"));
	EXPECT_ERRNO(EOVERFLOW, name_to_handle_at(AT_FDCWD, "file", &h.fh,
						  &mount_id, 0));
	EXPECT_LT(0, h.fh.handle_bytes);
}

TEST_F(name, only_root_opens_by_handle)
{
	struct handle h;

	ASSERT_EQ(0, make_file("file"));
	ASSERT_EQ(0, get_handle("file", &h));
	ASSERT_EQ(0, become_user(TEST_USER));
	EXPECT_ERRNO(EPERM, open_handle(&h, O_RDONLY));
}

TEST_F(name, user_cannot_change_names_in_the_directory_of_another)
{
	ASSERT_EQ(0, make_file("file"));
	ASSERT_EQ(0, chmod("file", 0666));
	ASSERT_EQ(0, mkdir("dir", 0755));
	ASSERT_EQ(0, become_user(TEST_USER));
	EXPECT_ERRNO(EACCES, make_file("mine"));
	EXPECT_ERRNO(EACCES, mkdir("mine", 0755));
	EXPECT_ERRNO(EACCES, symlink("target", "mine"));
	EXPECT_ERRNO(EACCES, link("file", "mine"));
	EXPECT_ERRNO(EACCES, rename("file", "mine"));
	EXPECT_ERRNO(EACCES, unlink("file"));
	EXPECT_ERRNO(EACCES, rmdir("dir"));
	EXPECT_ERRNO(EACCES, open(".", O_TMPFILE | O_RDWR, 0600));
	EXPECT_ERRNO(EACCES, mknod("mine", S_IFIFO | 0600, 0));
}

TEST_F(name, user_makes_no_devices)
{
	ASSERT_EQ(0, chmod(".", 0777));
	ASSERT_EQ(0, become_user(TEST_USER));
	EXPECT_ERRNO(EPERM, mknod("char", S_IFCHR | 0600, makedev(1, 3)));
	EXPECT_ERRNO(EPERM, mknod("block", S_IFBLK | 0600, makedev(7, 0)));
	EXPECT_EQ(0, mknod("fifo", S_IFIFO | 0600, 0));
}

TEST_F(name, user_cannot_search_a_private_directory)
{
	ASSERT_EQ(0, mkdir("private", 0700));
	ASSERT_EQ(0, make_file("private/file"));
	ASSERT_EQ(0, mkdir("listed", 0744));
	ASSERT_EQ(0, make_file("listed/file"));
	ASSERT_EQ(0, become_user(TEST_USER));
	EXPECT_ERRNO(EACCES, open("private", O_RDONLY));
	EXPECT_ERRNO(EACCES, open("private/file", O_RDONLY));
	EXPECT_LE(0, open("listed", O_RDONLY));
	EXPECT_ERRNO(EACCES, open("listed/file", O_RDONLY));
}

TEST_F(name, sticky_directory_protects_the_files_of_others)
{
	ASSERT_EQ(0, mkdir("sticky", 01777));
	ASSERT_EQ(0, become_user(OTHER_USER));
	ASSERT_EQ(0, make_file("sticky/theirs"));
	ASSERT_EQ(0, become_user(TEST_USER));
	ASSERT_EQ(0, make_file("sticky/mine"));
	EXPECT_ERRNO(EPERM, unlink("sticky/theirs"));
	EXPECT_ERRNO(EPERM, rename("sticky/theirs", "sticky/other"));
	EXPECT_ERRNO(EPERM, rename("sticky/mine", "sticky/theirs"));
	EXPECT_ERRNO(EPERM, rename2("sticky/mine", "sticky/theirs", RENAME_EXCHANGE));
	EXPECT_EQ(0, rename("sticky/mine", "sticky/other"));
	EXPECT_EQ(0, unlink("sticky/other"));
	ASSERT_EQ(0, become_root());
	EXPECT_EQ(0, unlink("sticky/theirs"));
}

TEST_HARNESS_MAIN
