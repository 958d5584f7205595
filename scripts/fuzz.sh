#!/usr/bin/env bash
# Fuzzes the decoder, the name grammars, the messages and the scan of models: each target for a minute,
# or one, or all, for as long as is said. Status 1 when an input was found that a target does not stand;
# it lies in fuzz/artifacts then, and belongs among the plain tests once it is mended.
#
#   scripts/fuzz.sh [TARGET|all [SECONDS]]
#
# Begins with the files that tests/examples/seeds.rs writes and goes on with what earlier runs found
# (fuzz/corpus). The targets are compiled with counters, into fuzz/target or HYDRA_FUZZ_TARGET.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo fuzz --version >/dev/null 2>&1 || { echo "fuzz: cargo install cargo-fuzz --locked" >&2; exit 1; }
seconds=${2:-60}
targets=("${1:-all}")
[ "${targets[0]}" != all ] || targets=(decode names messages model_scan)
if [ ! -d fuzz/corpus/decode ]; then
  cargo run --quiet -p e2e --example seeds -- fuzz/corpus
fi
cd fuzz
# cargo-fuzz passes a flag or two of the nightly compiler; without sanitizers the stable one does all
export RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=${HYDRA_FUZZ_TARGET:-$PWD/target}
mkdir -p artifacts
failed=0
for target in "${targets[@]}"; do
  mkdir -p "corpus/$target"
  echo "fuzz: $target for $seconds s" >&2
  cargo fuzz run "$target" --sanitizer none -- -max_total_time="$seconds" -rss_limit_mb=1024 -timeout=10 \
    -print_final_stats=1 2>&1 | tee "artifacts/$target.log" | grep -aE '^stat::|BINGO|ERROR|panicked|Done' || true
  grep -aq '^Done' "artifacts/$target.log" || failed=1
done
exit $failed
