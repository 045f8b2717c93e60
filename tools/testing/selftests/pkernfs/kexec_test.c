// SPDX-License-Identifier: GPL-2.0-only
/*
 * kexec_load() of segments that touch a region, pkernfs0 of /proc/iomem. Loads
 * images that cannot run and starts none. Needs root.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/kexec.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../kselftest_harness.h"

#define PAGE		4096UL
/* Of syslog(2). */
#define SYSLOG_READ_ALL	3
#define SYSLOG_SIZE	10

/* An image of one segment, of none if @size is 0. */
static int load_at(unsigned long entry, unsigned long mem, size_t size,
		   unsigned long flags)
{
	static char text[PAGE];
	struct kexec_segment segment = {
		.buf	= text,
		.bufsz	= sizeof(text),
		.mem	= (void *)mem,
		.memsz	= size,
	};

	return syscall(SYS_kexec_load, entry, size ? 1UL : 0UL, &segment,
		       flags | KEXEC_ARCH_X86_64);
}

static int load(unsigned long mem, size_t size)
{
	return load_at(mem, mem, size, 0);
}

static int find_resource(const char *name, unsigned long *start,
			 unsigned long *end)
{
	FILE *iomem = fopen("/proc/iomem", "r");
	char line[256];
	int found = 0;

	while (!found && iomem && fgets(line, sizeof(line), iomem)) {
		line[strcspn(line, "\n")] = '\0';
		found = sscanf(line, "%lx-%lx", start, end) == 2 &&
			strstr(line, name);
	}
	if (iomem)
		fclose(iomem);
	(*end)++;
	return found;
}

/* Does the kernel log say that a segment of a page at @mem was refused? */
static int logged(unsigned long mem)
{
	int size = klogctl(SYSLOG_SIZE, NULL, 0);
	char *log = calloc(1, size + 1);
	char text[128];
	int found;

	snprintf(text, sizeof(text),
		 "it would overwrite pkernfs0 with its segment 0x%lx-0x%lx; load the kernel with kexec -s",
		 mem, mem + PAGE - 1);
	klogctl(SYSLOG_READ_ALL, log, size);
	found = !!strstr(log, text);
	free(log);
	return found;
}

FIXTURE(kexec)
{
	unsigned long start;
	unsigned long end;
};

FIXTURE_SETUP(kexec)
{
	if (!find_resource(" : pkernfs0", &self->start, &self->end) ||
	    !self->start)
		SKIP(return, "needs root and the region pkernfs0");
	if (load(0, 0))
		SKIP(return, "kexec_load: %s", strerror(errno));
}

FIXTURE_TEARDOWN(kexec)
{
	load(0, 0);
}

#define EXPECT_REFUSED(call) do {				\
	errno = 0;						\
	EXPECT_EQ(-1, call);					\
	EXPECT_EQ(EADDRNOTAVAIL, errno);			\
} while (0)

TEST_F(kexec, segment_inside_is_refused)
{
	EXPECT_REFUSED(load(self->start, PAGE));
	EXPECT_REFUSED(load(self->start + PAGE, 2 * PAGE));
	EXPECT_REFUSED(load(self->end - PAGE, PAGE));
}

TEST_F(kexec, segment_that_touches_is_refused)
{
	EXPECT_REFUSED(load(self->start - PAGE, 2 * PAGE));
	EXPECT_REFUSED(load(self->end - PAGE, 2 * PAGE));
	EXPECT_REFUSED(load(self->start - PAGE,
			    self->end - self->start + 2 * PAGE));
}

TEST_F(kexec, segments_beside_are_not)
{
	EXPECT_EQ(0, load(self->start - PAGE, PAGE));
	EXPECT_EQ(0, load(self->end, PAGE));
}

TEST_F(kexec, log_says_what_to_do)
{
	EXPECT_FALSE(logged(self->start + 5 * PAGE));
	EXPECT_REFUSED(load(self->start + 5 * PAGE, PAGE));
	EXPECT_TRUE(logged(self->start + 5 * PAGE));
}

/* For these there is another check too, but it does not say why. */
TEST_F(kexec, crash_image_is_refused)
{
	unsigned long crash, end, mem = self->start + 7 * PAGE;

	if (!find_resource("Crash kernel", &crash, &end))
		SKIP(return, "needs crashkernel=");
	ASSERT_EQ(0, load_at(crash, crash, PAGE, KEXEC_ON_CRASH));
	EXPECT_REFUSED(load_at(crash, mem, PAGE, KEXEC_ON_CRASH));
	EXPECT_TRUE(logged(mem));
	EXPECT_EQ(0, load_at(0, 0, 0, KEXEC_ON_CRASH));
}

/* Nothing is loaded: the flag alone is enough. */
TEST_F(kexec, kernel_to_come_back_from_is_refused)
{
	errno = 0;
	EXPECT_EQ(-1, load_at(0, 0, 0, KEXEC_PRESERVE_CONTEXT));
	EXPECT_EQ(EOPNOTSUPP, errno);
}

TEST_HARNESS_MAIN
