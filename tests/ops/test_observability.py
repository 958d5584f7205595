"""Alert rules and dashboards, as far as they can be judged without a running Hydra."""

import json
import os
import re
import subprocess
import sys

import pytest
import yaml

from chart import CHART, ROOT, of_kind, render

RULES = CHART / "alerts/hydra.yml"
CASES = yaml.safe_load((CHART / "alerts/hydra_test.yml").read_text())
GROUPS = yaml.safe_load(RULES.read_text())["groups"]
ALERTS = [rule for group in GROUPS for rule in group["rules"] if "alert" in rule]
DASHBOARDS = {path.stem: json.loads(path.read_text()) for path in sorted((CHART / "dashboards").glob("*.json"))}

# Metrics of what runs beside Hydra; nothing here can make them, only their names can be checked.
FOREIGN = {
    "kubelet_volume_stats_available_bytes", "kubelet_volume_stats_capacity_bytes",
    "node_filesystem_avail_bytes", "node_filesystem_size_bytes",
    "certmanager_certificate_expiration_timestamp_seconds", "probe_ssl_earliest_cert_expiry",
    "container_cpu_usage_seconds_total", "container_memory_working_set_bytes",
    "DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_FB_USED",
}  # fmt: skip


def metrics_of(expression):
    """Names of metrics in PromQL, without the suffixes of histograms."""
    plain = re.sub(r'"(\\.|[^"\\])*"', "", expression)
    plain = re.sub(r"\{[^}]*\}", "", plain)
    names = set(re.findall(r"\b((?:hydra|rabbitmq|kubelet|node|container|certmanager|probe|DCGM)_\w+)", plain))
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in names}


def panels(document):
    return [panel for panel in document["panels"] if panel["type"] != "row"]


def promql():
    """Every expression of rules and dashboards with the place that it comes from."""
    for group in GROUPS:
        for rule in group["rules"]:
            yield rule.get("alert") or rule.get("record"), rule["expr"]
    for name, document in DASHBOARDS.items():
        for panel in panels(document):
            for target in panel["targets"]:
                if "expr" in target:
                    yield f"{name}: {panel['title']}", target["expr"]


def promtool(*arguments, **options):
    return subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=120, **options)


def test_the_rules_are_valid_and_do_what_their_cases_say():
    checked = promtool("check", "rules", RULES)
    assert checked.returncode == 0, checked.stderr
    tested = promtool("test", "rules", "hydra_test.yml", cwd=RULES.parent)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_is_silent():
    cases = [case for test in CASES["tests"] for case in test["alert_rule_test"]]
    for alert in ALERTS:
        ours = [case for case in cases if case["alertname"] == alert["alert"]]
        assert any(case["exp_alerts"] for case in ours), alert["alert"]
        assert any(not case["exp_alerts"] for case in ours), alert["alert"]


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_every_alert_says_how_bad_it_is_and_what_to_do(alert):
    assert alert["labels"]["severity"] in ("page", "warning", "info")
    page, _, anchor = alert["annotations"]["runbook_url"].partition("#")
    headings = re.findall(r"^## (.+)$", (ROOT / page).read_text(), re.M)
    assert anchor == alert["alert"].lower()
    assert alert["alert"] in headings


def test_every_section_of_the_runbook_belongs_to_an_alert():
    headings = re.findall(r"^## (.+)$", (ROOT / "docs/runbooks.md").read_text(), re.M)
    assert headings == [alert["alert"] for alert in ALERTS]


def test_every_rule_can_be_narrowed_to_one_hall():
    for group in GROUPS:
        for rule in group["rules"]:
            for name in metrics_of(rule["expr"]) - FOREIGN:
                if name.startswith(("hydra_", "rabbitmq_detailed")):
                    selectors = re.findall(rf"{name}(?:_bucket|_sum|_count)?\{{([^}}]*)\}}", rule["expr"])
                    assert selectors and all('hall=~".+"' in s for s in selectors), rule


def test_a_release_brings_valid_rules_for_its_own_hall_only(tmp_path):
    values = {"monitoring": {"rules": {"enabled": True}, "runbooks": "https://docs.example.org/runbooks.html"}}
    (rule,) = of_kind(render(values), "PrometheusRule").values()
    text = yaml.safe_dump(rule["spec"])
    assert 'hall=~".+"' not in text and 'hall="hall-b"' in text
    assert "docs/runbooks.md" not in text and "https://docs.example.org/runbooks.html#hydranoimages" in text
    (tmp_path / "rules.yml").write_text(text)
    checked = promtool("check", "rules", tmp_path / "rules.yml")
    assert checked.returncode == 0, checked.stderr


ABOUT_TWO_HALLS = {
    # the hall's claim is nearly full, and so are one of another hall and one that is none of Hydra's
    'kubelet_volume_stats_available_bytes{namespace="hall-b",persistentvolumeclaim="CLAIM"}': "5x60",
    'kubelet_volume_stats_capacity_bytes{namespace="hall-b",persistentvolumeclaim="CLAIM"}': "100x60",
    'kubelet_volume_stats_available_bytes{namespace="hall-d",persistentvolumeclaim="CLAIM"}': "4x60",
    'kubelet_volume_stats_capacity_bytes{namespace="hall-d",persistentvolumeclaim="CLAIM"}': "100x60",
    'kubelet_volume_stats_available_bytes{namespace="hall-b",persistentvolumeclaim="mon12"}': "3x60",
    'kubelet_volume_stats_capacity_bytes{namespace="hall-b",persistentvolumeclaim="mon12"}': "100x60",
    'node_filesystem_avail_bytes{mountpoint="/var/lib/docker"}': "2x60",
    'node_filesystem_size_bytes{mountpoint="/var/lib/docker"}': "100x60",
    'rabbitmq_alarms_memory_used_watermark{hall="hall-b"}': "0x60",
    'rabbitmq_alarms_memory_used_watermark{hall="hall-d"}': "1x60",
    'certmanager_certificate_expiration_timestamp_seconds{name="tls-b"}': "864000x60",
    'certmanager_certificate_expiration_timestamp_seconds{name="broker-b"}': "864000x60",
    'certmanager_certificate_expiration_timestamp_seconds{name="hydra-d"}': "864000x60",
    'probe_ssl_earliest_cert_expiry{job="hydra-pages",hall="hall-d"}': "864000x60",
    'up{job="hydra",hall="hall-d"}': "1x60",
    'up{job="hydra",hall="hall-b"}': "1x60",
}  # fmt: skip


@pytest.mark.parametrize("claim, blobs", [("b-hydra-blobs", {}), ("cephfs", {"existingClaim": "cephfs"})])
def test_the_rules_of_a_release_see_its_own_disk_broker_and_certificates_and_no_others(claim, blobs, tmp_path):
    values = {
        "blobs": blobs,
        "monitoring": {"rules": {"enabled": True}, "certificates": {"names": ["broker-b"]}},
        "expose": {"kind": "ingress", "host": "b.example.org", "tlsSecret": "tls-b"},
    }
    (rule,) = of_kind(render(values), "PrometheusRule").values()
    alerts = {r["alert"]: r for group in rule["spec"]["groups"] for r in group["rules"] if "alert" in r}
    # of a node's disk no hall can say that it is its own
    assert set(alerts) == {alert["alert"] for alert in ALERTS} - {"HydraMachineDiskFull"}
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(rule["spec"]))
    expected = {
        "HydraDiskFull": [{"namespace": "hall-b", "persistentvolumeclaim": claim}],
        "HydraBrokerAlarm": [],
        "HydraCertificateEnds": [{"name": "broker-b"}, {"name": "tls-b"}],
        "HydraNoImages": [{}],
    }
    said = {
        "HydraDiskFull": f"hall-b/{claim}: only 5% of the disk of images and models is free",
        "HydraNoImages": "hall-b: no image has arrived for 15 minutes, and the beam is not known to be off",
    }
    series = [{"series": name.replace("CLAIM", claim), "values": text} for name, text in ABOUT_TWO_HALLS.items()]
    cases = []
    for name, fired in expected.items():
        alert = alerts[name]
        fires = []
        for labels in fired:
            summary = said.get(name) or f"the certificate {labels['name']} ends in 9d 22h 0m 0s"
            fires.append({
                "exp_labels": {**labels, "hall": "hall-b", "severity": alert["labels"]["severity"]},
                "exp_annotations": {"summary": summary, "runbook_url": alert["annotations"]["runbook_url"]},
            })
        cases.append({"eval_time": "2h", "alertname": name, "exp_alerts": fires})
    tests = [{"interval": "4m", "input_series": series, "alert_rule_test": cases}]
    (tmp_path / "tests.yml").write_text(yaml.safe_dump({"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": tests}))
    tested = promtool("test", "rules", "tests.yml", cwd=tmp_path)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_the_series_of_certificates_is_one_that_the_release_asks_for():
    """The job of the rule is the one that the Probe makes."""
    values = {
        "expose": {"kind": "ingress", "host": "b.example.org", "tlsSecret": "tls-b"},
        "monitoring": {"certificates": {"prober": "blackbox:9115"}},
    }
    (probe,) = of_kind(render(values), "Probe").values()
    (alert,) = [alert for alert in ALERTS if alert["alert"] == "HydraCertificateEnds"]
    assert f'job="{probe["spec"]["jobName"]}"' in alert["expr"]
    target = probe["spec"]["targets"]["staticConfig"]
    assert target == {"static": ["https://b.example.org/"], "labels": {"hall": "hall-b"}}
    values["expose"]["tlsSecret"] = ""
    assert not of_kind(render(values), "Probe"), "there is no certificate to ask for"


def test_verdicts_of_infer_and_keep_are_told_apart():
    """Both count under one name, infer by state and keep by label."""
    told = [expr for _, expr in promql() if "hydra_verdicts_total" in expr]
    by = {re.search(r"sum by \((\w+)\)", expr)[1]: expr for expr in told}
    assert set(by) == {"state", "outcome"}
    for label, expr in by.items():
        assert f'{label}!=""' in expr


def test_the_dashboards_are_what_the_script_writes(tmp_path):
    written = subprocess.run(
        [sys.executable, ROOT / "scripts/dashboards.py", tmp_path], capture_output=True, text=True, env=dict(os.environ)
    )
    assert written.returncode == 0, written.stderr
    assert {p.stem for p in tmp_path.glob("*.json")} == set(DASHBOARDS)
    for path in tmp_path.glob("*.json"):
        assert json.loads(path.read_text()) == DASHBOARDS[path.stem], f"run scripts/dashboards.py ({path.name})"


def test_the_four_dashboards_are_there_each_under_an_address_of_its_own():
    assert set(DASHBOARDS) == {"predictions", "pipeline", "workers", "hall"}
    assert len({d["uid"] for d in DASHBOARDS.values()}) == len(DASHBOARDS)


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_panel_has_a_title_a_query_and_a_source_that_is_provisioned(name):
    compose = (ROOT / "docker-compose.yml").read_text()
    sources = set(re.findall(r"\buid: ([\w-]+)", compose))
    titles = [panel["title"] for panel in panels(DASHBOARDS[name])]
    assert all(titles) and len(set(titles)) == len(titles)
    for panel in panels(DASHBOARDS[name]):
        assert panel["targets"], panel["title"]
        assert panel["datasource"]["uid"] in sources
        for target in panel["targets"]:
            assert target.get("expr") or target.get("rawSql")


def test_panels_do_not_lie_on_each_other():
    for document in DASHBOARDS.values():
        taken = set()
        for panel in document["panels"]:
            at = panel["gridPos"]
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            assert not cells & taken and at["x"] + at["w"] <= 24
            taken |= cells


def made_by_the_code():
    """Names of metrics in the calls of the crate `metrics`."""
    names = set()
    for path in (ROOT / "services").rglob("*.rs"):
        names |= set(re.findall(r'metrics::(?:counter|gauge|histogram)!\(\s*"(\w+)"', path.read_text()))
    return names


def test_every_metric_of_ours_in_a_query_is_one_that_the_code_makes():
    made = made_by_the_code()
    assert len(made) >= 10
    ours = {name for _, expression in promql() for name in metrics_of(expression) if name.startswith("hydra_")}
    assert ours <= made, ours - made


def test_every_metric_that_is_not_ours_is_one_that_we_know_of():
    broker = {"rabbitmq_detailed_queue_messages", "rabbitmq_detailed_queue_messages_ready",
              "rabbitmq_detailed_queue_messages_unacked", "rabbitmq_detailed_queue_consumers", "rabbitmq_alarms_"}  # fmt: skip
    used = {name for _, expression in promql() for name in metrics_of(expression)}
    assert {name for name in used if not name.startswith("hydra_")} <= FOREIGN | broker
