// SPDX-License-Identifier: GPL-2.0-only
/* fsck.pkernfs: check an image, and repair what can be repaired. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image.h"

/* Exit codes, see fsck(8). */
#define FSCK_CORRECTED		1
#define FSCK_UNCORRECTED	4
#define FSCK_ERROR		8
#define FSCK_USAGE		16

static void report(struct pkernfs_media *m, u32 ino, u64 offset,
		   const char *text)
{
	(void)m;
	if (ino)
		printf("inode %u, at 0x%llx: %s\n", ino, offset, text);
	else
		printf("at 0x%llx: %s\n", offset, text);
}

/* One copy of the superblock is enough to get the other one back. */
static int read_superblock(struct pkernfs_media *m, const char *path, bool repair,
			   bool *repaired, struct pkernfs_message *why)
{
	int err = pkernfs_sb_read(m, why);

	*repaired = false;
	if (err != -EUCLEAN || !repair)
		return err;
	printf("%s: %s\n", path, why->text);
	err = pkernfs_sb_repair(m, why);
	if (err)
		return err;
	printf("%s: superblock restored\n", path);
	*repaired = true;
	return pkernfs_sb_read(m, why);
}

/* The same as a mount does first: end what was interrupted. */
static int open_region(struct pkernfs_media *m, const char *path, bool repair,
		       bool *repaired)
{
	struct pkernfs_message why;
	int err = read_superblock(m, path, repair, repaired, &why);

	if (err) {
		printf("%s: %s\n", path, why.text);
		return err == -EUCLEAN ? FSCK_UNCORRECTED : FSCK_ERROR;
	}
	if (m->unknown_ro_compat) {
		printf("%s: features 0x%llx are newer than this fsck\n", path,
		       m->unknown_ro_compat);
		return FSCK_ERROR;
	}
	if (repair && pkernfs_drop_damaged_logs(m)) {
		printf("%s: logs that cannot be read dropped\n", path);
		*repaired = true;
	}
	err = pkernfs_recover(m);
	if (err) {
		printf("%s: journal: %s\n", path, strerror(-err));
		return err == -EUCLEAN ? FSCK_UNCORRECTED : FSCK_ERROR;
	}
	return 0;
}

static int check(struct pkernfs_media *m, const char *path, bool repair)
{
	struct pkernfs_check_result found, left;
	int err;

	err = pkernfs_check(m, repair ? PKERNFS_CHECK_REPAIR : 0, &found);
	if (err && err != -EUCLEAN) {
		printf("%s: %s\n", path, strerror(-err));
		return FSCK_ERROR;
	}
	if (!found.errors) {
		printf("%s: clean, %llu inodes\n", path, found.inodes);
		return 0;
	}
	printf("%s: %llu errors, %llu repaired\n", path, found.errors,
	       found.repaired);
	if (!repair)
		return FSCK_UNCORRECTED;
	m->report = NULL;
	if (pkernfs_check(m, 0, &left))
		return FSCK_UNCORRECTED;
	return FSCK_CORRECTED;
}

static int usage(const char *name)
{
	fprintf(stderr, "Usage: %s [-n | -y] IMAGE\n"
		"  -n  change nothing (default)\n"
		"  -y  repair what can be repaired (also -a, -p)\n", name);
	return FSCK_USAGE;
}

int main(int argc, char **argv)
{
	bool repair = false, repaired;
	struct pkernfs_media m;
	int c, err, status;

	while ((c = getopt(argc, argv, "anpy")) != -1) {
		switch (c) {
		case 'n':
			repair = false;
			break;
		case 'a':
		case 'p':
		case 'y':
			repair = true;
			break;
		default:
			return usage(argv[0]);
		}
	}
	if (optind != argc - 1)
		return usage(argv[0]);

	err = image_open(&m, argv[optind], repair);
	if (err) {
		fprintf(stderr, "%s: %s\n", argv[optind], strerror(-err));
		return FSCK_ERROR;
	}
	m.report = report;
	status = open_region(&m, argv[optind], repair, &repaired);
	if (!status) {
		status = check(&m, argv[optind], repair);
		/* A region that is sound counts as checked. */
		if (repair && status < FSCK_UNCORRECTED)
			pkernfs_sb_write_state(&m);
		pkernfs_release(&m);
		if (!status && repaired)
			status = FSCK_CORRECTED;
	}
	err = image_close(&m);
	if (!err)
		return status;
	fprintf(stderr, "%s: %s\n", argv[optind], strerror(-err));
	return FSCK_ERROR;
}
