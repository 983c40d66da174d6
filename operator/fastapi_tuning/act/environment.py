"""Sets environment variables in the pod template by server-side apply of our own entries: a rolling restart.

Applying a set replaces the set applied before, so every call names all variables that are to stay ours; nobody
else's entry is touched, and a variable that another manager owns is a FieldConflict that names it.
"""

from collections.abc import Mapping

from fastapi_tuning.api_server import ApiServer, PatchType


async def apply_environment(api: ApiServer, path: str, name: str, container: str, variables: Mapping[str, str]) -> None:
    """Own exactly `variables` in the container's environment.

    Raises:
        FieldConflict: another manager owns one of them; the message holds the exact field.
        NotFound, WriteRejected: nothing was changed.
    """
    entries = [{"name": variable, "value": value} for variable, value in sorted(variables.items())]
    template = {"spec": {"containers": [{"name": container, "env": entries}]}}
    await api.patch(
        path,
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name},
            "spec": {"template": template},
        },
        PatchType.APPLY,
    )
