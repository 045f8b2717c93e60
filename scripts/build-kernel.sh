#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Configure and build the prepared tree in build/<base>/obj. A debug kernel is
# the same with debug-$DEBUG.config on top.

set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
find_kernel
OBJ=$KDIR/obj
STAMP=$KDIR/config.stamp
CONFIGS=("$REPO/scripts/guest.config" "$REPO/tools/testing/selftests/pkernfs/config")
[[ -z ${DEBUG:-} ]] || CONFIGS+=("$REPO/scripts/debug-$DEBUG.config")

# Whatever can change the outcome of configure().
state() {
	cat "$KDIR/src.stamp"
	find "$REPO/fs/pkernfs" -name Kconfig -print0 |
		xargs -0 sha256sum "$0" "${CONFIGS[@]}"
}

# requested: the wishes of all the files, the last one for a symbol counting,
# as .config has them.
requested() {
	sed -n 's/^\(CONFIG_[A-Z0-9_]*\)=n$/# \1 is not set/
		/^CONFIG_[A-Z0-9_]*=/p
		/^# CONFIG_[A-Z0-9_]* is not set$/p' "${CONFIGS[@]}" |
		awk '{ match($0, /CONFIG_[A-Z0-9_]*/)
		       wish[substr($0, RSTART, RLENGTH)] = $0 }
		     END { for (symbol in wish) print wish[symbol] }' | sort
}

# A wish that Kconfig did not grant (an unmet dependency, a symbol that this
# kernel does not have) would otherwise show as a puzzling test failure.
check_config() {
	local wish lost=()

	while read -r wish; do
		case $wish in
		'#'*)
			wish=${wish#\# }
			! grep -q "^${wish%% *}=" "$OBJ/.config" || lost+=("$wish")
			;;
		*)
			grep -qxF "$wish" "$OBJ/.config" || lost+=("$wish")
			;;
		esac
	done < <(requested)
	[[ ${#lost[@]} -eq 0 ]] ||
		die "not granted by the kernel's configuration:" "${lost[@]}" \
			"correct ${CONFIGS[*]#"$REPO"/} (dependencies?)"
}

configure() {
	[[ ! -f $OBJ/.config || $(cat "$STAMP" 2>/dev/null) != "$(state)" ]] || return 0
	rm -f "$STAMP"
	mkdir -p "$OBJ"
	(cd "$KDIR/src" && scripts/kconfig/merge_config.sh -n -O "$OBJ" "${CONFIGS[@]}")
	check_config
	state >"$STAMP"
}

step "Configuring the ${DEBUG:+$DEBUG }kernel" configure
step "Building the ${DEBUG:+$DEBUG }kernel" kmake bzImage
