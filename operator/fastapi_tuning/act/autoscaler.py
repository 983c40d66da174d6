"""Sets the bounds of an autoscaler of the user's, and only if nobody changed it since it was read."""

from collections.abc import Mapping

from fastapi_tuning.api.via import DrivenAutoscaler, ReplicasVia
from fastapi_tuning.api_server import ApiServer, Json, PatchType, resource_path
from fastapi_tuning.control.autoscaler import BOUND_FIELDS, Autoscaler
from fastapi_tuning.errors import NotFound

_COLLECTIONS: Mapping[ReplicasVia, tuple[str, str]] = {
    ReplicasVia.HORIZONTAL_POD_AUTOSCALER: ("autoscaling/v2", "horizontalpodautoscalers"),
    ReplicasVia.SCALED_OBJECT: ("keda.sh/v1alpha1", "scaledobjects"),
}


async def set_bounds(
    api: ApiServer, namespace: str, autoscaler: Autoscaler, floor: int | None, ceiling: int | None
) -> None:
    """Compare-and-set of both in one write, since the API server refuses a least above the most; None: as it is.

    Raises:
        Conflict: somebody changed the autoscaler in between; decide anew.
        NotFound, WriteRejected: nothing was changed.
    """
    fields = zip(BOUND_FIELDS[autoscaler.kind], (floor, ceiling), strict=True)
    body = {
        "metadata": {"resourceVersion": autoscaler.resource_version},
        "spec": {field: value for field, value in fields if value is not None},
    }
    await api.patch(_path(autoscaler.kind, namespace, autoscaler.name), body, PatchType.MERGE)


async def give_back_bounds(api: ApiServer, namespace: str, driven: DrivenAutoscaler) -> None:
    """The bounds that it had; what it did not state, it does not state again. One that is gone needs nothing.

    Raises:
        WriteRejected: nothing was changed.
    """
    least, most = BOUND_FIELDS[driven.kind]
    body: Json = {"spec": {least: driven.min_replicas, most: driven.max_replicas}}
    try:
        await api.patch(_path(driven.kind, namespace, driven.name), body, PatchType.MERGE)
    except NotFound:
        return


def _path(kind: ReplicasVia, namespace: str, name: str) -> str:
    return resource_path(*_COLLECTIONS[kind], namespace=namespace, name=name)
