"""Sets CPU and memory of the container, together with variables, in one change of the pod template.

Not by server-side apply, as variables are: whoever made the Deployment owns its resources, and an apply without force
is refused, while what an apply by force took is removed when it is left out the next time. A patch changes the values,
and they stay when everything that was applied is given up.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from fastapi_tuning.api.resources import ResourceQuantity
from fastapi_tuning.api_server import ApiServer, Json, PatchType


async def set_resources(
    api: ApiServer,
    path: str,
    container: str,
    resources: Iterable[ResourceQuantity],
    variables: Mapping[str, str | None],
    resource_version: str | None = None,
) -> None:
    """Set what is named and leave the rest; a variable that is None goes.

    Args:
        resource_version: the one that the decision was made on; None: whatever is there.

    Raises:
        Conflict: somebody changed the Deployment in between; decide anew.
        NotFound, WriteRejected: nothing was changed.
    """
    quantities: dict[str, dict[str, str]] = defaultdict(dict)
    for each in resources:
        quantities[each.kind][each.resource] = each.quantity
    changed = {"name": container, "env": _entries(variables), "resources": dict(quantities)}
    body: Json = {"spec": {"template": {"spec": {"containers": [changed]}}}}
    if resource_version is not None:
        body["metadata"] = {"resourceVersion": resource_version}
    await api.patch(path, body, PatchType.STRATEGIC)


def _entries(variables: Mapping[str, str | None]) -> list[Json]:
    return [
        {"name": name, "$patch": "delete"} if value is None else {"name": name, "value": value}
        for name, value in sorted(variables.items())
    ]
