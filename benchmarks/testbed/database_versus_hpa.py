"""A database that is full: what the operator does with the replicas, and what an HPA on latency does."""

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from benchmarks.testbed.cases import CASES, OBJECTIVE_MILLISECONDS, PATH
from benchmarks.testbed.latency_hpa import scaled_by_latency
from benchmarks.testbed.watch import OBJECTIVES, began, deploy
from dev.demo.kubectl import Kubectl
from dev.demo.load_job import LoadJob, phases, start
from dev.demo.service import Service, temporary_service
from fastapi_tuning.simulate.autoscalers.hpa import ReplicaBounds

(CASE,) = (case for case in CASES if case.name == "database")
MAX_PODS = 5
QUIET_SECONDS, LOADED_SECONDS = 30, 300
PROFILE = f"{QUIET_SECONDS}s@10,{LOADED_SECONDS}s@60"
"""The database answers 40 a second."""
_MAX_CONNECTIONS = 40 * MAX_PODS + 20
"""Of the server: connections are not what is short."""
_LOOK_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Replicas that are wanted, `seconds` after the load went beyond what the database answers."""

    seconds: float
    replicas: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What one autoscaler did with the replicas, and what clients had of it under load."""

    name: str
    moments: tuple[Moment, ...]
    answered_per_second: float
    in_time_ratio: float
    failed_ratio: float

    @property
    def net_pods(self) -> int:
        """At the end over the beginning."""
        return self.moments[-1].replicas - self.moments[0].replicas

    @property
    def most(self) -> int:
        return max(moment.replicas for moment in self.moments)

    @property
    def pod_seconds(self) -> float:
        """Replicas over the time between looks."""
        pairs = zip(self.moments, self.moments[1:], strict=False)
        return sum(before.replicas * (after.seconds - before.seconds) for before, after in pairs)


def compare(kubectl: Kubectl) -> tuple[Course, Course]:
    """Ours, then the HPA, each from one pod, with the same load; takes thirteen minutes."""
    bounds = ReplicaBounds(least=1, most=MAX_PODS)
    with temporary_service(kubectl, "localhost") as service:
        service.tune(
            mode="Auto",
            apply={"strategy": "Live"},
            objectives=OBJECTIVES,
            replicas={"min": bounds.least, "max": bounds.most},
        )
        ours = _course("this operator", service, nullcontext())
    with temporary_service(kubectl, "localhost") as service:
        scaling = scaled_by_latency(service, target_seconds=OBJECTIVE_MILLISECONDS / 1000, bounds=bounds)
        return ours, _course("HPA on p99", service, scaling)


def _course(name: str, service: Service, scaling: AbstractContextManager[None]) -> Course:
    deploy(service, CASE, max_connections=_MAX_CONNECTIONS)
    job = LoadJob(path=PATH, profile=PROFILE, objective_milliseconds=OBJECTIVE_MILLISECONDS)
    start(service.kubectl, service.namespace, job, registry=service.registry)
    loaded = began(service, job.name) + QUIET_SECONDS
    moments: list[Moment] = []
    with scaling:
        while time.time() < loaded + LOADED_SECONDS:
            moments.append(Moment(seconds=time.time() - loaded, replicas=service.replicas()))
            time.sleep(_LOOK_SECONDS)
    summary = phases(service.kubectl, service.namespace, job)[-1]
    return Course(
        name=name,
        moments=tuple(moments),
        answered_per_second=summary["completed"] / LOADED_SECONDS,
        in_time_ratio=summary["share_within_objective"],
        failed_ratio=(summary["errors"] + summary["timeouts"]) / summary["offered"],
    )


def passed(ours: Course, hpa: Course) -> bool:
    """No pod more after five minutes, where the HPA has all it may have."""
    return ours.net_pods == 0 and hpa.moments[-1].replicas == MAX_PODS


def table(courses: Sequence[Course]) -> str:
    """As Markdown: replicas minute by minute, and what came of it. Pure."""
    minutes = range(LOADED_SECONDS // 60 + 1)
    rows = [
        ["after", *(course.name for course in courses)],
        ["---"] * (len(courses) + 1),
        *([f"{minute} min", *(str(_replicas_at(course, minute * 60)) for course in courses)] for minute in minutes),
        ["most pods", *(str(course.most) for course in courses)],
        ["net pods", *(f"{course.net_pods:+d}" for course in courses)],
        ["pod-seconds", *(f"{course.pod_seconds:.0f}" for course in courses)],
        ["answered a second", *(f"{course.answered_per_second:.1f}" for course in courses)],
        ["within the objective", *(f"{course.in_time_ratio:.1%}" for course in courses)],
        ["errors and timeouts", *(f"{course.failed_ratio:.1%}" for course in courses)],
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def _replicas_at(course: Course, seconds: float) -> int:
    """As they were last seen by then."""
    seen = [moment.replicas for moment in course.moments if moment.seconds <= seconds]
    return seen[-1] if seen else course.moments[0].replicas
