#!/usr/bin/env bash
# All tests on a machine of any state: sets up, starts the servers, checks format and lints,
# builds the pages, checks what operators get, runs every test. Arguments go to the test runner of
# the Rust tests, whose summary comes last.
set -euo pipefail
cd "$(dirname "$0")/.."
say() { printf '\ntest: %s\n' "$*"; }

say "sets up"
scripts/setup.sh test
# Ends the servers afterwards if it was us who started them.
if scripts/services.sh status | grep -q 'started here'; then keep=1; else keep=; fi
cleanup() { [ -n "$keep" ] || scripts/services.sh stop >/dev/null 2>&1 || true; }
trap cleanup EXIT
scripts/services.sh start
eval "$(scripts/services.sh env)"
export ORT_DYLIB_PATH=${ORT_DYLIB_PATH:-$PWD/.cache/onnxruntime/libonnxruntime.so}
export PATH=$PWD/.cache/node/bin:$PATH

say "format"
cargo fmt --all --check

say "pages"
scripts/pages.sh test
(cd services/web && npm --silent test)
(cd tests/pages && npm --silent test)

# One build lints and makes what is tested: clippy's driver compiles as rustc does, with all lints on,
# and dependencies are built once instead of twice. Only here: tools that a script installs are not ours.
linted() {
  RUSTC_WORKSPACE_WRAPPER=clippy-driver CLIPPY_ARGS=-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__ "$@"
}
say "builds, with clippy"
linted cargo build --workspace --all-targets

say "chart, compose file, Dockerfile, alerts, dashboards, docs"
HYDRA_OPS_STRICT=1 HYDRA_BIN=${CARGO_TARGET_DIR:-target}/debug/hydra scripts/check-ops.sh -q -m 'not slow'

say "tests"
if cargo nextest --version >/dev/null 2>&1; then
  linted cargo test --quiet --workspace --doc
  # the longest ones only where it decides (CI=true), see .config/nextest.toml
  if [ "${CI:-}" = true ]; then profile=ci; else profile=default; fi
  [ $profile = ci ] || say "leaves out the longest tests; CI=true make test runs all"
  linted cargo nextest run --workspace --no-fail-fast --profile $profile "$@"
else
  # cargo's own runner: two tests of a file at once, since most start servers of their own
  say "cargo-nextest is not there (cargo install cargo-nextest --locked): all tests, one file after the other"
  told=$(mktemp)
  RUST_TEST_THREADS=2 linted cargo test --workspace --no-fail-fast "$@" 2>&1 | tee "$told" || failed=1
  awk '/^test result:/ { passed += $4; failed += $6; files++ }
    END { printf "Summary: %d files, %d passed, %d failed\n", files, passed, failed }' "$told"
  rm -f "$told"
  exit "${failed:-0}"
fi
