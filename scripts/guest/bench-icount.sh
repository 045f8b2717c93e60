# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034
#
# The second opinion of `make bench`: here a nanosecond is an instruction, so what
# comes out is the same each time. It says nothing of caches and of waiting.

# shellcheck source=scripts/guest/bench.sh
. /pkernfs/tests/bench.sh

MEM=597G
SMP=1
QEMU_ARGS="-cpu max,-erms -object memory-backend-ram,id=ram,size=597G,reserve=off -machine memory-backend=ram -icount shift=0,sleep=off"
CMDLINE="memmap=2G!6G,2G!9G,586G!12G pkernfs=2G!6G,1G!12G,1G!13G,8G!14G,64G!22G,512G!86G hugepagesz=1G hugepages=1 hugepagesz=2M hugepages=600"
TIMEOUT=3600
ROUNDS=3
