"""What explains what: a full thread pool is a symptom wherever its requests wait for a database."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from fastapi_tuning.api.status import LimitingFactor as Factor
from fastapi_tuning.control.diagnosis.case import Suspicion

_CONVINCING = 0.6
_EXPLAINED = 0.5

EXPLAINS: Mapping[Factor, frozenset[Factor]] = {
    # The wait for the interpreter is in whatever a request does meanwhile.
    Factor.CPU: frozenset(
        {
            Factor.THREAD_POOL,
            Factor.EVENT_LOOP_BLOCKED,
            Factor.DATABASE,
            Factor.DATABASE_POOL,
            Factor.EXTERNAL_API,
            Factor.DOWNSTREAM,
            Factor.TRAFFIC_ONLY,
        }
    ),
    # What is called from `async def` without await is called by one request at a time.
    Factor.EVENT_LOOP_BLOCKED: frozenset(
        {
            Factor.THREAD_POOL,
            Factor.DATABASE,
            Factor.DATABASE_POOL,
            Factor.EXTERNAL_API,
            Factor.DOWNSTREAM,
            Factor.TRAFFIC_ONLY,
        }
    ),
    # Queries that take long keep their connections and threads.
    Factor.DATABASE: frozenset(
        {
            Factor.DATABASE_POOL,
            Factor.THREAD_POOL,
            Factor.DOWNSTREAM,
            Factor.APPLICATION_ERRORS,
            Factor.TRAFFIC_ONLY,
        }
    ),
    Factor.DATABASE_POOL: frozenset(
        {Factor.THREAD_POOL, Factor.DOWNSTREAM, Factor.APPLICATION_ERRORS, Factor.TRAFFIC_ONLY}
    ),
    Factor.EXTERNAL_API: frozenset(
        {Factor.THREAD_POOL, Factor.DOWNSTREAM, Factor.APPLICATION_ERRORS, Factor.TRAFFIC_ONLY}
    ),
    Factor.DOWNSTREAM: frozenset({Factor.THREAD_POOL, Factor.TRAFFIC_ONLY}),
    Factor.THREAD_POOL: frozenset({Factor.TRAFFIC_ONLY}),
    # A container that was killed starts anew.
    Factor.MEMORY: frozenset({Factor.COLD_PODS, Factor.APPLICATION_ERRORS, Factor.TRAFFIC_ONLY}),
    Factor.IMBALANCE: frozenset({Factor.THREAD_POOL, Factor.DOWNSTREAM, Factor.TRAFFIC_ONLY}),
    Factor.COLD_PODS: frozenset({Factor.THREAD_POOL, Factor.DOWNSTREAM, Factor.TRAFFIC_ONLY}),
    Factor.APPLICATION_ERRORS: frozenset({Factor.TRAFFIC_ONLY}),
}
"""Cause → symptoms."""


def without_symptoms(suspicions: Iterable[Suspicion]) -> tuple[Suspicion, ...]:
    """The same, at half the confidence where a convincing one explains them."""
    suspicions = tuple(suspicions)
    convincing = [each.factor for each in suspicions if each.confidence >= _CONVINCING]
    explained = {symptom for cause in convincing for symptom in EXPLAINS.get(cause, ())}
    return tuple(
        replace(each, confidence=_EXPLAINED * each.confidence) if each.factor in explained else each
        for each in suspicions
    )
