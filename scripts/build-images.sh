#!/usr/bin/env bash
# Builds the images with buildah alone: no engine, no daemon, no privileged container.
#
#   scripts/build-images.sh [hydra] [hydra-ml] [-- BUILDAH ARGUMENTS]
#
# Where no registry of images can be reached, the build image is made from Debian's packages and
# this machine's Rust first (HYDRA_BUILD_IMAGE=debian); the images themselves start from nothing.
# HYDRA_VARIANT=gpu makes hydra-ml on NVIDIA's base, where `train` uses a card (untested).
# Then looks into each image: it must hold what it needs, no shell, and start.
set -euo pipefail
cd "$(dirname "$0")/.."
ROOT=$PWD
targets=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do targets+=("$1"); shift; done
[ "${1:-}" = -- ] && shift
[ ${#targets[@]} -gt 0 ] || targets=(hydra hydra-ml)
command -v buildah >/dev/null || { echo "build-images: buildah is missing (apt-get install buildah)" >&2; exit 1; }
export BUILDAH_ISOLATION=chroot
say() { printf 'build-images: %s\n' "$*"; }

# Debian 12 with this machine's toolchain: what docker.io/library/rust:1.95-bookworm is.
debian_base() {
  local folder container
  buildah inspect --type image localhost/hydra-build >/dev/null 2>&1 && return
  say "makes a build image from Debian's packages"
  folder=$(mktemp -d)
  debootstrap --variant=minbase --include=ca-certificates,build-essential,python3,python3-pip,curl,make \
    bookworm "$folder" >/dev/null
  # the machine's own authorities, for sites with a proxy
  cp /etc/ssl/certs/ca-certificates.crt "$folder/etc/ssl/certs/"
  cp -a "$(rustc --print sysroot)" "$folder/usr/local/rust"
  container=$(buildah from scratch)
  buildah add -q "$container" "$folder" / >/dev/null
  buildah config --env PATH=/usr/local/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    --env NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt "$container"
  buildah commit -q --rm "$container" localhost/hydra-build >/dev/null
  rm -rf "$folder"
}

arguments=()
if [ "${HYDRA_BUILD_IMAGE:-}" = debian ]; then
  debian_base
  arguments+=(--build-arg BUILD_IMAGE=localhost/hydra-build --pull=never)
elif [ -n "${HYDRA_BUILD_IMAGE:-}" ]; then
  arguments+=(--build-arg "BUILD_IMAGE=$HYDRA_BUILD_IMAGE")
fi

# The image $1 as a folder: what is in it, and whether it starts with a root that nobody writes to.
look() {
  local container folder
  container=$(buildah from "localhost/$1")
  folder=$(buildah mount "$container")
  for shell in bin/sh usr/bin/sh bin/bash usr/bin/apt-get; do
    [ ! -e "$folder/$shell" ] || { say "$1 holds $shell"; return 1; }
  done
  [ "$(buildah inspect --format '{{.OCIv1.Config.User}}' "$container")" = 65532:65532 ] || { say "$1 runs as another user"; return 1; }
  [ -n "$(buildah inspect --format '{{.Docker.Config.Healthcheck}}' "$container")" ] || { say "$1 has no health check"; return 1; }
  buildah run --user 65532 "$container" -- /usr/bin/hydra --version
  [ "$1" = hydra ] || [ -s "$folder/usr/lib/hydra/libonnxruntime.so" ]
  say "$1: $(du -sm "$folder" | cut -f1) MB, $(find "$folder" -type f | wc -l) files"
  buildah umount "$container" >/dev/null
  buildah rm "$container" >/dev/null
}

# Buildah 1.28 does not see through a variable when it looks for the stages that a target needs.
recipe=$(mktemp)
trap 'rm -f "$recipe"' EXIT
sed "s/\${VARIANT}/${HYDRA_VARIANT:-cpu}/" Dockerfile >"$recipe"
arguments+=(--build-arg "VARIANT=${HYDRA_VARIANT:-cpu}")
# What another build has made, as an image with /out and /src: the first stage is left out.
if [ -n "${HYDRA_BUILT_IMAGE:-}" ]; then
  sed -i "/^FROM \${BUILD_IMAGE} AS build\$/,/^FROM build AS root-core\$/{
    s|^FROM \${BUILD_IMAGE} AS build\$|FROM $HYDRA_BUILT_IMAGE AS build|p
    /^FROM build AS root-core\$/!d
  }" "$recipe"
  arguments+=(--pull=never)
fi

for target in "${targets[@]}"; do
  say "$target"
  # OCI's own format has no health checks
  buildah bud --format docker --layers --target "$target" -t "localhost/$target" \
    --build-arg REVISION="$(git rev-parse HEAD)" "${arguments[@]}" "$@" -f "$recipe" "$ROOT"
  look "$target"
done
