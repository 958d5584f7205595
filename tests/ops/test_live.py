"""Every query of rules and dashboards on real servers.

PromQL runs on a Prometheus that scrapes a real broker and, where hydra is built, the demo; SQL runs on
MariaDB with the rows that the demo wrote (it writes SQLite; the rows are copied, the schema is the same).
"""

import json
import os
import re
import secrets
import socket
import sqlite3
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import pika
import pytest

from chart import ROOT
from hydra import BINARY, MariaDb, needs_hydra, needs_mariadb
from test_broker_rights import manage, topology
from test_observability import DASHBOARDS, FOREIGN, metrics_of, panels, promql

BROKER = os.environ.get("HYDRA_TEST_RABBITMQ")
needs_broker = pytest.mark.skipif(not BROKER, reason="no RabbitMQ (scripts/services.sh start rabbitmq)")

# The demo has memory instead of a broker.
WITH_BROKER = {"hydra_broker_blocked_total", "hydra_broker_sessions_lost_total"}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def eventually(what, predicate, within_s=60):
    """Waits for a level; fails with the reason."""
    deadline = time.monotonic() + within_s
    while not (value := predicate()):
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(0.2)
    return value


class Prometheus:
    """A Prometheus of our own, on a free port and an empty folder."""

    def __init__(self, folder, jobs):
        self.port = free_port()
        config = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": jobs}
        (folder / "prometheus.yml").write_text(json.dumps(config))
        self.log = (folder / "prometheus.log").open("w")
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
             f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn"],
            stdout=self.log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        eventually("Prometheus is ready", self.ready)

    def ready(self):
        assert self.process.poll() is None, "Prometheus ended"
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=2).status == 200
        except OSError:
            return False

    def query(self, expression):
        """The series of an instant query; an expression that cannot be understood fails."""
        body = urllib.parse.urlencode({"query": expression}).encode()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/query", data=body, timeout=20) as answer:
            return json.load(answer)["data"]["result"]

    def close(self):
        self.process.terminate()
        self.process.wait(timeout=30)
        self.log.close()


def concrete(expression):
    """As Grafana would send it."""
    for variable, value in (("$__rate_interval", "20s"), ("$__range", "60s"), ("$hall", ".+")):
        expression = expression.replace(variable, value)
    assert "$" not in expression, expression
    return expression


@pytest.fixture(scope="module")
def broker_prometheus(tmp_path_factory):
    """Scrapes the test broker, in which a hall has a few queues with messages."""
    vhost = f"live-{secrets.token_hex(4)}"
    parts = urllib.parse.urlsplit(BROKER)
    manage("PUT", f"vhosts/{vhost}")
    prometheus = None
    try:
        connection = pika.BlockingConnection(
            pika.URLParameters(f"amqp://{parts.username}:{parts.password}@{parts.hostname}:{parts.port}/{vhost}")
        )
        channel = connection.channel()
        for stage in ("ingest", "resize", "infer", "keep"):
            topology(channel, stage)
        channel.basic_publish("hydra.work", "infer", b"waits")
        channel.basic_publish("hydra.dead", "infer", b"dead")
        # the plug-in's port, as far from the standard one as the broker's is
        address = f"{parts.hostname}:{parts.port + 10020}"
        labels = {"targets": [address], "labels": {"hall": "live"}}
        families = {"vhost": [vhost], "family": ["queue_coarse_metrics", "queue_consumer_count"]}
        prometheus = Prometheus(
            tmp_path_factory.mktemp("prometheus"),
            [
                {"job_name": "hydra-broker-queues", "metrics_path": "/metrics/detailed", "params": families, "static_configs": [labels]},
                {"job_name": "hydra-broker", "static_configs": [labels]},
            ],
        )
        eventually("the broker is scraped", lambda: prometheus.query('rabbitmq_detailed_queue_messages{queue="infer.dead"} > 0'))
        yield prometheus
        connection.close()
    finally:
        if prometheus:
            prometheus.close()
        manage("DELETE", f"vhosts/{vhost}")


@needs_broker
def test_prometheus_understands_every_expression(broker_prometheus):
    for place, expression in promql():
        try:
            broker_prometheus.query(concrete(expression))
        except urllib.error.HTTPError as error:
            pytest.fail(f"{place}: {error.read().decode()}")


@needs_broker
def test_every_query_of_the_broker_s_metrics_returns_series(broker_prometheus):
    asked = 0
    for name, document in DASHBOARDS.items():
        for panel in panels(document):
            for target in panel["targets"]:
                names = metrics_of(target.get("expr", ""))
                if names and all(n.startswith("rabbitmq_") for n in names):
                    asked += 1
                    assert broker_prometheus.query(concrete(target["expr"])), f"{name}: {panel['title']}"
    assert asked >= 4


@needs_broker
def test_the_rules_for_queues_see_a_queue_without_consumer_and_a_dead_letter(broker_prometheus):
    expressions = {place: expression for place, expression in promql()}
    waiting = broker_prometheus.query(expressions["HydraNoConsumer"])
    assert [series["metric"] for series in waiting] == [{"hall": "live", "queue": "infer"}]
    dead = broker_prometheus.query(expressions["HydraDeadLettersWait"])
    assert [series["metric"]["queue"] for series in dead] == ["infer.dead"]
    # the alarms are scraped, and none is on
    alarms = '{__name__=~"rabbitmq_alarms_(memory_used_watermark|free_disk_space_watermark)"}'
    eventually("the alarms are scraped", lambda: broker_prometheus.query(alarms))
    assert not broker_prometheus.query(expressions["HydraBrokerAlarm"])


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The demo with a Prometheus that scrapes it: (Prometheus, path of its SQLite file)."""
    folder = tmp_path_factory.mktemp("demo")
    health, query, ingest = free_port(), free_port(), free_port()
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HYDRA_")}
    environment |= {
        "HYDRA_HEALTH__ADDRESS": f"127.0.0.1:{health}",
        "HYDRA_QUERY__ADDRESS": f"127.0.0.1:{query}",
        "HYDRA_INGEST__ADDRESS": f"127.0.0.1:{ingest}",
    }
    prometheus = None
    with (folder / "demo.log").open("w") as log:
        process = subprocess.Popen(
            [BINARY, "demo", "--dir", folder / "hall", "--every-s", "1"], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
        try:
            target = {"targets": [f"127.0.0.1:{health}"], "labels": {"hall": "demo", "role": "demo"}}
            prometheus = Prometheus(folder, [{"job_name": "hydra", "static_configs": [target]}])

            def judged():
                assert process.poll() is None, (folder / "demo.log").read_text()[-2000:]
                # a page is asked for, so that there is something to say of query
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{query}/api/v1/plot-types", timeout=2).read()
                except OSError:
                    pass
                return prometheus.query('sum(rate(hydra_messages_total{stage="keep", outcome="done"}[20s])) > 0')

            # it learns first what is normal
            eventually("images are judged", judged, within_s=300)
            eventually("heat maps are made", lambda: judged() and prometheus.query('hydra_messages_total{stage="gradcam", outcome="done"} > 0'), within_s=120)
            # one image is refused
            with pytest.raises(urllib.error.HTTPError):
                urllib.request.urlopen(f"http://127.0.0.1:{ingest}/v1/images?plot-type=A&run=1", data=b"no picture", timeout=30)
            eventually("the refusal is counted", lambda: prometheus.query("hydra_ingest_refused_total"))
            # somebody watches
            with urllib.request.urlopen(f"http://127.0.0.1:{query}/api/v1/live", timeout=30):
                eventually("the watcher is counted", lambda: prometheus.query("hydra_query_streams > 0"))
                yield prometheus, folder / "hall" / "hydra.db"
        finally:
            process.terminate()
            process.wait(timeout=60)
            if prometheus:
                prometheus.close()


@pytest.mark.slow
@needs_hydra
def test_every_query_of_our_own_metrics_returns_series(demo):
    prometheus, _ = demo
    empty = []
    for name, document in DASHBOARDS.items():
        for panel in panels(document):
            for target in panel["targets"]:
                names = metrics_of(target.get("expr", ""))
                ours = {n for n in names if n.startswith("hydra_")}
                # the broker's queues are looked at above
                if ours and not ours & WITH_BROKER and not names & FOREIGN:
                    if not prometheus.query(concrete(target["expr"])):
                        empty.append(f"{name}: {panel['title']}")
    assert not empty


def sql_queries():
    """(place, SQL) of every panel, variable and annotation that asks the database."""
    for name, document in DASHBOARDS.items():
        for panel in panels(document):
            for target in panel["targets"]:
                if "rawSql" in target:
                    yield f"{name}: {panel['title']}", target["rawSql"]
        for variable in document["templating"]["list"]:
            if variable.get("datasource", {}).get("type") == "mysql":
                yield f"{name}: variable {variable['name']}", variable["query"]
        for annotation in document.get("annotations", {}).get("list", []):
            if annotation.get("datasource", {}).get("type") == "mysql":
                yield f"{name}: {annotation['name']}", annotation["rawQuery"]


def test_the_dashboards_ask_the_database():
    assert len(list(sql_queries())) >= 9


@pytest.fixture(scope="module")
def rows(demo):
    """The demo's rows in MariaDB."""
    database = MariaDb()
    try:
        database.migrate()
        source = sqlite3.connect(f"file:{demo[1]}?mode=ro", uri=True)
        tables = [name for name, kind in database.execute(f"show full tables from {database.name}") if kind == "BASE TABLE"]
        with database.admin.cursor() as cursor:
            cursor.execute(f"use {database.name}")
            for table in tables:
                if table.startswith("seaql_"):
                    continue
                columns = [column for column, *_ in database.execute(f"show columns from {database.name}.`{table}`")]
                names = ", ".join(f"`{c}`" for c in columns)
                copied = source.execute(f'select {", ".join(chr(34) + c + chr(34) for c in columns)} from "{table}"').fetchall()
                cursor.execute(f"delete from `{table}`")
                if copied:
                    cursor.executemany(f"insert into `{table}` ({names}) values ({', '.join(['%s'] * len(columns))})", copied)
        source.close()
        yield database
    finally:
        database.close()


@pytest.mark.slow
@needs_hydra
@needs_mariadb
def test_every_sql_query_returns_rows(rows):
    (plot_type,) = rows.execute(f"select plot_type_id from {rows.name}.prediction where role = 0 limit 1")[0]
    now = int(time.time())
    variables = {
        "$__unixEpochFrom()": str(now - 86_400 * 3650), "$__unixEpochTo()": str(now + 86_400),
        "$plot_type": str(plot_type), "$role": "0",
    }  # fmt: skip
    # what a healthy hall has none of
    may_be_empty = {"hall: Dead letters that wait"}
    connection = rows.connect(rows.parts.username, rows.parts.password)
    empty = []
    for place, text in sql_queries():
        for variable, value in variables.items():
            text = text.replace(variable, value)
        assert "$" not in re.sub(r"'\$[^']*'", "", text), text
        with connection.cursor() as cursor:
            cursor.execute(text)
            if not cursor.fetchall() and place not in may_be_empty:
                empty.append(place)
    connection.close()
    assert not empty
