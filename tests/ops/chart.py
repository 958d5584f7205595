"""The chart, rendered by the Helm SDK as an install would render it."""

import functools
import json
from pathlib import Path

import helm_python as helm
import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "hydra"
RELEASE, NAMESPACE = "b", "hall-b"
DIGEST = "sha256:" + "0123456789abcdef" * 4


def values_file(name):
    """The values of a file beside the chart."""
    return yaml.safe_load((CHART / name).read_text())


def merge(*layers):
    """Values on top of each other, as `helm -f a -f b` takes them."""
    result = {}
    for layer in layers:
        for key, value in layer.items():
            both = isinstance(value, dict) and isinstance(result.get(key), dict)
            result[key] = merge(result[key], value) if both else value
    return result


@functools.lru_cache(maxsize=64)
def _render(text, release=RELEASE):
    with helm.Chart.load(CHART) as chart:
        values = json.loads(text)
        chart.validate_schema(values)
        rendered = chart.render(values, name=release, namespace=NAMESPACE)
    documents = []
    for path, manifest in sorted(rendered.items()):
        if path.endswith((".yaml", ".yml")):
            documents += [d for d in yaml.safe_load_all(manifest) if d]
    return json.dumps(documents)


def render(*layers, release=RELEASE):
    """Manifests for these values. Raises helm.HelmError where Helm would refuse."""
    return json.loads(_render(json.dumps(merge({"hall": "hall-b"}, *layers), sort_keys=True), release))


def of_kind(manifests, *kinds):
    """Those of these kinds, by name."""
    return {m["metadata"]["name"]: m for m in manifests if m["kind"] in kinds}


def pods(manifests):
    """Pod templates by the name of their Deployment or Job."""
    workloads = of_kind(manifests, "Deployment", "Job")
    return {name: workload["spec"]["template"] for name, workload in workloads.items()}


PINNED = {"images": {name: {"digest": DIGEST} for name in ("core", "ml", "gpu")}}
TRAIN = {"autoscaler": {"kind": "keda"}, "roles": {"train": {"enabled": True}}}
GPU = {
    "roles": {
        "infer": {
            "image": "gpu",
            "rollout": "inPlace",
            "gpu": {
                "count": 1,
                "nodeSelector": {"nvidia.com/gpu.present": "true"},
                "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
            },
        }
    }
}
EVERYTHING = merge(
    PINNED,
    TRAIN,
    {
        "secrets": {"authority": "hall-ca"},
        "externalSecrets": {
            "enabled": True,
            "store": {"name": "vault"},
            "brokerEntry": "hydra/broker",
            "databaseEntry": "hydra/database",
        },
        "catalog": "[hall]\nname = 'Hall B'\n",
        "quota": {"requests.cpu": "40", "requests.nvidia.com/gpu": 2},
        "expose": {"kind": "ingress", "host": "hydra.example.org", "ingressClass": "nginx", "tlsSecret": "tls"},
        "network": {
            "collector": {"to": [{"namespaceSelector": {"matchLabels": {"name": "tracing"}}}]},
            "producers": {"from": [{"ipBlock": {"cidr": "10.1.0.0/16"}}]},
        },
        "monitoring": {
            "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
            "rules": {"enabled": True},
            "dashboards": {"enabled": True},
            "certificates": {"prober": "blackbox.monitoring.svc:9115"},
            "broker": {"address": "rabbitmq.example.org:15692", "vhost": "hall-b"},
        },
        "roles": {
            "ingest": {"http": {"port": 8081}, "priorityClass": "hydra-live"},
            "watch": {
                "runs": ["ingest"],
                "brokerUser": "ingest",
                "rollout": "inPlace",
                "folders": [{"name": "mon12", "claim": "mon12", "path": "/mnt/mon12", "readOnly": True}],
            },
        },
    },
    GPU,
)

# Values that together use every branch of every template.
MATRIX = {
    "default": {},
    "keda": {"autoscaler": {"kind": "keda"}},
    "fixed": {"autoscaler": {"kind": "none"}},
    "everything": EVERYTHING,
    "gateway": {
        "expose": {
            "kind": "httpRoute",
            "host": "hydra.example.org",
            "gateways": [{"name": "public", "namespace": "gateways"}],
        }
    },
    "no policies": {"network": {"policies": False}},
    "own storage": {"blobs": {"existingClaim": "cephfs"}, "jobs": {"migrate": {"enabled": False}}},
    "one pod": {
        "roles": {
            "small": {
                "runs": ["ingest", "resize", "infer", "gradcam", "keep"],
                "image": "ml",
                "database": "keep",
                "blobs": "write",
                "drainSeconds": 250,
            },
            "query": {"replicas": {"min": 1, "max": 1}},
            **{name: {"enabled": False} for name in ("ingest", "resize", "infer", "gradcam", "keep")},
        }
    },
    "hall b": values_file("values-hall-b.yaml"),
    "hall b, ten times": merge(values_file("values-hall-b.yaml"), values_file("values-hall-b-10x.yaml")),
}
