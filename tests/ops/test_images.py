"""Dockerfile, compose file and what goes into an image."""

import functools
import http.server
import json
import os
import re
import subprocess
import threading
import tomllib
import struct
import urllib.request
import zlib
from pathlib import Path

import pytest
import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from chart import ROOT
from hydra import BINARY, needs_hydra
from test_live import eventually, free_port

DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
DEFAULTS = tomllib.loads((ROOT / "services/hydra/src/default.toml").read_text())


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


# a grey square of 32 pixels
PNG = b"\x89PNG\r\n\x1a\n" + b"".join((
    chunk(b"IHDR", struct.pack(">IIBBBBB", 32, 32, 8, 0, 0, 0, 0)),
    chunk(b"IDAT", zlib.compress((b"\0" + b"\x80" * 32) * 32)),
    chunk(b"IEND", b""),
))  # fmt: skip
ONE_SHOT = {"migrate", "simulate"}


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=600, **options)


def known(variable):
    """Whether hydra would take this variable: a section and a key of its configuration."""
    section, _, key = variable.removeprefix("HYDRA_").lower().partition("__")
    return key in DEFAULTS.get(section, {})


@pytest.mark.parametrize("recipe", ["Dockerfile", "scripts/backup.Dockerfile"])
def test_hadolint_finds_nothing_in_the_dockerfile(recipe):
    found = run("hadolint", ROOT / recipe)
    assert found.returncode == 0, found.stdout


def test_every_rule_that_the_dockerfile_breaks_says_why():
    lines = DOCKERFILE.splitlines()
    for number, line in enumerate(lines):
        if "hadolint ignore" in line:
            above = [other for other in lines[max(0, number - 3) : number] if other.startswith("#")]
            assert any("hadolint" not in other for other in above), line


def final_stages():
    """The text of each image's last stage."""
    stages = re.split(r"^FROM ", DOCKERFILE, flags=re.M)
    return {re.search(r"AS (\S+)", stage).group(1): stage for stage in stages[1:] if "ENTRYPOINT" in stage}


def test_both_images_run_as_a_plain_user_from_nothing_with_a_health_check_and_labels():
    stages = final_stages()
    assert set(stages) == {"hydra", "hydra-ml"}
    for stage in stages.values():
        assert "USER 65532:65532" in stage
        assert 'ENTRYPOINT ["/usr/bin/hydra"]' in stage
        assert re.search(r'^HEALTHCHECK .* CMD \["/usr/bin/probe", "9090"\]$', stage, re.M)
        for label in ("title", "description", "licenses", "version", "revision"):
            assert f"org.opencontainers.image.{label}=" in stage
        # there is no shell that could run it
        assert not re.search(r"^RUN ", stage, re.M)
    assert "ARG CPU_BASE=scratch" in DOCKERFILE


def test_images_set_only_what_hydra_knows():
    variables = re.findall(r"\b(HYDRA_\w+)=", DOCKERFILE)
    assert variables
    assert [v for v in variables if not known(v)] == []


def test_every_base_image_has_a_tag():
    bases = re.findall(r"^ARG \w+_(?:IMAGE|BASE)=(\S+)", DOCKERFILE, re.M)
    assert len(bases) == 3
    assert all(base == "scratch" or re.search(r":[\w.-]+$", base) for base in bases)
    assert not any(base.endswith(":latest") for base in bases)


def test_onnx_runtime_for_gpus_is_the_version_that_the_tests_run():
    setup = (ROOT / "scripts/setup.sh").read_text()
    version = re.search(r"^ORT_VERSION=(\S+)", setup, re.M).group(1)
    assert f"ARG ORT_GPU={version}\n" in DOCKERFILE
    assert re.search(r"^ARG ORT_GPU_SHA256=[0-9a-f]{64}$", DOCKERFILE, re.M)


def test_the_variant_for_gpus_is_built_with_the_feature_that_uses_them():
    build = re.search(r"^FROM \S+ AS build$(.*?)^FROM ", DOCKERFILE, re.M | re.S)[1]
    assert re.search(r"^ARG VARIANT$", build, re.M)
    ((package, feature),) = re.findall(r"gpu\) set -- --features (\w+)/(\w+) ;;", build)
    assert re.search(r'^\s+&& cargo build .* "\$@" \\$', build, re.M)
    manifest = tomllib.loads((ROOT / f"services/{package}/Cargo.toml").read_text())
    assert manifest["features"][feature] == [f"hydra-train/{feature}"]
    # the script that needs no engine hands the variant on as well
    assert '--build-arg "VARIANT=${HYDRA_VARIANT:-cpu}"' in (ROOT / "scripts/build-images.sh").read_text()


def test_what_the_build_copies_is_there():
    for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.M):
        for source in sources.split():
            assert (ROOT / source).exists(), source


def test_the_build_context_leaves_out_what_is_large_or_secret():
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert {".git", ".cache", "/target*", "**/node_modules"} <= set(ignored)
    # what the build reads must come along
    assert not {"scripts", "services", "proto", "migrations", "tests", "Cargo.lock"} & set(ignored)


@pytest.fixture(scope="module")
def probe(tmp_path_factory):
    program = tmp_path_factory.mktemp("probe") / "probe"
    built = run("rustc", "-O", "-D", "warnings", "-o", program, ROOT / "scripts/probe.rs")
    assert built.returncode == 0, built.stderr
    return program


class Answer(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_GET(self):
        assert self.path == "/ready"
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(b'{"components": {"broker": "session lost"}}')

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("status, code", [(200, 0), (503, 1), (404, 1)])
def test_the_health_check_says_what_ready_says(probe, status, code):
    handler = type("Handler", (Answer,), {"status": status})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        checked = run(probe, str(server.server_port))
        server.shutdown()
    assert checked.returncode == code
    assert ("session lost" in checked.stderr) == (code != 0)


def test_the_health_check_fails_where_nobody_listens_and_refuses_nonsense(probe):
    assert run(probe, "1").returncode == 1
    assert run(probe, "many").returncode == 64


def test_the_root_of_an_image_holds_the_program_its_libraries_and_no_shell(probe, tmp_path):
    root = tmp_path / "root"
    built = run(ROOT / "scripts/image-root.sh", root, f"{probe}=/usr/bin/probe", "/usr/bin/python3=/usr/bin/python")
    assert built.returncode == 0, built.stderr
    files = {str(f.relative_to(root)) for f in root.rglob("*") if f.is_file()}
    assert {"usr/bin/probe", "etc/passwd", "etc/ssl/certs/ca-certificates.crt"} <= files
    assert any(f.startswith("lib64/ld-linux") or "/ld-linux" in f for f in files)
    assert not any(Path(f).name in {"sh", "bash", "apt-get", "busybox"} for f in files)
    assert (root / "tmp").stat().st_mode & 0o7777 == 0o1777
    if os.geteuid() == 0:
        # the program starts with nothing but this root around it
        started = run("chroot", root, "/usr/bin/probe", "many")
        assert started.returncode == 64, started.stderr


ON_A_READ_ONLY_ROOT = """
set -e
mount --bind "$1" "$1"
mount -o remount,ro,bind "$1"
mount -t tmpfs -o mode=1777 tmpfs "$1/tmp"
mount -t tmpfs -o uid=65532,gid=65532 tmpfs "$1/var/lib/hydra"
exec setpriv --no-new-privs --inh-caps=-all --bounding-set=-all,+sys_chroot,+setuid,+setgid \
  chroot --userspec=65532:65532 --groups= "$1" /usr/bin/hydra up
"""


@needs_hydra
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_hydra_works_on_a_read_only_root_as_a_plain_user_without_rights(probe, tmp_path):
    """S18, as far as it needs no cluster: the root of the image, an image taken, its row on the page's API."""
    root = tmp_path / "root"
    runtime = ROOT / ".cache/onnxruntime/libonnxruntime.so"
    files = [f"{BINARY}=/usr/bin/hydra", f"{probe}=/usr/bin/probe", f"{runtime.resolve()}=/usr/lib/hydra/libonnxruntime.so"]
    built = run(ROOT / "scripts/image-root.sh", root, *files)
    assert built.returncode == 0, built.stderr
    ports = {name: free_port() for name in ("health", "query", "ingest")}
    environment = {
        "HYDRA_DATABASE__URL": "sqlite:/var/lib/hydra/hydra.db",
        "HYDRA_BLOBS__URL": "file:///var/lib/hydra/blobs",
        "HYDRA_INGEST__JOURNALS": "/var/lib/hydra/journals",
        "HYDRA_TRAIN__FOLDER": "/var/lib/hydra/training",
        "HYDRA_ONNX__LIBRARY": "/usr/lib/hydra/libonnxruntime.so",
        **{f"HYDRA_{name.upper()}__ADDRESS": f"127.0.0.1:{port}" for name, port in ports.items()},
    }
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            ["unshare", "--mount", "bash", "-c", ON_A_READ_ONLY_ROOT, "bash", root],
            env={"PATH": os.environ["PATH"], **environment}, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            said = lambda: (tmp_path / "log").read_text()[-3000:]
            eventually("hydra is ready", lambda: ended(process, said) or run(probe, str(ports["health"])).returncode == 0)
            status = dict(re.findall(r"^(\w+):\t(.*)$", Path(f"/proc/{process.pid}/status").read_text(), re.M))
            assert status["Uid"].split() == ["65532"] * 4 and status["Groups"].strip() == ""
            assert int(status["CapEff"], 16) == 0 and status["NoNewPrivs"] == "1"
            mounts = Path(f"/proc/{process.pid}/mountinfo").read_text().splitlines()
            # of the file system that is its root: fields of proc(5), the sixth are the options
            at_root = [line.split()[5] for line in mounts if line.split()[4] == "/"]
            assert at_root and all("ro" in options.split(",") for options in at_root), mounts
            url = f"http://127.0.0.1:{ports['ingest']}/v1/images?plot-type=CDC_occupancy&run=7&chunk=1"
            sent = urllib.request.urlopen(urllib.request.Request(url, data=PNG, method="POST"), timeout=30)
            assert sent.status == 201
            page = f"http://127.0.0.1:{ports['query']}/api/v1/plot-types"
            eventually("it is on the page", lambda: b"CDC_occupancy" in urllib.request.urlopen(page, timeout=30).read())
        finally:
            process.terminate()
            assert process.wait(timeout=60) == 0, said()


def ended(process, said):
    assert process.poll() is None, said()


@functools.cache
def bill_of_materials():
    made = run("python3", ROOT / "scripts/sbom.py")
    assert made.returncode == 0, made.stderr
    return made.stdout


def test_the_bill_of_materials_is_valid_and_names_what_matters():
    text = bill_of_materials()
    assert JsonStrictValidator(SchemaVersion.V1_5).validate_str(text) is None
    components = {c["name"]: c for c in json.loads(text)["components"]}
    for name in ("lapin", "sea-orm", "ort", "onnxruntime", "tokio"):
        assert components[name]["version"]
        assert components[name]["hashes"][0]["content"]
        assert components[name]["licenses"]
    # what only tests use is in no image
    assert "proptest" not in components


def test_the_bill_of_materials_is_the_same_at_every_call():
    assert run("python3", ROOT / "scripts/sbom.py").stdout == bill_of_materials()


def test_the_compose_file_is_what_the_specification_says():
    checked = run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", ROOT / "docker-compose.yml")
    assert checked.returncode == 0, checked.stdout


def hydra_services():
    return {name: s for name, s in COMPOSE["services"].items() if "HYDRA_IMAGE" in s["image"] or "HYDRA_ML" in s["image"]}


def test_compose_runs_every_role_of_the_binary_and_prometheus_asks_each():
    source = (ROOT / "services/hydra/src/cli.rs").read_text()
    roles = {r.lower() for r in re.findall(r"^    (\w+),", re.search(r"pub enum Role \{(.*?)\n\}", source, re.S)[1], re.M)}
    running = {s["command"][1] for s in hydra_services().values() if s["command"][0] == "run"}
    assert roles == running
    asked = re.search(r"names: \[(.*?)\]", COMPOSE["configs"]["prometheus"]["content"])[1]
    assert set(asked.split(", ")) == running


def test_compose_sets_only_what_hydra_knows():
    for name, service in hydra_services().items():
        assert [v for v in service["environment"] if not known(v)] == [], name


def test_compose_holds_no_secret_and_every_password_is_drawn_by_the_script():
    text = (ROOT / "docker-compose.yml").read_text()
    needed = set(re.findall(r"\$\{(\w+):\?", text))
    drawn = dict(line.split("=") for line in run(ROOT / "scripts/compose-env.sh").stdout.split())
    assert needed == set(drawn)
    assert all(len(secret) == 64 for secret in drawn.values())
    assert len(set(drawn.values())) == len(drawn)
    for line in text.splitlines():
        if re.search(r"(PASS|PASSWORD|password)\w*:", line):
            assert "$" in line or "RANDOM" in line, line


def test_services_of_hydra_are_locked_down():
    for name, service in hydra_services().items():
        assert service["read_only"] is True, name
        assert service["user"] == "65532:65532"
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]
        grace = int(service["stop_grace_period"].removesuffix("s"))
        assert int(service["environment"].get("HYDRA_SHUTDOWN__GRACE_S", DEFAULTS["shutdown"]["grace_s"])) < grace


def test_what_a_service_writes_to_is_a_volume_that_the_image_gives_to_its_user():
    root = (ROOT / "scripts/image-root.sh").read_text()
    for name, service in hydra_services().items():
        for volume in service["volumes"]:
            source, target = volume.split(":")[:2]
            assert source in COMPOSE["volumes"], name
            # a new volume takes the owner of the folder that it is laid over
            assert f'"$root{target}"' in root, (name, target)
            assert f"/root-fs{target}" in DOCKERFILE, (name, target)


def test_query_knows_no_broker_and_writes_nothing():
    query = COMPOSE["services"]["query"]
    assert "HYDRA_BROKER__URL" not in query["environment"]
    assert "hydra_query" in query["environment"]["HYDRA_DATABASE__URL"]
    assert query["volumes"] == ["blobs:/var/lib/hydra/blobs:ro"]
    script = COMPOSE["configs"]["query-user"]["content"]
    assert re.findall(r"grant (.+?) on hydra\.\*", script) == ["select"]


def test_each_service_starts_after_what_it_needs_is_healthy():
    services = COMPOSE["services"]
    for name, service in services.items():
        for needed, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_completed_successfully":
                assert needed in ONE_SHOT
            else:
                assert "test" in services[needed]["healthcheck"], (name, needed)
            # what is waited for is in the same profiles
            assert set(service["profiles"]) <= set(services[needed]["profiles"])


def test_what_does_one_thing_and_ends_is_not_started_again():
    for name in ONE_SHOT:
        assert COMPOSE["services"][name]["restart"] == "on-failure", name
    # a hall's pace, which a small machine follows
    command = COMPOSE["services"]["simulate"]["command"]
    assert float(command[command.index("--every-s") + 1]) >= 10


def test_only_doors_and_pages_are_open_to_the_outside():
    open_services = {name for name, s in COMPOSE["services"].items() if s.get("ports")}
    assert open_services == {"ingest", "query", "rabbitmq", "grafana", "traces"}
    assert COMPOSE["networks"]["inside"]["internal"] is True
    for name, service in COMPOSE["services"].items():
        assert ("outside" in service["networks"]) == (name in open_services)


def test_profiles_are_the_three_that_the_docs_name():
    assert {p for s in COMPOSE["services"].values() for p in s["profiles"]} == {"core", "observe", "demo"}
