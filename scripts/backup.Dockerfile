# scripts/backup.py with the client programs of the databases, for hosts and farms that have neither:
#
#   docker build -f scripts/backup.Dockerfile -t hydra-backup:0.1.0 scripts
#
# docs/operate/backup.md says how it is run.
ARG BASE=docker.io/library/debian:12-slim
FROM ${BASE}
# The clients of the day: a dump is read by any later one, and Debian keeps no older versions.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 mariadb-client postgresql-client \
    && rm -rf /var/lib/apt/lists/* \
    && mkdir -p /var/lib/hydra/blobs && chown 65532:65532 /var/lib/hydra/blobs
COPY backup.py /usr/bin/backup.py
ENV HYDRA_BLOBS__URL=file:///var/lib/hydra/blobs
USER 65532:65532
ENTRYPOINT ["/usr/bin/backup.py"]
