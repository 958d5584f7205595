#!/usr/bin/env bash
# Fuzzes the decoder, the name grammars, the messages and the scan of models: each target for a minute,
# or one for as long as is said. Status 1 when an input was found that a target does not stand; it lies
# in fuzz/artifacts then, and belongs among the plain tests once it is mended.
#
#   scripts/fuzz.sh [TARGET [SECONDS]]
set -euo pipefail
cd "$(dirname "$0")/../fuzz"
cargo fuzz --version >/dev/null 2>&1 || { echo "fuzz: cargo install cargo-fuzz --locked" >&2; exit 1; }
# cargo-fuzz passes a flag or two of the nightly compiler; without sanitizers the stable one does all
export RUSTC_BOOTSTRAP=1
seconds=${2:-60}
targets=(${1:-decode names messages model_scan})
[ -d corpus/decode ] || cargo run --quiet --release --bin seeds
failed=0
for target in "${targets[@]}"; do
  mkdir -p "corpus/$target"
  echo "fuzz: $target for $seconds s" >&2
  cargo fuzz run "$target" --sanitizer none -- -max_total_time="$seconds" -rss_limit_mb=1024 -timeout=10 \
    -print_final_stats=1 2>&1 | tee "artifacts-$target.log" | grep -E '^stat::|BINGO|ERROR|panicked|Done' || true
  grep -q '^Done' "artifacts-$target.log" || failed=1
done
exit $failed
