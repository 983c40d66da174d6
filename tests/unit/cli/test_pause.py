"""`fastapi-tuning pause` and `resume`: annotations that end by themselves."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning.api.freeze import Direction
from fastapi_tuning.api.pause import pause_of
from fastapi_tuning.api.tuning import PAUSED_DIRECTION_ANNOTATION, PAUSED_UNTIL_ANNOTATION
from fastapi_tuning.cli.duration import duration_of
from fastapi_tuning.cli.main import main
from fastapi_tuning.cli.pausing import pause_annotations
from tests.unit.cli.clusters import TUNING, reached, tuning


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "-n", "shop"])


def test_a_pause_has_an_end_and_a_direction_and_is_taken_back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = datetime.now(UTC)
    with reached(monkeypatch, tmp_path, {TUNING: tuning()}) as served:
        paused = invoke("pause", "checkout", "--for", "1h30m", "--direction", "scale-in")
        annotations = dict(served.objects[TUNING]["metadata"]["annotations"])
        resumed = invoke("resume", "checkout")
        left = served.objects[TUNING]["metadata"].get("annotations") or {}

    assert paused.exit_code == 0, paused.output
    assert "is paused (scale-in only) until " in paused.output
    asked = pause_of(annotations)
    assert asked is not None
    assert asked.direction is Direction.SCALE_IN
    assert timedelta(minutes=89) < asked.until - before < timedelta(minutes=91)
    assert resumed.exit_code == 0, resumed.output
    assert left == {}


def test_a_pause_of_everything_takes_an_older_direction_away(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    older = tuning()
    older["metadata"]["annotations"] = {PAUSED_DIRECTION_ANNOTATION: "scale-out"}
    with reached(monkeypatch, tmp_path, {TUNING: older}) as served:
        result = invoke("pause", "checkout", "--until", "2999-01-01T12:00:00+02:00")

    assert result.exit_code == 0, result.output
    assert served.objects[TUNING]["metadata"]["annotations"] == {PAUSED_UNTIL_ANNOTATION: "2999-01-01T10:00:00Z"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "a pause has an end"),
        (("--for", "2h", "--until", "2999-01-01T00:00:00Z"), "a pause has an end"),
        (("--until", "2999-01-01T00:00:00"), "has no zone"),
        (("--until", "2001-01-01T00:00:00Z"), "is past"),
        (("--until", "tomorrow"), "Invalid isoformat"),
        (("--for", "2 hours"), "is no length of time"),
        (("--for", "2h", "--direction", "down"), "is not one of"),
    ],
)
def test_what_is_no_pause_is_refused_before_anything_is_asked(options: tuple[str, ...], said: str) -> None:
    result = invoke("pause", "checkout", *options)

    assert result.exit_code == 2
    assert said in result.output


def test_an_object_that_does_not_exist_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with reached(monkeypatch, tmp_path, {}):
        result = invoke("pause", "checkout", "--for", "2h")

    assert result.exit_code == 1
    assert "Traceback" not in result.output


@given(st.integers(0, 90), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_lengths_add_up(days: int, hours: int, minutes: int, seconds: int) -> None:
    length = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    text = f"{days}d{hours}h{minutes}m{seconds}s"
    if length:
        assert duration_of(text) == length
    else:
        with pytest.raises(ValueError, match="between a second and a year"):
            duration_of(text)


@given(st.text(alphabet="0123456789smhd -", max_size=8))
def test_whatever_is_written_is_a_positive_length_or_refused(text: str) -> None:
    try:
        length = duration_of(text)
    except ValueError:
        return
    assert timedelta(0) < length <= timedelta(days=366)


@given(st.integers(0, 30_000_000_000), st.sampled_from(Direction))
def test_what_is_written_is_what_is_read(epoch_seconds: int, direction: Direction) -> None:
    until = datetime.fromtimestamp(epoch_seconds, UTC)
    written = {key: value for key, value in pause_annotations(until, direction).items() if value is not None}

    pause = pause_of(written)

    assert pause is not None
    assert (pause.until, pause.direction) == (until, direction)
