#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Coverage-guided fuzzing of media/ by libFuzzer, see fuzz.c.
#
#   fuzz.sh run		for FUZZ_SECONDS, from the kept corpus and what earlier
#			runs left; ends with TAP
#   fuzz.sh keep	make what adds to the coverage the kept corpus
#   fuzz.sh replay	without libFuzzer: try the kept corpus, then random changes
#			of it for FUZZ_SECONDS
#
# The kept corpus is corpus/inputs.tar.gz. Inputs whose name begins with finding-
# were findings once and are always kept.

set -u
build=${BUILD:-build}
seconds=${FUZZ_SECONDS:-60}
corpus=$build/fuzz.corpus
log=$build/fuzz.log

unpack()
{
	mkdir -p "$corpus"
	tar -xzf corpus/inputs.tar.gz -C "$corpus"
}

# What libFuzzer says last, in words.
progress()
{
	sed -n 's/^#\([0-9]*\).* cov: \([0-9]*\) ft: \([0-9]*\) corp: \([0-9]*\).*/\1 runs, coverage \2, \4 inputs/p' \
		"$log" | tail -n 1
}

run()
{
	unpack
	"$build/fuzz" -max_total_time="$seconds" -max_len=512 -len_control=0 -timeout=60 \
		-artifact_prefix="$build/fuzz." "$corpus" >"$log" 2>&1 &
	fuzzer=$!
	trap 'kill $fuzzer' EXIT
	elapsed=0
	while sleep 1 && kill -0 $fuzzer 2>/dev/null; do
		elapsed=$((elapsed + 1))
		[ $((elapsed % 10)) -ne 0 ] || echo "# $elapsed s: $(progress)"
	done
	trap - EXIT
	if wait $fuzzer; then
		echo "ok 1 - fuzzing: $(progress), no finding"
		echo "1..1"
		return
	fi
	echo "not ok 1 - fuzzing: $(progress), see $log"
	echo "1..1"
	grep -E '^fuzz:|ERROR|runtime error|^ +#[0-9]+ .*/media/|Test unit' "$log" |
		head -n 30 | sed 's/^/# /'
	return 1
}

keep()
{
	unpack
	rm -rf "$corpus.new"
	mkdir "$corpus.new"
	"$build/fuzz" -merge=1 -max_len=512 "$corpus.new" "$corpus" >"$log" 2>&1 ||
		return
	find "$corpus" -name 'finding-*' -exec cp -t "$corpus.new" {} +
	rm -rf "$corpus"
	mv "$corpus.new" "$corpus"
	# The same inputs give the same file.
	tar -C "$corpus" --sort=name --mtime=@0 --owner=0 --group=0 \
		--numeric-owner --mode=644 -cf - . | gzip -9n >corpus/inputs.tar.gz
	du -h corpus/inputs.tar.gz
}

replay()
{
	corpus=$build/fuzz.kept
	rm -rf "$corpus"
	unpack
	"$build/fuzz_test" -o "$build/fuzz.input" -t "$seconds" "$corpus"/*
}

case ${1-} in
run | keep | replay) "$1" ;;
*) echo "usage: fuzz.sh run|keep|replay" >&2; exit 2 ;;
esac
