"""Who may do what at the broker, by trying the forbidden: S08.

Needs RabbitMQ with its management plugin (HYDRA_TEST_RABBITMQ, HYDRA_TEST_RABBITMQ_API).
"""

import os
import secrets
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import pika
import pika.exceptions
import pytest

from chart import ROOT, values_file

API = os.environ.get("HYDRA_TEST_RABBITMQ_API")
BROKER = os.environ.get("HYDRA_TEST_RABBITMQ")
pytestmark = pytest.mark.skipif(not (API and BROKER), reason="no RabbitMQ (scripts/services.sh start rabbitmq)")
STAGES = ["ingest", "resize", "infer", "gradcam", "keep", "notify", "train"]


@pytest.fixture(scope="module")
def urls():
    """A virtual host of its own with all users: role -> URL."""
    vhost = f"rights-{secrets.token_hex(4)}"
    broker = urllib.parse.urlsplit(BROKER)
    made = subprocess.run(
        [ROOT / "scripts/broker-users.py", "--api", API, "--vhost", vhost, "--address", f"amqp://{broker.hostname}:{broker.port}"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    found = dict(line.split("=", 1) for line in made.stdout.split())
    yield found
    manage("DELETE", f"vhosts/{vhost}")
    for role in found:
        manage("DELETE", f"users/{vhost}-{role}")


def manage(method, path, url=None):
    parts = urllib.parse.urlsplit(url or API)
    base = f"{parts.scheme}://{parts.hostname}:{parts.port}/api/"
    passwords = urllib.request.HTTPPasswordMgrWithPriorAuth()
    passwords.add_password(None, base, parts.username, parts.password, is_authenticated=True)
    opener = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(passwords))
    with opener.open(urllib.request.Request(base + path, method=method), timeout=30) as answer:
        return answer.read()


class Session:
    """A user's connection; every attempt gets a channel of its own, since a refusal closes it."""

    def __init__(self, url):
        self.connection = pika.BlockingConnection(pika.URLParameters(url))

    def attempt(self, action):
        """Whether the broker lets this user do `action(channel)`."""
        channel = self.connection.channel()
        channel.confirm_delivery()
        try:
            action(channel)
        except pika.exceptions.ChannelClosedByBroker as closed:
            assert closed.reply_code == 403, closed
            return False
        except pika.exceptions.UnroutableError:
            return True  # it was let in; nobody has bound a queue for that key
        channel.close()
        return True


@pytest.fixture(scope="module")
def sessions(urls):
    opened = {role: Session(url) for role, url in urls.items() if role != "keda"}
    for role in STAGES:
        assert opened[role].attempt(lambda channel, role=role: topology(channel, role)), role
    yield opened
    for session in opened.values():
        session.connection.close()


def topology(channel, stage):
    """What services/lib/amqp/src/topology.rs declares for a stage."""
    for exchange, kind in (("hydra.work", "topic"), ("hydra.retry", "topic"), ("hydra.dead", "topic"), ("hydra.registry", "fanout")):
        channel.exchange_declare(exchange, kind, durable=True)
    quorum = {"x-queue-type": "quorum"}
    channel.queue_declare(f"{stage}.dead", durable=True, arguments=quorum)
    channel.queue_bind(f"{stage}.dead", "hydra.dead", stage)
    dead = {"x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"}
    work = {"x-delivery-limit": 20, "x-dead-letter-exchange": "hydra.dead", "x-dead-letter-routing-key": stage}
    channel.queue_declare(stage, durable=True, arguments={**quorum, **dead, **work})
    channel.queue_bind(stage, "hydra.work", stage)
    if stage == "ingest":
        channel.exchange_declare("hydra.images", "fanout", durable=True)
        channel.queue_bind(stage, "hydra.images", "")
    retry = {"x-message-ttl": 1000, "x-dead-letter-exchange": "hydra.work", "x-dead-letter-routing-key": stage}
    channel.queue_declare(f"{stage}.retry.1000", durable=True, arguments={**quorum, **dead, **retry})
    channel.queue_bind(f"{stage}.retry.1000", "hydra.retry", f"{stage}.1000")


def publish(exchange, key):
    return lambda channel: channel.basic_publish(exchange, key, b"x", mandatory=True)


def private_queue(exchange, key=""):
    def action(channel):
        queue = channel.queue_declare("", exclusive=True, auto_delete=True).method.queue
        channel.queue_bind(queue, exchange, key)

    return action


def test_every_role_of_the_chart_has_a_user(urls):
    roles = values_file("values.yaml")["roles"]
    assert {name for name, role in roles.items() if role.get("broker", True)} <= set(urls)
    assert {"keda", "producer", "control"} <= set(urls)
    assert len({url.split(":")[2].split("@")[0] for url in urls.values()}) == len(urls)


@pytest.mark.parametrize("role", STAGES)
def test_a_stage_may_do_its_work(sessions, role):
    session = sessions[role]
    assert session.attempt(publish("hydra.work", "keep"))  # reports of burials
    assert session.attempt(publish("hydra.retry", f"{role}.1000"))
    assert session.attempt(publish("hydra.dead", role))
    assert session.attempt(lambda channel: channel.basic_get(role))
    assert session.attempt(private_queue("hydra.registry"))
    # as for the status page: how long is my queue, and that of my dead letters
    assert session.attempt(lambda channel: channel.queue_declare(role, passive=True))
    assert session.attempt(lambda channel: channel.queue_declare(f"{role}.dead", passive=True))


@pytest.mark.parametrize("role, followers", [("ingest", ["resize"]), ("resize", ["infer"]), ("infer", ["keep", "gradcam"]), ("gradcam", ["keep"])])  # fmt: skip
def test_a_stage_writes_to_its_followers_alone(sessions, role, followers):
    for key in STAGES:
        allowed = key in followers or key == "keep"
        assert sessions[role].attempt(publish("hydra.work", key)) == allowed, key


@pytest.mark.parametrize("role", STAGES)
def test_a_stage_cannot_touch_what_belongs_to_others(sessions, role):
    session = sessions[role]
    other = "keep" if role != "keep" else "infer"
    quorum = {"x-queue-type": "quorum"}
    refused = {
        "take from": lambda channel: channel.basic_get(other),
        "read the dead letters of": lambda channel: channel.basic_get(f"{other}.dead"),
        "purge": lambda channel: channel.queue_purge(other),
        "delete": lambda channel: channel.queue_delete(other),
        "unbind": lambda channel: channel.queue_unbind(other, "hydra.work", other),
        "declare for": lambda channel: channel.queue_declare(f"{other}.retry.5", durable=True, arguments=quorum),
        "retry for": publish("hydra.retry", f"{other}.1000"),
        "bury for": publish("hydra.dead", other),
        "go by the default exchange to": publish("", other),
        "listen to": lambda channel: channel.queue_bind(role, "hydra.work", other),
    }
    assert [what for what, action in refused.items() if session.attempt(action)] == []
    general = {
        "listen to everything": lambda channel: channel.queue_bind(role, "hydra.work", "#"),
        "listen in private": private_queue("hydra.work", "#"),
        "announce": publish("hydra.registry", ""),
        "pretend to be a producer": publish("hydra.images", ""),
        "make an exchange": lambda channel: channel.exchange_declare("mine", "fanout"),
        "make a queue": lambda channel: channel.queue_declare("mine"),
    }
    assert [what for what, action in general.items() if session.attempt(action)] == []


def test_a_producer_may_publish_images_and_nothing_else(sessions):
    producer = sessions["producer"]
    assert producer.attempt(publish("hydra.images", ""))
    for action in (
        publish("hydra.work", "infer"),
        publish("hydra.registry", ""),
        publish("", "ingest"),
        lambda channel: channel.basic_get("ingest"),
        lambda channel: channel.queue_purge("ingest"),
        lambda channel: channel.queue_delete("ingest"),
        lambda channel: channel.queue_declare("mine"),
        lambda channel: channel.exchange_delete("hydra.images"),
        private_queue("hydra.images"),
    ):
        assert not producer.attempt(action)


def test_control_handles_dead_letters_and_asks_for_work_but_changes_no_queue(sessions):
    control = sessions["control"]
    assert control.attempt(lambda channel: channel.basic_get("infer.dead"))
    for key in STAGES:
        assert control.attempt(publish("hydra.work", key))
    assert control.attempt(publish("hydra.registry", ""))
    for action in (
        lambda channel: channel.basic_get("infer"),
        lambda channel: channel.queue_delete("infer"),
        lambda channel: channel.queue_declare("mine"),
        lambda channel: channel.exchange_delete("hydra.work"),
    ):
        assert not control.attempt(action)


def test_keda_sees_the_length_of_queues_and_can_do_nothing(urls):
    url = urls["keda"]
    vhost = urllib.parse.urlsplit(url).path.strip("/")
    # the broker collects its figures every second or so
    deadline = time.monotonic() + 30
    while b'"messages"' not in manage("GET", f"queues/{vhost}/infer", url):
        assert time.monotonic() < deadline, "no queue length after 30 s"
        time.sleep(0.2)
    for method, path in (("DELETE", f"queues/{vhost}/infer"), ("DELETE", f"queues/{vhost}/infer/contents"), ("PUT", "vhosts/mine")):
        with pytest.raises(urllib.error.HTTPError) as refused:
            manage(method, path, url)
        # 400: the queue operation itself was refused by its rights; 401 and 403: the API refused
        assert refused.value.code in (400, 401, 403)
    broker = urllib.parse.urlsplit(BROKER)
    user = urllib.parse.urlsplit(url)
    session = Session(f"amqp://{user.username}:{user.password}@{broker.hostname}:{broker.port}/{vhost}")
    assert not session.attempt(publish("hydra.work", "keep"))
    assert not session.attempt(lambda channel: channel.basic_get("infer"))
    session.connection.close()


def test_a_user_of_one_hall_does_not_get_into_another(urls):
    url = urllib.parse.urlsplit(urls["infer"])
    with pytest.raises((pika.exceptions.ProbableAccessDeniedError, pika.exceptions.AMQPConnectionError)):
        pika.BlockingConnection(pika.URLParameters(f"amqp://{url.username}:{url.password}@{url.hostname}:{url.port}/%2f"))


def test_a_second_call_draws_new_passwords(urls):
    parts = urllib.parse.urlsplit(urls["notify"])
    vhost = parts.path.strip("/")
    again = subprocess.run(
        [ROOT / "scripts/broker-users.py", "--api", API, "--vhost", f"{vhost}-2", "--address", "amqps://broker.example.org:5671"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    try:
        assert again.returncode == 0, again.stderr
        found = dict(line.split("=", 1) for line in again.stdout.split())
        assert found["infer"].startswith(f"amqps://{vhost}-2-infer:") and found["infer"].endswith(f"@broker.example.org:5671/{vhost}-2")
        assert not {u.split("@")[0].rpartition(":")[2] for u in found.values()} & {u.split("@")[0].rpartition(":")[2] for u in urls.values()}
    finally:
        manage("DELETE", f"vhosts/{vhost}-2")
        for role in urls:
            manage("DELETE", f"users/{vhost}-2-{role}")
