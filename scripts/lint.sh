#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Everything that can be said about the source without running it, as TAP. A
# failing check shows its output; all of it is in build/log/.

set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/ours.sh
. "$REPO/scripts/ours.sh"

# What fs/pkernfs/media may include: what exists in user space too, or is easy
# to stand in for there. No VFS, no mm, no locks.
MEDIA_INCLUDES='
	linux/align.h linux/bitops.h linux/bits.h linux/build_bug.h
	linux/compiler.h linux/crc32c.h linux/errno.h linux/error-injection.h
	linux/kernel.h linux/limits.h linux/log2.h linux/math64.h linux/minmax.h
	linux/mutex.h linux/overflow.h linux/sched.h linux/siphash.h
	linux/sizes.h linux/slab.h linux/smp.h linux/spinlock.h linux/stat.h
	linux/stdarg.h linux/stddef.h linux/string.h linux/time64.h
	linux/types.h linux/uaccess.h linux/vmalloc.h
	asm/barrier.h asm/byteorder.h asm/page.h
	assert.h stddef.h
'

count=0 passed=0 failed=0

# check NAME COMMAND...: a test of what COMMAND says. Status 4 skips it; the
# last line of its output is the reason.
check() {
	local name=$1 log rc
	shift

	count=$((count + 1))
	log=$LOGS/lint-${name//[^a-zA-Z0-9]/-}.log
	# In a shell of its own and not in a condition, so that set -e holds inside.
	set +e
	(set -e; "$@") >"$log" 2>&1 </dev/null
	rc=$?
	set -e

	if [[ $rc -eq 0 ]]; then
		passed=$((passed + 1))
		echo "ok $count - lint: $name"
	elif [[ $rc -eq 4 ]]; then
		echo "ok $count - lint: $name # SKIP $(tail -n 1 "$log")"
	else
		failed=$((failed + 1))
		echo "not ok $count - lint: $name"
		tail -n 40 "$log" | sed 's/^/# /'
	fi
}

# all_files: what git knows or would add, as names from the repo's top.
all_files() {
	git -C "$REPO" ls-files --cached --others --exclude-standard |
		while IFS= read -r file; do
			[[ ! -f $REPO/$file ]] || echo "$file"
		done
}

# scripts: files that some shell runs or sources.
scripts() {
	all_files | grep -vE '\.(patch|md|rst)$' | while IFS= read -r file; do
		if [[ $file == *.sh ]] || head -n 1 "$REPO/$file" | grep -qE '^#!.*sh\b'; then
			echo "$file"
		fi
	done
}

# nothing WHAT: fail with WHAT when stdin has a line.
nothing() {
	! grep . || {
		echo "$1"
		return 1
	}
}

checkpatch_files() {
	cd "$KDIR/src"
	new_files | grep -v "^$HARNESS/" | xargs -n 4 -P "$(nproc)" \
		scripts/checkpatch.pl --strict --show-types --quiet --file
	new_files | grep "^$HARNESS/" | grep -vE "/(golden|corpus)/" | xargs -n 8 -P "$(nproc)" scripts/checkpatch.pl \
		--strict --show-types --quiet --ignore "$HARNESS_IGNORES" --file
}

# These become patches with a message and a sign-off in the series, where
# series-check.sh looks at those.
checkpatch_edits() {
	cd "$KDIR/src"
	edits "$KBASE" | xargs scripts/checkpatch.pl --strict --show-types --quiet --no-signoff
}

build() {
	strict_config "$KDIR/src" "$OBJ"
	strict_make "$KDIR/src" "$OBJ" fs/pkernfs/
}

# C=2 checks also what is not compiled again.
run_sparse() {
	command -v sparse >/dev/null || {
		echo "sparse is not installed"
		return 1
	}
	strict_make "$KDIR/src" "$OBJ" C=2 fs/pkernfs/ 2>&1 |
		nothing "sparse must find nothing"
}

# kernel_doc: what is documented is documented right, and every function that
# another file can call is documented.
kernel_doc() {
	local functions name undocumented=0

	cd "$REPO"
	new_files | grep '\.[ch]$' | xargs "$KDIR/src/scripts/kernel-doc" -none -Wall -Werror
	functions=$(nm --defined-only "$OBJ/fs/pkernfs/built-in.a" |
		awk '$2 == "T" && $3 ~ /^pkernfs_/ { print $3 }')
	for name in $functions; do
		grep -rqE "^ \* $name\(\) - " fs/pkernfs || {
			echo "$name() can be called from other files; document it"
			undocumented=1
		}
	done
	return $undocumented
}

run_shellcheck() {
	cd "$REPO"
	scripts | xargs shellcheck --external-sources
}

spdx() {
	local file

	cd "$REPO"
	{
		scripts
		new_files
		all_files | grep -E '(^|/)(Makefile|Kconfig)$'
	} | sort -u | while IFS= read -r file; do
		# kselftest's config files are lists of symbols and nothing else.
		# Golden images and their lists, and inputs of fuzzing, are data.
		[[ $file == */config || $file == */golden/v* || $file == */corpus/* ]] ||
			head -n 2 "$file" | grep -q SPDX-License-Identifier || echo "$file"
	done | nothing "these lack an SPDX-License-Identifier in the first two lines"
}

# Patches have trailing blanks where the patched file has an empty line.
whitespace() {
	local file

	cd "$REPO"
	{
		all_files | grep -v '\.patch$' | xargs -d '\n' grep -InE '[[:blank:]]+$' || :
		all_files | xargs -d '\n' grep -Inl $'\r' | sed 's/$/: has CR line ends/' || :
		all_files | while IFS= read -r file; do
			[[ ! -s $file || -z $(tail -c 1 "$file") ]] || echo "$file: no newline at its end"
			[[ $(tail -c 2 "$file" | od -An -tx1) != ' 0a 0a' ]] || echo "$file: blank line at its end"
		done
	} | nothing "trailing mess"
}

version_checks() {
	cd "$REPO"
	{ new_files | xargs -d '\n' grep -nE 'LINUX_VERSION_CODE|KERNEL_VERSION' || :; } |
		nothing "the same files must fit all bases; find an API that they share"
}

media_wall() {
	local file header

	cd "$REPO/fs/pkernfs/media"
	for file in *; do
		while read -r header; do
			case $header in
			'"'*/*) echo "$file: includes $header from outside" ;;
			'"'*) ;;
			*) [[ " ${MEDIA_INCLUDES//[$'\t\n']/ } " == *" ${header//[<>]/} "* ]] ||
				echo "$file: includes $header" ;;
			esac
		done < <(sed -nE 's/^[[:blank:]]*#[[:blank:]]*include[[:blank:]]*([<"][^>"]*[>"]).*/\1/p' "$file")
	done | nothing "not on the list of what media/ may include, see scripts/lint.sh"
}

# maintainers: each F: of the entry exists, and each new file is under one.
maintainers() {
	local file pattern places

	cd "$REPO"
	mapfile -t places < <(sed -n 's/^+F:\t//p' MAINTAINERS.patch)
	{
		for pattern in "${places[@]}"; do
			[[ -e $pattern ]] || echo "MAINTAINERS.patch: $pattern does not exist"
		done
		new_files | while IFS= read -r file; do
			for pattern in "${places[@]}"; do
				[[ $file != "$pattern" && $file != "${pattern%/}/"* ]] || continue 2
			done
			echo "MAINTAINERS.patch: no F: for $file"
		done
	} | nothing "MAINTAINERS.patch and the files differ"
}

documentation() {
	local python file

	for python in python3 /usr/bin/python3; do
		! "$python" -c 'import docutils' 2>/dev/null || break
	done
	"$python" -c 'import docutils' || {
		echo "python3-docutils is not installed"
		return 4
	}
	cd "$REPO"
	new_files | grep '\.rst$' | while IFS= read -r file; do
		echo "$file"
		"$python" -c 'import docutils.core, sys
docutils.core.publish_cmdline(writer_name="html", argv=["--halt=warning", sys.argv[1], "/dev/null"])' \
			"$file"
	done
}

"$REPO/scripts/prepare-kernel.sh"
find_kernel
OBJ=$KDIR/lint
mkdir -p "$LOGS"

check 'checkpatch --strict, new files' checkpatch_files
check 'checkpatch --strict, edits of existing files' checkpatch_edits
check 'builds with W=1 and no warning' build
check 'sparse' run_sparse
check 'kernel-doc' kernel_doc
check 'shellcheck' run_shellcheck
check 'SPDX identifiers' spdx
check 'no trailing mess' whitespace
check 'no kernel version in the code' version_checks
check 'media/ includes no VFS and no mm' media_wall
check 'MAINTAINERS names every file' maintainers
check 'documentation is valid reStructuredText' documentation
check 'every file is in one patch of the series' "$REPO/scripts/series.sh"

echo "1..$count"
echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]]
