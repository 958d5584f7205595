#!/bin/sh
# compose-env.sh > .cache/compose.env: passwords for docker-compose.yml, drawn anew at each call.
set -eu
umask 077
for name in HYDRA_BROKER_PASSWORD HYDRA_DATABASE_PASSWORD HYDRA_QUERY_PASSWORD HYDRA_GRAFANA_PASSWORD; do
  # hexadecimal, so that they need no escaping in a URL
  printf '%s=%s\n' "$name" "$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')"
done
