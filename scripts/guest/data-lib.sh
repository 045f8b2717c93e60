# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034
#
# For tests that have kernel 1 write /mnt/data and later kernels look for every byte
# of it: the sum goes from command line to command line.

# What the kernel before said of it: "sum=...", or empty.
SUM=$(sed -n 's/.* \(sum=[0-9a-f]*\).*/\1/p' /proc/cmdline)

# sum: that of the data as they are now
sum() {
	echo "sum=$(md5sum </mnt/data | cut -d ' ' -f 1)"
}
