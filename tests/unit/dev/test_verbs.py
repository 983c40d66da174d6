"""Who may run which verb: what only builds needs no root, or nobody but root could lint."""

import os
from pathlib import Path

import pytest

from dev.cluster.__main__ import main


@pytest.fixture(autouse=True)
def nobody_in_particular(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An account without rights, and places of its own."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("FASTAPI_TUNING_DEV_STATE", str(tmp_path / "state"))


@pytest.mark.parametrize("verb", [("up",), ("down",), ("images", "sample"), ("load", "image.tar")], ids=" ".join)
def test_what_touches_the_machine_asks_for_root(verb: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*verb]) == 1
    assert "this needs root" in capsys.readouterr().err


def test_what_only_builds_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "no-such-program"]) == 1
    assert "no program is called 'no-such-program'" in capsys.readouterr().err


def test_a_cache_that_cannot_be_written_is_named_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert main(["build", "helm"]) == 1
    said = capsys.readouterr().err
    assert str(tmp_path / "file") in said
    assert "XDG_CACHE_HOME" in said
