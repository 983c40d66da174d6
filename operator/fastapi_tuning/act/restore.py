"""Gives a target back what it had before us, for objects that ask for it when they are deleted."""

from collections.abc import Iterable

from fastapi_tuning.act.environment import apply_environment
from fastapi_tuning.act.live import set_settings
from fastapi_tuning.api.status import FastAPITuningStatus, Settings
from fastapi_tuning.api_server import ApiServer, PatchType


async def restore(
    api: ApiServer,
    path: str,
    container: str,
    status: FastAPITuningStatus,
    rolled_out: Settings,
    agent_pods: Iterable[str],
) -> None:
    """Give up our environment entries and live settings, and set the replicas that were there before our first move.

    Args:
        status: what was written down about this very workload.
        rolled_out: what its pod template holds of ours.

    Raises:
        NotFound, WriteRejected: the target is gone, or the API server refused.
    """
    if rolled_out != Settings():
        await apply_environment(api, path, path.rsplit("/", 1)[1], container, {})
    if status.original.replicas is not None:
        await api.patch(f"{path}/scale", {"spec": {"replicas": status.original.replicas}}, PatchType.MERGE)
    if status.live.generation > 0:
        await set_settings(api, path.split("/")[5], dict.fromkeys(agent_pods))
