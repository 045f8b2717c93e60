#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Are images of all former formats still read as they were written?
#
# To add one, which is never removed again:
#   build/golden make golden/NAME
#   build/golden list golden/NAME >golden/NAME.list && gzip -9n golden/NAME

set -u
build=${BUILD:-build}
n=0
failed=0

for image in golden/*.gz; do
	[ -e "$image" ] || continue
	n=$((n + 1))
	name=$(basename "$image" .gz)
	gunzip -c "$image" >"$build/image"
	if "$build/golden" list "$build/image" >"$build/list" &&
	   diff "golden/$name.list" "$build/list" | sed 's/^/# /' |
	   if grep .; then false; fi; then
		echo "ok $n - golden image $name"
	else
		echo "not ok $n - golden image $name"
		failed=$((failed + 1))
	fi
done
rm -f "$build/image" "$build/list"
echo "1..$n"
echo "# $((n - failed)) passed, $failed failed"
[ $failed = 0 ]
