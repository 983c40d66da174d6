"""Turns the schema of the custom resource into its reference page: one row a field, in the order of the models."""

import json
from collections.abc import Iterator

from fastapi_tuning.api.crd import Schema, structural_schema
from fastapi_tuning.api.spec import FastAPITuningSpec
from fastapi_tuning.api.tuning import GROUP, KIND, VERSION

_HEAD = f"""# Reference of {KIND}

`{GROUP}/{VERSION}`, made from the models by `make generate`. `kubectl explain fastapituning.spec` shows the same.

| field | type | default | meaning |
|---|---|---|---|
"""
_RULES = "\nRules that the API server enforces:\n\n"


def reference() -> str:
    """The page as Markdown."""
    schema = structural_schema(FastAPITuningSpec)
    rows = "".join(f"| {' | '.join(row)} |\n" for row in _rows("spec", schema))
    rules = "".join(f"- `{path}`: {message}\n" for path, message in _rules("spec", schema))
    return f"{_HEAD}{rows}{_RULES}{rules}"


def _rows(path: str, schema: Schema) -> Iterator[tuple[str, str, str, str]]:
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        meaning = _one_line(field.get("description", ""))
        if "properties" in field:
            yield f"`{path}.{name}`", "object", "required" if name in required else "", meaning
            yield from _rows(f"{path}.{name}", field)
        else:
            default = f"`{json.dumps(field['default'])}`" if "default" in field else ""
            yield f"`{path}.{name}`", _type(field), "required" if name in required else default, meaning
            yield from _rows(f"{path}.{name}[]", field.get("items", {}))


def _type(field: Schema) -> str:
    if "enum" in field:
        return " or ".join(field["enum"])
    if "minimum" in field and "maximum" in field:
        return f"{field['type']}, {field['minimum']} to {field['maximum']}"
    if "pattern" in field:
        # A bar would end the table's cell.
        return f"{field['type']}, `{field['pattern']}`".replace("|", "\\|")
    return str(field["type"])


def _rules(path: str, schema: Schema) -> Iterator[tuple[str, str]]:
    for rule in schema.get("x-kubernetes-validations", ()):
        yield path, rule["message"]
    for name, field in schema.get("properties", {}).items():
        yield from _rules(f"{path}.{name}", field)


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
