#!/usr/bin/env bash
# The table of speed and cost, from an optimised build, on the real servers, in a virtual host, a
# database and a folder of its own, which are gone afterwards. Arguments go to `hydra bench`.
#
#   HYDRA_BENCH_PROFILE=dev scripts/bench.sh --quick whole     with the build that `make test` made
set -euo pipefail
cd "$(dirname "$0")/.."
say() { printf 'bench: %s\n' "$*" >&2; }
PROFILE=${HYDRA_BENCH_PROFILE:-release}
NAME=hydra_bench_$$

# Pillow and OpenCV, to compare with.
export PYTHONPATH=$PWD/.cache/bench
if [ ! -f .cache/bench/stamp ]; then
  say "Python packages: installs"
  rm -rf .cache/bench
  PIP_ROOT_USER_ACTION=ignore python3 -m pip install -q --disable-pip-version-check --only-binary=:all: \
    --target .cache/bench numpy==2.2.6 pillow==11.3.0 opencv-python-headless==4.12.0.88
  touch .cache/bench/stamp
fi

if scripts/services.sh status | grep -q 'started here'; then keep=1; else keep=; fi
folder=$(mktemp -d "${TMPDIR:-/var/tmp}/hydra-bench.XXXXXX")
scripts/services.sh start >&2
eval "$(scripts/services.sh env)"
host=${HYDRA_TEST_MARIADB#*@}
sql() { mariadb --no-defaults -h"${host%%:*}" -P"${host##*:}" -uhydra_test -phydra_test -e "$1"; }
cleanup() {
  curl -fsS -o /dev/null -X DELETE "$HYDRA_TEST_RABBITMQ_API/api/vhosts/$NAME" || true
  sql "drop database if exists $NAME" || true
  rm -rf "$folder"
  [ -n "$keep" ] || scripts/services.sh stop >/dev/null 2>&1 || true
}
trap cleanup EXIT
curl -fsS -o /dev/null -X PUT "$HYDRA_TEST_RABBITMQ_API/api/vhosts/$NAME"
sql "create database $NAME"

cargo build --quiet --profile "$PROFILE" --bin hydra
target=${CARGO_TARGET_DIR:-target}/$([ "$PROFILE" = dev ] && echo debug || echo "$PROFILE")
export HYDRA_BROKER__URL=$HYDRA_TEST_RABBITMQ/$NAME
export HYDRA_DATABASE__URL=$HYDRA_TEST_MARIADB/$NAME
export HYDRA_BLOBS__URL=file:$folder/blobs
export HYDRA_INGEST__JOURNALS=$folder/journals
export HYDRA_TELEMETRY__LOG=warn
"$target/hydra" bench "$@"
