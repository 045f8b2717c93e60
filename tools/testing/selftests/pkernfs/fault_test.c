// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults in the kernel, one after the other: memory that cannot be allocated, and
 * what pkernfs marks by ALLOW_ERROR_INJECTION(). Each system call must fail with an
 * errno, or work all the same; work when it is tried again; and leave a sound
 * filesystem. A debug kernel also looks for what was leaked.
 *
 * /proc/thread-self/fail-nth says which of the calls that can fail does.
 */
#define _GNU_SOURCE
#include <limits.h>

#include "../kselftest_harness.h"
#include "test_mount.h"

#define DEBUGFS		"/sys/kernel/debug/"
#define PAGE		4096UL
#define DATA_BLOCK	(2UL << 20)

static int write_text(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

	if (fd >= 0)
		close(fd);
	return n == (ssize_t)strlen(text) ? 0 : -1;
}

static bool has_faults(void)
{
	return !access(DEBUGFS "fail_function/inject", W_OK);
}

static int set(const char *name, const char *value)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), DEBUGFS "%s", name);
	return write_text(path, value) ? errno : 0;
}

/* Let @function return -@err when it is its turn. */
static int mark(const char *function, int err)
{
	char name[64], value[32];
	int ret = set("fail_function/inject", function);

	/* Another test has marked it already. */
	if (ret && ret != EBUSY)
		return ret;
	snprintf(name, sizeof(name), "fail_function/%s/retval", function);
	/* No minus sign is understood there. */
	snprintf(value, sizeof(value), "%#lx", -(long)err);
	return set(name, value);
}

/* Return: 0 or the errno of a setting that is not possible. */
static int prepare_faults(void)
{
	int err = set("failslab/ignore-gfp-wait", "N");

	err = err ?: set("failslab/verbose", "0");
	err = err ?: set("fail_page_alloc/ignore-gfp-wait", "N");
	err = err ?: set("fail_page_alloc/min-order", "0");
	err = err ?: set("fail_page_alloc/verbose", "0");
	err = err ?: set("fail_function/verbose", "0");
	err = err ?: mark("pkernfs_tx_begin", EROFS);
	err = err ?: mark("pkernfs_tx_save", EFBIG);
	err = err ?: mark("pkernfs_tx_set_le64", EFBIG);
	err = err ?: mark("pkernfs_tx_set_le32", EFBIG);
	err = err ?: mark("pkernfs_tx_set_le16", EFBIG);
	err = err ?: mark("pkernfs_alloc", ENOSPC);
	return err ?: mark("pkernfs_free", EFBIG);
}

/*
 * No faults where whole pages are allocated. There are many, one as good as the
 * other, in the page tables of a large mapping; and how many there are depends on
 * what was freed before.
 */
static int spare_pages(void)
{
	return set("fail_page_alloc/min-order", "10");
}

static int fail_nth;

static void arm(int n)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", n);
	pwrite(fail_nth, text, strlen(text), 0);
}

/* Return: whether the fault has happened. */
static bool disarm(void)
{
	char text[16] = "";

	pread(fail_nth, text, sizeof(text) - 1, 0);
	arm(0);
	return atoi(text) == 0;
}

static int create(void)
{
	int fd = open("dir/new", O_RDWR | O_CREAT, 0600);

	return fd < 0 ? -1 : close(fd);
}

static int make_dir(void)
{
	return mkdir("new", 0700) && errno != EEXIST ? -1 : 0;
}

static int make_node(void)
{
	return mknod("node", S_IFIFO | 0600, 0) && errno != EEXIST ? -1 : 0;
}

static int make_symlink(void)
{
	static char target[1000];

	memset(target, 't', sizeof(target) - 1);
	return symlink(target, "symlink") && errno != EEXIST ? -1 : 0;
}

static int read_symlink(void)
{
	char target[1000];

	return readlink("long link", target, sizeof(target)) < 0 ? -1 : 0;
}

static int make_link(void)
{
	return link("file", "dir/link") && errno != EEXIST ? -1 : 0;
}

static int make_tmpfile(void)
{
	int fd = open(".", O_TMPFILE | O_RDWR, 0600);

	return fd < 0 ? -1 : close(fd);
}

static int move(void)
{
	if (!rename("moving", "dir/moving"))
		return 0;
	return errno == ENOENT ? rename("dir/moving", "moving") : -1;
}

static int exchange(void)
{
	return renameat2(AT_FDCWD, "left", AT_FDCWD, "right", RENAME_EXCHANGE);
}

static int remove_file(void)
{
	return unlink("victim") && errno != ENOENT ? -1 : 0;
}

static int remove_dir(void)
{
	return rmdir("empty") && errno != ENOENT ? -1 : 0;
}

static int list(void)
{
	char buf[1000];
	int fd = open("dir", O_RDONLY | O_DIRECTORY);
	long n = fd < 0 ? -1 : syscall(SYS_getdents64, fd, buf, sizeof(buf));

	if (fd >= 0)
		close(fd);
	return n < 0 ? -1 : 0;
}

static int write_file(const char *name, loff_t pos, size_t len)
{
	static char buf[16 * PAGE];
	int fd = open(name, O_RDWR | O_CREAT, 0600);
	ssize_t n = fd < 0 ? -1 : pwrite(fd, buf, len, pos);

	if (fd >= 0)
		close(fd);
	return n < 0 ? -1 : 0;
}

static int write_small(void)
{
	return write_file("small", 3 * PAGE, 16 * PAGE);
}

static int write_large(void)
{
	return write_file("large", 7 * DATA_BLOCK + 5, 100);
}

static int allocate_file(const char *name, size_t len)
{
	int fd = open(name, O_RDWR | O_CREAT, 0600);
	int err = fd < 0 ? -1 : fallocate(fd, 0, 0, len);

	if (fd >= 0)
		close(fd);
	return err;
}

static int allocate(void)
{
	return allocate_file("allocated", 600 * PAGE);
}

/* More than there are small blocks: a data block takes the place of some. */
static int promote(void)
{
	return allocate_file("promoted", 100 * PAGE);
}

static int punch(void)
{
	int fd = open("file", O_RDWR);
	int err = fd < 0 ? -1 : fallocate(fd, FALLOC_FL_PUNCH_HOLE |
					  FALLOC_FL_KEEP_SIZE, PAGE, 4 * PAGE);

	if (fd >= 0)
		close(fd);
	return err;
}

static int cut(void)
{
	return truncate("file", 100);
}

static int grow(void)
{
	return truncate("file", DATA_BLOCK);
}

/* The pages are in use until reenter_fs() closes the pipe. */
static int cut_pinned(void)
{
	int fd = open("file", O_RDWR), pipes[2];
	struct iovec iov = { NULL, 4 * PAGE };

	if (fd < 0 || ftruncate(fd, iov.iov_len) || pipe(pipes))
		return -1;
	iov.iov_base = mmap(NULL, iov.iov_len, PROT_READ, MAP_SHARED, fd, 0);
	if (iov.iov_base == MAP_FAILED || vmsplice(pipes[1], &iov, 1, 0) < 0)
		return -1;
	return ftruncate(fd, 0);
}

/* close() does not tell: what it could not delete the next mount does. */
static int close_unlinked(void)
{
	int fd = open("unlinked", O_RDWR | O_CREAT, 0600);
	int err = fd < 0 || unlink("unlinked") ||
		  fallocate(fd, 0, 0, 600 * PAGE) ? -1 : 0;

	if (fd >= 0)
		close(fd);
	return err;
}

static int change_mode(void)
{
	return chmod("file", 0640);
}

static int change_owner(void)
{
	return chown("file", TEST_USER, TEST_USER);
}

/* Since the times are old, reading sets one, too. */
static int read_direct(void)
{
	const struct timespec times[2] = {};
	int fd = open("file", O_RDWR | O_DIRECT);
	char buf[PAGE];
	ssize_t n = fd < 0 || futimens(fd, times) ? -1 :
		    pread(fd, buf, sizeof(buf), 0);

	if (fd >= 0)
		close(fd);
	return n < 0 ? -1 : 0;
}

static struct {
	struct file_handle fh;
	unsigned char bytes[MAX_HANDLE_SZ];
} handle;

static int save_handle(const char *name)
{
	int mount_id;

	handle.fh.handle_bytes = MAX_HANDLE_SZ;
	return name_to_handle_at(AT_FDCWD, name, &handle.fh, &mount_id, 0);
}

static int open_handle(void)
{
	int dir = open(".", O_RDONLY);
	int fd = dir < 0 ? -1 : open_by_handle_at(dir, &handle.fh, O_RDONLY);

	if (dir >= 0)
		close(dir);
	if (fd >= 0)
		close(fd);
	return fd < 0 ? -1 : 0;
}

static int remount(void)
{
	return mount(NULL, ".", NULL, MS_REMOUNT | MS_RDONLY, NULL) ?:
	       mount(NULL, ".", NULL, MS_REMOUNT, NULL);
}

/*
 * The second half has no blocks yet. Where a page fault would end in SIGBUS this has
 * an errno.
 */
static int map(void)
{
	int fd = open("file", O_RDWR), err;
	char *addr;

	if (fd < 0)
		return -1;
	err = ftruncate(fd, 16 * PAGE);
	addr = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (addr == MAP_FAILED) {
		err = -1;
	} else {
		err = err ?: madvise(addr, 16 * PAGE, MADV_POPULATE_WRITE);
		munmap(addr, 16 * PAGE);
	}
	close(fd);
	return err;
}

static int mount_again(const char *options)
{
	return mount("pkernfs0", "/mnt", "pkernfs", 0, options) ? -1 :
	       umount("/mnt");
}

static const struct call {
	const char *name;
	int (*run)(void);
} calls[] = {
	{ "create", create },
	{ "mkdir", make_dir },
	{ "mknod", make_node },
	{ "symlink", make_symlink },
	{ "readlink", read_symlink },
	{ "link", make_link },
	{ "O_TMPFILE", make_tmpfile },
	{ "rename", move },
	{ "exchange", exchange },
	{ "unlink", remove_file },
	{ "rmdir", remove_dir },
	{ "getdents", list },
	{ "write", write_small },
	{ "write of a data block", write_large },
	{ "fallocate", allocate },
	{ "fallocate over small blocks", promote },
	{ "punch", punch },
	{ "truncate", cut },
	{ "truncate to more", grow },
	{ "truncate of pinned pages", cut_pinned },
	{ "close of an unlinked file", close_unlinked },
	{ "chmod", change_mode },
	{ "chown", change_owner },
	{ "utimes and read", read_direct },
	{ "open by handle", open_handle },
	{ "mmap", map },
	{ "remount", remount },
};

FIXTURE(fault)
{
	struct test_mount mount;
};

/* Of 512 small blocks 40 are left: enough for all calls but promote(). */
static int populate(void)
{
	char target[1000];

	memset(target, 't', sizeof(target) - 1);
	target[sizeof(target) - 1] = '\0';
	if (allocate_file("most small blocks", DATA_BLOCK - 40 * PAGE) ||
	    mkdir("dir", 0700) || symlink(target, "long link") ||
	    mkdir("dir/far", 0700) || save_handle("dir/far") ||
	    make_file("dir/one") || make_file("moving") ||
	    make_file("left") || make_file("right"))
		return errno;
	return 0;
}

/* What the calls make is gone again, what they remove or change is as before. */
static int restore(void)
{
	static const char *const made[] = {
		"file", "dir/new", "dir/link", "new", "node", "symlink",
		"small", "large", "allocated", "promoted",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(made); i++) {
		if (remove(made[i]) && errno != ENOENT)
			return errno;
	}
	if ((mkdir("empty", 0700) && errno != EEXIST) ||
	    write_file("file", 0, 8 * PAGE) ||
	    write_file("victim", 0, 3 * PAGE))
		return errno;
	return 0;
}

FIXTURE_SETUP(fault)
{
	if (!has_faults())
		SKIP(return, "this kernel has no fault injection");
	ASSERT_EQ(0, prepare_faults());
	fail_nth = open("/proc/thread-self/fail-nth", O_RDWR);
	ASSERT_LE(0, fail_nth);
	ASSERT_EQ(0, enter_new_fs(&self->mount, "format,small=2M"));
	ASSERT_EQ(0, populate());
}

FIXTURE_TEARDOWN(fault)
{
	EXPECT_EQ(0, leave_fs_clean(&self->mount));
}

/* What a call may say for want of memory or space, or when a fault says so. */
static bool is_fault(int err)
{
	return err == ENOMEM || err == ENOSPC || err == EFBIG || err == EROFS ||
	       err == EFAULT || err == ENFILE || err == EAGAIN;
}

/* Let one call after the other fail in what @call does. */
static void try_all(struct __test_metadata *_metadata,
		    const struct test_mount *mount, const struct call *call)
{
	bool fired = true;
	int n, err;

	for (n = 1; fired; n++) {
		ASSERT_EQ(0, restore());
		/* The caches are to be as empty as they can be. */
		ASSERT_EQ(0, reenter_fs(mount));
		fail_nth = open("/proc/thread-self/fail-nth", O_RDWR);
		arm(n);
		err = call->run() ? errno : 0;
		fired = disarm();
		if (fired)
			EXPECT_TRUE(!err || is_fault(err))
				TH_LOG("%s, fault %d: %s", call->name, n, strerror(err));
		EXPECT_EQ(0, call->run())
			TH_LOG("%s, again after fault %d: %s", call->name, n,
			       strerror(errno));
	}
	/* Otherwise no fault has been reached. */
	EXPECT_LT(3, n)
		TH_LOG("%s: %d faults", call->name, n - 2);
}

TEST_F_TIMEOUT(fault, one_after_the_other, 1800)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(calls); i++)
		try_all(_metadata, &self->mount, &calls[i]);
}

/* Let one call after the other fail in what a mount with @options does. */
static void try_mounts(struct __test_metadata *_metadata, const char *options)
{
	bool fired = true;
	int n, err;

	fail_nth = open("/proc/thread-self/fail-nth", O_RDWR);
	for (n = 1; fired; n++) {
		arm(n);
		err = mount_again(options) ? errno : 0;
		fired = disarm();
		if (fired)
			EXPECT_TRUE(!err || is_fault(err))
				TH_LOG("%s, fault %d: %s", options, n, strerror(err));
		umount("/mnt");
		EXPECT_EQ(0, mount_again("check"))
			TH_LOG("%s, check after fault %d: %s", options, n,
			       strerror(errno));
	}
	EXPECT_LT(4, n);
}

TEST_F_TIMEOUT(fault, mounting, 1800)
{
	ASSERT_EQ(0, spare_pages());
	ASSERT_EQ(0, leave_fs(&self->mount));
	/* Whatever a mount without it does, one with it does as well. */
	try_mounts(_metadata, "repair");
	try_mounts(_metadata, "format");
	ASSERT_EQ(0, mount_and_enter(&self->mount, "check"));
}

/* Forgets the struct pages, too. */
static int format_again(const struct test_mount *mount)
{
	int err = leave_fs(mount) ?: mount_and_enter(mount, "format");

	return err ?: make_file("file");
}

/* Returns what mmap() of the file says, or open() before it. */
static int try_to_map(void)
{
	int fd = open("file", O_RDWR), err = 0;

	if (fd < 0)
		return errno;
	if (mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED)
		err = errno;
	close(fd);
	return err;
}

/*
 * The first open() after formatting makes the struct pages. If memory for that is
 * missing the next one makes them, but not when memremap_pages() has failed. Its
 * first fault is the last one here: further on, where memory is added, the kernel
 * warns of failures.
 */
TEST_F(fault, making_struct_pages)
{
	int n, err, again = 0;
	bool missed = false;

	ASSERT_EQ(0, spare_pages());
	for (n = 1; !again; n++) {
		ASSERT_EQ(0, format_again(&self->mount));
		fail_nth = open("/proc/thread-self/fail-nth", O_RDWR);
		arm(n);
		err = try_to_map();
		ASSERT_TRUE(disarm());
		EXPECT_TRUE(!err || err == ENODEV || is_fault(err))
			TH_LOG("fault %d: %s", n, strerror(err));
		again = try_to_map();
		if (err == ENODEV && !again)
			missed = true;
	}
	EXPECT_EQ(ENODEV, again);
	EXPECT_TRUE(missed);
	EXPECT_EQ(0, write_file("file", 0, PAGE));
	ASSERT_EQ(0, format_again(&self->mount));
	EXPECT_EQ(0, try_to_map());
}

TEST_HARNESS_MAIN
