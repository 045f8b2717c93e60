#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Write the patch series for the tree's base to build/series/<base>/, ready for
# `git am` and `git send-email`.
#
# series/NN-name is one patch: the commit message, a line `---`, and what the
# patch takes, one a line: a new file, a directory of new files (ends in /), or
# the name of an edit in patches/<base>/; v6.8/NAME for one that only the bases need
# which take their edits from patches/v6.8. The files' names give the order.
#
# The order is bottom-up: what a file calls is in an earlier patch or in the
# same one. So Kbuild compiles every step for real, from its first object on,
# and nothing needs a stub. It takes one liberty: fs/pkernfs/Makefile and
# Kconfig grow with the series. A line for an object is left out until the
# object's source is in, and a Kconfig symbol until something there uses it.
#
# The same commit gives the same bytes: names and dates are those of HEAD.

set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/ours.sh
. "$REPO/scripts/ours.sh"

message_of() {
	sed '/^---$/,$d' "$1"
}

# taken_by ENTRY: the new files and edits that an entry of series/ takes, a new
# file as its path, an edit as the patch's name.
taken_by() {
	local item edits_from

	edits_from=$(basename "$(patches_of "$KBASE")")
	while IFS= read -r item; do
		case $item in
		*/) grep "^$item" "$work/new" || echo "$item" ;;
		v*/*.patch) [[ ${item%/*} != "$edits_from" ]] || echo "${item#*/}" ;;
		*) echo "$item" ;;
		esac
	done < <(sed '1,/^---$/d' "$1")
}

# check_split: each new file and each edit is in exactly one patch.
check_split() {
	local entry

	new_files >"$work/new"
	edits "$KBASE" | sed 's|.*/||' | LC_ALL=C sort - "$work/new" >"$work/all"
	for entry in "${entries[@]}"; do
		taken_by "$entry"
	done | LC_ALL=C sort >"$work/taken"

	complain "in no patch of series/; add it to one" \
		"$(LC_ALL=C comm -23 "$work/all" <(uniq "$work/taken"))"
	complain "named in series/, but not there" \
		"$(LC_ALL=C comm -13 "$work/all" <(uniq "$work/taken"))"
	complain "in more than one patch of series/" "$(uniq -d "$work/taken")"
}

# complain WHAT LIST
complain() {
	[[ -n $2 ]] || return 0
	mapfile -t names <<<"$2"
	die "$1:" "${names[@]}"
}

# identity: who sends the series and when. git config says who; on a machine
# without one (CI) it is the author of the last commit.
identity() {
	local name email date

	name=$(git -C "$REPO" config user.name ||
		git -C "$REPO" log -1 --format=%an 2>/dev/null) || name=
	email=$(git -C "$REPO" config user.email ||
		git -C "$REPO" log -1 --format=%ae 2>/dev/null) || email=
	[[ -n $name && -n $email ]] ||
		die "git does not know who you are, for Signed-off-by" \
			"git config --global user.name 'Your Name'" \
			"git config --global user.email you@example.org"
	date=$(git -C "$REPO" log -1 --format=%cI 2>/dev/null) ||
		die "the series takes its dates from the last commit, and there is none" \
			"commit first"
	export GIT_AUTHOR_NAME=$name GIT_AUTHOR_EMAIL=$email GIT_AUTHOR_DATE=$date
	export GIT_COMMITTER_NAME=$name GIT_COMMITTER_EMAIL=$email GIT_COMMITTER_DATE=$date
	# Nobody's settings may change the output.
	export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
}

# base_commit: the existing files that the series edits. git am needs no more
# than their content.
base_commit() {
	git init --quiet --initial-branch=series
	git config core.abbrev 12
	git config branch.series.description "$(cat "$REPO/series/cover-letter.txt")"
	edited_files "$KBASE" | while IFS= read -r file; do
		install -D -m 644 "$KSRC/$file" "$file"
	done
	git add --all
	git commit --quiet --message "Linux $KBASE"
}

# grown_makefile: fs/pkernfs/Makefile with the objects that have a source so
# far; pkernfs.o itself is linked of them.
grown_makefile() {
	local line object

	while IFS= read -r line; do
		if [[ $line =~ \+=\ *(.*)\.o$ ]]; then
			object=${BASH_REMATCH[1]}
			[[ $object == pkernfs || -e fs/pkernfs/$object.c ]] || continue
		fi
		printf '%s\n' "$line"
	done <"$REPO/fs/pkernfs/Makefile"
}

# grown_kconfig: fs/pkernfs/Kconfig with the symbols that are used so far.
grown_kconfig() {
	local line keep=1

	while IFS= read -r line; do
		if [[ $line =~ ^config\ (.*)$ ]]; then
			keep=0
			! grep -rqw --exclude=Kconfig "CONFIG_${BASH_REMATCH[1]}" fs/pkernfs || keep=1
		fi
		[[ $keep -eq 0 ]] || printf '%s\n' "$line"
	done <"$REPO/fs/pkernfs/Kconfig"
}

grow() {
	local text

	# $() drops the blank lines that a dropped end leaves.
	if [[ -e fs/pkernfs/Makefile ]]; then
		text=$(grown_makefile)
		printf '%s\n' "$text" >fs/pkernfs/Makefile
	fi
	if [[ -e fs/pkernfs/Kconfig ]]; then
		text=$(grown_kconfig)
		printf '%s\n' "$text" >fs/pkernfs/Kconfig
	fi
}

# commit_edit NAME: one of the edits of existing files, unless it is in.
commit_edit() {
	local patch

	patch=$(edits "$KBASE" | grep "/$1$")
	is_in "$patch" . || git apply --index "$patch" ||
		die "$1 does not apply to $KSRC"
}

# commit_entry ENTRY: one patch of the series.
commit_entry() {
	local item mode

	while IFS= read -r item; do
		if [[ $item == *.patch ]]; then
			commit_edit "$item"
		else
			mode=644
			[[ ! -x $REPO/$item ]] || mode=755
			install -D -m $mode "$REPO/$item" "$item"
		fi
	done < <(taken_by "$1")
	grow
	git add --all
	! git diff --cached --quiet || return 0
	message_of "$1" |
		git commit --quiet --signoff --cleanup=strip --file=-
}

find_kernel
[[ -d $KSRC ]] || die "$KSRC is not unpacked yet" "run scripts/prepare-kernel.sh"
mapfile -t entries < <(printf '%s\n' "$REPO"/series/[0-9]*)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
check_split
identity

mkdir "$work/tree"
cd "$work/tree"
base_commit
for entry in "${entries[@]}"; do
	# Another base may be the only one that needs it.
	[[ -z $(taken_by "$entry") ]] || commit_entry "$entry"
done

out=$BUILD/series/$KBASE
rm -rf "$out"
mkdir -p "$out"
git format-patch --quiet --zero-commit --no-signature --cover-letter \
	--cover-from-description=subject --output-directory="$out" \
	--root "$(git rev-list --max-parents=0 HEAD).."
find "$out" -name '*.patch' | LC_ALL=C sort | while IFS= read -r patch; do
	shown "$patch"
done
echo "In a $KBASE tree: git am --empty=drop $out/*.patch"
