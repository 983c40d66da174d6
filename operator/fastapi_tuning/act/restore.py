"""Gives a target back what it had before us, for objects that ask for it when they are deleted."""

from collections.abc import Collection, Iterable

from fastapi_tuning.act.autoscaler import give_back_bounds
from fastapi_tuning.act.environment import apply_environment
from fastapi_tuning.act.live import set_settings
from fastapi_tuning.act.resources import set_resources
from fastapi_tuning.api.status import FastAPITuningStatus
from fastapi_tuning.api_server import ApiServer, PatchType, namespace_in
from fastapi_tuning.control.observation import Workload


async def restore(
    api: ApiServer,
    path: str,
    workload: Workload,
    status: FastAPITuningStatus,
    own_variables: Collection[str],
    agent_pods: Iterable[str],
) -> None:
    """Give up our environment entries and live settings, and set the replicas that were there before our first move.

    Where an autoscaler moves the pods, it gets its bounds back instead, and makes what it likes of that. Requests and
    limits that were divided, and are still as we left them, are as before.

    Twice is as good as once: what was given back already is not written again.

    Args:
        status: what was written down about this very workload.
        own_variables: those in its pod template that we set.

    Raises:
        NotFound, WriteRejected: the target is gone, or the API server refused.
    """
    ours = {(each.kind, each.resource) for each in workload.resources if each.is_ours}
    divided = [each for each in status.original_resources if (each.kind, each.resource) in ours]
    if divided:
        await set_resources(api, path, workload.container, divided, dict.fromkeys(own_variables))
    elif own_variables:
        await apply_environment(api, path, path.rsplit("/", 1)[1], workload.container, {})
    if status.autoscaler is not None:
        await give_back_bounds(api, namespace_in(path), status.autoscaler)
    elif status.original.replicas not in (None, workload.desired_replicas):
        await api.patch(f"{path}/scale", {"spec": {"replicas": status.original.replicas}}, PatchType.MERGE)
    if status.live.generation > 0:
        await set_settings(api, namespace_in(path), dict.fromkeys(agent_pods))
