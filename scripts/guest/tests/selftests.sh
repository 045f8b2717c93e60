# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034
#
# The kselftests, tools/testing/selftests/pkernfs/*_test.c. vfio_test needs another
# machine, which vfio.sh has.

MEM=2G
TIMEOUT=900
LEAKS=1
CMDLINE="memmap=256M!1G pkernfs=256M!1G crashkernel=64M"

# shellcheck source=scripts/guest/selftest-lib.sh
. /pkernfs/tests/selftest-lib.sh

boot1() {
	local program

	for program in /pkernfs/selftests/*_test; do
		[ "${program##*/}" = vfio_test ] || run_program "$program"
	done
}
