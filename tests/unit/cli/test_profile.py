"""`fastapi-tuning profile`: who may, what is asked, and how the pod is left."""

import hashlib
import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from fastapi_tuning.api.agent import SETTINGS_ANNOTATION
from fastapi_tuning.api.profile import PROFILE_ANNOTATION, TOKEN_HEADER, ProfileRequest, State
from fastapi_tuning.cli.main import main
from tests.unit.cli.clusters import point_to
from tests.unit.fakes.cluster import Cluster, cluster
from tests.unit.profile.profiles import told

POD = "/api/v1/namespaces/shop/pods/checkout-0"
PROXY = "/api/v1/namespaces/shop/pods/checkout-0:9964/proxy/profile"
SETTINGS = '{"generation":7}'


def pod(*, annotations: Mapping[str, str] | None = None, **changed: Any) -> dict[str, Any]:
    """As the webhook made it."""
    items = [
        {"path": path, "fieldRef": {"fieldPath": f"metadata.annotations['{name}']"}}
        for path, name in (("settings.json", SETTINGS_ANNOTATION), ("profile.json", PROFILE_ANNOTATION))
    ]
    container = {"name": "app", "env": [{"name": "FASTAPI_TUNING_METRICS_PORT", "value": "9964"}]}
    metadata = {
        "name": "checkout-0",
        "resourceVersion": "1",
        "annotations": {SETTINGS_ANNOTATION: SETTINGS, **(annotations or {})},
    }
    spec = {"containers": [container], "volumes": [{"name": "settings", "downwardAPI": {"items": items}}], **changed}
    return {"metadata": metadata, "spec": spec, "status": {"phase": "Running"}}


@dataclass
class PodCluster(Cluster):
    """A pod whose agent samples as its annotation says; `result` is what it has in the end."""

    result: dict[str, Any] = field(default_factory=lambda: told((0, State.RUNNING, 1.0, [0, 1])))
    requests: list[str] = field(default_factory=list)
    polls: int = 0
    conflicts: int = 0
    """Writes that the kubelet comes before."""

    def answer(self, path: str, headers: Mapping[str, str]) -> tuple[int, Any]:
        if path != PROXY or path.endswith(self.forbidden):
            return super().answer(path, headers)
        request = self.objects[POD]["metadata"]["annotations"].get(PROFILE_ANNOTATION)
        digest = hashlib.sha256(headers.get(TOKEN_HEADER, "").encode()).hexdigest()
        if request is None or json.loads(request)["tokenSha256"] != digest:
            return 404, {"message": "no profile of this token"}
        self.polls += 1
        return 200, {"workers": [{"state": "Sampling", "pid": 1}]} if self.polls == 1 else self.result

    def patch(self, path: str, body: Any) -> tuple[int, Any]:
        self.requests.append(body["metadata"]["annotations"][PROFILE_ANNOTATION])
        if self.conflicts > 0:
            self.conflicts -= 1
            self.objects[POD]["metadata"]["resourceVersion"] += "0"
        return super().patch(path, body)

    @property
    def annotations(self) -> dict[str, str]:
        found: dict[str, str] = self.objects[POD]["metadata"]["annotations"]
        return found


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastapi_tuning.cli.profiling.POLL_SECONDS", 0.01)


def invoke(served: Cluster, monkeypatch: pytest.MonkeyPatch, folder: Path, *options: str) -> Result:
    running: AbstractContextManager[Cluster] = cluster(served)
    with running:
        point_to(monkeypatch, served.kubeconfig(folder))
        return CliRunner().invoke(main, ["profile", "checkout-0", "-n", "shop", "--output", str(folder), *options])


def test_a_profile_is_asked_for_fetched_and_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    served = PodCluster(objects={POD: pod()})
    result = invoke(served, monkeypatch, tmp_path, "--seconds", "5", "--samples-per-second", "20")
    assert result.exit_code == 0, result.output
    assert "shop/app/prices.py:44 price" in result.stdout
    asked, taken_back = served.requests
    assert {"seconds": 5, "samplesPerSecond": 20}.items() <= json.loads(asked).items()
    assert taken_back is None
    assert sorted(file.name.partition(".")[2] for file in tmp_path.glob("profile-*")) == ["html", "speedscope.json"]


def test_the_operators_settings_are_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    served = PodCluster(objects={POD: pod()})
    assert invoke(served, monkeypatch, tmp_path).exit_code == 0
    assert served.annotations == {SETTINGS_ANNOTATION: SETTINGS}


def test_a_pod_that_changes_all_the_time_is_read_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    served = PodCluster(objects={POD: pod()}, conflicts=3)
    assert invoke(served, monkeypatch, tmp_path, "--format", "html").exit_code == 0
    assert PROFILE_ANNOTATION not in served.annotations
    assert [file.suffix for file in tmp_path.glob("profile-*")] == [".html"]


def test_one_person_at_a_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=1)
    other = ProfileRequest(token="theirs", seconds=30, samples_per_second=50, expires_at=soon).text()
    served = PodCluster(objects={POD: pod(annotations={PROFILE_ANNOTATION: other})})
    result = invoke(served, monkeypatch, tmp_path)
    assert result.exit_code == 1
    assert "somebody is profiling this pod" in result.output
    assert served.annotations[PROFILE_ANNOTATION] == other


def test_who_may_not_fetch_a_profile_does_not_start_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    served = PodCluster(objects={POD: pod()}, forbidden=("/proxy/profile",))
    result = invoke(served, monkeypatch, tmp_path)
    assert result.exit_code == 1
    assert "403" in result.output
    assert served.requests == []


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({}, "could not find"),
        ({POD: pod(volumes=[])}, "a restart of the Deployment"),
        ({POD: pod(containers=[{"name": "app"}])}, "FASTAPI_TUNING_METRICS_PORT"),
        ({POD: {**pod(), "status": {"phase": "Pending"}}}, "does not run"),
    ],
)
def test_what_is_missing_is_said_and_nothing_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, known: dict[str, Any], said: str
) -> None:
    served = PodCluster(objects=known)
    result = invoke(served, monkeypatch, tmp_path)
    assert result.exit_code == 1
    assert said in result.output
    assert "Traceback" not in result.output
    assert served.requests == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            {"workers": [{"state": "Failed", "pid": 4, "message": "broken\x1b[2J"}]},
            "process 4 gave no profile: broken�",
        ),
        ({"workers": [{"state": "Done", "pid": 4, "profile": {"seconds": "many"}}]}, "not understood"),
        ({"workers": 3}, "not understood"),
    ],
)
def test_an_agent_that_gives_none_is_told_of_and_the_pod_is_left_as_it_was(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: dict[str, Any], said: str
) -> None:
    served = PodCluster(objects={POD: pod()}, result=answer)
    result = invoke(served, monkeypatch, tmp_path)
    assert result.exit_code == 1
    assert said in result.output
    assert PROFILE_ANNOTATION not in served.annotations


def test_an_agent_that_does_not_begin_is_waited_for_in_vain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Deaf(PodCluster):
        def answer(self, path: str, headers: Mapping[str, str]) -> tuple[int, Any]:
            return super().answer(path, {} if path == PROXY else headers)

    monkeypatch.setattr("fastapi_tuning.cli.profiling.PATIENCE", timedelta(seconds=0.2))
    served = Deaf(objects={POD: pod()})
    result = invoke(served, monkeypatch, tmp_path)
    assert result.exit_code == 1
    assert "did not begin" in result.output
    assert PROFILE_ANNOTATION not in served.annotations
