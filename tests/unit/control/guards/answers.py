"""What a guard answered, as tests ask for it."""

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.control.guards.verdict import Clamp, Hold


def reason(answer: Clamp | Hold | None) -> Reason | None:
    return None if answer is None else answer.reason


def value(answer: Clamp | Hold | None) -> int:
    assert isinstance(answer, Clamp)
    return answer.value
