"""More load than there is capacity: what threads and limits make of it that are set in running pods."""

from dataclasses import dataclass
from typing import Any

from dev.demo.load_job import LoadJob, phases, start
from dev.demo.service import PLAIN_COMMAND, Service
from fastapi_tuning.load.profile import parse_profile

Json = dict[str, Any]
OBJECTIVE_MILLISECONDS = 500
PROBE_MILLISECONDS = 100
ONE_POD = {"mode": "Off"}
FORTY_THREADS = {"min": 40, "max": 40}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the clients saw in the last phase, from the scheduled send; probes are requests of /healthz, five a second.

    `p99_answered_seconds` is of the answered requests alone, since a refusal is quick.
    """

    case: str
    offered_per_second: float
    in_time_per_second: float
    p99_answered_seconds: float | None
    generator_late_p99_seconds: float | None
    """Of the generator itself: well below what is measured, or the line says nothing of the service."""
    refused_or_failed_ratio: float
    probe_p99_seconds: float | None
    failed_probes: int
    unhealthy_events: int
    """Failed probes of the kubelet."""
    restarts: int
    threads: float | None


def threads_follow_the_load(service: Service) -> tuple[Outcome, ...]:
    """Twice what 40 threads of half a second answer: no pod is added, none is replaced.

    That long, because one core has CPU for no more than about 300 `def` requests a second, however short they are.
    """
    service.tune(apply={"strategy": "Auto"}, replicas=ONE_POD, objectives=_objectives(2 * OBJECTIVE_MILLISECONDS))
    service.deploy_plain(replicas=1)
    pods = service.pod_uids()
    job = LoadJob(
        path="/threads?milliseconds=500",
        profile="30s@40,20s@160,60s@160,30s@160",
        objective_milliseconds=2 * OBJECTIVE_MILLISECONDS,
    )
    found = _run(service, job)
    assert service.pod_uids() == pods, "no pod was replaced"
    return (
        _outcome("2x overload, first 20 s", service, found, phase=1),
        _outcome("2x overload, last 30 s", service, found, phase=3),
    )


def sync_overload(service: Service, *, tuned: bool) -> tuple[Outcome, ...]:
    """Three times what 40 threads of half a second answer, which are all there may be."""
    if tuned:
        service.tune(
            apply={"strategy": "Auto"},
            replicas=ONE_POD,
            threadPool=FORTY_THREADS,
            uvicorn={"limitConcurrency": {"mode": "Auto"}},
            objectives=_objectives(2 * OBJECTIVE_MILLISECONDS),
        )
    service.deploy_plain(replicas=1)
    job = LoadJob(
        path="/threads?milliseconds=500",
        profile="60s@50,30s@240,60s@240",
        objective_milliseconds=2 * OBJECTIVE_MILLISECONDS,
    )
    name = "3x overload of threads, " + ("with the agent" if tuned else "without")
    return (_outcome(name, service, _run(service, job), phase=2),)


def async_overload(service: Service, *, tuned: bool, loop: str) -> tuple[Outcome, ...]:
    """Three times what one core computes in the event loop, 20 ms a request, each on a connection of its own.

    With 5 ms it were 600 new connections a second, and on two cores the generator is late itself then.
    """
    if tuned:
        service.tune(
            apply={"strategy": "Auto"},
            replicas=ONE_POD,
            uvicorn={"limitConcurrency": {"mode": "Auto"}},
            objectives=_objectives(),
        )
    service.deploy_plain(replicas=1, command=[*PLAIN_COMMAND, f"--loop={loop}"])
    job = LoadJob(
        path="/compute?milliseconds=20",
        profile="60s@15,30s@150,60s@150",
        objective_milliseconds=OBJECTIVE_MILLISECONDS,
    )
    name = f"3x overload of the loop, {loop}, " + ("with the agent" if tuned else "without")
    return (_outcome(name, service, _run(service, job), phase=2),)


def _objectives(milliseconds: int = OBJECTIVE_MILLISECONDS) -> Json:
    return {"latency": {"percentile": "99", "thresholdMilliseconds": milliseconds}}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    seconds: list[float]
    """Length of each phase."""
    load: list[Json]
    probes: list[Json]


def _run(service: Service, job: LoadJob) -> _Found:
    probes = LoadJob(
        name="probes",
        path="/healthz",
        profile=",".join(f"{phase.split('@')[0]}@5" for phase in job.profile.split(",")),
        objective_milliseconds=PROBE_MILLISECONDS,
        timeout_seconds=1,
    )
    for each in (job, probes):
        start(service.kubectl, service.namespace, each)
    return _Found(
        seconds=[each.duration_seconds for each in parse_profile(job.profile).phases],
        load=phases(service.kubectl, service.namespace, job),
        probes=phases(service.kubectl, service.namespace, probes),
    )


def _outcome(case: str, service: Service, found: _Found, *, phase: int) -> Outcome:
    load, probes = found.load[phase], found.probes[phase]
    seconds = found.seconds[phase]
    events = service.kubectl.get("--namespace", service.namespace, "events", "--field-selector=reason=Unhealthy")
    return Outcome(
        case=case,
        offered_per_second=load["offered"] / seconds,
        in_time_per_second=load["share_within_objective"] * load["offered"] / seconds,
        p99_answered_seconds=load["p99_completed_seconds"],
        generator_late_p99_seconds=load["generator_lag_p99_seconds"],
        refused_or_failed_ratio=(load["errors"] + load["timeouts"]) / load["offered"],
        probe_p99_seconds=probes["p99_seconds"],
        failed_probes=probes["errors"] + probes["timeouts"],
        unhealthy_events=sum(event.get("count", 1) for event in events["items"]),
        restarts=service.restarts(),
        threads=service.threads(),
    )
