#!/usr/bin/env bash
# Compares the micro-benchmarks of this tree, uncommitted changes included, with
# those of another commit: ten runs of each, one of the base and one of the head in
# turn, so that what the machine does by itself meets both; then benchstat.
#
#   bench/compare.sh [BASE [PACKAGE…]]      BASE is main unless given
#
# PATTERN says which benchmarks (the way of a request unless given), COUNT how many
# runs, BENCHTIME how long each, BENCHSTAT which benchstat. Where the package has
# none of them on one side, benchstat shows the other side alone.
set -euo pipefail
cd "$(dirname "$0")/.."

base=${1:-main}
shift || true
packages=("$@")
if [ ${#packages[@]} -eq 0 ]; then
	packages=(./codec ./session ./tlsterm ./engine ./mapping)
fi
pattern=${PATTERN:-'^Benchmark(Hot|Metadata10k|Forward|Events|Feed|Open|Seal|SealKept|Lookup|Resolve|BookKnown)$'}
count=${COUNT:-10}
benchtime=${BENCHTIME:-200ms}
benchstat=${BENCHSTAT:-benchstat}

if ! command -v "$benchstat" >/dev/null; then
	echo "compare.sh: no $benchstat (make compare brings it: golang.org/x/perf/cmd/benchstat)" >&2
	exit 1
fi
if ! commit=$(git rev-parse --verify --quiet "$base^{commit}"); then
	echo "compare.sh: $base is no commit" >&2
	exit 1
fi

work=$(mktemp -d)
finish() {
	git worktree remove --force "$work/tree" >/dev/null 2>&1 || true
	rm -rf "$work"
}
trap finish EXIT
git worktree add --quiet --detach "$work/tree" "$commit"

# build SIDE FOLDER: the test binaries of one side, one for each package it has.
build() {
	for p in "${packages[@]}"; do
		[ -d "$2/$p" ] || continue
		(cd "$2" && go test -c -o "$work/$1-${p//[^a-z0-9]/_}.test" "$p")
	done
}
# measure SIDE FOLDER: every package once.
measure() {
	for p in "${packages[@]}"; do
		binary="$work/$1-${p//[^a-z0-9]/_}.test"
		[ -x "$binary" ] || continue
		echo "pkg: $p" >>"$work/$1.txt"
		(cd "$2/$p" && "$binary" -test.run '^$' -test.bench "$pattern" -test.benchmem -test.benchtime "$benchtime") >>"$work/$1.txt"
	done
}
build base "$work/tree"
build head .
for ((i = 0; i < count; i++)); do
	echo "run $((i + 1)) of $count" >&2
	if ((i % 2)); then
		measure head .
		measure base "$work/tree"
	else
		measure base "$work/tree"
		measure head .
	fi
done
cd "$work" && "$benchstat" base.txt head.txt
