# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034
#
# The KUnit suites of pkernfs, run while the kernel boots.

# No filter: v6.8 frees the suites that pass one, and debugfs then reads them.
CMDLINE="kunit.enable=1"

# A suite's results as lines "ok NAME", "not ok NAME", "skip NAME", and "note
# TEXT" for what it said in between. A case with parameters counts as these.
cases() {
	awk -v suite="$1" '
	function verdict(prefix, name) {
		name = $0
		sub(/^ *(not )?ok [0-9]+ (- )?/, "", name)
		word = $1 == "ok" ? "ok" : "not ok"
		if (sub(/ *# SKIP.*/, "", name))
			word = "skip"
		if (word == "not ok")
			failed++
		print word " " suite ": " prefix name
	}
	/^        # Subtest: / { group = $3 ": "; next }
	/^        (not )?ok / { verdict(group); params++; next }
	/^    (not )?ok / { if (!params) verdict(""); params = 0; next }
	# The suite as a whole: its set-up may fail before any case.
	/^not ok / { if (!failed) verdict("") }
	/^(not )?ok |^ *KTAP |^ *1\.\.|^ *# (Subtest|module|Totals)|pass:/ { next }
	{ print "note " $0 }
	'
}

boot1() {
	local suite results word name

	for suite in pkernfs_geometry pkernfs_region pkernfs_superblock; do
		results=/sys/kernel/debug/kunit/$suite/results
		check "the suite $suite ran" test -f $results
		cases $suite <$results >/tmp/cases
		while read -r word name; do
			case $word in
			ok) ok "$name" ;;
			not) not_ok "${name#ok }" ;;
			skip) skip "$name" "by KUnit" ;;
			note) note "$name" ;;
			esac
		done </tmp/cases
	done
}
