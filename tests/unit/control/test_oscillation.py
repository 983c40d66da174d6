"""Chasing one's own tail is noticed, and answered with patience."""

from datetime import timedelta

import pytest

from fastapi_tuning.api.replica_move import ReplicaMove
from fastapi_tuning.control.oscillation import EFFECT_DELAY, effect_delay, gain, oscillates
from tests.unit.control.builders import NOW, ago, history


def moves(*seconds_ago_and_changes: tuple[float, int]) -> tuple[ReplicaMove, ...]:
    return tuple(ReplicaMove(time=ago(seconds), change=change) for seconds, change in seconds_ago_and_changes)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param(((800, 1), (600, -1), (400, 1), (200, -1)), True, id="three reversals"),
        pytest.param(((800, 1), (600, -1), (400, 1)), False, id="two reversals"),
        pytest.param(((901, 1), (600, -1), (400, 1), (200, -1)), False, id="one of them too long ago"),
        pytest.param(((800, 1), (600, 2), (400, -1), (200, -3)), False, id="up and down once"),
        pytest.param((), False, id="no moves"),
    ],
)
def test_three_changes_of_direction_in_a_quarter_of_an_hour_are_an_oscillation(
    steps: tuple[tuple[float, int], ...], expected: bool
) -> None:
    assert oscillates(moves(*steps), NOW) is expected


def test_after_an_oscillation_the_law_waits_twice_as_long_and_answers_half_as_strongly() -> None:
    calm = history(calm_until=NOW + timedelta(seconds=1))

    assert effect_delay(calm, NOW) == 2 * EFFECT_DELAY
    assert gain(calm, NOW) == 0.5


@pytest.mark.parametrize("until", [None, NOW])
def test_otherwise_it_does_not(until: object) -> None:
    plain = history(calm_until=until)

    assert effect_delay(plain, NOW) == EFFECT_DELAY
    assert gain(plain, NOW) == 1.0
