"""`fastapi-tuning audit`: what it reads of a cluster, writes, exits with, and says when it cannot."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from fastapi_tuning.cli.audit import FOUND, MAY_HIDE
from fastapi_tuning.cli.main import main
from tests.unit.cli.clusters import DEPLOYMENT, TUNING, objects, point_to, reached
from tests.unit.fakes.cluster import Cluster


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["audit", *arguments, "-n", "shop"])


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Cluster]:
    with reached(monkeypatch, tmp_path, objects()) as served:
        yield served


def findings(result: Result) -> dict[str, dict[str, Any]]:
    return {finding["id"]: finding for finding in json.loads(result.stdout)["findings"]}


def test_it_reads_the_service_and_what_surrounds_it(shop: Cluster) -> None:
    result = invoke("checkout", "--format", "json")
    assert result.exit_code == FOUND, result.output
    found = findings(result)
    assert "4 workers" in found["several-workers"]["evidence"]
    assert "Ingress public" in found["keep-alive-below-proxy"]["evidence"]
    assert "HorizontalPodAutoscaler checkout" in found["another-autoscaler"]["evidence"]
    assert {"no-disruption-budget", "no-readiness-probe", "operator-silent"} <= found.keys()
    assert found["unread-prometheus"]["evidence"] == "no address was given"
    assert json.loads(result.stdout)["tuning"] == "checkout"


def test_a_deployment_can_be_audited_without_a_tuning(shop: Cluster) -> None:
    del shop.objects[TUNING]
    result = invoke("deployment/checkout", "--format", "json")
    assert result.exit_code == FOUND
    assert json.loads(result.stdout)["tuning"] is None
    assert "another-autoscaler" not in findings(result)


def test_a_kind_that_the_cluster_does_not_know_is_no_unread_list(shop: Cluster) -> None:
    found = findings(invoke("checkout", "--format", "json"))
    assert any("scaledobjects" in path for path in shop.asked)
    assert "unread-scaledobjects" not in found


def test_a_list_that_is_refused_is_unread_and_no_pass(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with reached(monkeypatch, tmp_path, objects(), forbidden=("poddisruptionbudgets", "pods")):
        result = invoke("checkout", "--format", "json")
    found = findings(result)
    assert "403" in found["unread-poddisruptionbudgets"]["evidence"]
    assert found["unread-poddisruptionbudgets"]["leavesOpen"] == ["no-disruption-budget", "disruption-budget-blocks"]
    assert "out-of-memory" in found["unread-pods"]["leavesOpen"]
    assert found["unread-pods"]["couldBe"] == "error"


@pytest.fixture
def sound(shop: Cluster) -> Cluster:
    """The same service without its errors."""
    (container,) = shop.objects[DEPLOYMENT]["spec"]["template"]["spec"]["containers"]
    container["command"] = ["uvicorn", "app:app"]
    container["readinessProbe"] = {"httpGet": {"path": "/readyz", "port": 8000}}
    return shop


@pytest.mark.parametrize(
    ("fail_on", "forbidden", "code"),
    [("error", (), 0), ("error", ("pods",), MAY_HIDE), ("warning", ("pods",), FOUND), ("never", ("pods",), 0)],
)
def test_a_pipeline_goes_by_the_exit_code(sound: Cluster, fail_on: str, forbidden: tuple[str, ...], code: int) -> None:
    sound.forbidden = forbidden
    assert invoke("checkout", "--fail-on", fail_on).exit_code == code


def test_a_file_gets_the_report_and_standard_output_nothing(shop: Cluster, tmp_path: Path) -> None:
    file = tmp_path / "audit.sarif"
    result = invoke("checkout", "--format", "sarif", "--manifest", "deploy/checkout.yaml", "--output", str(file))
    assert (result.exit_code, result.stdout) == (FOUND, "")
    assert "deploy/checkout.yaml" in file.read_text()


def test_a_directory_that_is_not_there_is_said_before_anything_is_read(shop: Cluster, tmp_path: Path) -> None:
    result = invoke("checkout", "--output", str(tmp_path / "none" / "audit.html"))
    assert result.exit_code == 2
    assert shop.asked == []


@pytest.mark.parametrize(
    ("name", "gone", "said"),
    [
        ("checkout", TUNING, "no FastAPITuning checkout in namespace shop"),
        ("checkout", TUNING, "to audit a Deployment that none tunes: deployment/checkout"),
        ("checkout", DEPLOYMENT, "could not find"),
        ("deployment/", None, "deployment/NAME"),
        ("../../secrets", None, "no FastAPITuning"),
    ],
)
def test_what_is_not_there_is_named(shop: Cluster, name: str, gone: str | None, said: str) -> None:
    if gone is not None:
        del shop.objects[gone]
    result = invoke(name)
    assert result.exit_code in (1, 2)
    assert said in result.output
    assert "Traceback" not in result.output


def test_no_right_to_read_the_deployment_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with reached(monkeypatch, tmp_path, objects(), forbidden=("deployments/checkout",)):
        result = invoke("checkout")
    assert result.exit_code == 1
    assert "403" in result.output


def test_no_cluster_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    point_to(monkeypatch, tmp_path / "none")
    result = invoke("checkout")
    assert result.exit_code == 1
    assert "no cluster to talk to" in result.output


def test_a_prometheus_that_is_not_there_leaves_checks_open(shop: Cluster) -> None:
    result = invoke("checkout", "--format", "json", "--prometheus-url", "http://127.0.0.1:9")
    unread = findings(result)["unread-prometheus"]
    assert "not reachable" in unread["evidence"]
    assert {"no-metrics", "blocking-calls", "thread-pool-exhausted"} <= set(unread["leavesOpen"])
