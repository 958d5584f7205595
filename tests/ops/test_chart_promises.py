"""What the chart promises beyond being valid: probes, draining, least rights, scaling."""

import json
import re
import tomllib

import helm_python as helm
import pytest
import yaml

from chart import CHART, EVERYTHING, GPU, MATRIX, ROOT, TRAIN, merge, of_kind, pods, render, values_file


@pytest.fixture(params=MATRIX, ids=lambda name: name.replace(" ", "-"))
def manifests(request):
    return render(MATRIX[request.param])


def containers(manifests):
    for name, pod in pods(manifests).items():
        for container in pod["spec"]["containers"]:
            yield name, pod["spec"], container


def test_every_role_has_a_deployment_account_budget_and_spread(manifests):
    deployments = of_kind(manifests, "Deployment")
    assert deployments
    accounts, budgets = of_kind(manifests, "ServiceAccount"), of_kind(manifests, "PodDisruptionBudget")
    for name, deployment in deployments.items():
        assert name in accounts
        pod = deployment["spec"]["template"]
        assert pod["spec"]["serviceAccountName"] == name
        selector = deployment["spec"]["selector"]["matchLabels"]
        assert selector.items() <= pod["metadata"]["labels"].items()
        assert budgets[name]["spec"]["selector"]["matchLabels"] == selector
        assert budgets[name]["spec"]["maxUnavailable"] == 1
        spread = {c["topologyKey"]: c for c in pod["spec"]["topologySpreadConstraints"]}
        assert set(spread) == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}
        assert all(c["labelSelector"]["matchLabels"] == selector for c in spread.values())


def test_no_two_deployments_select_the_same_pods(manifests):
    selectors = [d["spec"]["selector"]["matchLabels"] for d in of_kind(manifests, "Deployment").values()]
    for index, one in enumerate(selectors):
        for other in selectors[index + 1 :]:
            assert any(other.get(key, value) != value for key, value in one.items())


def test_every_role_has_all_three_probes(manifests):
    for deployment in of_kind(manifests, "Deployment").values():
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        paths = {p: container[p]["httpGet"]["path"] for p in ("startupProbe", "livenessProbe", "readinessProbe")}
        assert paths == {"startupProbe": "/live", "livenessProbe": "/live", "readinessProbe": "/ready"}
        assert all(container[p]["httpGet"]["port"] == "health" for p in paths)
        assert {"name": "health", "containerPort": 9090} in container["ports"]
        environment = {e["name"]: e.get("value") for e in container["env"]}
        assert environment["HYDRA_HEALTH__ADDRESS"] == "0.0.0.0:9090"


# Longest time of one call of a stage, and where its source says so.
CALL_S = {
    "ingest": (60, "services/ingest/src/amqp.rs", "timeout = Duration::from_secs(60)"),
    "resize": (30, "services/resize/src/lib.rs", "timeout: Duration::from_secs(30)"),
    "infer": (6 * 20, "services/infer/src/stage.rs", "timeout: self.config.workers().hang * 6"),
    "gradcam": (120, "services/gradcam/src/stage.rs", "timeout: Duration::from_secs(120)"),
    "keep": (120, "services/keep/src/lib.rs", "timeout: Duration::from_secs(120)"),
}


@pytest.mark.parametrize("role", CALL_S)
def test_the_time_limit_of_a_stage_is_the_one_that_the_chart_was_made_for(role):
    _, path, text = CALL_S[role]
    assert text in (ROOT / path).read_text(), f"look at drainSeconds of {role} in values.yaml"


@pytest.mark.parametrize("name", MATRIX)
def test_work_in_hand_ends_before_the_grace_time(name):
    values = merge(values_file("values.yaml"), MATRIX[name])
    roles = {r: merge(values["roleDefaults"], entry) for r, entry in values["roles"].items()}
    for full, deployment in of_kind(render(MATRIX[name]), "Deployment").items():
        role = roles[full.removeprefix("b-hydra-")]
        pod = deployment["spec"]["template"]["spec"]
        before = sum(
            c.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0) for c in pod["containers"]
        )
        assert role["drainSeconds"] + before < pod["terminationGracePeriodSeconds"]
        environment = {e["name"]: e.get("value") for c in pod["containers"] for e in c["env"]}
        assert environment["HYDRA_SHUTDOWN__GRACE_S"] == str(role["drainSeconds"])
        # the runner finishes two calls of each stage (it holds twice what it works on) and then tries
        # to publish for 5 s (STOP_GRACE)
        stages = role["runs"] or [full.removeprefix("b-hydra-")]
        longest = max(CALL_S.get(stage, (60,))[0] for stage in stages)
        if role["broker"]:
            assert role["drainSeconds"] >= 2 * longest + 5, full


def test_every_variable_is_a_key_of_the_configuration(manifests):
    """Hydra refuses unknown keys, so a wrong one would keep a pod from starting."""
    text = (ROOT / "services/hydra/src/default.toml").read_text()
    defaults = tomllib.loads(text)
    for name, _, container in containers(manifests):
        for variable in container["env"]:
            section, key = variable["name"].removeprefix("HYDRA_").lower().split("__")
            # lists of tables have no default, they are only named there
            assert key in defaults.get(section, {}) or f"[[{section}.{key}]]" in text, (name, variable["name"])


def test_the_default_configuration_text_is_one_that_hydra_knows():
    defaults = tomllib.loads((ROOT / "services/hydra/src/default.toml").read_text())
    for section, keys in tomllib.loads(values_file("values.yaml")["config"]).items():
        assert set(keys) <= set(defaults[section])


def test_a_pod_that_serves_http_waits_until_its_address_is_no_longer_handed_out(manifests):
    for _, _, container in containers(manifests):
        serves = any(port["name"] == "http" for port in container.get("ports", []))
        assert serves == ("lifecycle" in container)


def test_pods_are_restricted(manifests):
    """PodSecurity level `restricted`, and more: S18."""
    for name, pod, container in containers(manifests):
        assert pod["automountServiceAccountToken"] is False
        security = pod["securityContext"]
        assert security["runAsNonRoot"] and security["runAsUser"] >= 10_000
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert not {"hostNetwork", "hostPID", "hostIPC", "hostAliases"} & set(pod)
        allowed = {"name", "configMap", "emptyDir", "persistentVolumeClaim", "secret", "projected"}
        assert all(set(volume) <= allowed for volume in pod["volumes"])
        assert all("hostPort" not in port for port in container.get("ports", []))
        for amount in ("requests", "limits"):
            assert {"cpu", "memory"} <= set(container["resources"][amount]), name
        # an image of ours needs no shell, so nothing may ask for one
        assert "command" not in container, name


def test_accounts_have_no_token_and_nobody_any_right_on_the_api_server(manifests):
    for account in of_kind(manifests, "ServiceAccount").values():
        assert account["automountServiceAccountToken"] is False
    assert not of_kind(manifests, "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")


def test_no_service_of_the_release_can_set_a_variable_that_hydra_would_refuse(manifests):
    for _, pod, _ in containers(manifests):
        assert pod["enableServiceLinks"] is False


def test_every_mount_has_its_volume_and_every_volume_its_mount(manifests):
    for _, pod, container in containers(manifests):
        assert {m["name"] for m in container["volumeMounts"]} == {v["name"] for v in pod["volumes"]}
        paths = [m["mountPath"] for m in container["volumeMounts"]]
        assert len(paths) == len(set(paths))


def test_what_a_manifest_refers_to_is_in_the_release_or_named_in_the_values(manifests):
    outside = {"hydra-broker", "hydra-database", "hall-ca", "mon12", "cephfs", "hall-b-ca", "hall-b-mon12"}
    here = set(of_kind(manifests, "ConfigMap", "PersistentVolumeClaim")) | outside
    for _, pod, container in containers(manifests):
        for volume in pod["volumes"]:
            source = volume.get("configMap", {}).get("name") or volume.get("persistentVolumeClaim", {}).get("claimName")
            assert source is None or source in here
        for variable in container["env"]:
            if "valueFrom" in variable:
                assert variable["valueFrom"]["secretKeyRef"]["name"] in here


def secrets_of(manifests):
    """What each pod is given: {pod: {variable: (secret, key)}}."""
    found = {}
    for name, _, container in containers(manifests):
        for variable in container["env"]:
            if "valueFrom" in variable:
                reference = variable["valueFrom"]["secretKeyRef"]
                found.setdefault(name, {})[variable["name"]] = (reference["name"], reference["key"])
    return found


def test_each_pod_is_given_its_own_users_and_no_other():
    """S07, S08: a user a role at the broker, the least database user."""
    given = secrets_of(render(EVERYTHING))
    broker = {name: keys["HYDRA_BROKER__URL"][1] for name, keys in given.items() if "HYDRA_BROKER__URL" in keys}
    workers = ("ingest", "resize", "infer", "gradcam", "keep", "train")
    assert broker == {**{f"b-hydra-{role}": role for role in workers}, "b-hydra-watch": "ingest", "b-hydra-doctor": "infer"}
    database = {name.removeprefix("b-hydra-"): keys["HYDRA_DATABASE__URL"][1] for name, keys in given.items()}
    assert database == {
        "ingest": "worker", "watch": "worker", "resize": "worker", "infer": "worker", "gradcam": "worker", "train": "train",
        "keep": "keep", "query": "query", "migrate": "owner", "catalog": "control", "doctor": "worker",
    }  # fmt: skip


def test_training_has_a_folder_that_it_can_write_to():
    """The root file system is read-only: what a role writes lies in /tmp, or in a volume of its own."""
    ((pod, container),) = [(p, c) for name, p, c in containers(render(EVERYTHING)) if name == "b-hydra-train"]
    folder = next(v["value"] for v in container["env"] if v["name"] == "HYDRA_TRAIN__FOLDER")
    mounts = [m for m in container["volumeMounts"] if folder.startswith(m["mountPath"] + "/") and not m.get("readOnly")]
    assert [m["name"] for m in mounts] == ["tmp"]
    (volume,) = [v for v in pod["volumes"] if v["name"] == "tmp"]
    assert volume["emptyDir"]["sizeLimit"] == "50Gi"


def test_no_secret_is_written_into_a_manifest(manifests):
    assert not of_kind(manifests, "Secret")
    for _, _, container in containers(manifests):
        for variable in container["env"]:
            if variable["name"] in ("HYDRA_BROKER__URL", "HYDRA_DATABASE__URL"):
                assert "value" not in variable


def test_the_secrets_that_an_external_store_makes_hold_every_key_that_a_pod_asks_for():
    manifests = render(EVERYTHING)
    made = {
        m["spec"]["target"]["name"]: {d["secretKey"] for d in m["spec"]["data"]}
        for m in of_kind(manifests, "ExternalSecret").values()
    }
    for keys in secrets_of(manifests).values():
        for secret, key in keys.values():
            assert key in made[secret]
    assert "keda" in made["hydra-broker"]


def test_query_cannot_write_a_blob():
    (container,) = pods(render())["b-hydra-query"]["spec"]["containers"]
    blobs = [m for m in container["volumeMounts"] if m["name"] == "blobs"]
    assert [m["readOnly"] for m in blobs] == [True]


def test_migrations_run_before_pods_change_and_the_catalog_after():
    hooks = {
        name: job["metadata"]["annotations"]["helm.sh/hook"] for name, job in of_kind(render(EVERYTHING), "Job").items()
    }
    assert hooks == {
        "b-hydra-migrate": "pre-install,pre-upgrade",
        "b-hydra-catalog": "post-install,post-upgrade",
        "b-hydra-doctor": "test",
    }


def test_what_a_hook_needs_is_there_before_it():
    manifests = render(EVERYTHING)
    for name, job in of_kind(manifests, "Job").items():
        hook = job["metadata"]["annotations"]
        for kind in ("ServiceAccount", "NetworkPolicy"):
            need = of_kind(manifests, kind)[name]["metadata"]["annotations"]
            assert need["helm.sh/hook"] == hook["helm.sh/hook"]
            assert int(need["helm.sh/hook-weight"]) < int(hook["helm.sh/hook-weight"])
        # a ConfigMap of the release is not there yet when a hook runs before the first install
        if hook["helm.sh/hook"].startswith("pre-"):
            volumes = job["spec"]["template"]["spec"]["volumes"]
            ours = [v["configMap"]["name"] for v in volumes if "configMap" in v]
            assert not [name for name in ours if name.startswith("b-hydra")]
            # nor is a Secret, unless what makes it is a hook that comes first and stays
            makers = {m["spec"]["target"]["name"]: m for m in of_kind(manifests, "ExternalSecret").values()}
            asked = {secret for secret, _ in secrets_of(manifests)[name].values()}
            assert asked and asked <= set(makers)
            for maker in (makers[secret] for secret in asked):
                need = maker["metadata"]["annotations"]
                assert need["helm.sh/hook"] == hook["helm.sh/hook"]
                assert int(need["helm.sh/hook-weight"]) < int(hook["helm.sh/hook-weight"])
                assert need["helm.sh/hook-delete-policy"] == "before-hook-creation"
                # it is deleted and made anew at an upgrade, in which the Secret must stay
                assert maker["spec"]["target"]["creationPolicy"] == "Orphan"
                # the operator needs a moment: the pod waits for its Secret, and the job for its pod
                assert job["spec"]["activeDeadlineSeconds"] >= 300


def test_a_pod_of_a_watched_folder_ends_before_the_next_one_starts():
    """The journal's lock is of one process: beside the old pod a new one never gets ready."""
    for values in (EVERYTHING, MATRIX["hall b"]):
        deployment = of_kind(render(values), "Deployment")["b-hydra-watch"]["spec"]
        assert deployment["replicas"] == 1
        assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}


def test_the_owner_gives_rights_on_new_tables_where_the_values_name_the_users():
    def arguments(values):
        return pods(render(values))["b-hydra-migrate"]["spec"]["containers"][0]["args"]

    assert arguments({}) == ["migrate"]
    assert arguments({"jobs": {"migrate": {"users": "hall_b"}}}) == ["migrate", "--users", "hall_b"]


def test_keda_counts_unacknowledged_messages_and_keeps_a_warm_model():
    manifests = render({"autoscaler": {"kind": "keda"}}, TRAIN)
    scaled = of_kind(manifests, "ScaledObject")
    assert {"b-hydra-ingest", "b-hydra-resize", "b-hydra-infer", "b-hydra-gradcam"} <= set(scaled)
    deployments = of_kind(manifests, "Deployment")
    for name, scaler in scaled.items():
        spec = scaler["spec"]
        assert spec["scaleTargetRef"]["name"] in deployments
        (trigger,) = spec["triggers"]
        assert trigger["metadata"]["protocol"] == "http"
        assert trigger["metadata"]["mode"] == "QueueLength"
        assert trigger["metadata"]["excludeUnacknowledged"] == "false"
        assert all(isinstance(value, str) for value in trigger["metadata"].values())
        authentication = of_kind(manifests, "TriggerAuthentication")[trigger["authenticationRef"]["name"]]
        assert [ref["key"] for ref in authentication["spec"]["secretTargetRef"]] == ["keda"]
        grace = deployments[name]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        assert spec["cooldownPeriod"] >= grace
        # a broker whose management API is away must not end anybody's work
        assert spec["fallback"]["behavior"] == "currentReplicasIfHigher"
    assert scaled["b-hydra-infer"]["spec"]["minReplicaCount"] >= 1
    assert scaled["b-hydra-train"]["spec"]["minReplicaCount"] == 0


def test_keda_trusts_the_authority_that_the_roles_trust():
    keda = {"autoscaler": {"kind": "keda"}}
    (plain,) = of_kind(render(keda), "TriggerAuthentication").values()
    assert "configMapTargetRef" not in plain["spec"]
    manifests = render(keda, {"secrets": {"authority": "hall-ca"}})
    (trusting,) = of_kind(manifests, "TriggerAuthentication").values()
    given = {ref["parameter"]: (ref["name"], ref["key"]) for ref in trusting["spec"]["configMapTargetRef"]}
    assert given["ca"] == ("hall-ca", "ca.crt")
    # without it the scaler does not look at `ca`; it takes it from the authentication only
    name, key = given["tls"]
    assert of_kind(manifests, "ConfigMap")[name]["data"][key] == "enable"


def test_one_thing_at_a_time_decides_how_many_pods_a_role_has(manifests):
    scalers = of_kind(manifests, "ScaledObject", "HorizontalPodAutoscaler")
    for name, deployment in of_kind(manifests, "Deployment").items():
        assert (name in scalers) != ("replicas" in deployment["spec"])


def test_a_gpu_is_asked_for_only_where_the_values_say_so():
    for values, expected in ((GPU, {"b-hydra-infer"}), ({}, set())):
        with_gpu = {
            name
            for name, pod, container in containers(render(values))
            if "nvidia.com/gpu" in container["resources"]["limits"]
        }
        assert with_gpu == expected
    pod = pods(render(GPU))["b-hydra-infer"]["spec"]
    assert pod["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert pod["tolerations"][0]["key"] == "nvidia.com/gpu"
    assert pod["containers"][0]["image"].startswith("hydra-ml-gpu:")


def test_no_example_asks_for_a_gpu_that_nothing_would_use():
    """`infer` and `gradcam` run on the processor as long as `hydra-model` names no other provider."""
    sources = "".join(path.read_text() for path in (ROOT / "services/lib/model/src").rglob("*.rs"))
    served = re.search(r"CUDA|TensorRT|ROCm", sources)
    assert not served, "serving can use a card: say so in docs/install/kubernetes.md"
    for name in ("hall b", "hall b, ten times"):
        for pod in pods(render(MATRIX[name])).values():
            assert all("nvidia.com/gpu" not in c["resources"]["limits"] for c in pod["spec"]["containers"])
    section = (ROOT / "docs/install/kubernetes.md").read_text().split("## GPUs")[1].split("\n## ")[0]
    assert "`infer` and `gradcam` run on the processor" in section


def test_a_role_added_later_is_one_more_entry():
    added = render({"roles": {"notify": {"scale": {"queue": "notify"}}}})
    names = {(m["kind"], m["metadata"]["name"]) for m in added} - {(m["kind"], m["metadata"]["name"]) for m in render()}
    assert names == {
        (kind, "b-hydra-notify") for kind in ("Deployment", "ServiceAccount", "PodDisruptionBudget", "NetworkPolicy")
    }
    (container,) = pods(added)["b-hydra-notify"]["spec"]["containers"]
    assert container["args"][-2:] == ["run", "notify"]


def test_two_halls_in_one_namespace_share_no_name_but_those_of_the_values():
    names = []
    with helm.Chart.load(CHART) as chart:
        for release in ("b", "d"):
            rendered = chart.render({"hall": f"hall-{release}"}, name=release, namespace="hydra")
            documents = [d for text in rendered.values() if "kind:" in text for d in yaml.safe_load_all(text) if d]
            names.append({(d["kind"], d["metadata"]["name"]) for d in documents})
    assert not names[0] & names[1]


def test_dashboards_of_several_halls_lie_beside_each_other_in_one_grafana():
    long = "a-hall-with-a-name-of-exactly-fifty-characters-in-"
    boards = {}
    for hall in ("hall-b", "hall-d", f"{long}b", f"{long}d"):
        values = {"hall": hall, "monitoring": {"dashboards": {"enabled": True, "sources": {"database": f"hydra-{hall[-1]}"}}}}
        maps = [m for m in of_kind(render(values), "ConfigMap").values() if "grafana_dashboard" in m["metadata"]["labels"]]
        boards[hall] = {file: json.loads(text) for m in maps for file, text in m["data"].items()}
        assert len(boards[hall]) == 4
        text = json.dumps(boards[hall])
        # what the database knows is of one hall, so each asks its own
        assert f'"uid": "hydra-{hall[-1]}"' in text and '"uid": "hydra-database"' not in text
        assert '"uid": "prometheus"' in text
        for board in boards[hall].values():
            for variable in board["templating"]["list"]:
                if variable["name"] == "hall":
                    assert variable["query"] == f'label_values(hydra_messages_total{{hall="{hall}"}}, hall)'
                    assert variable["allValue"] == hall
    every = [(file, board) for files in boards.values() for file, board in files.items()]
    for distinct in (lambda f, b: f, lambda f, b: b["uid"], lambda f, b: b["title"]):
        assert len({distinct(f, b) for f, b in every}) == len(every)
    assert all(len(board["uid"]) <= 40 for _, board in every)


@pytest.mark.parametrize("kind", ["ingress", "httpRoute"])
def test_one_address_leads_to_every_service_that_has_paths(kind):
    manifests = render({
        "expose": {"kind": kind, "host": "h.example.org", "gateways": [{"name": "g"}]},
        "roles": {"control": {"http": {"port": 8082, "paths": ["/api/v1/control"]}, "database": "control"}},
    })
    services = of_kind(manifests, "Service")
    if kind == "ingress":
        (route,) = of_kind(manifests, "Ingress").values()
        paths = route["spec"]["rules"][0]["http"]["paths"]
        found = {p["path"]: p["backend"]["service"]["name"] for p in paths}
    else:
        (route,) = of_kind(manifests, "HTTPRoute").values()
        found = {
            r["matches"][0]["path"]["value"]: r["backendRefs"][0]["name"] for r in route["spec"]["rules"]
        }
    assert found == {"/": "b-hydra-query", "/api/v1/control": "b-hydra-control"}
    assert set(found.values()) <= set(services)
