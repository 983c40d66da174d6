"""How a pod ends: without losing the requests that are on their way to it, or in it. Pure."""

from fastapi_tuning.audit.facts import Facts, Setting, Unread
from fastapi_tuning.audit.finding import Violation
from fastapi_tuning.audit.fix import container_fix, template_fix

_PRE_STOP_SECONDS = 5
"""Time for every node and proxy to stop sending."""
_LEAST_TO_FINISH_SECONDS = 10


def no_pre_stop(facts: Facts) -> Violation | None:
    """uvicorn closes its listener at once at SIGTERM, while proxies still send: connections are refused."""
    if facts.shutdown.pre_stop is not None:
        return None
    return Violation(
        evidence=f"container {facts.container} has no lifecycle.preStop",
        fix=container_fix(facts, lifecycle={"preStop": {"sleep": {"seconds": _PRE_STOP_SECONDS}}}),
    )


def grace_period_too_short(facts: Facts) -> Violation | Unread | None:
    """The kubelet counts from before preStop, and ends by SIGKILL what still runs then."""
    shutdown, graceful = facts.shutdown, facts.server.graceful_shutdown_seconds
    if isinstance(graceful, Unread):
        return graceful
    finish = graceful.value if isinstance(graceful, Setting) else _LEAST_TO_FINISH_SECONDS
    origin = graceful.origin if isinstance(graceful, Setting) else "for requests that run"
    needed = (shutdown.pre_stop_seconds or 0) + finish
    if shutdown.grace_period_seconds >= needed:
        return None
    return Violation(
        evidence=(
            f"terminationGracePeriodSeconds is {shutdown.grace_period_seconds}: {shutdown.pre_stop_seconds or 0} s of "
            f"preStop and {finish} s ({origin}) take {needed} s"
        ),
        fix=template_fix(facts, terminationGracePeriodSeconds=needed + 5),
    )
