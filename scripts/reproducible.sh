#!/usr/bin/env bash
# Builds twice, in two folders of different names, and compares every byte of what comes out.
#
#   scripts/reproducible.sh [CARGO BUILD ARGUMENTS]     e.g. --release --bin hydra (the default),
#                                                       --bin hydra (profile dev, in half the time),
#                                                       or -p hydra-proto, for a quick look
#
# The committed tree is built, from the lock file, with the paths of the folder and of cargo's
# home taken out of the binaries. Status 1 and the names of the files where two differ; the two
# programs are then kept, to be compared.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- --release --bin hydra
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
kept=${CARGO_TARGET_DIR:-target}/reproducible
rm -rf "$kept"
export SOURCE_DATE_EPOCH=0 CARGO_INCREMENTAL=0
for name in one another-folder; do
  mkdir "$work/$name"
  git archive HEAD | tar -x -C "$work/$name"
  # the pages are built before the binary and embedded as they are
  [ ! -d services/web/dist ] || cp -r services/web/dist "$work/$name/services/web/"
  (
    cd "$work/$name"
    export RUSTFLAGS="--remap-path-prefix=$PWD=/hydra --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
    # of the C that some crates bring along (SQLite, zstd, ring)
    export CFLAGS="-ffile-prefix-map=$PWD=/hydra -ffile-prefix-map=${CARGO_HOME:-$HOME/.cargo}=/cargo"
    CARGO_TARGET_DIR=$PWD/target cargo build --locked --quiet "$@"
    # what is linked or linked with; not what cargo notes for itself
    find target \( -name '*.rlib' -o -path '*/release/hydra' -o -path '*/debug/hydra' \) -type f -print0 |
      sort -z | xargs -0 sha256sum | sort -k2
  ) >"$work/$name.sums"
  for program in "$work/$name"/target/{release,debug}/hydra; do
    [ ! -f "$program" ] || { mkdir -p "$kept" && cp "$program" "$kept/hydra-$name"; }
  done
  rm -rf "$work/$name"
done
count=$(wc -l <"$work/one.sums")
[ "$count" -gt 0 ] || { echo "reproducible: nothing was built" >&2; exit 1; }
if ! diff "$work/one.sums" "$work/another-folder.sums"; then
  echo "reproducible: the builds differ; the programs are in $kept" >&2
  exit 1
fi
rm -rf "$kept"
grep '/hydra$' "$work/one.sums" || true
echo "reproducible: $count files, the same in both builds ($*)"
