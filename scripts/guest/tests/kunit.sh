# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC2034
#
# The KUnit suites of pkernfs, run while the kernel boots.

CMDLINE="kunit.enable=1 kunit.filter_glob=pkernfs*"

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
	local results word name

	for results in /sys/kernel/debug/kunit/*/results; do
		if [ ! -f "$results" ]; then
			not_ok "a KUnit suite ran"
			return
		fi
		name=${results%/results}
		cases "${name##*/}" <"$results" >/tmp/cases
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
