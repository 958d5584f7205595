#!/usr/bin/env bash
# Loads a running query service as hard as it can with `wrk` (Debian: apt install wrk), one kind of
# question after the other, and prints a table. What answers a day of one plot type is asked too.
#
#   scripts/wrk.sh http://127.0.0.1:8080 [seconds a question] [connections]
#
# A hall of any size is served by: cargo run --release -p hydra-query --example load -- --rows N --hold
set -euo pipefail
url=${1:?which address?} seconds=${2:-10} connections=${3:-16}
command -v wrk >/dev/null || { echo "wrk.sh: wrk is missing: apt install wrk" >&2; exit 1; }
api=$url/api/v1
plot=$(curl -fsS "$api/plot-types?limit=1" | sed 's/.*"items":\[{"name":"\([^"]*\)".*/\1/')
run=$(curl -fsS "$api/runs?limit=1" | sed 's/.*"run":\([0-9]*\).*/\1/')
questions=(/hall "/plot-types?limit=100" /images "/images?plot_type=$plot" "/images?run=$run" "/plot-types/$plot"
  "/plot-types/$plot/predictions" "/plot-types/$plot/trend" /log "/log?run=$run" /incidents /runs /models /labels
  /dead-letters /status /status/latency /status/calendar)
echo "| question | answers/s | p50 | p99 | not 200 |"
echo "|---|---|---|---|---|"
failed=0
for question in "${questions[@]}"; do
  said=$(wrk -t2 -c"$connections" -d"${seconds}s" --latency "$api$question")
  value() { awk -v name="$1" '$1 == name { print $2; exit }' <<<"$said"; }
  bad=$(awk '/Non-2xx/ { print $NF }' <<<"$said")
  timeouts=$(sed -n 's/.*timeout \([0-9]*\).*/\1/p' <<<"$said")
  echo "| $question | $(value Requests/sec:) | $(value 50%) | $(value 99%) | $((${bad:-0} + ${timeouts:-0})) |"
  failed=$((failed + ${bad:-0} + ${timeouts:-0}))
done
[ "$failed" -eq 0 ]
