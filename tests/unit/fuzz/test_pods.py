"""Pods, autoscalers and questions about pods of any content: an answer, or an error of our own tree."""

import asyncio
import base64
import contextlib
import json
from typing import Any

import jsonpatch
from hypothesis import example, given
from hypothesis import strategies as st

from fastapi_tuning.api.profile import workers_of
from fastapi_tuning.api.spec import TargetReference
from fastapi_tuning.errors import FastAPITuningError, ProfileUnavailable
from fastapi_tuning.observe.controllers import NO_CONTROLLERS
from fastapi_tuning.observe.profile import profile_path
from fastapi_tuning.observe.workloads import Target, read_target
from tests.unit.fakes.api_server import FakeApiServer
from tests.unit.fuzz.strategies import any_json, damaged, texts, without_hanging
from tests.unit.webhooks.pods import pod
from tests.unit.webhooks.test_server import Door, question

RUNNING: dict[str, Any] = {
    "metadata": {
        "name": "checkout-1",
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "labels": {"app": "checkout"},
        "annotations": {"fastapituning.io/settings": "{}"},
    },
    "spec": {
        "containers": [{"name": "app", "env": [{"name": "FASTAPI_TUNING_METRICS_PORT", "value": "9964"}]}],
        "volumes": [
            {
                "name": "settings",
                "downwardAPI": {
                    "items": [
                        {"path": "s", "fieldRef": {"fieldPath": "metadata.annotations['fastapituning.io/settings']"}},
                        {"path": "p", "fieldRef": {"fieldPath": "metadata.annotations['fastapituning.io/profile']"}},
                    ]
                },
            }
        ],
    },
    "status": {
        "phase": "Running",
        "conditions": [
            {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"},
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no node"},
        ],
        "initContainerStatuses": [{"name": "fastapi-tuning-agent", "state": {"waiting": {"reason": "ErrImagePull"}}}],
        "containerStatuses": [
            {
                "name": "app",
                "state": {"running": {}},
                "lastState": {"terminated": {"reason": "OOMKilled", "finishedAt": "2026-01-01T00:00:00Z"}},
            }
        ],
    },
}


class Cluster(FakeApiServer):
    """One Deployment, with pods of any content."""

    def __init__(self, listed: list[Any]) -> None:
        super().__init__()
        self.add_deployment(replicas=2)
        self._listed = listed

    async def get(self, path: str, *arguments: Any, **options: Any) -> Any:
        if path.endswith("/pods"):
            return {"items": self._listed}
        return await super().get(path, *arguments, **options)


@without_hanging
@given(damaged([RUNNING, RUNNING]))
def test_any_pod_beside_the_others_leaves_a_target_or_an_error_of_ours(listed: Any) -> None:
    reading = read_target(Cluster(listed), "shop", TargetReference(name="checkout"), NO_CONTROLLERS)
    try:
        target = asyncio.run(reading)
    except FastAPITuningError:
        return
    assert isinstance(target, Target)


@without_hanging
@given(texts)
@example("9964")
@example("0")
@example("9" * 5000)
@example("²")
def test_a_profile_is_asked_of_a_port_or_said_to_be_out_of_reach(port: str) -> None:
    container = {"name": "app", "env": [{"name": "FASTAPI_TUNING_METRICS_PORT", "value": port}]}
    running = {**RUNNING, "spec": {**RUNNING["spec"], "containers": [container]}}
    with contextlib.suppress(ProfileUnavailable):
        assert profile_path(running, "shop").endswith(f"checkout-1%3A{int(port)}/proxy/profile")


@without_hanging
@given(any_json | damaged({"workers": [{"state": "Done", "pid": 1, "message": "", "profile": None}]}))
def test_whatever_a_pod_says_instead_of_a_profile_is_refused(answer: Any) -> None:
    with contextlib.suppress(ProfileUnavailable):
        assert all(worker.pid is not None for worker in workers_of(answer))


@without_hanging
@given(damaged(question(pod())))
def test_any_question_is_answered_with_a_yes_or_with_no_answer_at_all(asked: Any) -> None:
    response = asyncio.run(Door().ask(json.dumps(asked).encode()))
    if response.status_code != 200:
        assert response.status_code == 400
        return
    answer = response.json()["response"]
    assert answer["allowed"] is True
    patch = json.loads(base64.b64decode(answer.get("patch", "W10=")))
    if patch:
        patched = jsonpatch.apply_patch(asked["request"]["object"], patch)
        assert patched["spec"]["containers"][0]["name"] == asked["request"]["object"]["spec"]["containers"][0]["name"]


@without_hanging
@given(st.binary(max_size=50) | texts.map(str.encode) | any_json.map(lambda value: json.dumps(value).encode()))
@example(b"[" * 100_000)
@example(b'{"request":' * 20_000)
def test_what_is_no_question_is_a_failed_call(body: bytes) -> None:
    response = asyncio.run(Door().ask(body))

    assert response.status_code == 400
