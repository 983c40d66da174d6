"""The law over time, fed with what a simple pod would show; and what one call decides beyond the replicas."""

import math
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import FastAPITuningSpec, MetricsSource
from fastapi_tuning.api.status import Experiment, Growth, History, LimitingFactor, Settings
from fastapi_tuning.control.cycle import Outcome, tune
from fastapi_tuning.control.foreign_owner import OWNABLE
from fastapi_tuning.control.knobs import Knob
from fastapi_tuning.control.ledger import history_after
from fastapi_tuning.control.observation import (
    Delivery,
    Dependencies,
    EnvironmentSetting,
    LatencyBucket,
    NoTraffic,
    Observation,
    OutboundPeer,
    PeerKind,
    Signals,
    Traffic,
)
from tests.unit.control.builders import (
    NO_DATA,
    NOW,
    ago,
    autoscaler,
    history,
    launch,
    learned,
    observation,
    pod_traffic,
    samples,
    spec,
    surroundings,
    traffic,
    workload,
)

THREADS, SERVICE_SECONDS, CYCLE = 40, 0.25, timedelta(seconds=15)
FLOW = spec(replicas={"min": 1, "max": 10, "scale_down": {"stabilization_seconds": 300}}, thread_pool={"mode": "Off"})


@dataclass
class Fluid:
    """Pods as pipes: each serves at most threads over service time; what exceeds that waits, and is late."""

    spec: FastAPITuningSpec
    replicas: int
    now: datetime = NOW
    history: History = field(default_factory=History)
    waiting: float = 0.0
    trail: list[int] = field(default_factory=list)

    def run(self, cycles: int, offered_per_second: float, *, reachable: bool) -> list[int]:
        """Replicas after each cycle."""
        found = []
        for _ in range(cycles):
            signals = self._signals(offered_per_second)
            self._decide(signals if reachable else NO_DATA)
            found.append(self.replicas)
        self.trail += found
        return found

    def _signals(self, offered: float) -> Traffic:
        most = self.replicas * THREADS / SERVICE_SECONDS
        served = min(most, offered + self.waiting / CYCLE.total_seconds())
        self.waiting = max(0.0, self.waiting + (offered - served) * CYCLE.total_seconds())
        late = served if self.waiting > 0 else 0.0
        return traffic(
            requests_per_second=served,
            fast_per_second=served - late,
            average_latency_seconds=SERVICE_SECONDS + self.waiting / most,
            buckets=(
                LatencyBucket(upper_seconds=0.5, requests_per_second=served - late),
                LatencyBucket(upper_seconds=math.inf, requests_per_second=served),
            ),
            pods=tuple(
                pod_traffic(
                    pod=f"pod-{index}",
                    served_per_second=served / self.replicas,
                    cpu_cores=0.0,
                    threads=THREADS,
                    thread_seconds_per_request=SERVICE_SECONDS,
                )
                for index in range(self.replicas)
            ),
            queue_growth_per_second=offered - served,
            scraped_pods=self.replicas,
        )

    def _decide(self, signals: Signals) -> None:
        seen = Observation(time=self.now, workload=workload(desired_replicas=self.replicas), signals=signals)
        outcome = tune(self.spec, seen, self.history, surroundings())
        self.history = outcome.history
        self.history = history_after(outcome.history, seen, outcome.estimate, outcome.moves, outcome.verdicts)
        self.replicas = outcome.moves.get(Knob.REPLICAS, self.replicas)
        self.now += CYCLE


MINUTE = round(60 / CYCLE.total_seconds())


def test_an_overloaded_pod_gets_company_at_once_and_the_count_then_stays() -> None:
    # A pod saturates at 160 requests/s and is safe at 73 % of that: 200 requests/s need two.
    service = Fluid(spec=FLOW, replicas=1)

    assert service.run(1, 200.0, reachable=True) == [2]
    draining = service.run(2 * MINUTE, 200.0, reachable=True)
    assert service.waiting == 0.0
    assert max(draining) <= 3, "the backlog is worth one pod more for a while"
    service.run(10 * MINUTE, 200.0, reachable=True)
    assert set(service.run(60 * MINUTE, 200.0, reachable=True)) == {2}


def test_after_a_load_fell_replicas_wait_a_whole_window_and_then_go_step_by_step() -> None:
    service = Fluid(spec=FLOW, replicas=5)
    service.run(10 * MINUTE, 580.0, reachable=True)
    assert set(service.trail) == {5}

    assert set(service.run(5 * MINUTE, 100.0, reachable=True)) == {5}
    after = service.run(10 * MINUTE, 100.0, reachable=True)

    steps = [before - now for before, now in pairwise([5, *after])]
    assert set(steps) == {0, 1}, "one pod a step"
    assert sum(steps) == 4
    taken = [index for index, step in enumerate(steps) if step]
    assert all(later - earlier >= MINUTE for earlier, later in pairwise(taken))


def test_a_lost_prometheus_moves_nothing_and_the_watch_starts_anew() -> None:
    service = Fluid(spec=FLOW, replicas=5)
    service.run(10 * MINUTE, 580.0, reachable=True)
    before = service.history

    assert set(service.run(10 * MINUTE, 580.0, reachable=False)) == {5}
    assert service.history == before

    back = service.now
    assert set(service.run(5 * MINUTE, 100.0, reachable=True)) == {5}
    assert service.history.observed_since == back
    assert min(service.run(5 * MINUTE, 100.0, reachable=True)) < 5


def test_a_gap_in_the_watch_does_not_count_as_time_in_which_the_objective_held() -> None:
    trimmed = history(last_observation_time=ago(4 * 3600), learned=learned(feedback="0.4"))

    assert float(decided(past=trimmed).history.learned.feedback) == 0.4


def decided(
    seen: Observation | None = None,
    past: History | None = None,
    wish: FastAPITuningSpec | None = None,
    applied: Settings | None = None,
) -> Outcome:
    beside = surroundings(applied=applied or Settings())
    return tune(wish or spec(), seen or observation(), past or history(), beside)


def test_silence_with_fresh_samples_leads_down_to_the_minimum() -> None:
    quiet = NoTraffic(source=MetricsSource.FASTAPI_INSTRUMENTATOR, scraped_pods=2)

    outcome = decided(observation(signals=quiet))

    assert outcome.moves == {Knob.REPLICAS: 1}
    assert outcome.diagnosis.factor is LimitingFactor.NONE
    assert outcome.estimate is None
    assert outcome.history.needs[-1].replicas == 1


def test_without_data_nothing_is_known_to_limit_the_service() -> None:
    outcome = decided(observation(signals=NO_DATA))

    assert outcome.diagnosis.factor is LimitingFactor.UNKNOWN
    assert outcome.verdicts == ()


FED_BACK = learned(feedback="0.4")
MISSED = traffic(fast_per_second=50.0)


@pytest.mark.parametrize(
    ("seen", "past"),
    [
        pytest.param(workload(rollout_in_progress=True), history(learned=FED_BACK), id="rollout"),
        pytest.param(workload(ready_replicas=1), history(learned=FED_BACK), id="pods not ready"),
        pytest.param(workload(), history(learned=FED_BACK, settled_since=ago(74)), id="just settled"),
    ],
)
def test_the_feedback_is_frozen_while_its_effect_cannot_be_seen(seen: object, past: History) -> None:
    outcome = decided(replace(observation(signals=MISSED), workload=seen), past)  # type: ignore[arg-type]

    assert float(outcome.history.learned.feedback) == 0.4


def test_the_feedback_rises_once_its_effect_can_be_seen() -> None:
    settled = history(learned=FED_BACK, settled_since=ago(75))

    assert float(decided(observation(signals=MISSED), settled).history.learned.feedback) > 0.4


def test_the_feedback_of_another_template_is_forgotten() -> None:
    other = history(learned=learned(template_hash="another", feedback="0.4"))

    assert float(decided(past=other).history.learned.feedback) <= 0.0


def test_the_first_observation_counts_no_time() -> None:
    assert float(decided(past=History()).history.learned.feedback) == 0.0


def proposed(outcome: Outcome) -> set[Knob]:
    return {verdict.proposal.knob for verdict in outcome.verdicts}


EVERY_LIMIT = spec(
    uvicorn={
        "limit_concurrency": {"mode": "Auto"},
        "timeout_keep_alive": {"mode": "Auto", "min": 5, "max": 5},
        "limit_max_requests": {"mode": "Auto"},
    }
)


def test_every_knob_that_is_asked_for_is_judged() -> None:
    assert proposed(decided(wish=EVERY_LIMIT)) == set(OWNABLE) - {Knob.WORKERS}


def test_a_setting_that_the_launcher_ignores_is_not_proposed() -> None:
    ignored = EnvironmentSetting(
        variable="UVICORN_LIMIT_CONCURRENCY", current=None, blocked_by=Reason.LAUNCHER_IGNORES_ENVIRONMENT
    )
    heard = EnvironmentSetting(variable="UVICORN_TIMEOUT_KEEP_ALIVE", current=None)
    seen = observation(workload=workload(launch=launch(settings=(ignored, heard))))

    assert proposed(decided(seen, wish=EVERY_LIMIT)) == set(OWNABLE) - {Knob.WORKERS, Knob.LIMIT_CONCURRENCY}


def test_running_pods_need_no_variable_that_the_launcher_reads() -> None:
    ignored = EnvironmentSetting(
        variable="UVICORN_LIMIT_CONCURRENCY", current=None, blocked_by=Reason.LAUNCHER_IGNORES_ENVIRONMENT
    )
    seen = observation(workload=workload(launch=launch(settings=(ignored,)), delivery=Delivery.LIVE))

    assert Knob.LIMIT_CONCURRENCY in proposed(decided(seen, wish=EVERY_LIMIT))


def test_settings_that_are_ours_already_are_the_current_ones() -> None:
    outcome = decided(wish=EVERY_LIMIT, applied=Settings(timeout_keep_alive_seconds=5, limit_max_requests=100_000))

    assert not {Knob.TIMEOUT_KEEP_ALIVE, Knob.LIMIT_MAX_REQUESTS} & outcome.moves.keys()


def test_while_workers_become_pods_nothing_else_moves() -> None:
    seen = observation(workload=workload(launch=launch(workers=3)))

    outcome = decided(seen, wish=spec(workers={"mode": "Enforce"}))

    assert outcome.moves == {Knob.REPLICAS: 6}
    assert proposed(outcome) == {Knob.REPLICAS}
    assert outcome.history.pods_for_one_worker == 6


def test_a_larger_pool_is_rolled_out_when_it_saves_pods() -> None:
    pods = tuple(pod_traffic(pod=f"pod-{n}", cpu_cores=None, thread_seconds_per_request=0.2) for n in range(4))
    busy = traffic(requests_per_second=400.0, pods=pods, scraped_pods=4)

    moves = decided(observation(workload=workload(desired_replicas=4), signals=busy)).moves

    assert moves[Knob.THREADS] > 40


@pytest.mark.parametrize(
    ("rate", "factor"),
    [
        # Two pods of 40 threads at 100 ms are safe at 2 × 292 requests/s.
        pytest.param(560.0, LimitingFactor.NONE, id="below"),
        pytest.param(600.0, LimitingFactor.THREAD_POOL, id="above"),
    ],
)
def test_a_resource_limits_the_service_from_its_safe_rate_on(rate: float, factor: LimitingFactor) -> None:
    pods = tuple(
        replace(pod, served_per_second=rate / 2, cpu_cores=None) for pod in (pod_traffic(), pod_traffic(pod="pod-1"))
    )

    outcome = decided(observation(signals=traffic(requests_per_second=rate, pods=pods)))

    assert outcome.diagnosis.factor is factor


def test_what_limits_a_pod_of_unknown_capacity_is_unknown_when_the_objective_is_missed() -> None:
    blind = traffic(pods=(pod_traffic(threads=None, cpu_cores=None),))
    late = replace(blind, fast_per_second=50.0)

    assert decided(observation(signals=late)).diagnosis.factor is LimitingFactor.UNKNOWN
    assert decided(observation(signals=blind)).diagnosis.factor is LimitingFactor.NONE


SLOW_DATABASE = Dependencies(
    pools=(),
    peers=(
        OutboundPeer(
            kind=PeerKind.DATABASE,
            peer="postgres:5432",
            calls_per_second=100.0,
            failed_per_second=0.0,
            seconds_per_second=45.0,
            in_flight=45.0,
        ),
    ),
)


def test_no_pod_is_asked_for_where_a_database_takes_what_the_objective_allows() -> None:
    """Two pods of which each carries 292 requests/s miss the objective at 100."""
    doubted = history(learned=learned(feedback="1", service_samples=samples((60, 0.1))))
    slow = traffic(fast_per_second=50.0, average_latency_seconds=0.5, pods=tuple(SLOW_PODS))

    informed = decided(observation(signals=slow, dependencies=SLOW_DATABASE), doubted, wish=FEW)
    blind = decided(observation(signals=slow), doubted, wish=FEW)

    assert informed.diagnosis.factor is LimitingFactor.DATABASE
    assert Knob.REPLICAS not in informed.moves
    assert Knob.REPLICAS in blind.moves


SLOW_PODS = [pod_traffic(pod=f"pod-{n}", thread_seconds_per_request=0.5, threads_busy=25.0) for n in range(2)]
FEW = spec(replicas={"min": 3, "max": 10})


def test_peers_are_remembered_only_while_nothing_is_overloaded() -> None:
    well = decided(observation(dependencies=SLOW_DATABASE))
    late = decided(observation(signals=MISSED, dependencies=SLOW_DATABASE))

    assert [each.peer for each in well.history.learned.peers] == ["postgres:5432"]
    assert late.history.learned.peers == ()


def test_when_growth_freezes_the_pods_are_acquitted_of_what_something_behind_them_did() -> None:
    tried = Growth(
        experiment=Experiment(
            time=ago(200), from_value=1, to_value=2, served_per_second="100", late_ratio="0.5", waiting=""
        ),
        strikes=1,
        base=1,
    )
    doubted = history(learned=learned(feedback="0.4", correction="0.5"), replica_growth=tried)

    after = decided(observation(signals=MISSED), doubted)

    assert (after.history.learned.feedback, after.history.learned.correction) == ("0", "1")
    assert after.diagnosis.factor is LimitingFactor.DOWNSTREAM
    assert after.moves[Knob.REPLICAS] == 1


@pytest.mark.parametrize(
    ("ages", "judged"), [((75.0, 60.0), True), ((75.0, 59.0), False), ((75.0, None), False), ((), False)]
)
def test_pods_on_trial_are_judged_once_all_of_them_were_there_for_a_window(
    ages: tuple[float | None, ...], judged: bool
) -> None:
    """A concurrency limit that moved ten seconds ago does not put it off, where the pods' ages are known."""
    tried = Growth(
        experiment=Experiment(
            time=ago(75), from_value=1, to_value=2, served_per_second="10", late_ratio="0.5", waiting=""
        )
    )
    pods = tuple(pod_traffic(pod=f"pod-{number}", ready_seconds=age) for number, age in enumerate(ages))
    seen = observation(signals=replace(MISSED, pods=pods))

    after = decided(seen, history(replica_growth=tried, settled_since=ago(10)))

    assert (after.history.replica_growth.experiment is None) == judged


@pytest.mark.parametrize(("tried_pods", "judged"), [(2, True), (3, False)])
def test_a_step_that_an_autoscaler_did_not_follow_proves_nothing(tried_pods: int, judged: bool) -> None:
    tried = Growth(
        experiment=Experiment(
            time=ago(75), from_value=1, to_value=tried_pods, served_per_second="10", late_ratio="0.5", waiting=""
        )
    )
    driven = workload(desired_replicas=2, autoscaler=autoscaler(2, 10))

    after = decided(observation(signals=MISSED, workload=driven), history(replica_growth=tried))

    assert (after.history.replica_growth.experiment is None) == judged


def test_within_a_freeze_pods_without_which_less_was_served_come_back() -> None:
    held = Growth(cap=3, frozen_until=NOW + timedelta(minutes=5))

    suffering = decided(observation(signals=MISSED), history(replica_growth=held))
    at_ease = decided(observation(), history(replica_growth=held))

    assert suffering.moves[Knob.REPLICAS] == 3
    assert at_ease.verdicts[0].proposal.wanted < 3
