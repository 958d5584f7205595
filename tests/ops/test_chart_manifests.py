"""Every manifest is what Kubernetes, its extensions and the policies of a careful site accept."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import kubernetes_validate.utils
import pytest
import yaml

from chart import MATRIX, PINNED, merge, render

FOREIGN = ("keda.sh/", "monitoring.coreos.com/", "gateway.networking.k8s.io/", "external-secrets.io/")
# the schema files are read once, not once a manifest
kubernetes_validate.utils.schema_contents = functools.lru_cache(kubernetes_validate.utils.schema_contents)


def all_manifests():
    """Each distinct manifest of the matrix once."""
    distinct = {json.dumps(m, sort_keys=True): m for values in MATRIX.values() for m in render(values)}
    return list(distinct.values())


# 1.33 is the oldest whose schema the validator has.
@pytest.mark.parametrize("version", ["1.33", kubernetes_validate.latest_version()])
def test_every_manifest_of_kubernetes_own_kinds_passes_its_strict_schema(version):
    checked = 0
    for manifest in all_manifests():
        if not manifest["apiVersion"].startswith(FOREIGN):
            # an unknown kind raises SchemaNotFoundError
            kubernetes_validate.validate(manifest, version, strict=True)
            checked += 1
    assert checked > 100


def foreign_complaints(manifests):
    cache = Path(os.environ["HYDRA_OPS_CACHE"]) / "ops-node"
    script = (Path(__file__).parent / "kinds.mjs").read_text()
    run = subprocess.run(
        ["node", "--input-type=module", "-e", script], cwd=cache, input=json.dumps(manifests), capture_output=True, text=True, timeout=300
    )
    assert run.returncode in (0, 1), run.stderr
    return run.stdout.splitlines()


def test_every_manifest_of_a_foreign_kind_passes_its_schema():
    manifests = [m for m in all_manifests() if m["apiVersion"].startswith(FOREIGN)]
    kinds = {m["kind"] for m in manifests}
    assert kinds == {
        "ScaledObject", "TriggerAuthentication", "ServiceMonitor", "ScrapeConfig", "PrometheusRule", "Probe",
        "HTTPRoute", "ExternalSecret",
    }
    assert foreign_complaints(manifests) == []


def test_the_check_of_foreign_kinds_sees_wrong_values_unknown_fields_and_unknown_kinds():
    good = next(m for m in render({"autoscaler": {"kind": "keda"}}) if m["kind"] == "ScaledObject")
    wrong = merge(good, {"spec": {"maxReplicaCount": "many"}})
    unknown = merge(good, {"spec": {"maxReplicas": 3}})
    strange = merge(good, {"apiVersion": "example.org/v1", "kind": "Strange"})
    complaints = foreign_complaints([good, wrong, unknown, strange])
    assert any("maxReplicaCount" in line for line in complaints)
    assert any("maxReplicas" in line and "TS2353" in line for line in complaints)
    assert any(line.startswith("Strange/") for line in complaints)


# Policies that do not fit, each with its reason. Everything else that checkov knows must pass.
SKIPPED = {
    "CKV_K8S_15": "images are pinned by digest, so what is pulled cannot change; a site must also "
    "start pods while its registry is away",
    "CKV_K8S_35": "the URLs with passwords come by variable from a Secret: each pod gets the one key "
    "that is its own, where a mounted Secret would show it all keys",
}


def test_the_policies_of_checkov_hold(tmp_path):
    """Every set of values in a namespace of its own, so that what looks at several manifests keeps them apart."""
    for index, values in enumerate(MATRIX.values()):
        manifests = render(values, PINNED)
        for manifest in manifests:
            manifest["metadata"]["namespace"] = f"values-{index}"
        (tmp_path / f"{index}.yaml").write_text(yaml.safe_dump_all(manifests))
    run = subprocess.run(
        [sys.executable, "-m", "checkov.main", "--framework", "kubernetes", "--skip-download", "--compact",
         "--skip-check", ",".join(SKIPPED), "-o", "json", "-d", "."],
        cwd=tmp_path, capture_output=True, text=True, timeout=300, env={**os.environ, "LOG_LEVEL": "ERROR"},
    )  # fmt: skip
    report = json.loads(run.stdout)
    failed = [(f["check_id"], f["check_name"], f["resource"]) for f in report["results"]["failed_checks"]]
    assert not failed
    assert report["summary"]["passed"] > 500 * len(MATRIX)
    assert report["summary"]["parsing_errors"] == 0
    seen = {Path(passed["file_path"]).stem for passed in report["results"]["passed_checks"]}
    assert seen == {str(index) for index in range(len(MATRIX))}
