"""Cycles over pods with and without the agent: what is asked of them, what they say, and what is said about it."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.status import LimitingFactor, Live
from fastapi_tuning.api_server import Json
from fastapi_tuning.control.observation import Traffic
from fastapi_tuning.observe import queries
from fastapi_tuning.observe.agents import ACKNOWLEDGEMENT_TIMEOUT, acknowledgements, agents_of, marked
from fastapi_tuning.observe.prometheus import Sample
from tests.unit.control.builders import NO_DATA, pod_traffic, traffic
from tests.unit.fakes.api_server import with_agent
from tests.unit.fakes.world import CHECKOUT, KEEP_ALIVE, NOW, Load, World, tuning

FIXED: dict[str, Any] = {"uvicorn": KEEP_ALIVE, "replicas": {"mode": "Off"}}
"""One setting that the law moves at once, and no replicas."""


class AgentLoad(Load):
    """A Prometheus that also shows which generation the pods run with: `running`, or what they were asked for."""

    running: int | None = None
    skewed = False
    blocked_ratio = 0.0

    def query(self, promql: str, at: datetime) -> tuple[Sample, ...]:
        if "loop_blocked" in promql:
            labels = {"namespace": "shop", "pod": "checkout-0", "where": "app/main.py:42 pay"}
            return (Sample(labels=labels, value=self.blocked_ratio),)
        if "settings_generation" not in promql:
            return super().query(promql, at)
        texts = self.api.settings_of_pods()
        return tuple(
            Sample(
                labels={"namespace": "shop", "pod": pod, "__name__": queries.SETTINGS_GENERATION},
                value=json.loads(text)["generation"] if self.running is None else self.running,
            )
            for pod, text in texts.items()
        )

    def _pods(self) -> list[tuple[str, str, float]]:
        rows = super()._pods()
        if not self.skewed:
            return rows
        return [
            (namespace, pod, rate * (1.5 if index == 0 else 0.5)) for index, (namespace, pod, rate) in enumerate(rows)
        ]


def world(*, agent: bool = True, injecting: bool = True, enabled: bool = True, replicas: int = 2) -> World:
    made = World()
    made.load = AgentLoad(made.api, 100.0)
    made.reconciler.prometheus = {"default": made.load}
    made.reconciler.live_path.injecting = injecting
    made.reconciler.live_path.enabled = enabled
    if agent:
        made.api.admit = with_agent
    made.api.add_deployment(replicas=replicas)
    return made


def asked(of: World) -> list[dict[str, object]]:
    return [json.loads(text) for text in of.api.settings_of_pods().values()]


async def test_a_setting_goes_to_every_pod_and_the_deployment_is_not_touched() -> None:
    live = world()
    await live.cycle(tuning(**FIXED))

    assert [each["timeoutKeepAliveSeconds"] for each in asked(live)] == [30, 30]
    assert CHECKOUT not in live.api.changed
    assert live.status().applied.timeout_keep_alive_seconds == 30
    assert live.status().history.last_setting_time == NOW
    assert live.status().history.last_rollout_time is None


async def test_every_pod_gets_the_same_generation_and_a_change_a_higher_one() -> None:
    live = world()
    await live.cycle(tuning(**FIXED))
    (first,) = {each["generation"] for each in asked(live)}
    slower = {"timeoutKeepAlive": {"mode": "Auto", "min": 60, "max": 60}}
    await live.cycle(tuning(**{**FIXED, "uvicorn": slower}), after_seconds=60)

    (second,) = {each["generation"] for each in asked(live)}
    assert isinstance(first, int)
    assert isinstance(second, int)
    assert second > first


async def test_pods_that_are_as_they_should_be_are_not_written_to() -> None:
    live = world()
    await live.cycle(tuning(**FIXED))
    live.api.changed.clear()
    await live.cycle(tuning(**FIXED), after_seconds=15)

    assert live.api.changed == []


async def test_a_pod_that_started_with_older_values_is_brought_along() -> None:
    live = world()
    await live.cycle(tuning(**FIXED))
    live.api.pods["shop"].append(
        with_agent({**live.api.pods["shop"][0], "metadata": {"name": "late", "labels": {"app": "checkout"}}})
    )
    await live.cycle(tuning(**FIXED), after_seconds=15)

    texts = live.api.settings_of_pods()
    assert texts["late"] == texts["checkout-0"]


async def test_a_lost_status_does_not_lead_back_to_a_generation_that_pods_had() -> None:
    live = world()
    await live.cycle(tuning(**FIXED))
    for pod in live.api.pods["shop"]:
        pod["metadata"]["annotations"] = {"fastapituning.io/settings": '{"generation":41}'}
    await live.reconciler.let_go(tuning())
    await live.cycle(tuning(**FIXED), after_seconds=60)

    assert {each["generation"] for each in asked(live)} == {42}


async def test_acknowledged_settings_are_said_to_be() -> None:
    live = world()
    await live.cycle(tuning(**FIXED))
    await live.cycle(tuning(**FIXED), after_seconds=15)

    assert live.condition("SettingsAcknowledged").status == "True"
    assert live.status().live.acknowledged_pods == 2
    assert live.condition("AgentInjected").status == "True"


async def test_pods_that_do_not_acknowledge_in_time_get_a_condition_and_an_event() -> None:
    live = world()
    assert isinstance(live.load, AgentLoad)
    live.load.running = 0
    await live.cycle(tuning(**FIXED))
    await live.cycle(tuning(**FIXED), after_seconds=15)
    assert live.condition("SettingsAcknowledged").reason == Reason.AWAITING_ACKNOWLEDGEMENT
    await live.cycle(tuning(**FIXED), after_seconds=90)

    found = live.condition("SettingsAcknowledged")
    assert (found.status, found.reason) == ("False", Reason.NOT_ACKNOWLEDGED)
    assert "checkout-0" in found.message
    assert ("Warning", Reason.NOT_ACKNOWLEDGED) in live.said()


async def test_workers_of_an_argument_become_pods_and_then_the_agent_is_told_to_start_one() -> None:
    live = world()
    live.load.requests_per_second = 400.0
    container = live.api.deployments[CHECKOUT]["spec"]["template"]["spec"]["containers"][0]
    container["command"] = ["uvicorn", "app:app", "--workers", "2"]
    one = tuning(workers={"mode": "Enforce"})
    await live.cycle(one)
    assert live.replicas() == 4
    assert live.api.environment() == {}
    for seconds in (60, 120):
        await live.cycle(one, after_seconds=seconds)

    assert live.api.environment() == {"FASTAPI_TUNING_WORKERS_MODE": "Enforce"}


async def test_a_blocking_call_is_named_by_file_and_line() -> None:
    live = world()
    assert isinstance(live.load, AgentLoad)
    await live.cycle(tuning(**FIXED))
    assert live.condition("EventLoopFree").status == "True"
    live.load.blocked_ratio = 0.4
    await live.cycle(tuning(**FIXED), after_seconds=15)

    found = live.condition("EventLoopFree")
    assert (found.status, found.reason) == ("False", Reason.EVENT_LOOP_BLOCKED)
    assert "app/main.py:42 pay" in found.message
    assert "40%" in found.message
    assert ("Warning", Reason.EVENT_LOOP_BLOCKED) in live.said()


async def test_a_line_that_blocks_most_of_the_time_is_what_limits_the_service() -> None:
    live = world()
    assert isinstance(live.load, AgentLoad)
    live.load.blocked_ratio = 0.7
    await live.cycle(tuning(**FIXED))

    assert live.status().limiting_factor is LimitingFactor.EVENT_LOOP_BLOCKED
    assert "app/main.py:42 pay" in live.status().diagnosis.evidence


async def test_a_pod_that_cannot_be_written_to_is_tried_again() -> None:
    live = world()
    live.api.refused_pods = {"checkout-1"}
    await live.cycle(tuning(**FIXED))
    assert live.condition("SettingsAcknowledged").reason == Reason.WRITE_FAILED
    live.api.refused_pods.clear()
    await live.cycle(tuning(**FIXED), after_seconds=15)

    assert len(asked(live)) == 2


async def test_recommend_writes_to_no_pod() -> None:
    live = world()
    await live.cycle(tuning(mode="Recommend", **FIXED))

    assert live.api.changed == []


@pytest.mark.parametrize(
    "held", [{"suspend": True}, {"annotations": {"fastapituning.io/paused-until": "2027-01-01T00:00:00Z"}}]
)
async def test_while_acting_is_stopped_no_pod_is_written_to(held: dict[str, Any]) -> None:
    live = world()
    await live.cycle(tuning(**FIXED, **held))

    assert live.api.changed == []


async def test_without_the_right_to_write_to_pods_an_agent_is_none() -> None:
    live = world(enabled=False, injecting=False)
    await live.cycle(tuning(**FIXED))

    assert live.api.settings_of_pods() == {}
    assert live.api.environment()["UVICORN_TIMEOUT_KEEP_ALIVE"] == "30"


async def test_the_agent_comes_in_by_one_restart_and_the_setting_after_it_without() -> None:
    live = world(agent=False)
    live.api.admit = with_agent
    await live.cycle(tuning(**FIXED))

    template = live.api.deployments[CHECKOUT]["spec"]["template"]
    assert "fastapituning.io/restarted-at" in template["metadata"]["annotations"]
    assert live.api.environment() == {}
    assert ("Normal", Reason.AGENT_MISSING) in live.said()
    assert live.status().history.last_rollout_time == NOW
    assert [each.knob for each in live.status().decisions] == ["agent"]

    live.api.changed.clear()
    await live.cycle(tuning(**FIXED), after_seconds=60)
    assert [each["timeoutKeepAliveSeconds"] for each in asked(live)] == [30, 30]
    assert CHECKOUT not in live.api.changed
    assert live.status().live.injection_time is None


async def test_pods_that_the_webhook_missed_are_reported_and_tuned_by_rollouts() -> None:
    missed = world(agent=False)
    await missed.cycle(tuning(**FIXED))
    await missed.cycle(tuning(**FIXED), after_seconds=60)
    found = missed.condition("AgentInjected")
    assert (found.status, found.reason) == ("False", Reason.NOT_INJECTED)
    assert "checkout-0" in found.message
    assert ("Warning", Reason.NOT_INJECTED) in missed.said()
    assert missed.api.environment() == {}, "at most one restart in half an hour"

    await missed.cycle(tuning(**FIXED), after_seconds=1860)
    assert missed.api.environment() == {"UVICORN_TIMEOUT_KEEP_ALIVE": "30"}


async def test_strategy_live_never_rolls_out_a_setting() -> None:
    missed = world(agent=False, injecting=False)
    await missed.cycle(tuning(**FIXED, apply={"strategy": "Live"}))

    assert missed.api.changed == []
    assert missed.condition("AgentInjected").status == "False"
    assert missed.status().applied.timeout_keep_alive_seconds is None


async def test_a_template_that_opts_out_is_not_restarted() -> None:
    out = world(agent=False)
    template = out.api.deployments[CHECKOUT]["spec"]["template"]
    template["metadata"]["annotations"] = {"fastapituning.io/inject": "false"}
    await out.cycle(tuning(**FIXED))

    assert out.api.environment() == {"UVICORN_TIMEOUT_KEEP_ALIVE": "30"}


async def test_recommend_is_told_nothing_about_an_agent_it_did_not_ask_for() -> None:
    quiet = world(agent=False)
    await quiet.cycle(tuning(mode="Recommend"))

    assert {entry.type for entry in quiet.status().conditions}.isdisjoint({"AgentInjected", "SettingsAcknowledged"})
    assert quiet.api.changed == []


async def test_clients_connect_anew_when_the_pods_are_uneven_and_less_often_once_they_are_even() -> None:
    live = world()
    assert isinstance(live.load, AgentLoad)
    live.load.skewed = True
    await live.cycle(tuning(replicas={"mode": "Off"}))
    assert {each["closeConnectionsShare"] for each in asked(live)} == {"0.20"}
    assert ("Normal", Reason.IMBALANCE) in live.said()
    generations = {each["generation"] for each in asked(live)}

    live.load.skewed = False
    await live.cycle(tuning(replicas={"mode": "Off"}), after_seconds=15)
    assert {each["closeConnectionsShare"] for each in asked(live)} == {"0.10"}
    assert {each["generation"] for each in asked(live)} == generations, "nothing to acknowledge: the settings stayed"
    assert live.said().count(("Normal", Reason.IMBALANCE)) == 1


async def test_connections_are_left_alone_where_the_user_says_so() -> None:
    live = world()
    assert isinstance(live.load, AgentLoad)
    live.load.skewed = True
    await live.cycle(tuning(replicas={"mode": "Off"}, connections={"mode": "Off"}))

    assert all("closeConnectionsShare" not in each for each in asked(live))


async def test_settings_that_expire_are_renewed_long_before() -> None:
    live = world()
    expiring = tuning(**FIXED, apply={"expireAfterSeconds": 600})
    for seconds in range(0, 3600, 60):
        await live.cycle(expiring, after_seconds=seconds)
        for each in asked(live):
            left = datetime.fromisoformat(str(each["expiresAt"])) - (NOW + timedelta(seconds=seconds))
            assert left >= timedelta(seconds=600)


def test_nothing_is_learned_from_pods_that_do_not_run_with_what_was_asked_for() -> None:
    def ready(name: str) -> dict[str, Any]:
        status = {"conditions": [{"type": "Ready", "status": "True"}]}
        return with_agent({"metadata": {"name": name}, "spec": {}, "status": status})

    agents = agents_of([ready("pod-0"), ready("pod-1")])
    live = Live(generation=5, settings="{}", changed_time=NOW)
    found = acknowledgements(agents, "shop", live, {("shop", "pod-0"): 5, ("shop", "pod-1"): 4}, NOW)
    assert (found.acknowledged, found.waiting, found.late) == (frozenset({"pod-0"}), frozenset({"pod-1"}), frozenset())
    later = acknowledgements(agents, "shop", live, {("shop", "pod-0"): 5}, NOW + 2 * ACKNOWLEDGEMENT_TIMEOUT)
    assert (later.waiting, later.late) == (frozenset(), frozenset({"pod-1"}))

    signals = marked(replace(traffic(), pods=(pod_traffic(pod="pod-0"), pod_traffic(pod="pod-1"))), found)
    assert isinstance(signals, Traffic)
    assert [pod.acknowledged for pod in signals.pods] == [True, False]
    assert marked(NO_DATA, found) is NO_DATA


def _stuck(pod: Json) -> Json:
    """With the agent, and its image cannot be pulled."""
    waiting = {"name": "fastapi-tuning-agent", "state": {"waiting": {"reason": "ImagePullBackOff"}}}
    return with_agent({**pod, "status": {"phase": "Pending", "initContainerStatuses": [waiting]}})


async def test_an_agent_that_keeps_pods_from_starting_is_taken_out_again_once() -> None:
    broken = world(agent=False)
    broken.api.admit = _stuck
    await broken.cycle(tuning(**FIXED))
    assert "fastapituning.io/restarted-at" in _template_annotations(broken)

    await broken.cycle(tuning(**FIXED), after_seconds=15)
    status = broken.reconciler.newest_status(tuning())
    assert status.live.gave_up(tuning().generation), "the webhook leaves new pods alone from here on"
    first = _template_annotations(broken)
    broken.api.admit = lambda pod: pod
    await broken.cycle(tuning(**FIXED), after_seconds=30)
    assert _template_annotations(broken) != first
    assert not any(broken.api.settings_of_pods())
    found = broken.condition("AgentInjected")
    assert (found.status, found.reason) == ("False", Reason.INJECTION_FAILED)
    assert ("Warning", Reason.INJECTION_FAILED) in broken.said()

    second = _template_annotations(broken)
    for seconds in (45, 60, 1800):
        await broken.cycle(tuning(**FIXED), after_seconds=seconds)
        assert _template_annotations(broken) == second, "no restart for the same agent again"


def _template_annotations(of: World) -> dict[str, str]:
    return dict(of.api.deployments[CHECKOUT]["spec"]["template"]["metadata"]["annotations"])


async def test_an_app_that_crashes_long_after_the_agent_came_in_is_not_the_agents_fault() -> None:
    live = world()
    await live.cycle(tuning(**FIXED))
    waiting = {"name": "app", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    live.api.pods["shop"][0]["status"] = {"containerStatuses": [waiting]}
    for seconds in (15, 30):
        await live.cycle(tuning(**FIXED), after_seconds=seconds)

    assert live.reconciler.newest_status(tuning()).live.failed_generation is None


async def test_an_app_that_crashes_as_soon_as_the_agent_is_in_is() -> None:
    broken = world(agent=False)
    waiting = {"name": "app", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    broken.api.admit = lambda pod: with_agent({**pod, "status": {"containerStatuses": [waiting]}})
    await broken.cycle(tuning(**FIXED))
    await broken.cycle(tuning(**FIXED), after_seconds=15)

    assert broken.reconciler.newest_status(tuning()).live.failed_generation == tuning().generation


async def test_a_pod_that_only_takes_its_time_is_given_two_minutes() -> None:
    young = (NOW - timedelta(seconds=119)).isoformat()
    slow = world()
    for pod in slow.api.pods["shop"]:
        pod["metadata"]["creationTimestamp"] = young
        pod["status"] = _stuck(pod)["status"]
    await slow.cycle(tuning(**FIXED))
    assert slow.status().live.failed_generation is None
    await slow.cycle(tuning(**FIXED), after_seconds=1)
    assert slow.reconciler.newest_status(tuning()).live.failed_generation == tuning().generation
