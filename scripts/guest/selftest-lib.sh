# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# For tests that run programs built on kselftest's harness: run_program FILE makes
# each of its cases a verdict.

# The verdicts of a program's TAP as "ok NAME", "not ok NAME", "skip NAME".
cases() {
	sed -n '/^# Totals/d
		s/^ok [0-9]* \(- \)*\(.*[^ ]\) *# *SKIP.*/skip \2/p; t
		s/^\(ok\|not ok\) [0-9]* \(- \)*\(.*\)/\1 \3/p; t
		s/^# \(.*\(Expected\|Assert\|rror\|terminated\|imed out\).*\)/note \1/p'
}

run_program() {
	local program="$1" status=0 word name

	# The region is the guest's to lose.
	PKERNFS_TEST_REGION=pkernfs0 "$program" >/tmp/results 2>&1 || status=$?
	cases </tmp/results >/tmp/cases
	if ! grep -qE '^(ok|not|skip) ' /tmp/cases; then
		not_ok "${program##*/} says something (exit status $status)"
		explain /tmp/results
		return
	fi
	while read -r word name; do
		case $word in
		ok) ok "${program##*/}: $name" ;;
		not) not_ok "${program##*/}: ${name#ok }" ;;
		skip) skip "${program##*/}: $name" "by the program" ;;
		note) note "$name" ;;
		esac
	done </tmp/cases
	# It may have died before it could say so; 4 is kselftest's skip.
	if [ $status -ne 0 ] && [ $status -ne 4 ] && ! grep -q '^not' /tmp/cases; then
		not_ok "${program##*/} ends well (exit status $status)"
		explain /tmp/results
	fi
}
