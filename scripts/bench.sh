#!/usr/bin/env bash
# The table of speed and cost, from an optimised build, on the real servers. Arguments go to
# `hydra bench`.
set -euo pipefail
cd "$(dirname "$0")/.."
if scripts/services.sh status | grep -q 'started here'; then keep=1; else keep=; fi
cleanup() { [ -n "$keep" ] || scripts/services.sh stop >/dev/null 2>&1 || true; }
trap cleanup EXIT
scripts/services.sh start
eval "$(scripts/services.sh env)"
cargo run --release --quiet --bin hydra -- bench "$@"
