"""The endpoint: what the API server is answered, whatever it asks."""

import asyncio
import base64
import json
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from fastapi_tuning.api.tuning import FastAPITuning
from fastapi_tuning.control.route import wants_agent
from fastapi_tuning.report.metrics import OperatorMetrics
from fastapi_tuning.webhooks.injection import AgentSource
from fastapi_tuning.webhooks.review import deployment_of, eldest
from fastapi_tuning.webhooks.server import INJECT_PATH, Injector, webhook
from tests.unit.fakes.world import NOW, tuning
from tests.unit.webhooks.pods import Json, pod

HEADERS = {"Content-Type": "application/json"}


def question(about: Any, **request: Any) -> Json:
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {"uid": "question", "namespace": "shop", "object": about, **request},
    }


@dataclass
class Door:
    """A webhook in memory, for some tunings."""

    tunings: list[FastAPITuning] = field(default_factory=lambda: [tuning()])
    refusals: list[str] = field(default_factory=list)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        self.injector = Injector(
            naming=lambda namespace, target: [
                each for each in self.tunings if (each.namespace, each.spec.target_ref.name) == (namespace, target)
            ],
            wanted=lambda each: wants_agent(each.spec),
            settings=lambda each: json.dumps({"generation": 1, "of": each.name}),
            source=AgentSource(image="operator:1", pull_policy="Always", metrics_port=9964),
            metrics=OperatorMetrics(self.registry),
            refused=self._refused,
        )

    async def _refused(self, _: FastAPITuning, message: str) -> None:
        self.refusals.append(message)

    async def ask(self, body: bytes) -> httpx.Response:
        transport = httpx.ASGITransport(app=webhook(self.injector))
        async with httpx.AsyncClient(transport=transport, base_url="https://webhook") as client:
            return await client.post(INJECT_PATH, content=body, headers=HEADERS)

    async def patch_for(self, about: Any, **request: Any) -> list[Json]:
        """The patch in an answer that is a well-formed yes."""
        response = await self.ask(json.dumps(question(about, **request)).encode())
        assert response.status_code == 200
        answer = response.json()["response"]
        assert answer["uid"] == "question"
        assert answer["allowed"] is True
        return list(json.loads(base64.b64decode(answer.get("patch", "W10="))))

    def counted(self, result: str) -> float:
        return self.registry.get_sample_value("fastapi_tuning_webhook_reviews_total", {"result": result}) or 0.0


def without_room() -> Json:
    return pod(hostNetwork=True)


async def test_a_pod_of_a_tuned_deployment_is_patched() -> None:
    door = Door()
    assert await door.patch_for(pod())
    assert door.counted("Injected") == 1


@pytest.mark.parametrize(
    "tunings",
    [
        pytest.param([], id="nobody names it"),
        pytest.param([tuning(mode="Off")], id="off"),
        pytest.param([tuning(mode="Recommend")], id="recommend"),
        pytest.param([tuning(apply={"strategy": "RollingRestart"})], id="rollouts"),
        pytest.param([tuning(targetRef={"name": "search"})], id="another target"),
    ],
)
async def test_a_pod_for_which_nobody_wants_the_agent_is_not(tunings: list[FastAPITuning]) -> None:
    door = Door(tunings)
    assert await door.patch_for(pod()) == []
    assert door.counted("NotWanted") == 1


async def test_a_pod_in_another_namespace_is_another_pod() -> None:
    assert await Door().patch_for(pod(), namespace="other") == []


async def test_of_two_objects_the_elder_gives_the_values() -> None:
    door = Door([tuning("younger", created=NOW), tuning("elder")])
    annotations = (await door.patch_for(pod()))[0]["value"]
    assert json.loads(annotations["fastapituning.io/settings"])["of"] == "elder"


def test_an_object_that_is_off_is_not_the_elder() -> None:
    younger = tuning("younger", created=NOW)
    assert eldest([tuning("elder", mode="Off"), younger]) is younger
    assert eldest([]) is None


async def test_a_pod_without_room_is_created_as_it_is_and_somebody_is_told() -> None:
    door = Door()
    assert await door.patch_for(without_room()) == []
    await asyncio.sleep(0)
    assert door.refusals == ["with hostNetwork the agent's port would be one of the node"]
    assert door.counted("Refused") == 1


async def test_a_dry_run_has_no_side_effect() -> None:
    door = Door()
    await door.patch_for(without_room(), dryRun=True)
    await asyncio.sleep(0)
    assert door.refusals == []


async def test_several_containers_of_which_none_serves_http_need_a_name() -> None:
    door = Door()
    assert await door.patch_for(pod(containers=[{"name": "app"}, {"name": "proxy"}])) == []
    await asyncio.sleep(0)
    assert "containerName" in door.refusals[0]


@pytest.mark.parametrize(
    "strange", [{}, [], None, {"metadata": None}, {"metadata": {}, "spec": {}}, {**pod(), "spec": {"containers": 5}}]
)
async def test_a_pod_that_cannot_be_understood_is_created_as_it_is(strange: Any) -> None:
    assert await Door().patch_for(strange) == []


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
PLACES = ("metadata", "spec", "containers", "labels", "ownerReferences", "annotations", "env", "ports", "volumes")


@given(place=st.sampled_from(PLACES), value=ANY_JSON)
def test_no_pod_however_odd_makes_it_say_no(place: str, value: Any) -> None:
    odd = pod()
    app = odd["spec"]["containers"][0]
    holder = next((each for each in (odd, odd["metadata"], odd["spec"]) if place in each), app)
    holder[place] = value
    asyncio.run(Door().patch_for(odd))


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"request": 5}', b"\xff"])
async def test_what_is_no_question_is_a_failed_call_which_the_api_server_ignores(body: bytes) -> None:
    door = Door()
    response = await door.ask(body)
    assert response.status_code == 400
    assert door.counted("Failed") == 1


async def test_what_is_longer_than_any_question_is_not_read_to_its_end() -> None:
    response = await Door().ask(b" " * (8 * 2**20 + 1))

    assert response.status_code == 400


@pytest.mark.parametrize(
    ("owner", "labels"),
    [
        ({"kind": "Job", "apiVersion": "batch/v1", "name": "checkout-6b7f9c"}, {"pod-template-hash": "6b7f9c"}),
        ({"kind": "ReplicaSet", "apiVersion": "apps/v1", "name": "checkout-6b7f9c"}, {}),
        ({"kind": "ReplicaSet", "apiVersion": "apps/v1", "name": "checkout"}, {"pod-template-hash": "6b7f9c"}),
        ({"kind": "ReplicaSet", "apiVersion": "mesh/v1", "name": "checkout-6b7f9c"}, {"pod-template-hash": "6b7f9c"}),
    ],
)
def test_only_a_pod_that_a_deployment_made_belongs_to_one(owner: Json, labels: Json) -> None:
    assert deployment_of({"metadata": {"ownerReferences": [{**owner, "controller": True}], "labels": labels}}) is None


def test_a_deployment_may_have_dashes_in_its_name() -> None:
    made = pod()
    made["metadata"]["ownerReferences"][0]["name"] = "check-out-6b7f9c"
    assert deployment_of(made) == "check-out"
