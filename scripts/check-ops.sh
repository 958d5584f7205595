#!/usr/bin/env bash
# Tests of charts, images, compose file, dashboards, alert rules and docs. Arguments go to pytest.
#
#   scripts/check-ops.sh [PYTEST ARGUMENTS]   sets up what is missing, runs the tests;
#                                             `-m "not slow"` is the part of `make test`
#   scripts/check-ops.sh setup                only sets up
#   scripts/check-ops.sh lock                 pins what requirements.in asks for, with hashes
#
# Everything lies in .cache: a Python environment, Node packages, mdBook. Tests that talk to a
# broker or a database use HYDRA_TEST_* (see scripts/services.sh env), those that need Hydra itself
# HYDRA_BIN (default: the newest of target/{debug,release}/hydra). Packages are pinned by hash for
# Python 3.11, which Debian 12 has; with another one it warns that no hash is checked.
set -euo pipefail
cd "$(dirname "$0")/.."
ROOT=$PWD CACHE=$PWD/.cache OPS=$PWD/tests/ops
export PATH=$PATH:$CACHE/node/bin:$CACHE/ops/bin:$CACHE/mdbook/bin:/usr/sbin
MDBOOK=0.5.4
say() { printf 'check-ops: %s\n' "$*"; }

# Runs "$2..." unless what it depends on ($1: files) is as it was when it last succeeded.
fresh() { # $1: stamp, $2: text that it depends on
  [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]
}

python_environment() {
  local want
  want=$(python3 --version; sha256sum <"$OPS/requirements.txt")
  fresh "$CACHE/ops/stamp" "$want" && return
  say "Python packages: installs"
  rm -rf "$CACHE/ops"
  # a folder instead of a virtual environment: Debian's python3 alone cannot make one
  local pip=(env PIP_ROOT_USER_ACTION=ignore python3 -m pip install -q --no-warn-conflicts
    --disable-pip-version-check --target "$CACHE/ops")
  # the hashes are those of Python 3.11; another one has other files of the same version
  if python3 -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'; then
    "${pip[@]}" --require-hashes -r "$OPS/requirements.txt"
  else
    say "WARNING: $(python3 --version) is not 3.11; hashes of packages are NOT checked" >&2
    "${pip[@]}" -r "$OPS/requirements.in"
  fi
  echo "$want" >"$CACHE/ops/stamp"
}

node_packages() {
  local want
  want=$(sha256sum <"$OPS/package-lock.json")
  fresh "$CACHE/ops-node/stamp" "$want" && return
  say "Node packages: installs"
  mkdir -p "$CACHE/ops-node"
  cp "$OPS"/package.json "$OPS"/package-lock.json "$OPS"/.npmrc "$CACHE/ops-node/"
  (cd "$CACHE/ops-node" && npm ci --loglevel=error >/dev/null)
  echo "$want" >"$CACHE/ops-node/stamp"
}

book() { # a debug build without the server: a minute, against three for the whole
  fresh "$CACHE/mdbook/stamp" "$MDBOOK" && return
  say "mdBook $MDBOOK: builds"
  CARGO_TARGET_DIR=$CACHE/mdbook/target cargo install --quiet --locked --debug --version $MDBOOK \
    --no-default-features --features search --root "$CACHE/mdbook" mdbook
  rm -rf "$CACHE/mdbook/target"
  echo "$MDBOOK" >"$CACHE/mdbook/stamp"
}

lock() {
  local report=$CACHE/ops-lock.json
  python3 -m pip install -q --dry-run --ignore-installed --report "$report" -r "$OPS/requirements.in"
  python3 - "$report" >"$OPS/requirements.txt" <<'PY'
import json, sys
print("# Written by `scripts/check-ops.sh lock` from requirements.in, for Python 3.11 on Linux x86-64.")
found = {}
for item in json.load(open(sys.argv[1]))["install"]:
    sha256 = item["download_info"]["archive_info"]["hashes"]["sha256"]
    found[item["metadata"]["name"].lower()] = f'{item["metadata"]["version"]} --hash=sha256:{sha256}'
for name, rest in sorted(found.items()):
    print(f"{name}=={rest}")
PY
  rm -f "$report"
}

mkdir -p "$CACHE"
if [ "${1:-}" = lock ]; then lock; exit; fi
python_environment
node_packages
book
[ "${1:-}" = setup ] && exit
export HYDRA_OPS_CACHE=$CACHE PYTHONPATH=$CACHE/ops PYTHONDONTWRITEBYTECODE=1
exec python3 -m pytest -c "$OPS/pytest.ini" -p no:cacheprovider --rootdir "$OPS" "$OPS" "$@"
