# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What of this repo goes into a kernel tree. Source it after lib.sh.

# The user-space harness stands in for kernel types and macros, and for callbacks
# that the compiler names: there these rules of checkpatch say nothing.
# One sed expression of broken.sh is one line.
# shellcheck disable=SC2034 # for those who source this
HARNESS=tools/testing/pkernfs
HARNESS_IGNORES=NEW_TYPEDEFS,MACRO_ARG_REUSE,MACRO_ARG_PRECEDENCE,SPACING
HARNESS_IGNORES+=,CAMELCASE,MEMORY_BARRIER,VOLATILE,PREFER_DEFINED_ATTRIBUTE_MACRO,LONG_LINE
HARNESS_IGNORES+=,COMPLEX_MACRO

# new_files: the files that stand here where they stand in the kernel tree, one
# a line, sorted. Git knows them, so that editors' leftovers do not count.
new_files() {
	git -C "$REPO" ls-files --cached --others --exclude-standard -- \
		Documentation fs include tools | LC_ALL=C sort -u |
		while IFS= read -r file; do
			# Deleted here, but not yet from git's index.
			[[ ! -f $REPO/$file ]] || echo "$file"
		done
}

# edits BASE: the patches of existing files, one a line, as full names.
edits() {
	printf '%s\n' "$(patches_of "$1")"/*.patch "$REPO/MAINTAINERS.patch"
}

# edited_files BASE: the existing files that these patches change.
edited_files() {
	edits "$1" | xargs -d '\n' sed -n 's|^+++ b/\([^\t]*\).*|\1|p' | LC_ALL=C sort -u
}

# apply_edit PATCH TREE [OPTION...]: no fuzz, since a hunk that lands near the right
# place is worse than one that fails; no .orig and .rej files either.
apply_edit() {
	local patch=$1 tree=$2
	shift 2

	patch --directory="$tree" --strip=1 --fuzz=0 --force \
		--no-backup-if-mismatch --reject-file=- "$@" <"$patch"
}

# is_in PATCH TREE: a patch whose reverse applies is in, be it by the kernel's own
# developers.
is_in() {
	apply_edit "$1" "$2" --dry-run --reverse >/dev/null 2>&1
}

# strict_make TREE OBJ ARGUMENTS...: build with every warning an error, in an
# O= directory of its own: other flags in the guest's one would have the kernel
# built again and again.
strict_make() {
	local tree=$1 obj=$2 cc=gcc
	shift 2

	! command -v ccache >/dev/null || cc='ccache gcc'
	mkdir -p "$obj"
	make -C "$tree" O="$obj" CC="$cc" HOSTCC="$cc" -j"$(nproc)" \
		--silent W=1 KCFLAGS=-Werror "$@"
}

# strict_config TREE OBJ: configure OBJ as the test guest is.
strict_config() {
	mkdir -p "$2"
	cat "$REPO/scripts/guest.config" \
		"$REPO/tools/testing/selftests/pkernfs/config" >"$2/wishes"
	strict_make "$1" "$2" KCONFIG_ALLCONFIG="$2/wishes" allnoconfig
	grep -q '^CONFIG_PKERNFS_FS=y' "$2/.config" || {
		echo "CONFIG_PKERNFS_FS cannot be enabled"
		return 1
	}
}
