"""The chart refuses values that it does not know or that cannot work, and says which."""

import re

import helm_python as helm
import pytest

from chart import CHART, MATRIX, ROOT, render, values_file

FOLDER = {"name": "a", "claim": "a", "path": "/a", "readOnly": True}
REFUSED = {
    "no hall": ({"hall": ""}, "hall"),
    "a hall that is no label": ({"hall": "Hall B"}, "hall"),
    "an unknown key": ({"halll": "b"}, "halll"),
    "a role with an unknown key": ({"roles": {"infer": {"replica": 2}}}, "replica"),
    "a text where a number belongs": ({"roles": {"infer": {"drainSeconds": "long"}}}, "drainSeconds"),
    "less than nothing": ({"roles": {"infer": {"replicas": {"min": -1}}}}, "replicas"),
    "an autoscaler that is not there": ({"autoscaler": {"kind": "vpa"}}, "kind"),
    "the tag latest": ({"images": {"core": {"tag": "latest"}}}, "tag"),
    "a digest that is none": ({"images": {"core": {"digest": "sha256:12"}}}, "digest"),
    "no peer for the broker, which would be everybody": ({"network": {"broker": {"to": []}}}, "to"),
    "a host folder": ({"roles": {"ingest": {"folders": [{"name": "a", "hostPath": "/"}]}}}, "folders"),
    "a path that climbs": ({"blobs": {"path": "/var/../etc"}}, "path"),
    "an unknown database user": ({"roles": {"infer": {"database": "owner"}}}, "database"),
    "an external store without a name": ({"externalSecrets": {"enabled": True, "brokerEntry": "a", "databaseEntry": "b"}}, "name"),
    "a privileged port": ({"roles": {"query": {"http": {"port": 80}}}}, "port"),
    "more at least than at most": ({"roles": {"infer": {"replicas": {"min": 9, "max": 2}}}}, "roles.infer.replicas"),
    "a GPU for an image that has none": ({"roles": {"infer": {"gpu": {"count": 1}}}}, "roles.infer: gpu.count"),
    "two pods that take turns at a watched folder's journal": (
        {"roles": {"watch": {"runs": ["ingest"], "folders": [FOLDER]}}}, "roles.watch.rollout"
    ),
    "the same, where the folder is in the role's configuration": (
        {"roles": {"watch": {"runs": ["ingest"], "config": {"ingest": {"folders": "[]"}}}}}, "roles.watch.rollout"
    ),
    "the same, where it is in hydra.toml": (
        {"config": "[[ingest.folders]]\npath = '/a'\ngrammar = 'rsai'\n"}, "roles.ingest.rollout"
    ),
    "two pods at a watched folder": (
        {"roles": {"ingest": {"rollout": "inPlace", "folders": [FOLDER]}}}, "roles.ingest.replicas"
    ),
    "a prefix of users that is none": ({"jobs": {"migrate": {"users": "hall-b"}}}, "users"),
    "paths without a port": ({"roles": {"keep": {"http": {"paths": ["/x"]}}}}, "roles.keep.http"),
    "more pods than the hall may have": ({"capReplicas": 5}, "capReplicas"),
    "scaling to zero by processor use": ({"roles": {"infer": {"replicas": {"min": 0}}}}, "roles.infer.replicas"),
    "an address without a host": ({"expose": {"kind": "ingress"}}, "expose.host"),
    "a route without a gateway": ({"expose": {"kind": "httpRoute", "host": "h.example.org"}}, "expose.gateways"),
    "a configuration that is not TOML": ({"config": "[broker"}, "config is not TOML"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_the_chart_refuses(name):
    values, named = REFUSED[name]
    with pytest.raises(helm.HelmError, match=re.escape(named)):
        render(values)


@pytest.mark.parametrize("name", MATRIX)
def test_the_chart_renders(name):
    assert render(MATRIX[name])


def test_helm_finds_nothing_to_complain_of():
    result = helm.lint(CHART, {"hall": "hall-b"})
    complaints = [m for m in result["messages"] if m["severity"] in ("WARNING", "ERROR")]
    assert not complaints


def test_every_value_of_the_chart_is_in_the_schema_and_every_key_of_the_schema_in_the_chart():
    with helm.Chart.load(CHART) as chart:
        schema = chart.schema
    defaults = values_file("values.yaml")
    assert set(defaults) == set(schema["properties"]) - {"global"}
    role = schema["definitions"]["role"]["properties"]
    assert set(defaults["roleDefaults"]) == set(role)


def test_the_schema_lets_no_unknown_key_pass_anywhere():
    with helm.Chart.load(CHART) as chart:
        schema = chart.schema
    open_objects = []

    def visit(node, path):
        if isinstance(node, dict):
            fields = node.get("properties")
            # what `if` and `then` add restricts an object that is closed elsewhere
            if fields and node.get("type") == "object" and node.get("additionalProperties") is not False:
                open_objects.append(path)
            for key, value in node.items():
                visit(value, f"{path}/{key}")
        elif isinstance(node, list):
            for index, value in enumerate(node):
                visit(value, f"{path}/{index}")

    visit(schema, "")
    assert not open_objects


def test_every_role_of_the_binary_has_an_entry():
    source = (ROOT / "services/hydra/src/cli.rs").read_text()
    roles = re.search(r"pub enum Role \{(.*?)\n\}", source, re.S).group(1)
    known = {name.lower() for name in re.findall(r"^    (\w+),", roles, re.M)}
    assert len(known) >= 6
    entries = values_file("values.yaml")["roles"]
    assert known <= set(entries)
    enabled = {name for name, entry in entries.items() if entry.get("enabled", True)}
    assert enabled <= known
