"""Parallel Hydra: rate and fairness of 1, 2, 4, 8 processes whose model sleeps, on a real broker.

    eval "$(scripts/services.sh env)"; PYTHONPATH=.cache/ops python3 tests/ops/measure_parallel.py

Each process is `hydra bench --sleeping-worker` (50 ms a message, one at a time, the runner and the
transport of every stage). Prints the table of docs/operate/scaling.md, then what the autoscaler
decides on the lengths of the queue that were recorded meanwhile (`--record FILE` keeps them, as
`simulate_scaling.py --replay FILE` reads them).
"""

import argparse
import csv
import json
import os
import secrets
import statistics
import subprocess
import time
import urllib.parse

import pika

from chart import values_file
from hydra import BINARY
from simulate_scaling import Scaler, replayed
from test_broker_rights import BROKER, manage

QUEUE = "bench-sleeping"
SLEEP_S = 0.050


class Hall:
    """A virtual host of its own, gone at the end."""

    def __init__(self):
        self.vhost = f"parallel-{secrets.token_hex(4)}"
        parts = urllib.parse.urlsplit(BROKER)
        self.url = f"amqp://{parts.username}:{parts.password}@{parts.hostname}:{parts.port}/{self.vhost}"
        manage("PUT", f"vhosts/{self.vhost}")
        self.processes = []

    def start(self, count):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("HYDRA_")}
        environment["HYDRA_BROKER__URL"] = self.url
        while len(self.processes) < count:
            command = [BINARY, "bench", "--sleeping-worker"]
            self.processes.append(subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL))

    def stop(self):
        for process in self.processes:
            process.terminate()
        statuses = [process.wait(timeout=60) for process in self.processes]
        self.processes = []
        return statuses

    def ask(self, path):
        return json.loads(manage("GET", path))

    def length(self):
        """As KEDA asks by HTTP: ready and unacknowledged."""
        return self.ask(f"queues/{self.vhost}/{QUEUE}").get("messages", 0)

    def shares(self):
        """Acknowledgements of each consumer since it came."""
        channels = [c for c in self.ask("channels") if c["vhost"] == self.vhost]
        return [c.get("message_stats", {}).get("ack", 0) for c in channels if c.get("consumer_count")]

    def close(self):
        self.stop()
        manage("DELETE", f"vhosts/{self.vhost}")


def publish(channel, count):
    for number in range(count):
        properties = pika.BasicProperties(message_id=str(number), delivery_mode=2)
        channel.basic_publish("hydra.work", QUEUE, b"\7" * 10_000, properties)


def measure(count, seconds, record):
    """(images a second, acknowledgements of each process) of `count` processes on a full queue."""
    hall = Hall()
    try:
        hall.start(1)  # which declares the queue
        connection = pika.BlockingConnection(pika.URLParameters(hall.url))
        channel = connection.channel()
        while True:
            try:
                connection.channel().queue_declare(QUEUE, passive=True)
                break
            except pika.exceptions.ChannelClosedByBroker:
                time.sleep(0.1)
        assert hall.stop() == [0]
        publish(channel, int(count * (seconds + 4) / SLEEP_S))
        hall.start(count)
        while len(hall.shares()) < count:
            time.sleep(0.2)
        time.sleep(1.5)  # the broker's figures are up to a second old
        begun, before = time.monotonic(), hall.shares()
        while time.monotonic() - begun < seconds:
            record.append((time.monotonic(), hall.length()))
            time.sleep(0.5)
        took, after = time.monotonic() - begun, hall.shares()
        done = [late - early for early, late in zip(sorted(before), sorted(after))]
        assert hall.stop() == [0] * count
        connection.close()
        return sum(done) / took, done
    finally:
        hall.close()


def burst(record, seconds):
    """300 plots every fifteen seconds for two processes, then nothing, until all is done.

    The broker counts a quorum queue every five seconds, which is what an autoscaler sees of it.
    """
    hall = Hall()
    try:
        hall.start(2)
        connection = pika.BlockingConnection(pika.URLParameters(hall.url))
        channel = connection.channel()
        while len(hall.shares()) < 2:
            time.sleep(0.2)
        begun = time.monotonic()
        next_chunk = begun
        while time.monotonic() - begun < seconds + 6 or hall.length():
            if time.monotonic() >= next_chunk and time.monotonic() - begun < seconds:
                publish(channel, 300)
                next_chunk += 15
            record.append((time.monotonic(), hall.length()))
            time.sleep(0.5)
        connection.close()
    finally:
        hall.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--record", metavar="CSV")
    asked = parser.parse_args()
    print("| processes | images a second | share of linear | done by the laziest and the busiest |")
    print("|---|---|---|---|")
    record, one = [], None
    for count in (1, 2, 4, 8):
        rate, done = measure(count, asked.seconds, record)
        one = one or rate
        print(f"| {count} | {rate:.1f} | {rate / count / one:.2f} | {min(done)} and {max(done)} |", flush=True)
    lengths = []
    burst(lengths, asked.seconds * 4)
    start = lengths[0][0]
    lengths = [(moment - start, length) for moment, length in lengths]
    scaler = Scaler.of(values_file("values-hall-b.yaml"))
    # five minutes of a hall in fifteen seconds: the autoscaler's clock runs as much faster
    faster = 20
    looks = [(moment * faster, length) for moment, length in lengths]
    decisions = [replicas for _, _, replicas in replayed(scaler, looks)]
    print(f"\nrecorded: {len(lengths)} lengths, at most {max(n for _, n in lengths)}, median {statistics.median(n for _, n in lengths):.0f}")
    print(f"decided: from {decisions[0]} to {max(decisions)} pods, {decisions[-1]} at the end")
    if asked.record:
        with open(asked.record, "w", newline="") as file:
            csv.writer(file).writerows((f"{moment:.1f}", length) for moment, length in looks)


if __name__ == "__main__":
    main()
