#!/usr/bin/env bash
# Takes each safety out in turn and wants a named test to fail: a test that passes without the safety
# that it is for tests nothing. Prints a table. Status 1 when a patch does not apply or build, a test
# fails with its safety in place, or passes without it.
#
#   scripts/mutations.sh              all of tests/mutations/*.patch
#   scripts/mutations.sh no-confirm   some of them
#
# A patch begins with two lines of its own: `# safety: what is taken out` and `# test: PACKAGE TARGET NAME`.
# Works on a copy of the tree, target/mutations/tree, with a build of its own that begins with what is
# built of the packages that are not ours: the first run compiles our crates once more.
# Needs the servers (scripts/services.sh start) and scripts/setup.sh test.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
here=$root/target/mutations
tree=$here/tree
built=${CARGO_TARGET_DIR:-$root/target}/debug
export CARGO_TARGET_DIR=$here/target CARGO_INCREMENTAL=1
export ORT_DYLIB_PATH=${ORT_DYLIB_PATH:-$root/.cache/onnxruntime/libonnxruntime.so}
eval "$(scripts/services.sh env)"
say() { printf '%s\n' "$*" >&2; }

# Only what differs is written, at the time of now: cargo goes by times, and what a patch changed and
# changed back must be built again.
mkdir -p "$tree" "$here/logs"
git ls-files -co --exclude-standard | sort >"$here/files"
while IFS= read -r file; do
  [ -f "$file" ] || continue
  cmp -s "$file" "$tree/$file" && continue
  mkdir -p "$tree/$(dirname "$file")"
  cp "$file" "$tree/$file"
done <"$here/files"
(cd "$tree" && find . -type f | sed 's|^\./||' | sort | comm -13 "$here/files" - | tr '\n' '\0' | xargs -0r rm -f --)

# A build in the same folder would take the place of ours, since cargo tells crates by their path in
# the tree alone.
if [ -d "$built/deps" ] && [ ! -d "$here/target/debug" ]; then
  say "mutations: copies what is built of other packages"
  mkdir -p "$here/target/debug"
  (cd "$built" && find .fingerprint build deps -type f -not -path '*hydra*' -not -path '*e2e*' \
    \( -not -path 'deps/*' -o -name '*.rlib' -o -name '*.rmeta' -o -name '*.so' -o -name '*.d' \) -print0 |
    xargs -0 cp -a --parents -t "$here/target/debug")
fi

# The named test, and no other: 0 passed, 1 failed, 2 did not run.
named_test() { # log package target name
  local status=0
  (cd "$tree" && timeout 900 cargo test --quiet -p "$2" $3 -- --exact "$4") >"$1" 2>&1 || status=$?
  if [ "$status" = 0 ] && grep -q 'test result: ok. 1 passed' "$1"; then return 0; fi
  if grep -q 'test result: FAILED. 0 passed; 1 failed' "$1"; then return 1; fi
  return 2
}

header() { sed -n "s/^# $1: //p" "$2" | head -1; }

patches=()
for name in "${@:-}"; do
  [ -n "$name" ] && patches+=("tests/mutations/${name%.patch}.patch") || patches+=(tests/mutations/*.patch)
done
failed=0
rows=()
for patch in "${patches[@]}"; do
  name=$(basename "$patch" .patch)
  safety=$(header safety "$patch")
  read -r package rest <<<"$(header test "$patch")"
  test=${rest##* }
  target=${rest% *}
  say "mutations: $name: with the safety"
  verdict=
  if ! (cd "$tree" && patch -p1 --fuzz=0 --dry-run --force) <"$patch" >"$here/logs/$name.patch.log" 2>&1; then
    verdict="the patch does not apply"
  elif named_test "$here/logs/$name.with.log" "$package" "$target" "$test"; then
    say "mutations: $name: without it"
    (cd "$tree" && patch -p1 --fuzz=0 --force --no-backup-if-mismatch) <"$patch" >/dev/null
    status=0
    named_test "$here/logs/$name.without.log" "$package" "$target" "$test" || status=$?
    (cd "$tree" && patch -p1 -R --fuzz=0 --force --no-backup-if-mismatch) <"$patch" >/dev/null
    case $status in
      0) verdict="PASSES WITHOUT IT" ;;
      1) verdict=fails ;;
      *) verdict="did not build or run" ;;
    esac
  else
    verdict="does not pass with the safety"
  fi
  [ "$verdict" = fails ] || { failed=1; say "mutations: $name: $verdict; see $here/logs/$name.*"; }
  rows+=("$(printf '| %s | `%s` | %s |' "$safety" "$test" "$verdict")")
done
printf '| taken out | test | without it |\n|---|---|---|\n'
printf '%s\n' "${rows[@]}"
exit $failed
