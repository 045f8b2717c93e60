#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Prove the series: `git am` each patch in turn on a scratch tree of the base,
# compile fs/pkernfs at that step, and have checkpatch --strict find nothing.
#
# The scratch tree is the kernel's, as symbolic links; only what the series
# touches is real and known to git. That is all that `git am` looks at, and
# saves adding 85000 files to git.

set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/ours.sh
. "$REPO/scripts/ours.sh"
find_kernel

SCRATCH=$KDIR/series-check
TREE=$SCRATCH/tree
OBJ=$SCRATCH/obj

# scratch_git ARGUMENTS...: the repository is not in the tree, where checkpatch
# would take it for a kernel clone and look for the commits of Linux in it.
scratch_git() {
	GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 \
		git -C "$TREE" --git-dir="$SCRATCH/git" --work-tree="$TREE" \
		-c user.name=series-check -c user.email=series-check@localhost "$@"
}

# link_tree DIR: link the entries of DIR, but descend where the series adds or
# edits something below.
link_tree() {
	local entry path links=()

	mkdir -p "$TREE/$1"
	for entry in "$KSRC/$1"*; do
		path=$1${entry##*/}
		if grep -qxF "$path" "$SCRATCH/edited"; then
			cp "$entry" "$TREE/$path"
		elif [[ -d $entry ]] && grep -qF "^$path/" "$SCRATCH/touched"; then
			link_tree "$path/"
		else
			links+=("$entry")
		fi
	done
	ln -s -t "$TREE/$1" "${links[@]}"
}

scratch_tree() {
	rm -rf "$TREE" "$SCRATCH/git"
	mkdir -p "$SCRATCH"
	edited_files "$KBASE" >"$SCRATCH/edited"
	# The ^ makes a fixed-string search match a path's beginning only.
	new_files | sed 's|^|^|' >"$SCRATCH/touched"
	sed 's|^|^|' "$SCRATCH/edited" >>"$SCRATCH/touched"
	link_tree ""

	scratch_git init --quiet
	scratch_git add --pathspec-from-file="$SCRATCH/edited"
	scratch_git commit --quiet --message="Linux $KBASE"
}

# compile: fs/pkernfs at this step, as Kbuild does it.
compile() {
	[[ -f $TREE/fs/pkernfs/Makefile ]] || return 0
	strict_config "$TREE" "$OBJ"
	rm -rf "$OBJ/fs/pkernfs"
	strict_make "$TREE" "$OBJ" fs/pkernfs/
	closed
}

# closed: no function of pkernfs is missing, so vmlinux would link.
closed() {
	local missing

	ld -r -o "$SCRATCH/pkernfs.o" --whole-archive "$OBJ/fs/pkernfs/built-in.a"
	missing=$(nm -u "$SCRATCH/pkernfs.o" | grep -w 'pkernfs_[a-z0-9_]*') || return 0
	echo "used, but in a later patch: $missing"
	return 1
}

# checkpatch PATCH: FILE_PATH_CHANGES asks of each patch with a new file whether
# MAINTAINERS needs an update. maintained() answers that, for each file. And it
# knows programs by their extension; a command has none (tools/kvm/kvm_stat).
checkpatch() {
	local ignores=FILE_PATH_CHANGES

	cd "$TREE"
	! grep -q "^diff --git a/tools/pkernfs/" "$1" || ignores+=,EXECUTE_PERMISSIONS
	! grep -q "^diff --git a/$HARNESS/" "$1" || ignores+=,$HARNESS_IGNORES
	scripts/checkpatch.pl --strict --show-types --ignore "$ignores" "$1"
}

# maintained PATCH: MAINTAINERS, as of this patch, names each file it adds.
maintained() {
	local file bad=0

	cd "$TREE"
	while IFS= read -r file; do
		scripts/get_maintainer.pl --no-tree --no-git --no-git-fallback -f "$file" |
			grep -q PKERNFS || {
			echo "MAINTAINERS does not name $file"
			bad=1
		}
	done < <(scratch_git diff --name-only --diff-filter=A HEAD~ HEAD)
	return $bad
}

# try NAME COMMAND...: one check of the current patch.
try() {
	local name=$1 log=$LOGS/series-check.log
	shift

	# In a shell of its own, so that set -e holds inside.
	set +e
	(set -e; "$@") >"$log" 2>&1 </dev/null
	local rc=$?
	set -e
	[[ $rc -ne 0 ]] || return 0
	failures+=("$name")
	sed 's/^/    # /' "$log" | tail -n 40 >>"$SCRATCH/failures"
	cp "$log" "$LOGS/series-check-$number-$name.log"
}

# apply PATCH: after a failure, the tree stands where it stood.
apply() {
	scratch_git am --quiet --whitespace=error-all "$1" || {
		scratch_git am --abort
		return 1
	}
}

check_patch() {
	local patch=$1
	failures=()

	: >"$SCRATCH/failures"
	try apply apply "$patch"
	if [[ ${#failures[@]} -eq 0 ]]; then
		try build compile
		try maintainers maintained
	fi
	try checkpatch checkpatch "$patch"

	if [[ ${#failures[@]} -eq 0 ]]; then
		passed=$((passed + 1))
		printf 'ok %d - %s\n' "$number" "${patch##*/}: applies, builds, checkpatch clean"
	else
		failed=$((failed + 1))
		printf 'not ok %d - %s fails: %s\n' "$number" "${patch##*/}" "${failures[*]}"
		cat "$SCRATCH/failures"
	fi
}

patches=("$BUILD/series/$KBASE"/*-*.patch)
[[ -f ${patches[0]} ]] ||
	die "build/series/$KBASE has no series" "run scripts/series.sh"
mkdir -p "$LOGS"
step "Scratch tree of $KBASE" scratch_tree

passed=0 failed=0 number=0
for patch in "${patches[@]:1}"; do
	number=$((number + 1))
	check_patch "$patch"
done
echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]]
