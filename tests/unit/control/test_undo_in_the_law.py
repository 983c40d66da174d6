"""The whole law on pods that suffer from a pool or a limit of which nothing that is measured warns."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import FastAPITuningSpec
from fastapi_tuning.api.status import History, Settings
from fastapi_tuning.control.cycle import Outcome, tune
from fastapi_tuning.control.knobs import Knob
from fastapi_tuning.control.ledger import applied_after, history_after
from fastapi_tuning.control.observation import Delivery, Observation, Signals, Traffic
from fastapi_tuning.control.undo import newly_taken_back
from tests.unit.control.builders import NO_DATA, NOW, history, pod_traffic, spec, surroundings, traffic, workload

CYCLE = timedelta(seconds=15)
MINUTE = 4
COMPUTING = spec(replicas={"mode": "Off"}, uvicorn={"limit_concurrency": {"mode": "Off"}})
"""Requests compute, so the law takes the smallest pool that the spec allows: four threads."""
LIMITED = spec(
    replicas={"mode": "Off"}, thread_pool={"mode": "Off"}, uvicorn={"limit_concurrency": {"mode": "Auto", "max": 2000}}
)


@dataclass
class Pods:
    """Two of them, 100 requests/s of 20 ms; `late_ratio` says how many are late with these settings at this time."""

    late_ratio: Callable[[Settings, float], float]
    spec: FastAPITuningSpec = COMPUTING
    delivery: Delivery = Delivery.LIVE
    applied: Settings = field(default_factory=lambda: Settings(threads=40))
    offered_per_second: float = 40.0
    now: datetime = NOW
    history: History = field(default_factory=history)
    moves: list[tuple[float, Knob, int, Reason]] = field(default_factory=list)
    outcome: Outcome | None = None
    unseen: tuple[float, float] = (0.0, 0.0)
    shed_ratio: Callable[[Settings], float] = lambda applied: 0.0

    @property
    def seconds(self) -> float:
        return (self.now - NOW).total_seconds()

    def run(self, cycles: int) -> "Pods":
        for _ in range(cycles):
            self._cycle()
            self.now += CYCLE
        return self

    def _cycle(self) -> None:
        first, end = self.unseen
        signals = NO_DATA if first <= self.seconds < end else self._signals()
        seen = Observation(time=self.now, workload=workload(delivery=self.delivery), signals=signals)
        outcome = tune(self.spec, seen, self.history, surroundings(applied=self.applied))
        self.outcome = outcome
        for verdict in outcome.verdicts:
            if verdict.value is not None:
                self.moves.append((self.seconds, verdict.proposal.knob, verdict.value, verdict.proposal.reason))
        self.applied = applied_after(self.applied, outcome.moves)
        self.history = history_after(outcome.history, seen, outcome.estimate, outcome.moves, outcome.verdicts)

    def _signals(self) -> Signals:
        rate = self.offered_per_second
        pod = pod_traffic(
            served_per_second=rate / 2,
            cpu_cores=0.02 * rate / 2,
            threads=self.applied.threads or 40,
            threads_busy=0.02 * rate / 2,
            thread_seconds_per_request=0.025,
            ready_seconds=9999.0,
        )
        seen: Traffic = traffic(
            shed_per_second=rate * self.shed_ratio(self.applied),
            requests_per_second=rate,
            fast_per_second=rate * (1 - self.late_ratio(self.applied, self.seconds)),
            average_latency_seconds=0.03,
            pods=(pod, replace(pod, pod="pod-1")),
        )
        return seen

    @property
    def threads(self) -> list[tuple[int, Reason]]:
        """Each move of the pool."""
        return [(value, reason) for _, knob, value, reason in self.moves if knob is Knob.THREADS]

    @property
    def times(self) -> list[float]:
        return [seconds for seconds, *_ in self.moves]


def too_few_threads(applied: Settings, seconds: float) -> float:
    return 0.05 if (applied.threads or 40) < 20 else 0.0


def never(applied: Settings, seconds: float) -> float:
    return 0.0


DOWN, BACK = (4, Reason.THREADS_BIND), (40, Reason.UNDONE)


def test_a_pool_that_makes_it_worse_goes_back_and_is_tried_again_after_ten_minutes_and_then_twenty() -> None:
    pods = Pods(too_few_threads).run(120 * MINUTE)

    assert pods.threads[:6] == [DOWN, BACK, DOWN, BACK, DOWN, BACK]
    down, back, again, _, third, _ = pods.times[:6]
    assert 45 <= back - down <= 90
    assert again - back >= 600
    assert third - again >= 1200


def test_a_pool_that_does_no_harm_stays_and_is_no_longer_watched() -> None:
    pods = Pods(never).run(10 * MINUTE)

    assert pods.threads == [DOWN]
    assert pods.history.undos == ()


def test_what_gets_worse_with_more_load_is_not_the_pools_fault() -> None:
    pods = Pods(lambda applied, seconds: 0.05 if seconds > 30 else 0.0).run(2)
    pods.offered_per_second = 60.0
    pods.run(30 * MINUTE)

    assert BACK not in pods.threads


def test_what_was_as_bad_before_is_not_the_pools_fault() -> None:
    pods = Pods(never).run(1)
    assert pods.threads == [DOWN]
    pods = Pods(lambda applied, seconds: 0.009).run(20 * MINUTE)

    assert BACK not in pods.threads


def test_while_nothing_is_seen_nothing_moves_and_the_window_waits() -> None:
    pods = Pods(never, unseen=(60.0, 660.0)).run(44)
    assert pods.history.undos[0].watch is not None

    pods.run(10 * MINUTE)
    assert pods.threads == [DOWN]
    assert pods.history.undos == ()


def test_harm_that_began_unseen_is_undone_when_it_is_seen() -> None:
    pods = Pods(too_few_threads, unseen=(15.0, 315.0)).run(15 * MINUTE)

    assert pods.threads[:2] == [DOWN, BACK]
    assert pods.times[1] >= 315


def test_a_regression_that_was_rolled_out_is_rolled_back_once_within_the_back_off() -> None:
    riding = spec(
        replicas={"mode": "Off"},
        uvicorn={"limit_concurrency": {"mode": "Off"}, "timeout_keep_alive": {"mode": "Auto", "min": 30, "max": 30}},
    )
    pods = Pods(too_few_threads, spec=riding, delivery=Delivery.ROLLOUT).run(11 * MINUTE)

    assert pods.threads == [DOWN, BACK]
    assert pods.times[-1] - pods.times[0] < 300, "sooner than restarts come otherwise"
    assert sum(reason is Reason.UNDONE for *_, reason in pods.moves) == 1


def test_a_first_limit_that_refuses_too_many_goes_back_to_the_most_that_the_spec_allows() -> None:
    pods = Pods(lambda applied, _: 0.05 if (applied.limit_concurrency or 999) < 500 else 0.0, spec=LIMITED)
    pods.run(5 * MINUTE)

    limits = [(value, reason) for _, knob, value, reason in pods.moves if knob is Knob.LIMIT_CONCURRENCY]
    assert [reason for _, reason in limits] == [Reason.LIMIT_FROM_OBJECTIVE, Reason.UNDONE]
    assert limits[-1][0] == LIMITED.uvicorn.limit_concurrency.max


def test_a_limit_that_refuses_requests_goes_back_without_a_delay() -> None:
    def refused(applied: Settings) -> float:
        return 0.05 if (applied.limit_concurrency or 999) < 500 else 0.0

    pods = Pods(never, spec=LIMITED, shed_ratio=refused).run(5 * MINUTE)

    (began, *_), (ended, *_, reason) = (move for move in pods.moves if move[1] is Knob.LIMIT_CONCURRENCY)
    assert reason is Reason.UNDONE
    assert ended - began <= 30


def test_another_version_is_another_matter() -> None:
    pods = Pods(too_few_threads).run(3 * MINUTE)
    assert newly_taken_back((), pods.history.undos)

    seen = Observation(time=pods.now, workload=workload(template_hash="two"), signals=pods._signals())
    assert tune(pods.spec, seen, pods.history, surroundings(applied=pods.applied)).history.undos == ()


@pytest.mark.parametrize("mode", ["Recommend", "Off"])
def test_what_may_not_be_moved_any_more_is_not_taken_back_either(mode: str) -> None:
    pods = Pods(too_few_threads).run(2)
    pods.spec = spec(replicas={"mode": "Off"}, thread_pool={"mode": mode})
    pods.run(5 * MINUTE)

    assert pods.threads == [DOWN]
