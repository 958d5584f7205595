#!/usr/bin/env bash
# Builds the web pages into services/web/dist, which `query` embeds; skips what is fresh.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -f services/web/package.json ] || exit 0
PATH=$PWD/.cache/node/bin:$PATH
cd services/web
say() { printf 'pages: %s\n' "$*"; }

if [ ! -f node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  say "installs packages"
  npm ci --no-audit --no-fund --loglevel=error
  touch node_modules/.package-lock.json
fi
if [ -f dist/index.html ] &&
  [ -z "$(find . \( -path ./node_modules -o -path ./dist \) -prune -o -type f -newer dist/index.html -print -quit)" ]; then
  say "fresh"
else
  say "builds"
  npm run --silent build
fi
