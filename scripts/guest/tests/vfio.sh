# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034
#
# Memory of files under a device's DMA: vfio_test on a machine that has what it
# needs, an IOMMU and QEMU's device "edu".

MEM=2G
CMDLINE="memmap=256M!1G pkernfs=256M!1G intel_iommu=on"
TIMEOUT=300
IOMMU=1
# The last -machine counts.
QEMU_ARGS="-machine q35 -device intel-iommu,intremap=on -device edu"

# shellcheck source=scripts/guest/selftest-lib.sh
. /pkernfs/tests/selftest-lib.sh

boot1() {
	check "there is an IOMMU" ls /sys/class/iommu/dmar0
	run_program /pkernfs/selftests/vfio_test
}
