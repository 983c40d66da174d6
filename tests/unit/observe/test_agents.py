"""Which pods carry the agent, and what becomes of an answer about them that is none."""

import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from fastapi_tuning.control.observation import BlockingCall, Enforcement
from fastapi_tuning.errors import MetricsUnavailable
from fastapi_tuning.observe import queries
from fastapi_tuning.observe.agents import (
    NO_READINGS,
    AgentReadings,
    agents_of,
    as_bare,
    counted_workers,
    read_agents,
)
from fastapi_tuning.observe.prometheus import Sample
from tests.unit.control.builders import launch
from tests.unit.fakes.api_server import with_agent

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
Json = dict[str, Any]


def pod(name: str, **status: Any) -> Json:
    return {"metadata": {"name": name}, "spec": {"containers": [{"name": "app"}]}, "status": status}


def test_a_pod_that_shows_its_annotation_carries_the_agent_whoever_put_it_in() -> None:
    found = agents_of([with_agent(pod("with")), pod("without")])
    assert [each.name for each in found.carrying] == ["with"]
    assert found.bare == ("without",)


def test_a_label_alone_is_no_agent() -> None:
    labelled = pod("labelled")
    labelled["metadata"]["labels"] = {"fastapituning.io/agent": "injected"}
    assert agents_of([labelled]).carrying == ()


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_pods_that_ended_do_not_count(phase: str) -> None:
    assert agents_of([with_agent(pod("a", phase=phase)), pod("b", phase=phase)]).count.bare == 0


def test_pods_that_are_ending_do_not_count() -> None:
    ending = with_agent(pod("ending"))
    ending["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert agents_of([ending]).count.carrying == 0


def test_an_agent_that_may_not_be_written_to_is_none() -> None:
    found = as_bare(agents_of([with_agent(pod("with")), pod("without")]))
    assert (found.carrying, set(found.bare)) == ((), {"with", "without"})


class Answers:
    """Answers each query with a value for each pod: of `metric`, or of a place that blocks the loop."""

    def __init__(self, *values: float, metric: str = queries.SETTINGS_GENERATION) -> None:
        self.values = values
        self.metric = metric
        self.asked: list[str] = []

    def query(self, promql: str, at: datetime) -> tuple[Sample, ...]:
        self.asked.append(promql)
        if not self.values:
            raise MetricsUnavailable("connection refused")
        return tuple(
            Sample(
                labels={"namespace": "shop", "pod": f"pod-{index}", "__name__": self.metric, "where": "app.py:7 pay"},
                value=value,
            )
            for index, value in enumerate(self.values)
        )


def readings(*values: float, metric: str = queries.SETTINGS_GENERATION) -> AgentReadings:
    found = read_agents(Answers(*values, metric=metric), ["shop"], NOW)
    assert found is not None
    return found


def test_what_all_agents_say_takes_three_queries() -> None:
    reader = Answers(3, 4)
    found = read_agents(reader, ["shop", "search"], NOW)
    assert found is not None
    assert found.generations == {("shop", "pod-0"): 3, ("shop", "pod-1"): 4}
    assert len(reader.asked) == 3


def test_a_silent_prometheus_says_nothing_about_agents() -> None:
    assert read_agents(Answers(), ["shop"], NOW) is None


def test_what_is_no_number_is_no_generation_and_no_share_of_the_time() -> None:
    found = readings(math.nan, 2, math.inf)
    assert found.generations == {("shop", "pod-1"): 2}
    assert found.blocking.keys() == {("shop", "pod-1")}


def test_nobody_is_asked_where_no_pod_carries_an_agent() -> None:
    reader = Answers(1)
    assert read_agents(reader, [], NOW) == NO_READINGS
    assert reader.asked == []


def test_the_worst_blocking_line_is_that_of_the_targets_own_pods() -> None:
    own = agents_of([with_agent(pod("pod-0")), with_agent(pod("pod-1"))])
    found = readings(0.1, 0.3, 0.9)
    assert found.worst_blocking("shop", own) == BlockingCall(pod="pod-1", place="app.py:7 pay", ratio=0.3)
    assert found.worst_blocking("search", own) is None


UNKNOWN = launch(workers=None, workers_from="the image's own command or a script")
ENFORCED = replace(UNKNOWN, enforcement=Enforcement.SET)


def ready_pod(name: str) -> Json:
    return with_agent(pod(name, conditions=[{"type": "Ready", "status": "True"}]))


def test_agents_count_the_workers_that_the_template_does_not_tell() -> None:
    found = counted_workers(
        UNKNOWN,
        readings(4, 4, metric=queries.WORKERS_ASKED),
        agents_of([ready_pod("pod-0"), ready_pod("pod-1")]),
        "shop",
    )
    assert found.workers == 4
    assert "the image's own command" in found.workers_from


def test_a_template_that_tells_is_believed() -> None:
    told = launch(workers=2)
    asked = readings(4, metric=queries.WORKERS_ASKED)
    assert counted_workers(told, asked, agents_of([ready_pod("pod-0")]), "shop") == told


def test_where_the_agent_enforces_one_worker_those_that_run_count() -> None:
    pods = agents_of([ready_pod("pod-0")])
    assert counted_workers(ENFORCED, readings(1, metric=queries.WORKERS), pods, "shop").workers == 1
    assert counted_workers(ENFORCED, readings(4, metric=queries.WORKERS_ASKED), pods, "shop").workers is None


@pytest.mark.parametrize("counts", [(4, 1), (4,), (0, 0)])
def test_pods_that_do_not_agree_leave_the_count_open(counts: tuple[float, ...]) -> None:
    pods = agents_of([ready_pod("pod-0"), ready_pod("pod-1")])
    assert counted_workers(UNKNOWN, readings(*counts, metric=queries.WORKERS_ASKED), pods, "shop").workers is None


def test_a_pod_without_the_agent_leaves_the_count_open() -> None:
    pods = agents_of([ready_pod("pod-0"), pod("bare")])
    assert counted_workers(UNKNOWN, readings(4, metric=queries.WORKERS_ASKED), pods, "shop").workers is None
