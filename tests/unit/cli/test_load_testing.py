"""A load test on a namespace in memory, in virtual time: it finds the knee, and leaves nothing behind."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning.api.tuning import FastAPITuning, tuning_of
from fastapi_tuning.cli.load_testing import Order, Surroundings, carry_out, prepare
from fastapi_tuning.errors import FastAPITuningError, LoadTestFailed, PrometheusSilent, WriteRejected
from fastapi_tuning.load_test.jobs import RUN_LABEL, Judgement, Load, Locust, OpenLoop
from fastapi_tuning.load_test.report import Report
from fastapi_tuning.load_test.search import End
from fastapi_tuning.load_test.step import Verdict
from fastapi_tuning.observe.prometheus import PrometheusReader, Sample
from tests.unit.cli.load_bench import AUTOSCALERS, CONFIG_MAP, JOB, NAMESPACE, PODS, SHOP, TUNING, Bench
from tests.unit.load_test.builders import bounds, spec

LOCUST = Locust(scenario="", listener="", name="visit.py")
FAR = 10_000


def order(bench: Bench, **changes: Any) -> Order:
    tuning = tuning_of(bench.objects[TUNING])
    assert isinstance(tuning, FastAPITuning)
    plain = Order(
        namespace="shop",
        spec=tuning.spec,
        tuning=tuning,
        load=OpenLoop(path="/orders"),
        bounds=bounds(most_seconds=3600.0, most_bad_requests=10**6),
        judgement=Judgement(threshold_seconds=0.5, timeout_seconds=5.0, most_bad_share=0.2),
        url=None,
        image=None,
        pauses=True,
        production_allowed=False,
        peak_per_second=None,
    )
    return replace(plain, **changes)


async def measured(
    bench: Bench, told: list[str] | None = None, prometheus: PrometheusReader | None = None, **changes: Any
) -> Report:
    lines = [] if told is None else told
    prepared = await prepare(bench, order(bench, **changes))
    world = Surroundings(
        api=bench, prometheus=prometheus, tell=lines.append, now=bench.now, clock=bench.clock, sleep=bench.sleep
    )
    return await carry_out(prepared, world)


async def test_it_finds_the_knee_of_a_pod_and_says_so_while_it_runs() -> None:
    bench, told = Bench(capacity=100.0), list[str]()
    report = await measured(bench, told)
    assert report.end is End.KNEE_FOUND
    assert report.findings.knee_per_second == pytest.approx(100 / 2, rel=0.11)
    assert bench.levels[:5] == [10, 20, 40, 80, 160]
    assert len([line for line in told if "offered" in line]) == len(report.steps)
    assert report.load == "Open loop on GET http://web.shop.svc:80/orders"


async def test_the_operator_stands_still_meanwhile_and_goes_on_afterwards() -> None:
    bench = Bench()
    seen: list[bool] = []
    bench.on_step = lambda each: seen.append(each.paused())
    await measured(bench)
    assert seen == [True] * len(bench.levels)
    assert not bench.paused()


async def test_a_killed_command_leaves_a_pause_that_ends_by_itself() -> None:
    bench = Bench()
    await measured(bench)
    until = bench.annotations[0]
    assert until is not None
    seconds = bounds(most_seconds=3600.0).most_seconds
    assert 0 < (tuning_time(until) - tuning_time("2026-01-01T12:00:00Z")) - seconds <= 600


def tuning_time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize("present", ["2026-01-01T12:00:30Z", "2099-01-01T00:00:00Z", "whenever"])
async def test_a_pause_that_was_there_is_there_afterwards(present: str) -> None:
    bench = Bench()
    annotations = {"fastapituning.io/paused-until": present}
    bench.objects[TUNING]["metadata"]["annotations"] = annotations
    await measured(bench)
    assert bench.objects[TUNING]["metadata"]["annotations"] == {"fastapituning.io/paused-until": present}


async def test_a_pause_that_somebody_sets_meanwhile_is_left_alone() -> None:
    bench = Bench()

    def set_another(each: Bench) -> None:
        each.objects[TUNING]["metadata"]["annotations"]["fastapituning.io/paused-until"] = "2099-01-01T00:00:00Z"

    bench.on_step = set_another
    await measured(bench)
    assert bench.paused()


async def test_nothing_is_paused_if_the_operator_may_go_on() -> None:
    bench = Bench()
    await measured(bench, pauses=False)
    assert bench.annotations == []


@given(st.integers(0, 60), st.sampled_from([OpenLoop(path="/"), LOCUST]))
def test_wherever_it_is_interrupted_nothing_is_left(sleeps: int, load: Load) -> None:
    class Interrupting(Bench):
        left: int = sleeps
        command: asyncio.Task[None] | None = None

        async def sleep(self, seconds: float) -> None:
            await super().sleep(seconds)
            self.left -= 1
            if self.left == 0:
                assert self.command is not None
                self.command.cancel()
                await asyncio.sleep(0)

    async def interrupted(bench: Interrupting) -> None:
        bench.command = asyncio.current_task()
        with pytest.raises(asyncio.CancelledError):
            await measured(bench, load=load, bounds=bounds(most_seconds=1e9, most_bad_requests=10**9, resolution=0.02))

    bench = Interrupting(capacity=100.0)
    if sleeps > 0:
        asyncio.run(interrupted(bench))
    assert bench.left_behind() == set()
    assert not bench.paused()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"waiting": "ErrImagePull"}, "does not start with image operator:1: ErrImagePull"),
        ({"log": lambda bench: "error: no address"}, "error: no address"),
        ({"log": lambda bench: ""}, "its log is empty"),
        ({"log": lambda bench: '{"phase": "of another version"}'}, "speaks another language"),
        ({"refused": ("jobs",)}, "jobs is forbidden"),
        ({"refused": ("fastapitunings/checkout",)}, "checkout is forbidden"),
    ],
)
async def test_what_goes_wrong_is_said_and_nothing_is_left(changes: dict[str, Any], said: str) -> None:
    bench = Bench(**changes)
    with pytest.raises(FastAPITuningError, match=said):
        await measured(bench)
    assert bench.left_behind() == set()
    assert not bench.paused()


async def test_a_job_that_never_ends_is_given_up() -> None:
    bench = Bench(waiting="ContainerCreating")
    with pytest.raises(LoadTestFailed, match="did not end within"):
        await measured(bench)
    assert bench.left_behind() == set()


async def test_a_job_that_cannot_be_removed_is_named() -> None:
    bench = Bench(undeletable=True)
    with pytest.raises(LoadTestFailed, match=f"{JOB} could not be removed"):
        await measured(bench)


async def test_the_test_of_somebody_else_is_left_alone() -> None:
    bench = Bench()
    bench.objects[JOB] = {"metadata": {"name": "load-test-checkout", "labels": {RUN_LABEL: "another"}}}
    with pytest.raises(LoadTestFailed, match="another load test of checkout runs"):
        await measured(bench)
    assert bench.left_behind() == {JOB}


async def test_a_scenario_is_there_while_its_step_runs_only() -> None:
    bench = Bench(capacity=20.0)
    seen: list[str] = []

    async def post(path: str, body: dict[str, Any]) -> dict[str, Any]:
        seen.append(body["kind"])
        return await Bench.post(bench, path, body)

    bench.post = post  # type: ignore[method-assign]
    report = await measured(bench, load=LOCUST, bounds=bounds(grain=1.0, start=1.0, most_seconds=1e6))
    assert seen == ["Job", "ConfigMap"] * len(report.steps)
    assert report.unit == "users"
    assert CONFIG_MAP not in bench.objects


async def test_pods_that_come_and_go_meanwhile_spoil_a_step() -> None:
    bench = Bench()

    def replace_a_pod(each: Bench) -> None:
        each.objects[PODS]["items"][0]["metadata"]["name"] += "x"

    bench.on_step = replace_a_pod
    report = await measured(bench)
    assert report.end is End.TARGET_MOVED
    assert {each.verdict for each in report.steps} == {Verdict.TARGET_MOVED}


def looks_like_production(bench: Bench) -> None:
    bench.objects[NAMESPACE]["metadata"]["labels"] = {"environment": "production"}


def hides_its_labels(bench: Bench) -> None:
    del bench.objects[NAMESPACE]


@pytest.mark.parametrize("spoil", [looks_like_production, hides_its_labels])
async def test_production_is_refused_unless_it_is_meant(spoil: Callable[[Bench], None]) -> None:
    bench = Bench()
    spoil(bench)
    with pytest.raises(LoadTestFailed, match="--allow-production"):
        await measured(bench)
    assert (bench.levels, bench.annotations) == ([], [])
    await measured(bench, production_allowed=True)
    assert bench.levels


def has_no_service(bench: Bench) -> None:
    bench.objects[f"/api/v1{SHOP}/services"]["items"] = []


def has_two_services(bench: Bench) -> None:
    bench.objects[f"/api/v1{SHOP}/services"]["items"] *= 2


def carries_no_agent(bench: Bench) -> None:
    for pod in bench.objects[PODS]["items"]:
        del pod["spec"]["initContainers"]


def is_scaled(bench: Bench) -> None:
    reference = {"kind": "Deployment", "name": "checkout"}
    scaler = {"metadata": {"name": "hpa"}, "spec": {"scaleTargetRef": reference}}
    bench.objects[AUTOSCALERS]["items"] = [scaler]


@pytest.mark.parametrize(
    ("spoil", "said", "mended"),
    [
        (has_no_service, "no Service leads to the pods", {"url": "http://web.shop.svc"}),
        (has_two_services, "several Services", {"url": "http://web.shop.svc"}),
        (carries_no_agent, "which image", {"image": "operator:2"}),
        (is_scaled, "HorizontalPodAutoscaler hpa", {"pauses": False}),
    ],
)
async def test_what_is_not_known_is_asked_for_before_anything_is_changed(
    spoil: Callable[[Bench], None], said: str, mended: dict[str, Any]
) -> None:
    bench = Bench()
    spoil(bench)
    with pytest.raises(LoadTestFailed, match=said):
        await measured(bench)
    assert (bench.levels, bench.annotations) == ([], [])
    assert (await measured(bench, **mended)).steps


async def test_pods_that_are_not_ready_are_waited_for_and_given_up() -> None:
    bench = Bench()
    del bench.objects[PODS]["items"][1]["status"]["conditions"]
    with pytest.raises(LoadTestFailed, match="1 of 2 pods are ready"):
        await measured(bench)
    assert bench.levels == []


async def test_a_deployment_without_a_tuning_can_be_tested() -> None:
    bench = Bench()
    report = await measured(bench, tuning=None, spec=spec())
    assert report.tuning is None
    assert {each.what for each in report.objects} == {"FastAPITuning checkout"}
    assert bench.annotations == []


async def test_a_pause_that_cannot_be_taken_back_is_an_error() -> None:
    bench = Bench()

    def refuse_from_now_on(each: Bench) -> None:
        each.refused = ("fastapitunings/checkout",)

    bench.on_step = refuse_from_now_on
    with pytest.raises(WriteRejected):
        await measured(bench)
    assert bench.left_behind() == set()


async def test_a_report_can_be_kept_and_read_again() -> None:
    report = await measured(Bench(), peak_per_second=500.0)
    assert Report.model_validate(json.loads(report.model_dump_json(by_alias=True))) == report
    assert report.peak_pods is not None


class SilentPrometheus:
    """One that never answers."""

    def query(self, promql: str, at: datetime) -> tuple[Sample, ...]:
        raise PrometheusSilent("not reachable")


async def test_a_prometheus_that_is_silent_is_told_of_and_done_without() -> None:
    told = list[str]()
    report = await measured(Bench(), told, SilentPrometheus())
    assert "Prometheus: not reachable" in told
    assert report.end is End.KNEE_FOUND
    assert not report.findings.service_measured
