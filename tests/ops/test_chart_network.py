"""Who can talk to whom, by the NetworkPolicies of a release: S04, S19."""

import ipaddress

import pytest

from chart import EVERYTHING, MATRIX, NAMESPACE, merge, of_kind, pods, render


class Peer:
    """A pod, or an address outside the cluster."""

    def __init__(self, labels=None, namespace=NAMESPACE, namespace_labels=None, address=None):
        self.labels = labels or {}
        self.namespace = namespace
        self.namespace_labels = {"kubernetes.io/metadata.name": namespace, **(namespace_labels or {})}
        self.address = address


def selects(selector, labels):
    assert not selector.get("matchExpressions"), "not modelled here"
    return selector.get("matchLabels", {}).items() <= labels.items()


def matches(rule, peer):
    """Whether one entry of `to` or `from` means this peer."""
    if "ipBlock" in rule:
        if peer.address is None:
            return False
        address = ipaddress.ip_address(peer.address)
        inside = address in ipaddress.ip_network(rule["ipBlock"]["cidr"])
        return inside and not any(address in ipaddress.ip_network(n) for n in rule["ipBlock"].get("except", []))
    if peer.address is not None:
        return False
    if "namespaceSelector" in rule:
        if not selects(rule["namespaceSelector"], peer.namespace_labels):
            return False
    elif peer.namespace != NAMESPACE:
        return False
    return selects(rule.get("podSelector", {}), peer.labels)


def allows(policies, pod, peer, port, direction):
    """Whether the policies that select `pod` let it talk with `peer` in this direction."""
    if pod.address is not None or pod.namespace != NAMESPACE:
        return True  # none of our policies speaks of it
    kind, rules, side = {"out": ("Egress", "egress", "to"), "in": ("Ingress", "ingress", "from")}[direction]
    ours = [p["spec"] for p in policies if selects(p["spec"]["podSelector"], pod.labels)]
    ours = [spec for spec in ours if kind in spec["policyTypes"]]
    if not ours:
        return True
    for spec in ours:
        for rule in spec.get(rules, []):
            ports = rule.get("ports")
            if ports is not None and not any(p["port"] == port and p["protocol"] == "TCP" for p in ports):
                continue
            peers = rule.get(side)
            if not peers or any(matches(entry, peer) for entry in peers):
                return True
    return False


def reaches(manifests, source, target, port):
    policies = list(of_kind(manifests, "NetworkPolicy").values())
    return allows(policies, source, target, port, "out") and allows(policies, target, source, port, "in")


BROKER = Peer({"app.kubernetes.io/name": "rabbitmq"})
DATABASE = Peer({"app.kubernetes.io/name": "mariadb"})
COLLECTOR = Peer(namespace="tracing", namespace_labels={"name": "tracing"})
PROMETHEUS = Peer(namespace="monitoring")
INGRESS = Peer(namespace="ingress-nginx")
STRANGER = Peer(namespace="somebody-else")
PRODUCER = Peer(address="10.1.2.3")
INTERNET = Peer(address="203.0.113.7")
METADATA = Peer(address="169.254.169.254")
API_SERVER = Peer(address="10.96.0.1")


def members(manifests):
    """Each role or job as a pod."""
    return {
        name.removeprefix("b-hydra-"): Peer(pod["metadata"]["labels"]) for name, pod in pods(manifests).items()
    }


def test_the_matrix_of_who_reaches_what():
    manifests = render(EVERYTHING)
    found = {
        name: "".join(
            letter
            for letter, target, port in (
                ("B", BROKER, 5671),
                ("D", DATABASE, 3306),
                ("T", COLLECTOR, 4317),
            )
            if reaches(manifests, pod, target, port)
        )
        for name, pod in members(manifests).items()
    }
    assert found == {
        "ingest": "BDT",
        "watch": "BDT",
        "resize": "BDT",
        "infer": "BDT",
        "gradcam": "BDT",
        "keep": "BDT",
        "train": "BDT",
        "query": "DT",  # query cannot reach the broker
        "migrate": "D",
        "catalog": "D",
        "doctor": "BD",
    }


@pytest.mark.parametrize("name", [name for name in MATRIX if name != "no policies"])
def test_nobody_reaches_the_internet_the_api_server_or_the_cloud_s_metadata(name):
    manifests = render(MATRIX[name])
    for role, pod in members(manifests).items():
        for target in (INTERNET, METADATA, API_SERVER, STRANGER):
            for port in (80, 443, 6443, 5671, 3306):
                assert not reaches(manifests, pod, target, port), (role, port)


def test_nobody_talks_to_another_port_of_broker_or_database():
    manifests = render(EVERYTHING)
    for pod in members(manifests).values():
        assert not reaches(manifests, pod, BROKER, 15671)
        assert not reaches(manifests, pod, DATABASE, 22)


def test_roles_do_not_talk_to_each_other():
    manifests = render(EVERYTHING)
    pods_by_name = members(manifests)
    for source in pods_by_name.values():
        for target in pods_by_name.values():
            for port in (8080, 8081, 9090):
                assert not reaches(manifests, source, target, port)


def test_people_reach_the_pages_and_nothing_else():
    manifests = render(EVERYTHING)
    for name, pod in members(manifests).items():
        assert reaches(manifests, INGRESS, pod, 8080) == (name == "query")
        assert not reaches(manifests, INGRESS, pod, 9090)
        assert not reaches(manifests, STRANGER, pod, 8080)


def test_producers_reach_the_door_of_ingest_and_nothing_else():
    manifests = render(EVERYTHING)
    for name, pod in members(manifests).items():
        assert reaches(manifests, PRODUCER, pod, 8081) == (name == "ingest")
        assert not reaches(manifests, PRODUCER, pod, 9090)
    assert not reaches(manifests, INTERNET, members(manifests)["ingest"], 8081)


def test_prometheus_reaches_the_metrics_of_every_role_and_no_page():
    manifests = render(EVERYTHING)
    roles = {name.removeprefix("b-hydra-") for name in of_kind(manifests, "Deployment")}
    for name, pod in members(manifests).items():
        assert reaches(manifests, PROMETHEUS, pod, 9090) == (name in roles)
        assert not reaches(manifests, PROMETHEUS, pod, 8080)


def test_a_role_that_must_go_out_says_where():
    webhook = {"to": [{"ipBlock": {"cidr": "203.0.113.0/24"}}], "ports": [{"protocol": "TCP", "port": 443}]}
    manifests = render(merge(EVERYTHING, {"roles": {"notify": {"egress": [webhook]}}}))
    for name, pod in members(manifests).items():
        assert reaches(manifests, pod, INTERNET, 443) == (name == "notify")


def test_every_pod_is_denied_by_default():
    manifests = render(EVERYTHING)
    deny = of_kind(manifests, "NetworkPolicy")["b-hydra-deny"]["spec"]
    assert set(deny["policyTypes"]) == {"Ingress", "Egress"}
    assert "ingress" not in deny and "egress" not in deny
    assert all(selects(deny["podSelector"], pod.labels) for pod in members(manifests).values())
