#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Run all tests, sum up their TAP: run.sh quick|soak

set -u
build=${BUILD:-build}
log=$build/run.log
long=${SOAK_SECONDS:-600}

sweep()
{
	"$build/crash_sweep" "$@" >"$log.sweep"
	status=$?
	sed -n '/^crash sweep:/!p' "$log.sweep"
	last=$(tail -n 1 "$log.sweep")
	points=$(echo "$last" | sed -n 's/^crash sweep: \([0-9]*\) stop.*/\1/p')
	if [ $status = 0 ] && [ "${points:-0}" -ge 50000 ]; then
		echo "ok - $last"
	else
		echo "not ok - ${last:-crash sweep: no result} (status $status)"
	fi
}

# A test that dies, or does not get as far as testing, says nothing about it in TAP.
run()
{
	echo "# $*"
	{
		"$@"
		echo $? >"$log.status"
	} 2>&1 | tee "$log.one"
	status=$(cat "$log.status")
	[ "$status" = 0 ] || grep -q '^not ok' "$log.one" ||
		echo "not ok - $1: status $status"
}

{
	run "$build/bad_test"
	run "$build/check_test"
	run "$build/fault_test"
	run "$build/parallel_test"
	run "$build/gigabyte_test"
	run ./golden.sh
	run ./tools.sh
	if [ "$1" = soak ]; then
		run env FUZZ_SECONDS="$long" ./fuzz.sh replay
		run "$build/model_test" -t "$long"
		run sweep -l
	else
		run env FUZZ_SECONDS=5 ./fuzz.sh replay
		run "$build/model_test"
		run sweep
	fi
	run ./broken.sh
} 2>&1 | tee "$log"

passed=$(grep -c '^ok' "$log")
failed=$(grep -c '^not ok' "$log")
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
