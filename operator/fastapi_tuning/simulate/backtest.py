"""A service's own history replayed: with the pods as they were, and with our law at the knobs.

The first replay says how well the model matches what was measured; only then does the difference to the second one
say what the operator would have been worth. All three are judged over the same slots by the same rule.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fastapi_tuning.api.spec import FastAPITuningSpec
from fastapi_tuning.simulate.app import AppModel, ClusterModel
from fastapi_tuning.simulate.autoscalers.static import Timetable
from fastapi_tuning.simulate.past import BoolArray, Past, pod_changes, rates_by_second
from fastapi_tuning.simulate.run import Start, run
from fastapi_tuning.simulate.sampling import Window
from fastapi_tuning.simulate.scaler import FloatArray, Run, Scaler
from fastapi_tuning.simulate.score import bad_requests, violated_slots
from fastapi_tuning.simulate.tuned import ThreadChange, Tuned

PATIENCE_SECONDS = 30.0
"""How long clients wait at least; a run goes on for as long, so that what is judged is finished."""
_TIMETABLE_PERIOD_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """What is replayed on: the service as it was fitted, and how the law reaches it."""

    app: AppModel
    connections: int
    threads: int
    thread_change: ThreadChange


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Sums over judged slots."""

    slots: int
    violated: int
    slot_seconds: int
    requests: float
    bad: float
    replica_seconds: float

    @property
    def violation_seconds(self) -> int:
        return self.violated * self.slot_seconds

    @property
    def bad_share(self) -> float:
        return self.bad / self.requests if self.requests else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """One window: both runs whole, and per slot what was judged of the three."""

    window: Window
    as_it_was: Run
    with_us: Run
    measured_violated: BoolArray
    as_it_was_violated: BoolArray
    measured: Judged
    as_it_was_judged: Judged
    with_us_judged: Judged


@dataclass(frozen=True, slots=True, kw_only=True)
class BackTest:
    """All windows together. `agreement`: share of the slots that are violated, or not, both measured and replayed."""

    measured: Judged
    as_it_was: Judged
    with_us: Judged
    agreement: float


def replay(past: Past, window: Window, spec: FastAPITuningSpec, replica: Replica, *, seed: int) -> Replay:
    """Play a window twice: the same requests, with the pods as they were and with ours."""
    patience = max(PATIENCE_SECONDS, 2 * past.edge_seconds)
    rates = rates_by_second(past, window.first, window.end)
    rates = np.concatenate((rates, np.full(int(patience), rates[-1])))
    cluster = ClusterModel(connections=replica.connections, client_timeout_seconds=patience)
    lead_seconds = replica.app.startup.mean_seconds + cluster.command_delay_seconds + _TIMETABLE_PERIOD_SECONDS / 2
    changes = pod_changes(past, window.first, window.end, lead_seconds=lead_seconds)

    def play(scaler: Scaler) -> Run:
        return run(
            app=replica.app,
            rates=rates,
            scaler=scaler,
            start=Start(replicas=changes[0][1], threads=replica.threads),
            objective_seconds=past.edge_seconds,
            seed=seed,
            cluster=cluster,
        )

    as_it_was = play(Timetable(changes, period_seconds=_TIMETABLE_PERIOD_SECONDS))
    with_us = play(Tuned(spec=spec, thread_change=replica.thread_change, cpu_limit_cores=replica.app.cpu_cores))
    return judge(past, window, as_it_was, with_us, allowed_bad_share=1 - spec.objectives.latency.target_ratio)


def judge(past: Past, window: Window, as_it_was: Run, with_us: Run, *, allowed_bad_share: float) -> Replay:
    """Judge the three over the same slots: one is violated if more than the allowed share of its requests is bad."""
    slot_seconds = past.slot_seconds

    def judged(offered: FloatArray, bad: FloatArray, pods: FloatArray) -> tuple[BoolArray, Judged]:
        violated = violated_slots(offered, bad, slot_seconds=slot_seconds, allowed_bad_share=allowed_bad_share)
        return violated, Judged(
            slots=len(violated),
            violated=int(violated.sum()),
            slot_seconds=slot_seconds,
            requests=float(offered.sum()),
            bad=float(bad.sum()),
            replica_seconds=float(pods.sum()),
        )

    def simulated(result: Run) -> tuple[BoolArray, Judged]:
        begin, end = ((slot - window.first) * slot_seconds for slot in (window.judged, window.end))
        part = slice(begin, end)
        return judged(result.offered[part], bad_requests(result)[part], result.pods_created[part])

    seen = (
        np.repeat(values[window.judged : window.end], slot_seconds) for values in (past.finished, past.bad, past.pods)
    )
    measured_violated, measured = judged(*seen)
    as_it_was_violated, as_it_was_judged = simulated(as_it_was)
    return Replay(
        window=window,
        as_it_was=as_it_was,
        with_us=with_us,
        measured_violated=measured_violated,
        as_it_was_violated=as_it_was_violated,
        measured=measured,
        as_it_was_judged=as_it_was_judged,
        with_us_judged=simulated(with_us)[1],
    )


def back_test(replays: Sequence[Replay]) -> BackTest:
    """Sum up one window or more."""
    agreeing = sum(int((each.measured_violated == each.as_it_was_violated).sum()) for each in replays)
    measured = _sum([each.measured for each in replays])
    return BackTest(
        measured=measured,
        as_it_was=_sum([each.as_it_was_judged for each in replays]),
        with_us=_sum([each.with_us_judged for each in replays]),
        agreement=agreeing / measured.slots,
    )


def _sum(parts: Sequence[Judged]) -> Judged:
    return Judged(
        slots=sum(each.slots for each in parts),
        violated=sum(each.violated for each in parts),
        slot_seconds=parts[0].slot_seconds,
        requests=sum(each.requests for each in parts),
        bad=sum(each.bad for each in parts),
        replica_seconds=sum(each.replica_seconds for each in parts),
    )
