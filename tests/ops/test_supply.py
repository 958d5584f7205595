"""What others make and we use: S17."""

import json
import os
import re
import subprocess
import tomllib

import pytest

from chart import ROOT


def deny(*checks, offline=True):
    # before the command: options of the whole program
    options = ["--offline"] if offline else []
    return subprocess.run(
        ["cargo-deny", *options, "check", *checks], cwd=ROOT, capture_output=True, text=True, timeout=300
    )


@pytest.fixture(scope="module")
def crates():
    """Those of all platforms, of which a build fetches only its own: the graph is read without the index."""
    fetched = subprocess.run(["cargo", "fetch", "--locked", "--quiet"], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert fetched.returncode == 0, fetched.stderr


def test_licences_sources_and_bans_hold(crates):
    found = deny("bans", "licenses", "sources")
    assert found.returncode == 0, found.stdout + found.stderr
    assert re.search(r"bans ok.*licenses ok.*sources ok", found.stdout + found.stderr)


def test_what_must_not_come_in_is_banned_by_name():
    banned = {entry["crate"] for entry in tomllib.loads((ROOT / "deny.toml").read_text())["bans"]["deny"]}
    assert {"openssl-sys", "rsa", "lapin:<4.12.3"} <= banned


def test_a_ban_below_a_version_is_understood(crates, tmp_path):
    """`name:<version`; with `name@<version` cargo-deny bans the version itself too."""
    text = (ROOT / "deny.toml").read_text()
    locked = re.search(r'name = "lapin"\nversion = "([\d.]+)"', (ROOT / "Cargo.lock").read_text())[1]
    major, minor, patch = (int(part) for part in locked.split("."))
    (tmp_path / "deny.toml").write_text(text.replace("lapin:<4.12.3", f"lapin:<{major}.{minor}.{patch + 1}"))
    found = subprocess.run(
        ["cargo-deny", "--offline", "--config", tmp_path / "deny.toml", "check", "bans"],
        cwd=ROOT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert found.returncode != 0 and f"lapin = {locked}" in found.stdout + found.stderr


@pytest.mark.slow
def test_no_advisory_is_open():
    """Needs the advisory database of RustSec, which lies on a public git server."""
    found = deny("advisories", offline=False)
    text = found.stdout + found.stderr
    if "failed to fetch advisory database" in text or "git operation failed" in text:
        pytest.skip("the advisory database cannot be reached from here")
    assert found.returncode == 0, text


def test_every_file_from_an_index_is_pinned_by_its_hash():
    for path in ("tests/ops/requirements.txt", "tests/api/requirements.txt"):
        lines = [line for line in (ROOT / path).read_text().splitlines() if line and not line.startswith("#")]
        # one line a package, or continued by backslash
        packages = [line for line in lines if re.match(r"[\w.-]+(\[.*\])?==", line)]
        assert packages and "\n".join(lines).count("--hash=sha256:") >= len(packages), path
    for path in ("tests/ops/package-lock.json", "services/web/package-lock.json", "tests/pages/package-lock.json"):
        entries = json.loads((ROOT / path).read_text())["packages"]
        fetched = {name: entry for name, entry in entries.items() if name and not entry.get("link")}
        assert fetched and all("integrity" in entry for entry in fetched.values()), path
    setup = (ROOT / "scripts/setup.sh").read_text()
    assert len(re.findall(r"^\w+_SHA256=[0-9a-f]{64}$", setup, re.M)) == 2  # ONNX Runtime, Node.js
    lock = (ROOT / "Cargo.lock").read_text()
    foreign = [block for block in lock.split("[[package]]") if "registry+" in block]
    assert foreign and all("checksum" in block for block in foreign)
    assert 'source = "git+' not in lock


@pytest.mark.parametrize("script", ["check-ops.sh", "setup.sh"])
@pytest.mark.parametrize("version, fails", [("3.11", False), ("3.11", True), ("3.12", False)])
def test_packages_without_a_checked_hash_come_only_with_a_warning(script, version, fails, tmp_path):
    """The functions that install, with a `python3` that only says what it was asked."""
    text = (ROOT / "scripts" / script).read_text()
    name = {"check-ops.sh": "python_environment", "setup.sh": "schemathesis"}[script]
    function = re.search(rf"^{name}\(\) {{.*?^}}$", text, re.M | re.S)[0]
    (tmp_path / "python3").write_text(
        "#!/bin/sh\n"
        f'case "$1" in -c) [ {version} = 3.11 ] ;; --version) echo Python {version}.0 ;;\n'
        f'*) echo "$*" >>{tmp_path}/asked; exit {int(fails)} ;; esac\n'
    )
    (tmp_path / "python3").chmod(0o755)
    program = f"""set -euo pipefail
    CACHE={tmp_path}/cache OPS={ROOT}/tests/ops; mkdir -p "$CACHE/ops" "$CACHE/schemathesis"
    say() {{ printf '%s\\n' "$*"; }}; die() {{ say "$*" >&2; exit 1; }}; fresh() {{ false; }}; rm() {{ :; }}
    {function}
    {name}"""
    ran = subprocess.run(
        ["bash", "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
    )  # fmt: skip
    asked = (tmp_path / "asked").read_text().splitlines()
    assert ran.returncode == int(fails), ran.stderr
    # an install that fails is not tried again without hashes
    assert ["--require-hashes" in line for line in asked] == [version == "3.11"]
    assert ("hashes" in ran.stderr and "NOT checked" in ran.stderr) == (version != "3.11")


def test_the_compiler_is_pinned_and_images_are_built_from_the_lock():
    assert re.search(r'^channel = "\d+\.\d+(\.\d+)?"$', (ROOT / "rust-toolchain.toml").read_text(), re.M)
    builds = re.findall(r"cargo build[^\n]*", (ROOT / "Dockerfile").read_text())
    assert builds and all("--locked" in build for build in builds)


def test_no_crate_of_ours_may_use_unsafe():
    """S23: forbidden for all, inherited by each."""
    workspace = (ROOT / "Cargo.toml").read_text()
    assert re.search(r'^unsafe_code = "forbid"$', workspace, re.M)
    members = json.loads(
        subprocess.run(
            ["cargo", "metadata", "--no-deps", "--format-version", "1", "--offline"],
            cwd=ROOT, capture_output=True, text=True, timeout=120, env=dict(os.environ),
        ).stdout
    )["packages"]  # fmt: skip
    for member in members:
        text = open(member["manifest_path"]).read()
        assert re.search(r"^\[lints\]\nworkspace = true$", text, re.M), member["name"]
