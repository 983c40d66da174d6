"""Learned → Learned: what one observation teaches about a pod of the present template.

Only warm pods teach, that run with the settings they were given; a service that fails teaches nothing (a refusal is
fast); another template starts anew.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from fastapi_tuning.api.spec import FastAPITuningSpec, Objectives
from fastapi_tuning.api.status import Learned, Sample, number_of, text_of
from fastapi_tuning.control import capacity, demand, replicas
from fastapi_tuning.control.burn import may_scale_down
from fastapi_tuning.control.estimate import Estimate
from fastapi_tuning.control.objective import LEAST_REQUESTS, Verdict, evidence_of
from fastapi_tuning.control.observation import Traffic, Workload

PROVING_REQUESTS = 300
"""Requests of a window that make its rate an example; at low traffic what was gathered counts instead."""
TRUSTED_EXCESS = 1.1
"""A pod may be tried with a tenth more than it was seen to carry."""
_FAILING = 2.0
"""Times the allowed error rate, from which on latencies mean nothing."""
_SERVICE_SLOT, _SERVICE_MEMORY = timedelta(minutes=5), timedelta(minutes=30)
_CPU_SLOT, _CPU_MEMORY = timedelta(minutes=1), timedelta(minutes=5)
_UNEVENNESS_SECONDS = 300.0
"""Time constant of the smoothed unevenness."""
_SAME_LIMIT = 0.1
"""The least change for which a VerticalPodAutoscaler replaces a pod (its pod-update-threshold)."""
_LOADED = 0.9
"""From this share of the safe rate on, a pod that does well earns more trust (the rule of Netflix's limiters)."""
_LOADED_UNNOTICED, _UNNOTICED = 0.8, 1.25
"""Already from this share where the tail is hardly longer than it was without any queue: saturation is far."""
_TRUST_UP, _TRUST_DOWN = 1.02, 0.9
_TRUST_BOUNDS = (0.1, 1.5)
_TRUST_PERIOD = timedelta(minutes=1)


def learned_of(learned: Learned, workload: Workload) -> Learned:
    """What is known of this template with this CPU limit: all that was learned, or nothing if it was of another.

    A VerticalPodAutoscaler changes the limit under the same template; less than a tenth of it is no other pod.
    """
    limit, known = workload.cpu_limit_cores, number_of(learned.cpu_limit_cores)
    fresh = Learned(template_hash=workload.template_hash, cpu_limit_cores=text_of(limit))
    if learned.template_hash != workload.template_hash:
        return fresh
    differs = limit is not None and known is not None and abs(limit - known) > _SAME_LIMIT * known
    return fresh if differs else learned


def is_example(traffic: Traffic, estimate: Estimate, objectives: Objectives) -> bool:
    """Whether the window teaches at all: enough requests, and not mostly refusals."""
    failing = evidence_of(traffic, traffic.window_seconds).fails(objectives, _FAILING)
    return estimate.requests_in_window >= LEAST_REQUESTS and not failing


def learn_work(
    learned: Learned, traffic: Traffic, estimate: Estimate, objectives: Objectives, now: datetime
) -> Learned:
    """Work per request: service time and its tail (the least of a slot of five minutes), CPU (one sample a minute)."""
    tail = None if estimate.queues else estimate.latency_percentile_seconds
    service = capacity.service_seconds_now(traffic, objectives)
    return learned.model_copy(
        update={
            "service_samples": _least_of_slot(learned.service_samples, service, now),
            "service_tail_samples": _least_of_slot(learned.service_tail_samples, tail, now),
            "cpu_samples": _one_a_slot(learned.cpu_samples, capacity.cpu_seconds_now(traffic), now),
        }
    )


def learn_unevenness(learned: Learned, traffic: Traffic, workload: Workload, elapsed_seconds: float) -> Learned:
    """Follow the unevenness with a time constant of five minutes."""
    seen, known = demand.unevenness(traffic, workload), number_of(learned.unevenness) or 0.0
    if seen is None:
        return learned
    share = min(1.0, elapsed_seconds / _UNEVENNESS_SECONDS)
    return learned.model_copy(update={"unevenness": text_of(known + share * (seen - known))})


def learn_proven(learned: Learned, estimate: Estimate, workload: Workload) -> Learned:
    """The highest rate of a pod that went well; a miss at less takes it back.

    To be called only when the whole window was seen with all pods ready.
    """
    rate = estimate.served_per_second / max(1, workload.ready_replicas)
    proven = number_of(learned.proven_per_second) or 0.0
    enough = max(estimate.requests_in_window, estimate.budget.five_minutes.requests) >= PROVING_REQUESTS
    if estimate.verdict is Verdict.MET and (enough or estimate.requests_in_window < LEAST_REQUESTS):
        proven = max(proven, rate)
    elif estimate.verdict is Verdict.MISSED:
        proven = min(proven, rate / TRUSTED_EXCESS)
    return learned.model_copy(update={"proven_per_second": text_of(proven or None)})


def learn_trust(
    learned: Learned,
    estimate: Estimate,
    workload: Workload,
    spec: FastAPITuningSpec,
    now: datetime,
    *,
    gain: float,
    elapsed_seconds: float,
) -> Learned:
    """The fast trim and the slow correction, which learn from the same evidence.

    What the correction takes over of a rise is taken off the trim: (1 + u) / c is what both together ask for. The
    correction grows by 2 % a minute while loaded pods hold the objective with ease.
    """
    trim, correction = number_of(learned.feedback) or 0.0, number_of(learned.correction) or 1.0
    found = replicas.feedback(
        trim, estimate, spec, ready=workload.ready_replicas, gain=gain, elapsed_seconds=elapsed_seconds
    )
    waited = timedelta.max if learned.trust_time is None else now - learned.trust_time
    if found > trim:
        kept = max(_TRUST_BOUNDS[0], correction * _TRUST_DOWN)
        return _trusting(learned, max(0.0, (1 + found) * kept / correction - 1), kept, now)
    if _loaded(estimate, workload) and _at_ease(estimate, spec) and waited >= _TRUST_PERIOD:
        return _trusting(learned, found, min(_TRUST_BOUNDS[1], correction * _TRUST_UP), now)
    return learned.model_copy(update={"feedback": text_of(found)})


def acquitted(learned: Learned) -> Learned:
    """Trust as at the beginning: what was missed turned out to be the fault of something behind the pods."""
    return learned.model_copy(update={"feedback": "0", "correction": "1"})


def _trusting(learned: Learned, trim: float, correction: float, now: datetime) -> Learned:
    return learned.model_copy(update={"feedback": text_of(trim), "correction": text_of(correction), "trust_time": now})


def _loaded(estimate: Estimate, workload: Workload) -> bool:
    safe = estimate.capacity.safe_per_second
    pods = max(1, workload.ready_replicas)
    load = estimate.imbalance(pods) * estimate.served_per_second / pods
    share = _LOADED_UNNOTICED if _unnoticed(estimate) else _LOADED
    return safe is not None and load >= share * safe


def _unnoticed(estimate: Estimate) -> bool:
    tail, alone = estimate.latency_percentile_seconds, estimate.capacity.service_tail_seconds
    return tail is not None and alone is not None and tail <= _UNNOTICED * alone


def _at_ease(estimate: Estimate, spec: FastAPITuningSpec) -> bool:
    return estimate.verdict is Verdict.MET and may_scale_down(estimate.budget, spec.objectives)


def _least_of_slot(samples: tuple[Sample, ...], value: float | None, now: datetime) -> tuple[Sample, ...]:
    kept = _younger(samples, now - _SERVICE_MEMORY)
    if not value:
        return kept
    if not kept or now - kept[-1].time >= _SERVICE_SLOT:
        return (*kept, Sample(time=now, value=text_of(value)))
    least = min(value, number_of(kept[-1].value) or value)
    return (*kept[:-1], Sample(time=kept[-1].time, value=text_of(least)))


def _one_a_slot(samples: tuple[Sample, ...], value: float | None, now: datetime) -> tuple[Sample, ...]:
    kept = _younger(samples, now - _CPU_MEMORY)
    if not value or (kept and now - kept[-1].time < _CPU_SLOT):
        return kept
    return (*kept, Sample(time=now, value=text_of(value)))


def _younger(samples: Iterable[Sample], since: datetime) -> tuple[Sample, ...]:
    """The last one stays though it is old: an hour of silence does not undo what is known."""
    samples = tuple(samples)
    return tuple(sample for sample in samples if sample.time > since) or samples[-1:]
