"""Gives a target back what it had before us, for objects that ask for it when they are deleted."""

from collections.abc import Iterable

from fastapi_tuning.act.autoscaler import give_back_bounds
from fastapi_tuning.act.environment import apply_environment
from fastapi_tuning.act.live import set_settings
from fastapi_tuning.api.status import FastAPITuningStatus, Settings
from fastapi_tuning.api_server import ApiServer, PatchType
from fastapi_tuning.control.observation import Workload


async def restore(
    api: ApiServer,
    path: str,
    workload: Workload,
    status: FastAPITuningStatus,
    rolled_out: Settings,
    agent_pods: Iterable[str],
) -> None:
    """Give up our environment entries and live settings, and set the replicas that were there before our first move.

    Where an autoscaler moves the pods, it gets its bounds back instead, and makes what it likes of that.

    Twice is as good as once: what was given back already is not written again.

    Args:
        status: what was written down about this very workload.
        rolled_out: what its pod template holds of ours.

    Raises:
        NotFound, WriteRejected: the target is gone, or the API server refused.
    """
    if rolled_out != Settings():
        await apply_environment(api, path, path.rsplit("/", 1)[1], workload.container, {})
    if status.autoscaler is not None:
        await give_back_bounds(api, path.split("/")[5], status.autoscaler)
    elif status.original.replicas not in (None, workload.desired_replicas):
        await api.patch(f"{path}/scale", {"spec": {"replicas": status.original.replicas}}, PatchType.MERGE)
    if status.live.generation > 0:
        await set_settings(api, path.split("/")[5], dict.fromkeys(agent_pods))
