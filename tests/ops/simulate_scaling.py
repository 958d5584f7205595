#!/usr/bin/env python3
"""Replays the autoscaler's decisions over a hall's day, an outage and a burst.

    PYTHONPATH=.cache/ops python3 tests/ops/simulate_scaling.py            # the table of the docs
    PYTHONPATH=.cache/ops python3 tests/ops/simulate_scaling.py --replay lengths.csv

Minimum, maximum, messages a replica, grace time and behaviour come from the rendered chart; what an
image costs comes from DESIGN.md. The second form takes recorded queue lengths (`seconds,messages` a
line) and prints what the autoscaler would have decided.

The Horizontal Pod Autoscaler is modelled after its documentation ("Algorithm details",
"Configurable scaling behavior"): every 15 s; desired = ceil(length / messages a replica) with a
tolerance of 10 %; a stabilisation window takes the largest recommendation of the last seconds before
scaling down; policies bound the change in a period. KEDA hands it the queue length, unacknowledged
messages included. Which pod goes is Kubernetes' choice; here it takes the busiest, the worst case.
"""

import argparse
import collections
import csv
import heapq
import itertools
import math
import sys
from dataclasses import dataclass, field

from chart import merge, of_kind, render, values_file

SYNC_S = 15  # --horizontal-pod-autoscaler-sync-period
TOLERANCE = 0.1  # --horizontal-pod-autoscaler-tolerance
START_S = 40  # schedule, start, load and warm the models
FP32_S, INT8_S = 0.105, 0.041  # core seconds an image, InceptionV3-shaped (DESIGN.md)


@dataclass
class Scaler:
    """What the chart says of one role."""

    least: int
    most: int
    per_replica: int
    up_pods: int
    up_percent: int
    up_period_s: int
    down_pods: int
    down_period_s: int
    down_window_s: int
    grace_s: int
    sessions: int  # images at the same time in one pod

    @classmethod
    def of(cls, values, role="infer"):
        manifests = render(values)
        scaled = of_kind(manifests, "ScaledObject")[f"b-hydra-{role}"]["spec"]
        behaviour = scaled["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
        up = {policy["type"]: policy for policy in behaviour["scaleUp"]["policies"]}
        (down,) = behaviour["scaleDown"]["policies"]
        pod = of_kind(manifests, "Deployment")[f"b-hydra-{role}"]["spec"]["template"]["spec"]
        assert behaviour["scaleUp"]["stabilizationWindowSeconds"] == 0, "not modelled here"
        return cls(
            least=scaled["minReplicaCount"],
            most=scaled["maxReplicaCount"],
            per_replica=int(scaled["triggers"][0]["metadata"]["value"]),
            up_pods=up["Pods"]["value"],
            up_percent=up["Percent"]["value"],
            up_period_s=up["Pods"]["periodSeconds"],
            down_pods=down["value"],
            down_period_s=down["periodSeconds"],
            down_window_s=behaviour["scaleDown"]["stabilizationWindowSeconds"],
            grace_s=pod["terminationGracePeriodSeconds"],
            sessions=int(pod["containers"][0]["resources"]["limits"]["cpu"]),
        )


@dataclass
class Autoscaler:
    """The decisions, one a call of `decide`; remembers what it must."""

    scaler: Scaler
    recommended: collections.deque = field(default_factory=collections.deque)
    changes: collections.deque = field(default_factory=collections.deque)  # (when, by how many)

    def decide(self, now, replicas, length):
        """How many replicas there shall be."""
        s = self.scaler
        wanted = replicas
        if abs(length / (replicas * s.per_replica) - 1) > TOLERANCE:
            wanted = math.ceil(length / s.per_replica)
        wanted = min(max(wanted, s.least), s.most)
        self.recommended.append((now, wanted))
        while self.recommended[0][0] < now - s.down_window_s:
            self.recommended.popleft()
        if wanted > replicas:
            before = replicas - self.changed(now, s.up_period_s, up=True)
            limit = max(before + s.up_pods, math.ceil(before * (1 + s.up_percent / 100)))
            wanted = max(replicas, min(wanted, limit))
        else:
            wanted = min(replicas, max(wanted for _, wanted in self.recommended))
            before = replicas - self.changed(now, s.down_period_s, up=False)
            wanted = max(wanted, min(replicas, before - s.down_pods))
        if wanted != replicas:
            self.changes.append((now, wanted - replicas))
        return wanted

    def changed(self, now, period_s, up):
        """Replicas added (or, negative, taken away) within the last seconds."""
        while self.changes and self.changes[0][0] < now - 3600:
            self.changes.popleft()
        return sum(by for when, by in self.changes if when > now - period_s and (by > 0) == up)


class Pod:
    """One process of infer: takes up to `prefetch` messages, works on `sessions` at a time."""

    def __init__(self, sessions):
        self.free = sessions
        self.prefetch = 4 * sessions
        self.held = collections.deque()  # delivered, not begun
        self.working = 0
        self.ends_by = None  # when the grace time is over, once it was told to go
        self.told_at = None

    def busy(self):
        return self.working + len(self.held)


@dataclass
class Result:
    """What came of a scenario."""

    ages_s: list = field(default_factory=list)  # (arrival, age at the verdict)
    told_busy: int = 0  # pods that were told to go with work in hand, and finished it
    killed_busy: int = 0  # those that did not finish within the grace time
    longest_drain_s: float = 0.0
    most_replicas: int = 0
    changes: int = 0
    pod_hours: float = 0.0
    lengths: list = field(default_factory=list)  # (seconds, messages) as the autoscaler saw them

    def share_within(self, limit_s, since_s=0.0):
        ages = [age for arrival, age in self.ages_s if arrival >= since_s]
        return sum(age <= limit_s for age in ages) / len(ages)

    def oldest(self, since_s=0.0):
        return max(age for arrival, age in self.ages_s if arrival >= since_s)


def simulate(scaler, arrivals, image_s, until_s, count_unacknowledged=True):
    """Runs `arrivals` (sorted seconds) through the pods until all are judged and `until_s` is over."""
    autoscaler = Autoscaler(scaler)
    order = itertools.count()
    events, queue, result = [], collections.deque(), Result()
    pods = [Pod(scaler.sessions) for _ in range(scaler.least)]
    starting = 0

    def at(when, what, *about):
        heapq.heappush(events, (when, next(order), what, about))

    def work(now, pod):
        while pod.free and pod.held:
            pod.free -= 1
            pod.working += 1
            at(now + image_s, "done", pod, pod.held.popleft())

    def hand_out(now):
        while queue:
            takers = [p for p in pods if p.ends_by is None and p.busy() < p.prefetch]
            if not takers:
                return
            taker = min(takers, key=Pod.busy)
            taker.held.append(queue.popleft())
            work(now, taker)

    for arrival in arrivals:
        at(arrival, "arrives", arrival)
    for tick in range(0, int(until_s) + 1, SYNC_S):
        at(tick, "looks")
    last = 0.0
    while events:
        now, _, what, about = heapq.heappop(events)
        result.pod_hours += (now - last) * (len(pods) + starting) / 3600
        last = now
        if what == "arrives":
            queue.append(about[0])
            # those that come at the same moment are handed out together
            if not (events and events[0][0] == now and events[0][2] == "arrives"):
                hand_out(now)
        elif what == "done":
            pod, arrival = about
            if pod.ends_by is not None and now > pod.ends_by:
                queue.appendleft(arrival)  # it was killed on the way: delivered again
                hand_out(now)
                continue
            pod.free += 1
            pod.working -= 1
            result.ages_s.append((arrival, now - arrival))
            work(now, pod)
            if pod.ends_by is not None and not pod.busy():
                result.longest_drain_s = max(result.longest_drain_s, now - pod.told_at)
            hand_out(now)
        elif what == "looks":
            living = [p for p in pods if p.ends_by is None]
            # unacknowledged messages count, also those of pods that are about to end
            length = len(queue) + (sum(p.busy() for p in pods) if count_unacknowledged else 0)
            result.lengths.append((now, length))
            have = len(living) + starting
            wanted = autoscaler.decide(now, have, length)
            result.changes += abs(wanted - have)
            for _ in range(have, wanted):
                starting += 1
                at(now + START_S, "ready")
            for pod in sorted(living, key=Pod.busy, reverse=True)[: max(0, have - wanted)]:
                pod.told_at, pod.ends_by = now, now + scaler.grace_s
                result.told_busy += pod.busy() > 0
                at(pod.ends_by, "grace is over", pod)
            result.most_replicas = max(result.most_replicas, wanted)
        elif what == "ready":
            starting -= 1
            pods.append(Pod(scaler.sessions))
            hand_out(now)
        elif what == "grace is over":
            (pod,) = about
            if pod.busy():
                result.killed_busy += 1
                queue.extendleft(reversed(pod.held))
            pods.remove(pod)
            hand_out(now)
    return result


def bursts(plots, every_s, until_s, start_s=60.0):
    """All plots of a chunk at the same moment, as the worst monitoring program does."""
    return [when for when in itertools.takewhile(lambda t: t < until_s, itertools.count(start_s, every_s)) for _ in range(plots)]


DAY_S, OUTAGE_S = 86_400, 8 * 3600


def scenarios(plots):
    """(name, arrivals, end, from when on images are fresh)."""
    chunk = bursts(plots, 300, 2 * 3600)
    waiting = [0.0] * (plots * OUTAGE_S // 300)
    return [
        ("a day, all plots of a chunk at once", bursts(plots, 300, DAY_S), DAY_S, 0.0),
        ("8 hours of images wait, new ones come", waiting + chunk, 2 * 3600, 1.0),
        ("a run is sent again: 25 chunks at once", sorted(chunk + [1860.0] * (25 * plots)), 2 * 3600, 0.0),
    ]


def settings():
    """(name, values, plots a chunk, seconds an image)."""
    one = values_file("values-hall-b.yaml")
    ten = merge(one, values_file("values-hall-b-10x.yaml"))
    return [("hall B, fp32", one, 80, FP32_S), ("hall B, int8", one, 80, INT8_S), ("ten times, int8", ten, 800, INT8_S)]


def table():
    print("| | | within 5 s | oldest fresh plot | pods, most | pods changed | longest drain / grace | busy pods killed | pod hours |")
    print("|---|---|---|---|---|---|---|---|---|")
    for setting, values, plots, image_s in settings():
        scaler = Scaler.of(values)
        for name, arrivals, until_s, fresh_s in scenarios(plots):
            r = simulate(scaler, arrivals, image_s, until_s)
            print(
                f"| {setting} | {name} | {r.share_within(5, fresh_s):.1%} | {r.oldest(fresh_s):.1f} s | {r.most_replicas} of "
                f"{scaler.most} | {r.changes} | {r.longest_drain_s:.1f} s / {scaler.grace_s} s | {r.killed_busy} | {r.pod_hours:.0f} |"
            )


def replayed(scaler, lengths):
    """Decisions over recorded queue lengths (seconds, messages): (seconds, messages, replicas)."""
    autoscaler, replicas = Autoscaler(scaler), scaler.least
    for now, length in lengths:
        replicas = autoscaler.decide(now, replicas, length)
        yield now, length, replicas


def replay(path):
    """Prints the decisions over a recorded file."""
    with open(path, newline="") as file:
        lengths = [(float(seconds), int(messages)) for seconds, messages in csv.reader(file)]
    print("seconds,messages,replicas")
    for now, length, replicas in replayed(Scaler.of(values_file("values-hall-b.yaml")), lengths):
        print(f"{now:.0f},{length},{replicas}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replay", metavar="CSV")
    arguments = parser.parse_args()
    sys.exit(replay(arguments.replay) if arguments.replay else table())
