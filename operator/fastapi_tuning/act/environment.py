"""Sets environment variables in the pod template by server-side apply of our own entries: a rolling restart.

Applying a set replaces the set applied before, so every call names all variables that are to stay ours; nobody
else's entry is touched, and a variable that another manager owns is a FieldConflict that names it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from fastapi_tuning.api.agent import RESTARTED_AT_ANNOTATION
from fastapi_tuning.api_server import ApiServer, Json, PatchType


async def apply_environment(api: ApiServer, path: str, name: str, container: str, variables: Mapping[str, str]) -> None:
    """Own exactly `variables` in the container's environment.

    Raises:
        FieldConflict: another manager owns one of them; the message holds the exact field.
        NotFound, WriteRejected: nothing was changed.
    """
    await _apply(api, path, name, {"spec": {"containers": [_container(container, variables)]}})


async def restart_pods(
    api: ApiServer, path: str, name: str, container: str, variables: Mapping[str, str], at: datetime
) -> None:
    """Replace the pods as `kubectl rollout restart` does, and own exactly `variables` from then on.

    Raises:
        As `apply_environment`.
    """
    annotations = {RESTARTED_AT_ANNOTATION: at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
    spec = {"containers": [_container(container, variables)]}
    await _apply(api, path, name, {"metadata": {"annotations": annotations}, "spec": spec})


def _container(name: str, variables: Mapping[str, str]) -> Json:
    return {"name": name, "env": [{"name": variable, "value": value} for variable, value in sorted(variables.items())]}


async def _apply(api: ApiServer, path: str, name: str, template: Json) -> None:
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": {"template": template}}
    await api.patch(path, body, PatchType.APPLY)
