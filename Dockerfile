# Two images from one build: `hydra` (no ONNX Runtime: ingest, resize, keep, query, jobs) and
# `hydra-ml` (with it: infer, gradcam, train, and everything else).
#
#   docker build --target hydra -t hydra .
#   docker build --target hydra-ml -t hydra-ml .
#   docker build --target hydra-ml -t hydra-ml-gpu --build-arg VARIANT=gpu .   # for `train`, untested
#   buildah bud --isolation chroot --target hydra -t hydra .      # no engine, no daemon
#
# The images hold the binary, the libraries that it needs, certificates, and nothing else: no
# shell, no package manager. They run as user 65532 on a read-only root file system.

# Base images as arguments, so that a site can pin digests or take them from a mirror of its own.
ARG BUILD_IMAGE=docker.io/library/rust:1.95-bookworm
ARG CPU_BASE=scratch
ARG GPU_BASE=docker.io/nvidia/cuda:12.8.1-cudnn-runtime-ubuntu24.04
ARG VARIANT=cpu

FROM ${BUILD_IMAGE} AS build
WORKDIR /src
ENV CARGO_TERM_COLOR=never
# What changes seldom comes first: compiler, packages, ONNX Runtime (pinned by hash), Node.js.
COPY rust-toolchain.toml Cargo.toml ./
COPY scripts scripts
COPY services/web/package.json services/web/package.json
RUN scripts/setup.sh demo
COPY . .
RUN scripts/pages.sh
# `dev` builds faster and runs slower; for trying the images, not for a hall.
ARG PROFILE=release
# For cards `train` is built with Burn's CUDA. Serving runs on the processor in every image.
ARG VARIANT
RUN case "$PROFILE" in dev) folder=debug ;; *) folder=$PROFILE ;; esac \
    && case "$VARIANT" in gpu) set -- --features hydra/cuda ;; *) set -- ;; esac \
    && cargo build --locked --profile "$PROFILE" --bin hydra "$@" \
    && mkdir /out && cp "target/$folder/hydra" /out/hydra \
    && strip /out/hydra \
    && rustc -O -o /out/probe scripts/probe.rs \
    && python3 scripts/sbom.py >/out/sbom.cdx.json

FROM build AS root-core
RUN scripts/image-root.sh /root-fs /out/hydra=/usr/bin/hydra /out/probe=/usr/bin/probe \
    && install -D -m 644 /out/sbom.cdx.json /root-fs/usr/share/doc/hydra/sbom.cdx.json

FROM build AS root-cpu
RUN scripts/image-root.sh /root-fs /out/hydra=/usr/bin/hydra /out/probe=/usr/bin/probe \
    .cache/onnxruntime/libonnxruntime.so=/usr/lib/hydra/libonnxruntime.so \
    && install -D -m 644 /out/sbom.cdx.json /root-fs/usr/share/doc/hydra/sbom.cdx.json

# ONNX Runtime for CUDA comes on NVIDIA's base, which brings the C library, CUDA and cuDNN.
FROM build AS root-gpu
ARG ORT_GPU=1.31.0
ARG ORT_GPU_SHA256=f9a79e13492ce69cf58d7b97a7639bf407c8a4db291d9f6125131eac1d5758b9
RUN printf 'onnxruntime-gpu==%s --hash=sha256:%s\n' "$ORT_GPU" "$ORT_GPU_SHA256" >/tmp/gpu.txt \
    && python3 -m pip download --no-deps --only-binary=:all: --require-hashes \
       --python-version 3.11 --platform manylinux_2_28_x86_64 --dest /tmp/gpu -r /tmp/gpu.txt \
    && mkdir -p /root-fs/usr/lib/hydra /root-fs/usr/bin \
    && python3 -m zipfile -e /tmp/gpu/*.whl /tmp/gpu/unpacked \
    && cp /tmp/gpu/unpacked/onnxruntime/capi/libonnxruntime*.so* /root-fs/usr/lib/hydra/ \
    && ln -sf "libonnxruntime.so.$ORT_GPU" /root-fs/usr/lib/hydra/libonnxruntime.so \
    && cp /out/hydra /out/probe /root-fs/usr/bin/ \
    && install -D -m 644 /out/sbom.cdx.json /root-fs/usr/share/doc/hydra/sbom.cdx.json \
    && mkdir -p /root-fs/var/lib/hydra/blobs /root-fs/var/lib/hydra/training && chown -R 65532:65532 /root-fs/var/lib/hydra

FROM ${CPU_BASE} AS base-cpu
FROM ${GPU_BASE} AS base-gpu

# These two are stages from above, which have no tags.
# hadolint ignore=DL3006
FROM root-${VARIANT} AS root-ml
# hadolint ignore=DL3006
FROM base-${VARIANT} AS hydra-ml
COPY --from=root-ml /root-fs/ /
ENV HYDRA_HEALTH__ADDRESS=0.0.0.0:9090 \
    HYDRA_INGEST__ADDRESS=0.0.0.0:8081 \
    HYDRA_QUERY__ADDRESS=0.0.0.0:8080 \
    HYDRA_BLOBS__URL=file:///var/lib/hydra/blobs \
    HYDRA_ONNX__LIBRARY=/usr/lib/hydra/libonnxruntime.so \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
WORKDIR /var/lib/hydra
USER 65532:65532
EXPOSE 8080 8081 9090
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["/usr/bin/probe", "9090"]
ENTRYPOINT ["/usr/bin/hydra"]
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="hydra-ml" \
      org.opencontainers.image.description="Watches the monitoring plots of a physics experiment; with ONNX Runtime" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

FROM ${CPU_BASE} AS hydra
COPY --from=root-core /root-fs/ /
ENV HYDRA_HEALTH__ADDRESS=0.0.0.0:9090 \
    HYDRA_INGEST__ADDRESS=0.0.0.0:8081 \
    HYDRA_QUERY__ADDRESS=0.0.0.0:8080 \
    HYDRA_BLOBS__URL=file:///var/lib/hydra/blobs \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
WORKDIR /var/lib/hydra
USER 65532:65532
EXPOSE 8080 8081 9090
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["/usr/bin/probe", "9090"]
ENTRYPOINT ["/usr/bin/hydra"]
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="hydra" \
      org.opencontainers.image.description="Watches the monitoring plots of a physics experiment" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
