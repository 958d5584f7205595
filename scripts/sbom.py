#!/usr/bin/env python3
"""Cargo.lock, package-lock.json, setup.sh -> a CycloneDX 1.5 bill of materials, on standard output.

Every crate that the binary may hold with its version, hash and licence, the packages of the pages,
and ONNX Runtime. The output depends on these files alone, so that two builds give the same.
"""

import json
import re
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def licence(text):
    """A CycloneDX licence entry of an SPDX expression; old crates write `/` for OR."""
    return [{"expression": text.replace("/", " OR ")}] if text else []


def cargo(*arguments):
    """What cargo prints."""
    run = ["cargo", *arguments, "--locked"]
    return subprocess.run(run, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def crates():
    """The crates that `hydra` is made of; not those that only tests use."""
    tree = cargo("tree", "-p", "hydra", "-e", "normal,build", "--prefix", "none", "--target", "x86_64-unknown-linux-gnu")
    used = set(re.findall(r"^(\S+) v(\S+)", tree, re.M))
    metadata = json.loads(cargo("metadata", "--format-version", "1"))
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
    hashes = {(p["name"], p["version"]): p.get("checksum") for p in lock["package"]}
    for package in metadata["packages"]:
        name, version = package["name"], package["version"]
        if (name, version) not in used or package["source"] is None:
            continue
        yield {
            "type": "library",
            "bom-ref": f"pkg:cargo/{name}@{version}",
            "name": name,
            "version": version,
            "purl": f"pkg:cargo/{name}@{version}",
            "hashes": [{"alg": "SHA-256", "content": hashes[name, version]}],
            "licenses": licence(package["license"]),
        }


def pages():
    """What is compiled into the pages."""
    lock = ROOT / "services/web/package-lock.json"
    for path, package in json.loads(lock.read_text())["packages"].items():
        if not path or package.get("link"):
            continue
        name, version = path.rpartition("node_modules/")[2], package["version"]
        yield {
            "type": "library",
            "bom-ref": f"pkg:npm/{name}@{version}?path={path}",
            "name": name,
            "version": version,
            "purl": f"pkg:npm/{name.replace('@', '%40')}@{version}",
            "scope": "excluded" if package.get("dev") else "required",
            "licenses": licence(package.get("license")),
        }


def onnxruntime():
    """The wheel that setup.sh pins."""
    pins = dict(re.findall(r"^(ORT_\w+)=(\S+)$", (ROOT / "scripts/setup.sh").read_text(), re.M))
    version = pins["ORT_VERSION"]
    yield {
        "type": "library",
        "bom-ref": f"pkg:pypi/onnxruntime@{version}",
        "name": "onnxruntime",
        "version": version,
        "purl": f"pkg:pypi/onnxruntime@{version}",
        "hashes": [{"alg": "SHA-256", "content": pins["ORT_SHA256"]}],
        "licenses": licence("MIT"),
    }


def main():
    version = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    components = [*crates(), *pages(), *onnxruntime()]
    bom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {"type": "application", "bom-ref": "hydra", "name": "hydra", "version": version}},
        "components": sorted(components, key=lambda component: component["bom-ref"]),
    }
    print(json.dumps(bom, indent=1))


if __name__ == "__main__":
    main()
