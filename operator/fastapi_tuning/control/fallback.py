"""What becomes of the replicas while nothing is known: they stay, or are at least what spec.fallback says. Pure."""

from fastapi_tuning.api.fallback import Fallback
from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import FastAPITuningSpec
from fastapi_tuning.api.status import History
from fastapi_tuning.control.knobs import Knob, Proposal
from fastapi_tuning.control.observation import Workload


def remember_missed_cycle(history: History, fallback: Fallback | None) -> History:
    """Count a cycle without data, up to the number that matters: a long outage must not write a status each cycle."""
    if fallback is None or history.missed_cycles >= fallback.after_missed_cycles:
        return history
    return history.model_copy(update={"missed_cycles": history.missed_cycles + 1})


def falls_back(history: History, fallback: Fallback | None) -> bool:
    """Whether nothing was known for as long as the spec lets pass."""
    return fallback is not None and history.missed_cycles >= fallback.after_missed_cycles


def propose_fallback(spec: FastAPITuningSpec, workload: Workload, history: History) -> Proposal | None:
    """Up to the fallback, and to what is running well if that is more; None where there is nothing to raise.

    A workload that somebody scaled to nothing stays there: that is no loss of data.
    """
    fallback, current = spec.fallback, workload.asked_replicas
    if fallback is None or not falls_back(history, fallback) or workload.desired_replicas == 0:
        return None
    # A bound below what stands would turn the way up into a way down.
    least = min(fallback.min_replicas, spec.replicas.max)
    if current >= least:
        return None
    return Proposal(
        knob=Knob.REPLICAS,
        current=current,
        wanted=max(least, workload.ready_replicas),
        reason=Reason.FALLBACK,
        message=f"nothing known for {history.missed_cycles} cycles: at least {fallback.min_replicas} replicas",
    )
