# SPDX-License-Identifier: GPL-2.0-only
#
# The commands of this repo. Each is a script in scripts/.

# The kernel tree, and how test guests run; see `make help`.
export KSRC ACCEL DEBUG ICOUNT SOAK SOAK_SECONDS FUZZ_SECONDS

.PHONY: help
help:
	@echo 'pkernfs: a filesystem for the memory that must survive kexec'
	@echo
	@echo '  make demo          see a KVM guest live through a kexec, in QEMU'
	@echo '  make test          run the tests; ends with "N passed, N failed"'
	@echo '  make test DEBUG=1  run the guest tests on debug kernels: KASAN, lockdep and'
	@echo '                     more, then KCSAN; DEBUG=kasan or DEBUG=kcsan for one'
	@echo '  make crash-sweep   stop metadata changes at every store, in user space'
	@echo '  make fuzz          fuzz the media code with clang, FUZZ_SECONDS long (60)'
	@echo '  make soak          the long variants: model test, crash sweep, kexecs, panics'
	@echo '  make bench         measure pkernfs beside tmpfs, hugetlbfs and ext4-dax;'
	@echo '                     ICOUNT=1 counts instructions, too'
	@echo '  make lint          check the source without running it'
	@echo '  make install-to KSRC=DIR'
	@echo '                     put pkernfs into your own kernel tree'
	@echo '  make series        write the patch series to build/series/'
	@echo '  make series-check  apply, build and check it patch by patch'
	@echo '  make clean         remove build/'
	@echo
	@echo 'demo and test install the packages they need (as root, with apt).'
	@echo 'Everything is built in build/; the first kernel takes minutes.'
	@echo
	@echo '  KSRC=DIR           a kernel source tree, v6.8 to 6.12, only read (except'
	@echo '                     by install-to). Default: the package linux-source-6.12'
	@echo '  ACCEL=kvm|tcg      how QEMU runs guests. Default: kvm if it works'
	@echo '  SOAK=N SOAK_SECONDS=N'
	@echo '                     how long soak runs: guests N times as long as in'
	@echo '                     test, in user space N seconds each. Default: 10, 600'
	@echo
	@echo 'One test again, on what is built: scripts/qemu-kexec-test.sh NAME'
	@echo 'Tests are the files of scripts/guest/tests/.'

.PHONY: demo
demo:
	@scripts/demo.sh

.PHONY: test
test:
	@scripts/run-tests.sh

.PHONY: soak
soak:
	@scripts/run-tests.sh soak

.PHONY: crash-sweep
crash-sweep: deps
	@$(MAKE) -s -C tools/testing/pkernfs BUILD=$(CURDIR)/build/user crash-sweep

.PHONY: fuzz
fuzz:
	@scripts/install-deps.sh fuzz
	@$(MAKE) -s -C tools/testing/pkernfs BUILD=$(CURDIR)/build/user fuzz

.PHONY: bench
bench:
	@scripts/bench.sh

.PHONY: deps
deps:
	@scripts/install-deps.sh

.PHONY: tree
tree: deps
	@scripts/prepare-kernel.sh

.PHONY: lint
lint: tree
	@scripts/lint.sh

.PHONY: install-to
install-to:
	@scripts/install-to.sh

.PHONY: series
series: tree
	@scripts/series.sh

.PHONY: series-check
series-check: series
	@scripts/series-check.sh

.PHONY: clean
clean:
	rm -rf build
