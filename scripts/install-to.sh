#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# install-to.sh KSRC=DIR
#
# Put pkernfs into somebody's own kernel tree: the new files, and the edits of
# existing ones. Says what became of each file. A second run changes nothing;
# a run after an update here brings the tree up to date.

set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/ours.sh
. "$REPO/scripts/ours.sh"

say() {
	printf '  %-10s %s\n' "$1" "$2"
	[[ $1 == unchanged ]] || changed=$((changed + 1))
}

# check_patches: all of them apply or are in, before the tree is touched.
check_patches() {
	local patch out bad=0

	while IFS= read -r patch; do
		is_in "$patch" "$KSRC" && continue
		out=$(apply_edit "$patch" "$KSRC" --dry-run 2>&1) && continue
		bad=1
		printf '%s does not apply:\n' "$(shown "$patch")" >&2
		grep -E '^checking file|^Hunk .*FAILED|find file|^\|\+\+\+ |malformed' <<<"$out" |
			sed 's/^/    /' >&2 || :
	done < <(edits "$KBASE")
	[[ $bad -eq 0 ]] ||
		die "nothing was changed in $KSRC" \
			"make these few edits by hand, or start from a pristine $KBASE tree"
}

install_files() {
	local file

	while IFS= read -r file; do
		if [[ ! -e $KSRC/$file ]]; then
			install -D -m 644 "$REPO/$file" "$KSRC/$file"
			say added "$file"
		elif cmp -s "$REPO/$file" "$KSRC/$file"; then
			say unchanged "$file"
		else
			cat "$REPO/$file" >"$KSRC/$file"
			say updated "$file"
		fi
		[[ ! -x $REPO/$file ]] || chmod +x "$KSRC/$file"
	done < <(new_files)
}

install_edits() {
	local patch file verb

	while IFS= read -r patch; do
		verb=unchanged
		if ! is_in "$patch" "$KSRC"; then
			apply_edit "$patch" "$KSRC" >/dev/null
			verb=patched
		fi
		while IFS= read -r file; do
			say $verb "$file"
		done < <(sed -n 's|^+++ b/\([^\t]*\).*|\1|p' "$patch")
	done < <(edits "$KBASE")
}

for arg in "$@"; do
	case $arg in
	KSRC=*) KSRC=${arg#KSRC=} ;;
	*) die "unknown argument $arg" "usage: $0 KSRC=/path/to/linux" ;;
	esac
done
[[ -n ${KSRC:-} ]] ||
	die "which tree?" "usage: make install-to KSRC=/path/to/linux"
find_kernel
[[ -w $KSRC ]] || die "$KSRC is not writable"

# Git lists none in somebody else's clone, nor outside of one.
[[ -n $(new_files) ]] ||
	die "git cannot list the files of $REPO" \
		"make it a clone of your own, or: git config --global --add safe.directory $REPO"
changed=0
echo "pkernfs into $KSRC ($KBASE):"
check_patches
install_files
install_edits

if [[ $changed -eq 0 ]]; then
	echo "Nothing to do: the tree has it all."
else
	echo "Changed: $changed. Next: set CONFIG_PKERNFS_FS=y and build."
fi
