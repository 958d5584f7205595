"""The book: it builds, no link leads nowhere, and what it names is there."""

import os
import re
import secrets
import shutil
import subprocess
import threading
import http.server
import urllib.parse
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from markdown_it import MarkdownIt

from chart import CHART, MATRIX, ROOT, of_kind, pods, render, values_file
from hydra import BINARY, run as hydra

DOCS = ROOT / "docs"
# bench pages and the architecture have owners and checks of their own, but their links count
PAGES = sorted(p for p in DOCS.rglob("*.md") if p.name != "SUMMARY.md")
MARKDOWN = MarkdownIt("commonmark").enable("table")
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 64


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=300, **options)


def links(path):
    """Targets of the links of a page."""
    for token in MARKDOWN.parse(path.read_text()):
        for child in token.children or []:
            if child.type == "link_open":
                yield child.attrs["href"]


def anchors(path):
    """What a link may name after `#`, as mdBook makes it from headings."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.M)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_the_book_builds(tmp_path):
    built = run("mdbook", "build", DOCS, "--dest-dir", tmp_path)
    assert built.returncode == 0, built.stderr
    # a file that an include names and that is not there is only logged
    assert "error" not in built.stderr.lower(), built.stderr
    assert (tmp_path / "index.html").is_file() and (tmp_path / "runbooks.html").is_file()
    assert "[broker]" in (tmp_path / "configuration.html").read_text()


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md", ROOT / "SECURITY.md"], ids=lambda p: str(p.relative_to(ROOT)))
def test_no_link_leads_nowhere(page):
    for href in links(page):
        target, _, anchor = urllib.parse.unquote(href).partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), href
        if anchor:
            assert anchor in anchors(path), href


def test_every_page_is_in_the_summary():
    listed = {DOCS / href for href in links(DOCS / "SUMMARY.md")}
    ours = {page for page in PAGES if not page.name.startswith("bench")}
    assert ours <= listed
    assert all(page.is_file() for page in listed)


@pytest.mark.parametrize("page", [*PAGES, ROOT / "SECURITY.md"], ids=lambda p: str(p.relative_to(ROOT)))
def test_every_file_of_the_tree_that_a_page_names_is_there(page):
    named = re.findall(r"(?<![\w./-])((?:scripts|charts|tests/ops|docs|migrations|services)/[\w./-]+\.\w+)", page.read_text())
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_command_of_hydra_that_a_page_names_is_one():
    cli = (ROOT / "services/hydra/src/cli.rs").read_text()
    commands = {name.lower() for name in re.findall(r"^    (\w+)[,({ ]", re.search(r"pub enum Command \{(.*?)\n\}", cli, re.S)[1], re.M)}
    for page in PAGES:
        for command in re.findall(r"(?:`|^)hydra ([a-z]+)\b", page.read_text(), re.M):
            assert command in commands, (page.name, command)


def blocks(page):
    """Shell commands of a page: blocks without a language."""
    return [token.content for token in MARKDOWN.parse(page.read_text()) if token.type == "fence" and token.info in ("", "sh")]


COMPOSE = re.compile(r"docker compose +(?=[a-z-])([^`#\n]*)")


def test_every_compose_command_that_a_page_names_has_the_passwords_and_a_profile():
    """Without the file compose refuses the variables, without a profile it sees no service."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    profiles = {profile for service in services.values() for profile in service["profiles"]}
    found = 0
    for page in (*PAGES, ROOT / "README.md", ROOT / "SECURITY.md", ROOT / "docker-compose.yml"):
        for options in COMPOSE.findall(page.read_text()):
            found += 1
            words = options.split()
            assert words[:2] == ["--env-file", ".cache/compose.env"], (page.name, options)
            named = [words[i + 1] for i, word in enumerate(words) if word == "--profile"]
            assert named and set(named) <= profiles, (page.name, options)
            # what is named lies in one of these profiles
            command = words[2 + 2 * len(named) :]
            for word in command[1:]:
                if word in services:
                    assert set(services[word]["profiles"]) & set(named), (page.name, options)
    assert found >= 10


def test_the_passwords_are_drawn_before_the_first_command_that_needs_them():
    (first, *_), text = blocks(DOCS / "install/compose.md"), (DOCS / "install/compose.md").read_text()
    assert first.index("mkdir -p .cache && scripts/compose-env.sh > .cache/compose.env") < first.index("docker compose")
    assert text.index("scripts/compose-env.sh") < text.index("docker compose --env-file")


@pytest.mark.parametrize("page", ["install/compose.md", "install/kubernetes.md", "operate/backup.md", "operate/commands.md", "operate/upgrade.md"])
def test_the_commands_of_a_page_are_ones_that_a_shell_reads(page):
    for block in blocks(DOCS / page):
        read = run("bash", "-n", "-c", block)
        assert read.returncode == 0, (block, read.stderr)


def test_a_farm_that_was_set_up_by_the_page_has_what_the_release_refers_to():
    """Kubernetes, from nothing: in this order, each thing made once."""
    text = "\n".join(blocks(DOCS / "install/kubernetes.md")).replace("\\\n", " ")
    made = re.findall(r"kubectl (?:-n hall-b )?create (namespace|priorityclass|configmap|secret (?:generic|tls)) ([\w-]+)", text)
    assert len(set(made)) == len(made), "a second `create` of the same thing fails"
    made = {(kind.split()[0], name) for kind, name in made}
    manifests = render(values_file("values-hall-b.yaml"))
    asked = {("namespace", "hall-b")}
    here = {m["metadata"]["name"] for m in manifests}
    for pod in pods(manifests).values():
        spec = pod["spec"]
        asked |= {("priorityclass", spec["priorityClassName"])} if "priorityClassName" in spec else set()
        asked |= {("configmap", v["configMap"]["name"]) for v in spec["volumes"] if "configMap" in v} - {("configmap", n) for n in here}
        for volume in spec["volumes"]:
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            # the hall's storage brings it, the page looks whether it did
            assert claim is None or claim in here or f"get persistentvolumeclaim {claim}" in text, claim
        for variable in spec["containers"][0]["env"]:
            if "valueFrom" in variable:
                asked.add(("secret", variable["valueFrom"]["secretKeyRef"]["name"]))
    (ingress,) = of_kind(manifests, "Ingress").values()
    asked |= {("secret", tls["secretName"]) for tls in ingress["spec"]["tls"]}
    assert asked == made
    assert "pod-security.kubernetes.io/enforce=restricted" in text
    assert text.index("mkdir -p .cache") < text.index("> .cache/")
    assert text.index(" migrate\n") < text.index("scripts/database-users.py") < text.index("create secret generic hydra-database")
    for image in ("core", "ml"):
        pushed = f"{values_file('values-hall-b.yaml')['images'][image]['repository']}:{yaml.safe_load((CHART / 'Chart.yaml').read_text())['appVersion']}"
        assert f"-t {pushed} " in text and f"docker push {pushed}\n" in text


def test_the_page_names_every_extension_whose_kinds_the_chart_makes():
    text = (DOCS / "install/kubernetes.md").read_text().split("## What must be there")[1].split("\n## ")[0]
    names = {"keda.sh": "KEDA", "monitoring.coreos.com": "operator of Prometheus", "gateway.networking.k8s.io": "Gateway", "external-secrets.io": "External Secrets"}
    for values in MATRIX.values():
        for manifest in render(values):
            group = manifest["apiVersion"].partition("/")[0]
            if "." in group and not group.endswith(".k8s.io") or group in names:
                assert names[group] in text


@pytest.mark.parametrize("name", ["command", "backup"])
def test_a_manifest_of_a_page_is_valid_restricted_and_names_what_the_release_has(name):
    manifest = yaml.safe_load((DOCS / f"operate/{name}.yaml").read_text())
    kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)
    pod = manifest["spec"] if manifest["kind"] == "Pod" else manifest["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    rendered = pods(render(values_file("values-hall-b.yaml"), {"catalog": "[hall]\n"}, release="hall-b"))
    like = rendered["hall-b-hydra-catalog"]["spec"]
    for key in ("securityContext", "automountServiceAccountToken", "enableServiceLinks"):
        assert pod[key] == like[key], key
    assert container["securityContext"] == like["containers"][0]["securityContext"]
    user = {"command": "control", "backup": "owner"}[name]
    secrets_asked = {v["name"]: v["valueFrom"]["secretKeyRef"] for v in container["env"] if "valueFrom" in v}
    assert secrets_asked["HYDRA_DATABASE__URL"] == {"name": "hydra-database", "key": user}
    if name == "command":
        assert secrets_asked["HYDRA_BROKER__URL"] == {"name": "hydra-broker", "key": user}
        assert container["image"] == rendered["hall-b-hydra-infer"]["spec"]["containers"][0]["image"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    keep = {volume["name"]: volume for volume in rendered["hall-b-hydra-keep"]["spec"]["volumes"]}
    assert volumes["blobs"]["persistentVolumeClaim"]["claimName"] == keep["blobs"]["persistentVolumeClaim"]["claimName"]
    assert volumes["authority"]["configMap"]["name"] == keep["authority"]["configMap"]["name"]
    assert {m["name"] for m in container["volumeMounts"]} == set(volumes)
    page = {"command": "commands", "backup": "backup"}[name]
    assert f"{{{{#include {name}.yaml}}}}" in (DOCS / f"operate/{page}.md").read_text()


def test_what_was_not_tested_names_every_step_of_the_schema_since_the_first_release():
    """`tests/released/0.1` has the first step alone."""
    steps = re.findall(r"Box::new\((m\w+)::STEP\)", (ROOT / "migrations/src/lib.rs").read_text())
    (row,) = re.findall(r"^\| upgrade \|.*$", (DOCS / "operate/untested.md").read_text(), re.M)
    assert re.findall(r"`(m\d\w+)`", row) == steps[1:]


def test_the_events_of_the_asyncapi_file_are_those_of_the_contract():
    described = yaml.safe_load((DOCS / "asyncapi.yaml").read_text())
    messages = described["components"]["messages"]
    found = {}
    for name, channel in described["channels"].items():
        for message in channel["messages"].values():
            name_of = messages[message["$ref"].rpartition("/")[2]]["name"]
            if name_of != "image":
                found[name_of] = channel["address"]
    source = (ROOT / "proto/src/event.rs").read_text()
    contract = dict(re.findall(r'const NAME: &\'static str = "([^"]+)";\s+const QUEUE: &\'static str = "([^"]+)";', source))
    assert found == contract
    facts = re.search(r"NAMES: \[&str; \d+\] =\s*\[([^\]]+)\]", (ROOT / "services/ingest/src/facts.rs").read_text())[1]
    assert set(messages["Image"]["headers"]["properties"]) == {*re.findall(r'"([\w-]+)"', facts), "traceparent"}


def test_every_test_that_a_page_names_is_there():
    """Names of three words and more, in backticks."""
    trees = ("services", "tests", "migrations", "proto")
    text = "\n".join(p.read_text() for t in trees for p in (ROOT / t).rglob("*") if p.suffix in (".rs", ".py") and "node_modules" not in p.parts)
    there = set(re.findall(r"\b(?:fn|def) (\w+)", text))
    for page in ("security/controls.md", "operate/servers.md", "operate/faults.md", "operate/upgrade.md"):
        named = set(re.findall(r"`([a-z]\w*(?:_\w+){2,})`", (DOCS / page).read_text()))
        assert named and named <= there, named - there


@pytest.mark.parametrize("patch", sorted((ROOT / "tests/mutations").glob("*.patch")), ids=lambda path: path.stem)
def test_a_safety_can_be_taken_out_and_the_page_says_what_then_fails(patch):
    """`scripts/mutations.sh` takes an hour; that its patches fit is seen at once."""
    tried = run("patch", "-p1", "--fuzz=0", "--dry-run", "--force", "-i", patch, cwd=ROOT)
    assert tried.returncode == 0, tried.stdout
    name = re.search(r"^# test: .*?(\w+)$", patch.read_text(), re.M)[1]
    assert f"| `{name}` | fails |" in (DOCS / "operate/faults.md").read_text()


def test_the_configuration_reference_is_what_hydra_prints():
    """The page includes the file that is compiled in, and `hydra settings` prints it."""
    assert "{{#include ../services/hydra/src/default.toml}}" in (DOCS / "configuration.md").read_text()
    if BINARY is None:
        pytest.skip("hydra is not built (cargo build --bin hydra)")
    printed = hydra("settings")
    assert printed.returncode == 0 and printed.stdout == (ROOT / "services/hydra/src/default.toml").read_text()


def test_the_table_of_events_is_the_contract():
    source = (ROOT / "proto/src/event.rs").read_text()
    contract = dict(re.findall(r'"hydra\.events\.v1\.(\w+)";\s+const QUEUE: &\'static str = "([^"]+)";', source))
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| (\w+) \|$", (DOCS / "api.md").read_text(), re.M)
    assert dict(rows) == contract


def test_the_simulated_table_is_what_the_command_prints():
    printed = run("python3", ROOT / "tests/ops/simulate_scaling.py", env={**os.environ})
    assert printed.returncode == 0, printed.stderr
    cells = [[c.strip() for c in line.strip("|").split("|")] for line in printed.stdout.splitlines()[2:]]
    expected = [(c[0], c[1].split(",")[0].split(":")[0], c[2].replace("%", " %"), c[3], c[4], c[7]) for c in cells]
    written = re.findall(r"^\| ([\w ,]+?) \| ([\w ]+?) \| ([\d.]+ %) \| ([\d.]+ s) \| (\d+ of \d+) \| (\d+) \|$", (DOCS / "operate/scaling.md").read_text(), re.M)
    assert written == expected


def python(_):
    return lambda url: ["python3", DOCS / "clients/publish.py", url.geturl()]


def java(folder):
    jar = "/usr/share/java/amqp-client.jar"  # Debian's librabbitmq-client-java
    if not (shutil.which("javac") and Path(jar).exists()):
        pytest.skip("no Java with RabbitMQ's client (apt install default-jdk-headless librabbitmq-client-java)")
    built = run("javac", "-Xlint:all", "-Werror", "-cp", jar, "-d", folder, DOCS / "clients/Publish.java")
    assert built.returncode == 0, built.stderr
    logger = list(Path("/usr/share/java").glob("slf4j-*.jar"))
    path = ":".join([jar, str(folder), *map(str, logger)])
    return lambda url: ["java", "-cp", path, "Publish", url.geturl()]


def cpp(folder):
    if not Path("/usr/include/amqp.h").exists():
        pytest.skip("no librabbitmq (apt install librabbitmq-dev)")
    built = run("g++", "-Wall", "-Wextra", "-Werror", "-o", folder / "publish", DOCS / "clients/publish.cpp", "-lrabbitmq")
    assert built.returncode == 0, built.stderr
    return lambda url: [folder / "publish", url.hostname, str(url.port), url.path[1:], url.username, url.password]


@pytest.mark.parametrize("client", [python, java, cpp], ids=lambda client: client.__name__)
def test_a_client_publishes_what_ingest_reads_and_fails_where_nobody_takes_it(client, tmp_path):
    broker = os.environ.get("HYDRA_TEST_RABBITMQ")
    if not broker:
        pytest.skip("no RabbitMQ (scripts/services.sh start rabbitmq)")
    import pika

    from test_broker_rights import manage

    command = client(tmp_path)
    vhost = f"client-{secrets.token_hex(4)}"
    parts = urllib.parse.urlsplit(broker)
    url = f"amqp://{parts.username}:{parts.password}@{parts.hostname}:{parts.port}/{vhost}"
    manage("PUT", f"vhosts/{vhost}")
    try:
        connection = pika.BlockingConnection(pika.URLParameters(url))
        channel = connection.channel()
        channel.exchange_declare("hydra.images", "fanout", durable=True)
        (tmp_path / "plot.png").write_bytes(PNG)
        publish = [*command(urllib.parse.urlsplit(url)), tmp_path / "plot.png"]
        assert run(*publish).returncode != 0, "no queue has taken it"
        channel.queue_declare("ingest")
        channel.queue_bind("ingest", "hydra.images")
        sent = run(*publish, env={**os.environ})
        assert sent.returncode == 0, sent.stderr
        _, properties, body = channel.basic_get("ingest", auto_ack=True)
        assert body == PNG and properties.delivery_mode == 2
        facts = {name: properties.headers[name] for name in ("plot-type", "run", "chunk")}
        assert facts == {"plot-type": "CDC_occupancy", "run": "80464", "chunk": "37"}
        connection.close()
    finally:
        manage("DELETE", f"vhosts/{vhost}")


def test_the_curl_client_sends_the_image_and_its_facts(tmp_path):
    seen = {}

    class Door(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            seen["path"] = self.path
            seen["body"] = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(201)
            self.end_headers()

        def log_message(self, *_):
            pass

    (tmp_path / "plot.png").write_bytes(PNG)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sent = run(DOCS / "clients/publish.sh", f"http://127.0.0.1:{server.server_port}", tmp_path / "plot.png")
        server.shutdown()
    assert sent.returncode == 0, sent.stderr
    parts = urllib.parse.urlsplit(seen["path"])
    assert parts.path == "/v1/images" and seen["body"] == PNG
    assert dict(urllib.parse.parse_qsl(parts.query)) == {"plot-type": "CDC_occupancy", "run": "80464", "chunk": "37"}


def test_the_python_client_is_five_lines():
    assert len((DOCS / "clients/publish.py").read_text().splitlines()) == 5


def test_all_clients_speak_of_facts_that_ingest_knows():
    facts = re.search(r"NAMES: \[&str; \d+\] =\s*\[([^\]]+)\]", (ROOT / "services/ingest/src/facts.rs").read_text())[1]
    known = set(re.findall(r'"([\w-]+)"', facts))
    for path in (DOCS / "clients").iterdir():
        named = {fact for fact in known if fact in path.read_text()}
        assert {"plot-type", "run"} <= named, path.name
        assert "hydra.images" in path.read_text() or path.suffix == ".sh"
