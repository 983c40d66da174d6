"""What of a new status is worth an event. Pure."""

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.status import Condition, ConditionType, FastAPITuningStatus, LimitingFactor
from fastapi_tuning.control.undo import newly_taken_back
from fastapi_tuning.report.events import EventType

Said = tuple[EventType, str, str]
"""Kind, reason, message."""


def of_the_decision(before: FastAPITuningStatus, after: FastAPITuningStatus) -> list[Said]:
    """What was moved, or kept from moving."""
    decision = after.last_decision
    if decision is None or decision == before.last_decision:
        return []
    return [(EventType.NORMAL, decision.guard or decision.reason, f"{decision.step}: {decision.message}")]


def of_the_undos(before: FastAPITuningStatus, after: FastAPITuningStatus) -> list[Said]:
    """What turned out to have made it worse: said once, whether it can be taken back at once or not."""
    return [
        (
            EventType.WARNING,
            Reason.UNDONE,
            f"{knob} goes back: {back.evidence}, under no more load; not tried again before {back.until:%H:%M:%S} UTC",
        )
        for knob, back in newly_taken_back(before.history.undos, after.history.undos)
    ]


def of_the_factor(before: FastAPITuningStatus, after: FastAPITuningStatus) -> list[Said]:
    """What limits the service, said once when it has stood for two cycles."""
    was, steady = before.history.factor.steady, after.history.factor.steady
    if steady is was:
        return []
    kind = EventType.NORMAL if steady is LimitingFactor.NONE else EventType.WARNING
    message = "nothing limits the service" if steady is LimitingFactor.NONE else f"{steady} limits the service"
    return [(kind, Reason.LIMITING_FACTOR, f"{message} (before: {was}): {after.diagnosis.evidence}")]


def of_the_conditions(before: FastAPITuningStatus, after: FastAPITuningStatus) -> list[Said]:
    """What stopped being true that should be."""
    said = []
    for kind in _WORTH_A_WARNING:
        was, now_is = _condition(before, kind), _condition(after, kind)
        if now_is is not None and _is_news(now_is) and (was is None or _differ(was, now_is)):
            said.append((EventType.WARNING, now_is.reason, now_is.message))
    return said


def _is_news(condition: Condition) -> bool:
    """A rollout of the user's own is none to him."""
    return condition.status == "False" and condition.reason != Reason.ROLLOUT_IN_PROGRESS


_WORTH_A_WARNING = (
    ConditionType.READY,
    ConditionType.AGENT_INJECTED,
    ConditionType.SETTINGS_ACKNOWLEDGED,
    ConditionType.EVENT_LOOP_FREE,
    ConditionType.DATABASE_WITHIN_BUDGET,
    ConditionType.NO_CONFLICT,
)


def _condition(each: FastAPITuningStatus, kind: ConditionType) -> Condition | None:
    return next((entry for entry in each.conditions if entry.type == kind), None)


def _differ(left: Condition, right: Condition) -> bool:
    """In what they say, numbers in the message and times aside."""
    return (left.status, left.reason) != (right.status, right.reason)
