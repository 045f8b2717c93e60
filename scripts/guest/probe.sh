# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034
#
# Not a test of pkernfs: shows that the host can run a guest at all.

TIMEOUT=12
MEM=512M

boot1() {
	ok "the guest runs"
}
