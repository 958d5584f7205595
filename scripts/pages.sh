#!/usr/bin/env bash
# Builds the web pages into services/web/dist, which `query` embeds; skips what is fresh. With the
# argument `test` also installs what the tests in a browser need.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -f services/web/package.json ] || exit 0
PATH=$PWD/.cache/node/bin:$PATH
say() { printf 'pages: %s\n' "$*"; }

packages() { # $1: folder
  local stamp=$1/node_modules/.package-lock.json
  if [ ! -f "$stamp" ] || [ "$1/package-lock.json" -nt "$stamp" ]; then
    say "installs packages of $1"
    (cd "$1" && npm ci --no-audit --no-fund --loglevel=error)
    touch "$stamp"
  fi
}
[ "${1:-}" != test ] || packages tests/pages
packages services/web
cd services/web
if [ -f dist/index.html ] &&
  [ -z "$(find . \( -path ./node_modules -o -path ./dist \) -prune -o -type f -newer dist/index.html -print -quit)" ]; then
  say "fresh"
else
  say "builds"
  npm run --silent build
fi
