"""`fastapi-tuning explain`: it reads one object, and says when it cannot."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fastapi_tuning.cli.main import main
from tests.unit.cli.clusters import TUNING, objects, point_to, reached, tuning


def invoke(name: str = "checkout") -> Result:
    return CliRunner().invoke(main, ["explain", name, "-n", "shop"])


def test_it_needs_no_more_than_the_object(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with reached(monkeypatch, tmp_path, {TUNING: tuning()}) as served:
        result = invoke()
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("FastAPITuning checkout in shop: Deployment checkout, mode Auto\n")
    assert served.asked == [TUNING]


def test_a_status_of_another_version_is_told_as_far_as_it_can_be_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    strange = tuning(considered=[{"knob": 1}], objective="p99 < 500 ms", invented={"a": 1})
    with reached(monkeypatch, tmp_path, {TUNING: strange}):
        assert invoke().exit_code == 0


@pytest.mark.parametrize(
    ("forbidden", "known", "said"),
    [
        ((), {}, "no FastAPITuning checkout in namespace shop"),
        (("fastapitunings/checkout",), objects(), "403"),
        ((), {TUNING: {**tuning(), "spec": {"targetRef": {"name": "UPPER"}}}}, "spec.targetRef.name"),
    ],
)
def test_what_cannot_be_read_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, forbidden: tuple[str, ...], known: dict[str, object], said: str
) -> None:
    with reached(monkeypatch, tmp_path, known, forbidden=forbidden):
        result = invoke()
    assert result.exit_code == 1
    assert said in result.output
    assert "Traceback" not in result.output


def test_no_cluster_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    point_to(monkeypatch, tmp_path / "none")
    result = invoke()
    assert result.exit_code == 1
    assert "no cluster to talk to" in result.output
