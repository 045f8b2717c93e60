# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034
#
# Mappings by pages of 1 GiB, tools/testing/selftests/pkernfs/mmap_giant.c.

MEM=7G
# The first GiB has the metadata, the others are data blocks.
CMDLINE="memmap=3G!4G pkernfs=3G!4G"
TIMEOUT=300

# shellcheck source=scripts/guest/selftest-lib.sh
. /pkernfs/tests/selftest-lib.sh

boot1() {
	run_program mmap_giant
}
