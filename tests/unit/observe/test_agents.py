"""Which pods carry the agent, and what becomes of an answer about them that is none."""

import math
from datetime import UTC, datetime
from typing import Any

import pytest

from fastapi_tuning.errors import MetricsUnavailable
from fastapi_tuning.observe.agents import AgentReadings, BlockingCall, agents_of, as_bare, read_agents
from fastapi_tuning.observe.prometheus import Sample
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
    """Answers each query with a value for each pod; those about blocked loops name a place."""

    def __init__(self, *values: float) -> None:
        self.values = values
        self.asked: list[str] = []

    def query(self, promql: str, at: datetime) -> tuple[Sample, ...]:
        self.asked.append(promql)
        if not self.values:
            raise MetricsUnavailable("connection refused")
        return tuple(
            Sample(labels={"namespace": "shop", "pod": f"pod-{index}", "where": "app.py:7 pay"}, value=value)
            for index, value in enumerate(self.values)
        )


def readings(*values: float) -> AgentReadings:
    found = read_agents(Answers(*values), ["shop"], NOW)
    assert found is not None
    return found


def test_what_all_agents_say_takes_two_queries() -> None:
    reader = Answers(3, 4)
    found = read_agents(reader, ["shop", "search"], NOW)
    assert found is not None
    assert found.generations == {("shop", "pod-0"): 3, ("shop", "pod-1"): 4}
    assert len(reader.asked) == 2


def test_a_silent_prometheus_says_nothing_about_agents() -> None:
    assert read_agents(Answers(), ["shop"], NOW) is None


def test_what_is_no_number_is_no_generation_and_no_share_of_the_time() -> None:
    found = readings(math.nan, 2, math.inf)
    assert found.generations == {("shop", "pod-1"): 2}
    assert found.blocking.keys() == {("shop", "pod-1")}


def test_nobody_is_asked_where_no_pod_carries_an_agent() -> None:
    reader = Answers(1)
    assert read_agents(reader, [], NOW) == AgentReadings(generations={}, blocking={})
    assert reader.asked == []


def test_the_worst_blocking_line_is_that_of_the_targets_own_pods() -> None:
    own = agents_of([with_agent(pod("pod-0")), with_agent(pod("pod-1"))])
    found = readings(0.1, 0.3, 0.9)
    assert found.worst_blocking("shop", own) == BlockingCall(pod="pod-1", place="app.py:7 pay", ratio=0.3)
    assert found.worst_blocking("search", own) is None
