# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the host's scripts share: where things are, which kernel is meant, and
# how a step is shown. Source it after `set -euo pipefail`.

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=$REPO/build
LOGS=$BUILD/log

# The range of kernels, as 100 * major + minor.
OLDEST=608
NEWEST=612

# kexec lives in sbin, which a plain user's PATH may lack.
PATH=$PATH:/usr/sbin:/sbin

die() {
	printf 'error: %s\n' "$1" >&2
	shift
	[[ $# -eq 0 ]] || printf '       %s\n' "$@" >&2
	exit 1
}

# now: microseconds since the epoch.
now() {
	echo "${EPOCHREALTIME//[!0-9]/}"
}

# seconds_since START: "12.3", START being of now().
seconds_since() {
	local tenths=$((($(now) - $1) / 100000))

	echo "$((tenths / 10)).$((tenths % 10))"
}

# A file's name as a person would type it from the repo's top.
shown() {
	echo "${1#"$REPO"/}"
}

# Sign of life of a step that is quiet for long: after each of the first six
# 10 s, then every 30 s. Ends by itself when the script has been killed.
_beat() {
	local log=$1 secs=0

	while sleep 1 && kill -0 $$ 2>/dev/null; do
		((++secs))
		((secs % 10 == 0 && (secs <= 60 || secs % 30 == 0))) || continue
		((secs > 10)) || echo
		printf '  %6d s  %.60s\n' "$secs" "$(tail -n 1 "$log" | tr -d '\r')"
	done
}

# step TEXT COMMAND...: run it, its output in a log, and say how long it took.
# Not to be called from `if` or `||`: that would switch off set -e inside.
step() {
	local text=$1 log start rc=0 beat took
	shift

	mkdir -p "$LOGS"
	log=$LOGS/$(tr -cs 'A-Za-z0-9.\n' - <<<"${text%% (*}" | tail -c 60).log
	: >"$log"
	start=$(now)
	printf '%s ...' "$text"
	_beat "$log" &
	beat=$!

	set +e
	(set -e; "$@") >"$log" 2>&1 </dev/null
	rc=$?
	set -e

	kill $beat 2>/dev/null || :
	wait $beat 2>/dev/null || :
	took=$(seconds_since "$start")
	if [[ $rc -eq 0 ]]; then
		# Past 10 s there are lines of _beat in between.
		if [[ ${took%.*} -ge 10 ]]; then
			printf '%s: done in %s s\n' "$text" "$took"
		else
			printf ' %s s\n' "$took"
		fi
		return 0
	fi
	printf '\n%s: FAILED after %s s (exit status %d); %s ends with:\n' \
		"$text" "$took" $rc "$(shown "$log")"
	tail -n 30 "$log" | sed 's/^/    /'
	exit 1
}

# kernel_version TREE: "6.12.117"
kernel_version() {
	awk -F' *= *' '
		$1 == "VERSION" { v = $2 }
		$1 == "PATCHLEVEL" { p = $2 }
		$1 == "SUBLEVEL" { s = $2; exit }
		END { if (v == "" || p == "") exit 1; print v "." p "." s }
	' "$1/Makefile"
}

# base_of VERSION: "v6.12", or an error when that is not in the range.
base_of() {
	local major minor rest

	IFS=. read -r major minor rest <<<"$1"
	if ((100 * major + minor < OLDEST || 100 * major + minor > NEWEST)); then
		die "${2:-the kernel tree} is Linux $1; pkernfs supports v6.8 to v6.12" \
			"choose another tree with KSRC=/path/to/linux, or leave KSRC out" \
			"to use the distribution's linux-source-6.12 package"
	fi
	echo "v$major.$minor"
}

# patches_of BASE: the directory of the edits made for BASE, or else for the
# nearest base below it.
patches_of() {
	local dir best=

	while read -r dir; do
		[[ $(printf 'v%s\n' "${dir#v}" "${1#v}" | sort -V | tail -n 1) != "$1" ]] ||
			best=$dir
	done < <(cd "$REPO/patches" 2>/dev/null && printf '%s\n' v*/ | tr -d / | sort -V)
	[[ -n $best && -d $REPO/patches/$best ]] ||
		die "patches/ has no directory for $1 or a base below it"
	echo "$REPO/patches/$best"
}

# find_kernel: which tree is meant. Sets
#   KSRC    the pristine tree, never written to
#   TARBALL what it is unpacked from, or empty when the caller named a tree
#   KBASE   v6.8 ... v6.12
#   KDIR    build/$KBASE; in it src/ (prepared tree) and obj/ (the O= directory)
# DEBUG=NAME means a kernel of its own, configured by debug-NAME.config as well,
# in build/$KBASE-NAME.
find_kernel() {
	local version

	[[ -z ${DEBUG:-} || -f $REPO/scripts/debug-$DEBUG.config ]] ||
		die "DEBUG=$DEBUG: there is no scripts/debug-$DEBUG.config"

	TARBALL=
	if [[ -n ${KSRC:-} ]]; then
		[[ -f $KSRC/Makefile && -f $KSRC/Kconfig ]] ||
			die "KSRC=$KSRC is not a kernel source tree"
		KSRC=$(realpath "$KSRC")
		version=$(kernel_version "$KSRC") ||
			die "cannot read a kernel version from $KSRC/Makefile"
		KBASE=$(base_of "$version" "$KSRC")
	else
		TARBALL=$(find /usr/src -maxdepth 1 -name 'linux-source-6.12*.tar.*' 2>/dev/null |
			sort -V | tail -n 1)
		[[ -n $TARBALL ]] ||
			die "no kernel source: /usr/src/linux-source-6.12*.tar.* is missing" \
				"install it (scripts/install-deps.sh) or name a tree with KSRC=/path/to/linux"
		version=${TARBALL##*/linux-source-}
		KBASE=$(base_of "${version%.tar.*}" "$TARBALL")
		KSRC=$BUILD/${TARBALL##*/}
		KSRC=${KSRC%.tar.*}
	fi
	KDIR=$BUILD/$KBASE${DEBUG:+-$DEBUG}
}

# kmake ARGUMENTS...: make in the prepared tree, building in obj/. One at a
# time: two makes in one directory would corrupt it.
kmake() {
	local cc=gcc

	# The base directory makes a clone at another path hit the same cache.
	if command -v ccache >/dev/null; then
		cc='ccache gcc'
		export CCACHE_BASEDIR=$REPO
	fi
	flock -n "$KDIR/obj" true || echo "waiting for another make in $KDIR/obj"
	flock "$KDIR/obj" make -C "$KDIR/src" O="$KDIR/obj" CC="$cc" HOSTCC="$cc" \
		KBUILD_BUILD_TIMESTAMP='1970-01-01' KBUILD_BUILD_USER=pkernfs \
		KBUILD_BUILD_HOST=build -j"$(nproc)" "$@"
}
