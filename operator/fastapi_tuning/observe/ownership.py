"""Who owns which environment variable of a container: what server-side apply would refuse is known beforehand. Pure."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from fastapi_tuning.api_server import FIELD_MANAGER


def foreign_variables(managed_fields: Iterable[Mapping[str, Any]], container: str) -> dict[str, str]:
    """Owner by variable, for the entries of the container's `env` that a field manager other than ours set.

    `managed_fields` is a Deployment's `metadata.managedFields`; its keys are described with the FieldsV1 type.
    """
    owners: dict[str, str] = {}
    for entry in managed_fields:
        manager = entry.get("manager", "")
        if manager == FIELD_MANAGER:
            continue
        owners.update(dict.fromkeys(_variables(entry.get("fieldsV1") or {}, container), manager))
    return owners


def _variables(fields: Mapping[str, Any], container: str) -> list[str]:
    template = _at(fields, "f:spec", "f:template", "f:spec", "f:containers")
    environment = _at(template, _key(container), "f:env")
    # {"name": "X"} alone is the list entry; a manager that set its value owns "f:value" (or "f:valueFrom") in it.
    return [json.loads(key[2:])["name"] for key in environment if key.startswith("k:")]


def _key(name: str) -> str:
    return f"k:{json.dumps({'name': name}, separators=(',', ':'))}"


def _at(fields: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    for step in path:
        fields = fields.get(step) or {}
    return fields
