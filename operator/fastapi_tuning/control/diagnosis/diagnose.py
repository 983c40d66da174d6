"""Case → Diagnosis: the one factor that fits best, with its evidence, and what fits next best."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from fastapi_tuning.api.spec import FastAPITuningSpec
from fastapi_tuning.api.status import History, LimitingFactor
from fastapi_tuning.control.dependencies import sound
from fastapi_tuning.control.diagnosis.case import Case, Suspicion
from fastapi_tuning.control.diagnosis.causes import without_symptoms
from fastapi_tuning.control.diagnosis.cold_pods import cold_pods
from fastapi_tuning.control.diagnosis.cpu import cpu
from fastapi_tuning.control.diagnosis.database_pool import database_pool
from fastapi_tuning.control.diagnosis.downstream import downstream
from fastapi_tuning.control.diagnosis.errors import application_errors
from fastapi_tuning.control.diagnosis.event_loop import event_loop_blocked
from fastapi_tuning.control.diagnosis.imbalance import imbalance
from fastapi_tuning.control.diagnosis.memory import memory
from fastapi_tuning.control.diagnosis.peers import database, external_api
from fastapi_tuning.control.diagnosis.symptoms import symptoms
from fastapi_tuning.control.diagnosis.threads import thread_pool
from fastapi_tuning.control.diagnosis.traffic import traffic_only
from fastapi_tuning.control.estimate import Estimate
from fastapi_tuning.control.objective import Verdict
from fastapi_tuning.control.observation import NoData, Observation, Traffic

Signature = Callable[[Case], Suspicion | None]

SIGNATURES: tuple[Signature, ...] = (
    database,
    database_pool,
    event_loop_blocked,
    external_api,
    downstream,
    thread_pool,
    cpu,
    memory,
    imbalance,
    cold_pods,
    application_errors,
    traffic_only,
)
"""In the order in which they are presented where the evidence fits them alike: the most frequent bottlenecks first."""
_LEAST_CONFIDENCE = 0.3
_LEAST_OF_A_RUNNER_UP = 0.2
_CERTAIN = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What limits the service; `confidence` is 0 to 1, `evidence` never empty."""

    factor: LimitingFactor
    confidence: float
    evidence: str
    runner_up: LimitingFactor | None = None

    @property
    def is_behind_the_pods(self) -> bool:
        """Whether it is all but certain that a peer is what limits: no pod makes it any quicker."""
        return self.factor in (LimitingFactor.DATABASE, LimitingFactor.EXTERNAL_API) and self.confidence >= _CERTAIN


def diagnose(
    spec: FastAPITuningSpec, observation: Observation, traffic: Traffic, found: Estimate, history: History
) -> Diagnosis:
    """Name what limits a service with traffic; None for one that is well, Unknown where nothing fits."""
    case = Case(
        now=observation.time,
        spec=spec,
        workload=observation.workload,
        traffic=traffic,
        found=found,
        history=history,
        dependencies=sound(observation.dependencies),
        blocking=observation.blocking,
    )
    asked = (signature(case) for signature in SIGNATURES)
    ranked = _ranked(without_symptoms(suspicion for suspicion in asked if suspicion is not None))
    if not ranked or ranked[0].confidence < _LEAST_CONFIDENCE:
        return _nothing_named(case, ranked)
    first, runner_up = ranked[0], _named(ranked[1:])
    evidence = "; ".join((first.evidence, *symptoms(case)))
    return Diagnosis(factor=first.factor, confidence=first.confidence, evidence=evidence, runner_up=runner_up)


def without_traffic(observation: Observation) -> Diagnosis:
    """Nothing limits a service that nobody uses; nothing is known of one without data."""
    signals = observation.signals
    if isinstance(signals, NoData):
        return Diagnosis(factor=LimitingFactor.UNKNOWN, confidence=0.0, evidence=f"no data: {signals.message}")
    return Diagnosis(factor=LimitingFactor.NONE, confidence=1.0, evidence="no requests in the window")


def _ranked(suspicions: tuple[Suspicion, ...]) -> tuple[Suspicion, ...]:
    """By tenths of confidence: finer differences are none, and the order of the signatures decides."""
    return tuple(sorted(suspicions, key=lambda each: -math.floor(10 * each.confidence)))


def _named(suspicions: tuple[Suspicion, ...]) -> LimitingFactor | None:
    return next((each.factor for each in suspicions if each.confidence >= _LEAST_OF_A_RUNNER_UP), None)


def _nothing_named(case: Case, weak: tuple[Suspicion, ...]) -> Diagnosis:
    found, runner_up = case.found, _named(weak)
    unjudged = found.verdict is Verdict.TOO_FEW_REQUESTS
    if case.in_danger or (unjudged and found.bad_ratio + found.error_ratio > 0):
        told = symptoms(case) or (f"{found.requests_in_window:.0f} requests are too few to judge",)
        evidence = "; ".join(("no signature fits", *told))
        return Diagnosis(factor=LimitingFactor.UNKNOWN, confidence=0.0, evidence=evidence, runner_up=runner_up)
    well = Diagnosis(factor=LimitingFactor.NONE, confidence=0.9, evidence=_well(case), runner_up=runner_up)
    return replace(well, confidence=0.5) if unjudged or case.load_share is None else well


def _well(case: Case) -> str:
    share, used = case.load_share, case.found.cpu_utilisation
    told = [f"{case.found.bad_ratio:.2%} late, {case.found.error_ratio:.2%} failed"]
    told += ["capacity unknown"] if share is None else [f"pods carry {share:.0%} of the safe load"]
    return ", ".join(told + ([] if used is None else [f"CPU {used:.0%}"]))
