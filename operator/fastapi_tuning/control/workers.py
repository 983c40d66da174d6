"""From k workers in a pod to one, without losing capacity: first k times the pods, then one worker in each."""

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import FastAPITuningSpec, Mode
from fastapi_tuning.api.status import History
from fastapi_tuning.control.conflicts import owner_of_the_template
from fastapi_tuning.control.guards.verdict import Hold, Verdict
from fastapi_tuning.control.knobs import Knob, Proposal, mode_of
from fastapi_tuning.control.observation import Enforcement, Workload


def propose_one_worker(
    spec: FastAPITuningSpec, workload: Workload, history: History, needed_replicas: int
) -> tuple[Proposal, ...]:
    """The next step of the change, or nothing: one worker already, not known, not asked for, or not ours to change.

    The replica count that is needed is fixed at the first step and kept in the history, since multiplying again what
    was multiplied already would never end. More pods than that are added when the load asks for them meanwhile.

    Args:
        needed_replicas: what the load asks for, as the pods are now.
    """
    launch = workload.launch
    pods = _pods_for_one_worker(spec, workload, history)
    if pods is None or pods > spec.replicas.max:
        return ()
    if min(workload.desired_replicas, workload.ready_replicas) < pods:
        return (
            Proposal(
                knob=Knob.REPLICAS,
                current=workload.desired_replicas,
                wanted=max(pods, workload.desired_replicas, needed_replicas),
                reason=Reason.WORKERS_TO_PODS,
                message=f"{launch.workers} workers a pod ({launch.workers_from}): {pods} pods first, then one worker",
            ),
        )
    return (
        Proposal(
            knob=Knob.WORKERS,
            current=launch.workers,
            wanted=1,
            reason=Reason.WORKERS_TO_PODS,
            message=f"{workload.ready_replicas} pods are ready: one worker in each",
        ),
    )


def without_room(spec: FastAPITuningSpec, workload: Workload, history: History) -> tuple[Verdict, ...]:
    """The change that `replicas.max` leaves no room for, held; nothing where there is room or nothing to change."""
    pods = _pods_for_one_worker(spec, workload, history)
    if pods is None or pods <= spec.replicas.max:
        return ()
    message = f"needs {pods} pods, replicas.max is {spec.replicas.max}"
    return (unfit(workload, Hold(reason=Reason.AT_MAXIMUM, message=message)),)


def unfit(workload: Workload, hold: Hold) -> Verdict:
    """The change as something stands against it, held before any pod is added for it."""
    proposal = _change(workload)
    return Verdict(proposal=proposal, wished=proposal.wanted, value=None, guards=(hold,))


def _change(workload: Workload) -> Proposal:
    launch = workload.launch
    return Proposal(
        knob=Knob.WORKERS,
        current=launch.workers,
        wanted=1,
        reason=Reason.WORKERS_TO_PODS,
        message=f"{launch.workers} workers a pod ({launch.workers_from})",
    )


def _pods_for_one_worker(spec: FastAPITuningSpec, workload: Workload, history: History) -> int | None:
    """None: one worker already, not known, not asked for, or not ours to change."""
    launch = workload.launch
    if launch.workers is None or launch.workers <= 1 or launch.enforcement is Enforcement.SET:
        return None
    if not launch.worker_variables and not workload.may_enforce_one_worker:
        return None
    if mode_of(spec, Knob.WORKERS) is not Mode.AUTO or owner_of_the_template(workload) is not None:
        return None
    return history.pods_for_one_worker or workload.desired_replicas * launch.workers
