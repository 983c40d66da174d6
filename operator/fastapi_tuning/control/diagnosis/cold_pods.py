"""ColdPods: do requests suffer from pods that are starting, or have just started?"""

from datetime import timedelta

from fastapi_tuning.api.status import LimitingFactor
from fastapi_tuning.control.demand import WARM_SECONDS
from fastapi_tuning.control.diagnosis.case import Case, Suspicion, rise

_IN_GOOD_TIME = timedelta(seconds=60)
"""A pod that takes longer to become ready starts slowly."""
_CAME_LATER = 0.5
"""Discount for pods that were added because something else limits the service."""
_NOTHING_ELSE = (LimitingFactor.NONE, LimitingFactor.UNKNOWN, LimitingFactor.COLD_PODS)


def cold_pods(case: Case) -> Suspicion | None:
    """Young pods serve a good part while the load is no more than pods carry; or pods that would carry it are not
    ready a minute after they were asked for."""
    if not case.in_danger:
        return None
    confidence = max(_warming(case), _starting(case)) * (_CAME_LATER if _something_else_stood(case) else 1)
    if confidence == 0:
        return None
    told = [f"{_cold_share(case):.0%} of requests go to pods that are ready for less than {WARM_SECONDS:.0f} s"]
    told += [f"{_on_their_way(case)} pods are not ready yet"] if _on_their_way(case) > 0 else []
    return Suspicion(factor=LimitingFactor.COLD_PODS, confidence=confidence, evidence=", ".join(told))


def _something_else_stood(case: Case) -> bool:
    """When the service was last looked at."""
    return case.history.factor.factor not in _NOTHING_ELSE


def _cold_share(case: Case) -> float:
    pods = case.traffic.pods
    cold = [each for each in pods if each.ready_seconds is not None and each.ready_seconds < WARM_SECONDS]
    served = sum(pod.served_per_second for pod in pods)
    return sum(pod.served_per_second for pod in cold) / served if served > 0 else 0.0


def _on_their_way(case: Case) -> int:
    """Pods that have a node and are not ready."""
    nowhere = case.workload.unschedulable.pods if case.workload.unschedulable else 0
    return max(0, case.workload.desired_replicas - case.workload.ready_replicas - nowhere)


def _warming(case: Case) -> float:
    """Little where the load alone explains it, or no warm pod is there to do better."""
    share = _cold_share(case)
    unlikely = case.is_fully_loaded or case.found.queues or share == 1
    return (0.4 if unlikely else 0.8) * rise(share, 0.05, 0.3)


def _starting(case: Case) -> float:
    """The ready ones carry too little, and all of them would carry it."""
    ready, coming, share = max(1, case.workload.ready_replicas), _on_their_way(case), case.load_share
    if coming == 0 or share is None or share <= 1 or share * ready > ready + coming:
        return 0.0
    asked = case.history.last_scale_up_time
    return 0.35 if asked is not None and case.now - asked < _IN_GOOD_TIME else 0.7
