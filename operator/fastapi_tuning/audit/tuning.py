"""The operator's own state: does it look, can it act, and is it alone? Pure."""

from fastapi_tuning.api.silence import silent_for
from fastapi_tuning.api.spec import Mode
from fastapi_tuning.api.status import ConditionType, FastAPITuningStatus
from fastapi_tuning.audit.facts import Facts, Unread
from fastapi_tuning.audit.finding import Violation
from fastapi_tuning.audit.fix import tuning_fix
from fastapi_tuning.control.knobs import Knob, mode_of


def silent_operator(facts: Facts) -> Violation | None:
    """The operator is down, does not watch this namespace, or has no data; the last it says itself."""
    tuning = facts.tuning
    if tuning is None or tuning.spec.mode is Mode.OFF:
        return None
    silence, seen = silent_for(tuning, facts.time), tuning.status.history.last_observation_time
    if silence is None and seen is not None:
        return None
    told = "none so far" if silence is None else f"the last {silence.total_seconds() / 60:.0f} min ago"
    return Violation(
        evidence="; ".join([f"decisions on FastAPITuning {tuning.name}: {told}", *_not_ready(tuning.status)]),
        fix="kubectl get deployments --all-namespaces -l app.kubernetes.io/name=fastapi-tuning-operator",
    )


def _not_ready(status: FastAPITuningStatus) -> list[str]:
    """What the operator said last, if that was that it cannot act."""
    return [
        f"it says {condition.reason}: {condition.message}"
        for condition in status.conditions
        if condition.type == ConditionType.READY and condition.status == "False"
    ]


def stalled(facts: Facts) -> Violation | None:
    """The operator says itself that a person must change something."""
    tuning = facts.tuning
    if tuning is None:
        return None
    for condition in tuning.status.conditions:
        if condition.type == ConditionType.STALLED and condition.status == "True":
            return Violation(
                evidence=f"{condition.reason}: {condition.message}",
                fix=f"fastapi-tuning explain {tuning.name} -n {facts.namespace}",
            )
    return None


def another_autoscaler(facts: Facts) -> Violation | Unread | None:
    """Two hands on one knob: the operator leaves the replicas to the other one, and can only tune the rest."""
    tuning = facts.tuning
    if tuning is None or mode_of(tuning.spec, Knob.REPLICAS) is Mode.OFF:
        return None
    if isinstance(facts.autoscalers, Unread):
        return facts.autoscalers
    if not facts.autoscalers:
        return None
    others = " and ".join(f"{each.kind} {each.name}" for each in facts.autoscalers)
    first = facts.autoscalers[0]
    return Violation(
        evidence=f"{others} and FastAPITuning {tuning.name} want to set the replicas of {facts.deployment}",
        fix=(
            f"kubectl -n {facts.namespace} delete {first.kind.lower()} {first.name}\n"
            f"# or leave the replicas to it\n{tuning_fix(facts, replicas={'mode': 'Off'})}"
        ),
    )
