"""Sets the replica count through /scale, and only if nobody changed the Deployment since it was read."""

from fastapi_tuning.api_server import ApiServer, PatchType


async def set_replicas(api: ApiServer, path: str, replicas: int, resource_version: str) -> None:
    """Compare-and-set; `path` is the workload's, `resource_version` the one the decision was made on.

    Raises:
        Conflict: somebody changed the workload in between; decide anew.
        NotFound, WriteRejected: nothing was changed.
    """
    await api.patch(
        f"{path}/scale",
        {"metadata": {"resourceVersion": resource_version}, "spec": {"replicas": replicas}},
        PatchType.MERGE,
    )
