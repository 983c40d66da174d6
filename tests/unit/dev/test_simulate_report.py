"""The shell around the experiments: what it refuses, and the picture that it draws."""

from pathlib import Path

import pytest

from dev.simulate_report.__main__ import main
from dev.simulate_report.pictures import draw_frontier
from tests.unit.simulate.comparisons import comparison


def test_a_file_that_is_no_trace_is_refused_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = tmp_path / "trace.txt"
    trace.write_text("100\nmany\n")
    monkeypatch.setattr("sys.argv", ["simulate_report", "--trace", str(trace), "--output", str(tmp_path / "out")])

    assert main() == 1
    # The terminal is 80 columns wide, and a blank may be where the line breaks.
    assert "line 2" in " ".join(capsys.readouterr().out.split())
    assert not (tmp_path / "out").exists()


def test_the_picture_has_a_panel_for_each_case(tmp_path: Path) -> None:
    one, four = tmp_path / "one.png", tmp_path / "four.png"

    draw_frontier([comparison()], one)
    draw_frontier([comparison()] * 4, four)

    assert one.read_bytes().startswith(b"\x89PNG")
    assert four.stat().st_size > one.stat().st_size
