"""EventLoopBlocked: does a line of code hold up everybody else in its process?"""

from fastapi_tuning.api.status import LimitingFactor
from fastapi_tuning.control.diagnosis.case import Case, Suspicion, rise

NOTICEABLE_RATIO = 0.02
"""The agent looks at stalls of over 0.1 s only: one in five seconds is no accident."""


def event_loop_blocked(case: Case) -> Suspicion | None:
    """Stalls that the agent caught on the spot. A rare one is told by the condition EventLoopFree alone."""
    call = case.blocking
    if call is None or call.ratio < NOTICEABLE_RATIO:
        return None
    if case.is_late or case.found.shedding:
        confidence = 0.5 + 0.45 * rise(call.ratio, NOTICEABLE_RATIO, 0.3)
    else:
        confidence = 0.6 * rise(call.ratio, 0.3, 0.6)
    if confidence == 0:
        return None
    return Suspicion(
        factor=LimitingFactor.EVENT_LOOP_BLOCKED,
        confidence=confidence,
        evidence=f"{call.place} blocks the event loop {call.ratio:.0%} of the time (pod {call.pod})",
    )
