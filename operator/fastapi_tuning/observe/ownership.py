"""Who owns which environment variable of a container: what server-side apply would refuse is known beforehand. Pure."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi_tuning.api.status import Settings
from fastapi_tuning.api_server import FIELD_MANAGER
from fastapi_tuning.control.knobs import ENFORCING_VARIABLE, VARIABLES, WORKER_VARIABLES
from fastapi_tuning.control.ledger import SETTINGS_FIELDS

_MOST_DIGITS = 9
"""As the schema of the status has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldManager:
    """Who wrote a field, and how: Apply states it for good, Update changed it once."""

    name: str
    operation: str
    subresource: str
    """Empty: the whole object."""
    time: str
    """Of its last write, as the API server has it (RFC 3339 in UTC, so texts compare as times do)."""

    @property
    def is_ours(self) -> bool:
        return self.name == FIELD_MANAGER

    @property
    def told(self) -> str:
        return f"{self.name or 'a manager without a name'} ({self.operation or 'Update'})"


def variable_managers(managed_fields: Iterable[Mapping[str, Any]], container: str) -> dict[str, FieldManager]:
    """By variable, for the entries of the container's `env` that a field manager other than ours set.

    `managed_fields` is a Deployment's `metadata.managedFields`; its keys are described with the FieldsV1 type. Whoever
    may write the Deployment may write them too, so what is not of that form is passed over.
    """
    owners: dict[str, FieldManager] = {}
    for entry in managed_fields:
        manager = _manager(entry)
        if not manager.is_ours:
            owners.update(dict.fromkeys(_variables(entry.get("fieldsV1"), container), manager))
    return owners


def foreign_variables(managed_fields: Iterable[Mapping[str, Any]], container: str) -> dict[str, str]:
    """The names of the same managers."""
    return {name: manager.name for name, manager in variable_managers(managed_fields, container).items()}


def replica_managers(managed_fields: Iterable[Mapping[str, Any]]) -> tuple[FieldManager, ...]:
    """All that own `spec.replicas`, through whatever subresource; several do if they applied the same value."""
    return spec_managers(managed_fields, "replicas")


def spec_managers(managed_fields: Iterable[Mapping[str, Any]], field: str) -> tuple[FieldManager, ...]:
    """All that own a field of an object's spec."""
    return tuple(_manager(entry) for entry in managed_fields if f"f:{field}" in _at(entry.get("fieldsV1"), "f:spec"))


def resource_managers(
    managed_fields: Iterable[Mapping[str, Any]], container: str, kind: str, resource: str
) -> tuple[FieldManager, ...]:
    """All that own one of the container's requests or limits."""
    path = ("f:spec", "f:template", "f:spec", "f:containers", _key(container), "f:resources", f"f:{kind}")
    return tuple(_manager(each) for each in managed_fields if f"f:{resource}" in _at(each.get("fieldsV1"), *path))


def template_manager(managed_fields: Iterable[Mapping[str, Any]]) -> FieldManager | None:
    """Whoever wrote last to the pod template; None: that is not known."""
    writers = [
        _manager(entry)
        for entry in managed_fields
        if entry.get("subresource") in (None, "") and _at(entry.get("fieldsV1"), "f:spec", "f:template")
    ]
    return max(writers, key=lambda each: each.time, default=None)


def _manager(entry: Mapping[str, Any]) -> FieldManager:
    return FieldManager(
        name=str(entry.get("manager") or ""),
        operation=str(entry.get("operation") or ""),
        subresource=str(entry.get("subresource") or ""),
        time=str(entry.get("time") or ""),
    )


def own_variables(managed_fields: Iterable[Mapping[str, Any]], container: Mapping[str, Any]) -> dict[str, str]:
    """Value by variable, for the literal entries of the container's `env` that we set."""
    ours: set[str] = set()
    for entry in managed_fields:
        if entry.get("manager") == FIELD_MANAGER:
            ours.update(_variables(entry.get("fieldsV1") or {}, container["name"]))
    literal = {each["name"]: each.get("value") for each in container.get("env") or ()}
    return {name: value for name, value in literal.items() if name in ours and value is not None}


def settings_in(variables: Mapping[str, str]) -> Settings:
    """What variables of ours set; what is no number is as good as absent. Replicas are no variable."""
    found: dict[str, int | None] = {
        SETTINGS_FIELDS[knob]: _number(variables.get(variable)) for knob, variable in VARIABLES.items()
    }
    if any(variable in variables for variable in (*WORKER_VARIABLES, ENFORCING_VARIABLE)):
        found["workers"] = 1
    return Settings.model_validate(found)


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None


def _variables(fields: Any, container: str) -> list[str]:
    template = _at(fields, "f:spec", "f:template", "f:spec", "f:containers")
    environment = _at(template, _key(container), "f:env")
    # {"name": "X"} alone is the list entry; a manager that set its value owns "f:value" (or "f:valueFrom") in it.
    return [name for key in environment if (name := _variable(key)) is not None]


def _variable(key: str) -> str | None:
    try:
        entry = json.loads(key.removeprefix("k:")) if key.startswith("k:") else None
    except (ValueError, RecursionError):
        return None
    name = entry.get("name") if isinstance(entry, dict) else None
    return name if isinstance(name, str) else None


def _key(name: str) -> str:
    return f"k:{json.dumps({'name': name}, separators=(',', ':'))}"


def _at(fields: Any, *path: str) -> Mapping[str, Any]:
    for step in path:
        fields = fields.get(step) if isinstance(fields, dict) else None
    return fields if isinstance(fields, dict) else {}
