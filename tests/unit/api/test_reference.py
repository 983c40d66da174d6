"""The reference page of the custom resource."""

from fastapi_tuning.api.crd import Schema, structural_schema
from fastapi_tuning.api.reference import reference
from fastapi_tuning.api.spec import FastAPITuningSpec


def fields(schema: Schema, path: str) -> list[tuple[str, Schema]]:
    found = []
    for name, field in schema.get("properties", {}).items():
        found += [(f"{path}.{name}", field), *fields(field, f"{path}.{name}")]
    return found


def test_every_field_of_the_spec_has_a_row_and_a_meaning() -> None:
    page = reference()
    for path, field in fields(structural_schema(FastAPITuningSpec), "spec"):
        assert f"| `{path}` |" in page
        assert field.get("description"), f"{path} says nothing"


def test_every_rule_that_the_api_server_enforces_is_told() -> None:
    page = reference()
    for path, field in fields(structural_schema(FastAPITuningSpec), "spec"):
        for rule in field.get("x-kubernetes-validations", ()):
            assert f"- `{path}`: {rule['message']}" in page


def test_no_cell_is_cut_by_a_bar_in_its_text() -> None:
    rows = [line for line in reference().splitlines() if line.startswith("| `")]

    assert {line.replace("\\|", "").count("|") for line in rows} == {5}
