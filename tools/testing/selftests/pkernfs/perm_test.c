// SPDX-License-Identifier: GPL-2.0-only
/*
 * Permissions: the mode against every class of user, what single capabilities
 * permit, what mount flags forbid, who may mount.
 */
#define _GNU_SOURCE
#include <linux/capability.h>
#include <linux/elf.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "../kselftest_harness.h"
#include "test_mount.h"

#define TEST_GROUP	2000

FIXTURE(perm)
{
	struct test_mount mount;
};

FIXTURE_SETUP(perm)
{
	ASSERT_EQ(0, enter_new_fs(&self->mount, "format,inodes=1024"));
}

FIXTURE_TEARDOWN(perm)
{
	EXPECT_EQ(0, leave_fs_clean(&self->mount));
}

/*
 * The result of @what in a child that is the user @uid of the group @gid with the
 * capability @cap only, or none if that is -1: 0 or an errno.
 */
static int as_user(uid_t uid, gid_t gid, int cap, int (*what)(void))
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {};
	int status;

	if (!fork()) {
		if (prctl(PR_SET_KEEPCAPS, 1) || setgroups(0, NULL) ||
		    setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
			_exit(255);
		if (cap >= 0)
			data[0].permitted = 1U << cap;
		data[0].effective = data[0].permitted;
		if (syscall(SYS_capset, &header, data))
			_exit(255);
		_exit(what() ? errno : 0);
	}
	wait(&status);
	return WEXITSTATUS(status);
}

static int try_read(void)
{
	return open("file", O_RDONLY) < 0;
}

static int try_write(void)
{
	return open("file", O_WRONLY) < 0;
}

static int try_execute(void)
{
	return faccessat(AT_FDCWD, "file", X_OK, AT_EACCESS);
}

static int try_chmod(void)
{
	return chmod("file", 0600);
}

static int try_chown(void)
{
	return chown("file", OTHER_USER, -1);
}

static int try_set_sgid(void)
{
	struct stat st;

	if (chmod("file", 02755) || stat("file", &st))
		return -1;
	errno = 0;
	return !(st.st_mode & S_ISGID);
}

static int try_times(void)
{
	struct timespec times[2] = {};

	return utimensat(AT_FDCWD, "file", times, 0);
}

static int try_unlink_sticky(void)
{
	return unlink("sticky/file");
}

static int try_mknod(void)
{
	return mknod("device", S_IFCHR | 0666, makedev(1, 3));
}

static int try_search(void)
{
	struct stat st;

	return stat("dir/file", &st);
}

static int try_create(void)
{
	return make_file("dir/new");
}

static int try_list(void)
{
	return open("dir", O_RDONLY | O_DIRECTORY) < 0;
}

/* Each bit of a mode, for the class that it is for and for no other. */
TEST_F(perm, mode_decides_for_each_class)
{
	static const struct {
		uid_t uid;
		gid_t gid;
		int shift;
	} classes[] = {
		{ TEST_USER, OTHER_USER, 6 },
		{ OTHER_USER, TEST_GROUP, 3 },
		{ OTHER_USER, OTHER_USER, 0 },
		/* The owner, though a member of the group: */
		{ TEST_USER, TEST_GROUP, 6 },
	};
	size_t i;
	int mode, granted;

	ASSERT_EQ(0, make_file("file"));
	ASSERT_EQ(0, chown("file", TEST_USER, TEST_GROUP));
	for (mode = 0; mode <= 0777; mode = mode ? mode << 1 : 1) {
		ASSERT_EQ(0, chmod("file", mode));
		for (i = 0; i < ARRAY_SIZE(classes); i++) {
			granted = mode >> classes[i].shift;
			EXPECT_EQ(granted & 4 ? 0 : EACCES,
				  as_user(classes[i].uid, classes[i].gid, -1, try_read));
			EXPECT_EQ(granted & 2 ? 0 : EACCES,
				  as_user(classes[i].uid, classes[i].gid, -1, try_write));
			EXPECT_EQ(granted & 1 ? 0 : EACCES,
				  as_user(classes[i].uid, classes[i].gid, -1, try_execute));
		}
	}
}

TEST_F(perm, directory_modes_permit_listing_searching_and_making)
{
	ASSERT_EQ(0, mkdir("dir", 0));
	ASSERT_EQ(0, make_file("dir/file"));
	ASSERT_EQ(0, chown("dir", TEST_USER, TEST_USER));
	EXPECT_EQ(EACCES, as_user(TEST_USER, TEST_USER, -1, try_list));
	EXPECT_EQ(EACCES, as_user(TEST_USER, TEST_USER, -1, try_search));
	ASSERT_EQ(0, chmod("dir", 0400));
	EXPECT_EQ(0, as_user(TEST_USER, TEST_USER, -1, try_list));
	EXPECT_EQ(EACCES, as_user(TEST_USER, TEST_USER, -1, try_search));
	ASSERT_EQ(0, chmod("dir", 0100));
	EXPECT_EQ(EACCES, as_user(TEST_USER, TEST_USER, -1, try_list));
	EXPECT_EQ(0, as_user(TEST_USER, TEST_USER, -1, try_search));
	EXPECT_EQ(EACCES, as_user(TEST_USER, TEST_USER, -1, try_create));
	ASSERT_EQ(0, chmod("dir", 0300));
	EXPECT_EQ(0, as_user(TEST_USER, TEST_USER, -1, try_create));
}

/* A capability gives what it is for; without it, or with another, nothing. */
TEST_F(perm, capabilities_permit_what_they_are_for)
{
	static const struct {
		int (*what)(void);
		int cap;
		int err;	/* without it */
	} cases[] = {
		{ try_read, CAP_DAC_READ_SEARCH, EACCES },
		{ try_read, CAP_DAC_OVERRIDE, EACCES },
		{ try_write, CAP_DAC_OVERRIDE, EACCES },
		{ try_times, CAP_FOWNER, EPERM },
		{ try_unlink_sticky, CAP_FOWNER, EPERM },
		{ try_chmod, CAP_FOWNER, EPERM },
		{ try_mknod, CAP_MKNOD, EPERM },
		{ try_chown, CAP_CHOWN, EPERM },
	};
	size_t i;

	ASSERT_EQ(0, chmod(".", 0777));
	ASSERT_EQ(0, make_file("file"));
	ASSERT_EQ(0, chmod("file", 0));
	ASSERT_EQ(0, mkdir("sticky", 01777));
	ASSERT_EQ(0, make_file("sticky/file"));
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		EXPECT_EQ(cases[i].err,
			  as_user(TEST_USER, TEST_USER, -1, cases[i].what));
		EXPECT_EQ(cases[i].err,
			  as_user(TEST_USER, TEST_USER, CAP_NET_ADMIN, cases[i].what));
		EXPECT_EQ(0, as_user(TEST_USER, TEST_USER, cases[i].cap,
				     cases[i].what));
	}
}

TEST_F(perm, sgid_of_a_foreign_group_needs_cap_fsetid)
{
	ASSERT_EQ(0, make_file("file"));
	ASSERT_EQ(0, chown("file", TEST_USER, TEST_GROUP));
	EXPECT_NE(0, as_user(TEST_USER, TEST_USER, -1, try_set_sgid) |
		  !(mode_of("file") & S_ISGID));
	EXPECT_EQ(0, mode_of("file") & S_ISGID);
	EXPECT_EQ(0, as_user(TEST_USER, TEST_USER, CAP_FSETID, try_set_sgid));
	EXPECT_EQ(S_ISGID, mode_of("file") & S_ISGID);
}

static int remount(const struct test_mount *t, unsigned long flags)
{
	return mount(NULL, t->dir, NULL, MS_REMOUNT | MS_BIND | flags, NULL);
}

TEST_F(perm, nodev_forbids_opening_devices)
{
	ASSERT_EQ(0, mknod("device", S_IFCHR | 0666, makedev(1, 3)));
	EXPECT_LE(0, open("device", O_RDWR));
	ASSERT_EQ(0, remount(&self->mount, MS_NODEV));
	EXPECT_ERRNO(EACCES, open("device", O_RDWR));
}

/*
 * A program that exits with status 1 if it became OTHER_USER, else with 0. It has
 * no segment that can be written: private mappings of pkernfs are read-only.
 */
static int make_program(const char *name)
{
	static const unsigned char code[] = {
		0xb8, 107, 0, 0, 0,		/* mov $__NR_geteuid, %eax */
		0x0f, 0x05,			/* syscall */
		0x31, 0xff,			/* xor %edi, %edi */
		0x3d, OTHER_USER & 0xff, OTHER_USER >> 8, 0, 0,
						/* cmp $OTHER_USER, %eax */
		0x40, 0x0f, 0x94, 0xc7,		/* sete %dil */
		0xb8, 60, 0, 0, 0,		/* mov $__NR_exit, %eax */
		0x0f, 0x05,			/* syscall */
	};
	struct {
		struct elf64_hdr header;
		struct elf64_phdr segment;
		unsigned char code[sizeof(code)];
	} program = {
		.header = {
			.e_ident = {
				ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3,
				ELFCLASS64, ELFDATA2LSB, EV_CURRENT,
			},
			.e_type		= ET_EXEC,
			.e_machine	= EM_X86_64,
			.e_version	= EV_CURRENT,
			.e_entry	= 0x400000 + offsetof(typeof(program), code),
			.e_phoff	= offsetof(typeof(program), segment),
			.e_ehsize	= sizeof(struct elf64_hdr),
			.e_phentsize	= sizeof(struct elf64_phdr),
			.e_phnum	= 1,
		},
		.segment = {
			.p_type		= PT_LOAD,
			.p_flags	= PF_R | PF_X,
			.p_vaddr	= 0x400000,
			.p_filesz	= sizeof(program),
			.p_memsz	= sizeof(program),
			.p_align	= 4096,
		},
	};
	int fd = open(name, O_WRONLY | O_CREAT, 0755);

	memcpy(program.code, code, sizeof(code));
	if (write(fd, &program, sizeof(program)) != sizeof(program))
		return -1;
	return close(fd);
}

static int run_program(void)
{
	execl("program", "program", NULL);
	return -1;
}

TEST_F(perm, nosuid_ignores_suid)
{
	ASSERT_EQ(0, make_program("program"));
	ASSERT_EQ(0, chown("program", OTHER_USER, -1));
	ASSERT_EQ(0, chmod("program", 04755));
	EXPECT_EQ(1, as_user(TEST_USER, TEST_USER, -1, run_program));
	ASSERT_EQ(0, remount(&self->mount, MS_NOSUID));
	EXPECT_EQ(0, as_user(TEST_USER, TEST_USER, -1, run_program));
}

TEST_F(perm, noexec_forbids_executing_and_mapping_to_execute)
{
	int fd;

	ASSERT_EQ(0, make_program("program"));
	EXPECT_EQ(0, as_user(TEST_USER, TEST_USER, -1, run_program));
	fd = open("program", O_RDONLY);
	EXPECT_NE(MAP_FAILED, mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0));
	ASSERT_EQ(0, remount(&self->mount, MS_NOEXEC));
	EXPECT_EQ(EACCES, as_user(TEST_USER, TEST_USER, -1, run_program));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0));
	EXPECT_EQ(EPERM, errno);
}

static int try_mount(void)
{
	return mount("pkernfs0", "/", "pkernfs", 0, NULL);
}

static int try_mount_in_user_namespace(void)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
		_exit(254);
	return try_mount();
}

TEST_F(perm, only_real_root_mounts)
{
	EXPECT_EQ(EPERM, as_user(TEST_USER, TEST_USER, -1, try_mount));
	EXPECT_EQ(EPERM, as_user(0, 0, -1, try_mount));
	EXPECT_EQ(EPERM, as_user(TEST_USER, TEST_USER, -1,
				 try_mount_in_user_namespace));
}

TEST_HARNESS_MAIN
