"""The init container's work: the agent is there whole or not at all, and the pod starts in either case."""

import sys
from pathlib import Path

import pytest

from fastapi_tuning.cli import copy_agent


@pytest.fixture
def source(tmp_path: Path) -> Path:
    made = tmp_path / "source"
    (made / "fastapi_tuning_agent").mkdir(parents=True)
    (made / "fastapi_tuning_agent" / "__init__.py").write_text("agent = True\n")
    (made / "sitecustomize.py").write_text("import fastapi_tuning_agent\n")
    return made


@pytest.fixture
def destination(tmp_path: Path) -> Path:
    made = tmp_path / "destination"
    made.mkdir()
    return made


def files_in(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}


def test_everything_is_copied_and_a_second_time_does_no_harm(source: Path, destination: Path) -> None:
    for _ in range(2):
        copy_agent.copy_agent(source, destination)
        assert files_in(destination) == files_in(source)


def test_what_python_looks_for_is_not_there_before_the_rest_is(source: Path, destination: Path) -> None:
    (destination / "fastapi_tuning_agent").write_text("in the way")
    with pytest.raises(OSError, match="fastapi_tuning_agent"):
        copy_agent.copy_agent(source, destination)
    assert not (destination / "sitecustomize.py").exists()


def test_a_copy_that_fails_is_told_and_keeps_no_pod_from_starting(
    destination: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(copy_agent, "AGENT", destination / "missing")
    monkeypatch.setattr(sys, "argv", ["copy_agent", str(destination)])
    copy_agent.main()
    assert "starts without it" in capsys.readouterr().err
