"""One worker per pod, started by something that reads what we set. Pure."""

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.audit.facts import Facts, Unread
from fastapi_tuning.audit.finding import Violation
from fastapi_tuning.audit.fix import deployment_fix, tuning_fix

EXPLICIT_COMMAND = 'command: [uvicorn, "app.main:app", --host, 0.0.0.0]   # in the pod template'


def several_workers(facts: Facts) -> Violation | Unread | None:
    """A pod with k workers starts, dies and is measured as one; pods scale the same capacity in smaller steps."""
    launch = facts.server.launch
    if launch.workers is None:
        return Unread(id="unread-workers", what="The worker count", why=launch.workers_from, fix=EXPLICIT_COMMAND)
    if launch.workers == 1:
        return None
    replicas = facts.replicas * launch.workers
    mend = deployment_fix(facts, replicas=replicas)
    if facts.tuning is not None and launch.worker_variables:
        mend = tuning_fix(facts, workers={"mode": "Auto"})
    return Violation(
        evidence=f"{launch.workers} workers a pod by {launch.workers_from}; {facts.replicas} pods",
        fix=f"# one worker ({launch.workers_from}), and {launch.workers} times the pods\n{mend}",
    )


def auto_reload(facts: Facts) -> Violation | None:
    """A second process watches the source files, and restarts the server in the midst of requests."""
    if not facts.server.reloads:
        return None
    return Violation(
        evidence="the server is started with --reload, or by `fastapi dev`",
        fix='command: [uvicorn, "app.main:app", --host, 0.0.0.0]   # without --reload',
    )


def ignored_variables(facts: Facts) -> Violation | None:
    """Somebody meant something by them."""
    server = facts.server
    if not server.ignored_variables:
        return None
    return Violation(
        evidence=f"{server.launch.server} does not read {', '.join(server.ignored_variables)}",
        fix=f"# start the app with uvicorn's own command, or remove the variables\n{EXPLICIT_COMMAND}",
    )


def flag_beats_setting(facts: Facts) -> Violation | None:
    """A flag wins over the variable that a rollout would set."""
    return _blocked(facts, Reason.FLAG_OVERRIDES, "# remove the argument from the container's command or args")


def variable_of_another(facts: Facts) -> Violation | None:
    """Server-side apply refuses to take a field from another manager."""
    return _blocked(facts, Reason.FIELD_CONFLICT, "# remove the variable where that owner sets it (chart, overlay)")


def _blocked(facts: Facts, reason: Reason, mend: str) -> Violation | None:
    """Matters to a service that is tuned only."""
    blocked = [each.blocked_message for each in facts.server.launch.settings if each.blocked_by is reason]
    if facts.tuning is None or not blocked:
        return None
    return Violation(evidence="; ".join(blocked), fix=mend)
