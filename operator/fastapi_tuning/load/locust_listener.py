"""Read by Locust beside a scenario (`locust --locustfile scenario.py,locust_listener.py`), never imported by us.

Sums up as the open loop does, in the same lines, and ends the run when it does harm. It runs in an image that has
Locust and not this package, so it needs nothing else. A user waits for an answer before it asks again: a closed loop,
whose latency counts from the sending, and which slows down with the service.
"""

# Locust is in the image that runs this, and only there has types:
# mypy: disable-error-code="import-not-found,import-untyped,misc,untyped-decorator"

import json
import math
import os
import time
from typing import Any

from locust import events

SETTLE_SECONDS = float(os.environ["LOAD_SETTLE_SECONDS"])
SECONDS = float(os.environ["LOAD_SECONDS"])
OBJECTIVE_SECONDS = float(os.environ["LOAD_OBJECTIVE_SECONDS"])
MOST_BAD_SHARE = float(os.environ["LOAD_MOST_BAD_SHARE"])
MOST_BAD = int(os.environ["LOAD_MOST_BAD"])
LEAST_FINISHED = 50
SERVICE_UNAVAILABLE = 503


class Part:
    """The requests that were sent within one part of the run."""

    def __init__(self, name: str, begin: float, seconds: float) -> None:
        self.name, self.begin, self.planned_seconds = name, begin, seconds
        self.latencies: list[float] = []
        self.errors = self.shed = self.answered = 0

    def line(self, end: float, *, cut_short: bool) -> str:
        offered = len(self.latencies) + self.errors
        seconds = min(self.planned_seconds, end - self.begin)
        ordered = sorted(self.latencies)
        within = sum(latency <= OBJECTIVE_SECONDS for latency in ordered)
        summary = {
            "phase": self.name,
            "seconds": seconds,
            "cut_short": cut_short,
            "offered": offered,
            "completed": len(ordered),
            "errors": self.errors,
            "shed": self.shed,
            "timeouts": 0,
            "answered": self.answered,
            "mean_completed_seconds": sum(ordered) / len(ordered) if ordered else None,
            "p50_seconds": quantile(ordered, 0.5, offered),
            "p99_seconds": quantile(ordered, 0.99, offered),
            "p99_completed_seconds": quantile(ordered, 0.99, len(ordered)),
            "objective_seconds": OBJECTIVE_SECONDS,
            "share_within_objective": within / offered if offered else None,
            "generator_lag_p99_seconds": None,
            "generator_lag_max_seconds": None,
        }
        return json.dumps(summary)


def quantile(ordered: list[float], ratio: float, of: int) -> float | None:
    """Nearest rank among `of` requests, of which only the `ordered` ones have a value."""
    rank = max(1, math.ceil(ratio * of))
    return ordered[rank - 1] if rank <= len(ordered) else None


class Run:
    """From Locust's start of the users to its end."""

    def __init__(self) -> None:
        now = time.time()
        self.parts = [
            Part("settling", now, SETTLE_SECONDS),
            Part("judged", now + SETTLE_SECONDS, SECONDS),
        ]
        self.finished = self.bad = 0

    def at(self, moment: float) -> Part:
        settling, judged = self.parts
        return judged if moment >= judged.begin else settling

    def note(self, sent: float, seconds: float, status: int, *, failed: bool) -> None:
        part = self.at(sent)
        self.finished += 1
        if failed:
            part.errors += 1
            part.shed += status == SERVICE_UNAVAILABLE
        else:
            part.latencies.append(seconds)
            self.at(sent + seconds).answered += 1
        self.bad += failed or seconds > OBJECTIVE_SECONDS

    @property
    def does_harm(self) -> bool:
        telling = self.finished >= LEAST_FINISHED
        return self.bad > MOST_BAD or (telling and self.bad > MOST_BAD_SHARE * self.finished)


run = Run()


@events.test_start.add_listener
def begin(**_: Any) -> None:
    global run
    run = Run()


@events.request.add_listener
def note(response_time: float, exception: Exception | None, response: Any, start_time: float, **_: Any) -> None:
    seconds = response_time / 1000
    status = getattr(response, "status_code", 0) or 0
    run.note(start_time, seconds, status, failed=exception is not None)


@events.init.add_listener
def watch(environment: Any, **_: Any) -> None:
    import gevent  # what Locust runs on

    def end_when_it_does_harm() -> None:
        while not run.does_harm:
            gevent.sleep(0.2)
        environment.runner.quit()

    gevent.spawn(end_when_it_does_harm)
    # Failed requests are counted in the lines; the Job itself has done its work.
    environment.process_exit_code = 0


@events.quitting.add_listener
def tell(**_: Any) -> None:
    end = time.time()
    begun = [part for part in run.parts if end > part.begin]
    for part in begun:
        print(part.line(end, cut_short=run.does_harm and part is begun[-1]), flush=True)
