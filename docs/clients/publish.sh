#!/bin/sh
# publish.sh URL FILE, e.g. publish.sh http://localhost:8081 CDC_occupancy.png
curl --fail-with-body --silent --show-error --data-binary "@$2" --header "Content-Type: image/png" \
  "$1/v1/images?plot-type=CDC_occupancy&run=80464&chunk=37"
