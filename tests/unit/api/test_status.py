"""What a status says to people."""

from datetime import UTC, datetime

import pytest

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.status import Decision


@pytest.mark.parametrize(
    ("before", "after", "step"),
    [
        ("2", "4", "replicas 2 → 4"),
        ("5", "5", "replicas stays 5"),
        ("", "80", "replicas ? → 80"),
        ("", "", "replicas stays ?"),
    ],
)
def test_a_refusal_to_move_does_not_read_like_a_move(before: str, after: str, step: str) -> None:
    decision = Decision(
        time=datetime(2026, 1, 1, tzinfo=UTC),
        knob="replicas",
        from_value=before,
        to_value=after,
        reason=Reason.DEMAND_ROSE,
    )

    assert decision.step == step
