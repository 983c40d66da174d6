"""Turns the pydantic models into the CustomResourceDefinition.

pydantic writes JSON Schema; the API server takes OpenAPI v3 "structural" schemas. The difference is small and
closed: references are inlined, `X | None` becomes X, titles and null defaults go, numeric exclusive bounds become
booleans. Whatever has no structural form is refused here, at generation time, not by the API server.
"""

from typing import Any

from pydantic import BaseModel

from fastapi_tuning.api.spec import FastAPITuningSpec
from fastapi_tuning.api.status import FastAPITuningStatus
from fastapi_tuning.api.tuning import GROUP, KIND, PLURAL, VERSION

Schema = dict[str, Any]

_DROPPED = ("title", "$defs", "discriminator", "additionalProperties")

_PRINTER_COLUMNS: tuple[tuple[str, str, str, int], ...] = (
    ("Target", "string", ".spec.targetRef.name", 0),
    ("Mode", "string", ".spec.mode", 0),
    ("Latency", "string", ".status.latency", 0),
    ("Replicas", "integer", ".status.current.replicas", 0),
    ("Threads", "integer", ".status.current.threads", 0),
    ("Limit", "string", ".status.limitingFactor", 0),
    ("Ready", "string", '.status.conditions[?(@.type=="Ready")].status', 0),
    ("Wanted", "integer", ".status.recommendation.replicas.target", 1),
    ("Reason", "string", ".status.lastDecision.reason", 1),
    ("Status", "string", '.status.conditions[?(@.type=="Ready")].message', 1),
    ("Age", "date", ".metadata.creationTimestamp", 0),
)


class NotStructural(ValueError):
    """A model uses a JSON Schema construct that Kubernetes has no structural form for."""


def structural_schema(model: type[BaseModel]) -> Schema:
    """Structural OpenAPI v3 schema of a model.

    Raises:
        NotStructural: the model holds a union other than `X | None`, or refers to itself.
    """
    schema = model.model_json_schema(by_alias=True, mode="validation")
    return _structural(schema, schema.get("$defs", {}), ())


def _structural(schema: Schema, definitions: dict[str, Schema], path: tuple[str, ...]) -> Schema:
    schema = _resolve(schema, definitions, path)
    path = (*path, *([schema["$origin"]] if "$origin" in schema else []))
    result = {key: value for key, value in schema.items() if key not in (*_DROPPED, "$origin", "anyOf")}
    if "anyOf" in schema:
        result = {**_structural(_only_variant(schema["anyOf"]), definitions, path), **result}
    if "default" in result:
        result["default"] = _without_nulls(result["default"])
        if result["default"] is None:
            del result["default"]
    if "exclusiveMinimum" in result:
        result["minimum"], result["exclusiveMinimum"] = result["exclusiveMinimum"], True
    if "properties" in result:
        result["properties"] = {
            name: _structural(value, definitions, path) for name, value in result["properties"].items()
        }
    if isinstance(items := result.get("items"), dict):
        result["items"] = _structural(items, definitions, path)
    return result


def _without_nulls(value: Any) -> Any:
    """A default as the API server takes it: an absent field is absent, not null."""
    if not isinstance(value, dict):
        return value
    return {key: _without_nulls(each) for key, each in value.items() if each is not None}


def _resolve(schema: Schema, definitions: dict[str, Schema], path: tuple[str, ...]) -> Schema:
    """Replace a reference by what it names; keys beside the reference win."""
    if "$ref" not in schema:
        return schema
    name = schema["$ref"].rsplit("/", 1)[1]
    if name in path:
        raise NotStructural(f"{name} refers to itself by way of {' → '.join(path)}")
    beside = {key: value for key, value in schema.items() if key != "$ref"}
    return {**definitions[name], **beside, "$origin": name}


def _only_variant(variants: list[Schema]) -> Schema:
    named = [variant for variant in variants if variant.get("type") != "null"]
    if len(named) != 1:
        raise NotStructural(f"a union of {len(named)} types has no structural form")
    return named[0]


def custom_resource_definition() -> Schema:
    """The complete CRD, as `kubectl apply` takes it."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["ftune"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [
                        {
                            "name": name,
                            "type": kind,
                            "jsonPath": path,
                            **({"priority": priority} if priority else {}),
                        }
                        for name, kind, path, priority in _PRINTER_COLUMNS
                    ],
                    "schema": {"openAPIV3Schema": _object_schema()},
                }
            ],
        },
    }


def _object_schema() -> Schema:
    return {
        "type": "object",
        "description": "Tunes a FastAPI workload so that an objective holds at least cost.",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": structural_schema(FastAPITuningSpec),
            "status": structural_schema(FastAPITuningStatus),
        },
    }
