"""The CRD: what is committed is what the models give, and nothing in it is without bound."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from click.testing import CliRunner

from fastapi_tuning.api.crd import NotStructural, custom_resource_definition, structural_schema
from fastapi_tuning.api.model import ApiModel
from fastapi_tuning.api.spec import FastAPITuningSpec, Mode
from fastapi_tuning.api.tuning import GROUP, KIND, VERSION
from fastapi_tuning.cli.main import main

CRDS = Path(__file__).parents[3] / "crds"
COMMITTED = CRDS / "fastapitunings.fastapituning.io.yaml"
EXAMPLES = sorted((CRDS / "examples").glob("*.yaml"))

Schema = dict[str, Any]


def _object_schema() -> Schema:
    schema: Schema = custom_resource_definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def _nodes(schema: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    """Every schema below this one, with its path."""
    yield path, schema
    for name, value in schema.get("properties", {}).items():
        yield from _nodes(value, f"{path}.{name}")
    if "items" in schema:
        yield from _nodes(schema["items"], f"{path}[]")


def _spec_nodes(*types: str) -> list[tuple[str, Schema]]:
    schema = _object_schema()["properties"]["spec"]
    return [(path, node) for path, node in _nodes(schema, "spec") if node["type"] in types]


def _documents(example: Path) -> list[Schema]:
    return list(yaml.safe_load_all(example.read_text()))


def _unknown(value: Any, schema: Schema, path: str) -> Iterator[str]:
    """Fields that the API server would refuse under strict validation."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name not in schema.get("properties", {}):
                yield f"{path}.{name}"
            else:
                yield from _unknown(inner, schema["properties"][name], f"{path}.{name}")


def test_the_committed_crd_is_what_the_models_give() -> None:
    result = CliRunner().invoke(main, ["crd", "--check", str(COMMITTED)])
    assert result.exit_code == 0, result.output


def test_a_crd_that_differs_from_the_models_is_noticed(tmp_path: Path) -> None:
    changed = tmp_path / "crd.yaml"
    changed.write_text(COMMITTED.read_text() + "# by hand\n")
    result = CliRunner().invoke(main, ["crd", "--check", str(changed)])
    assert result.exit_code != 0
    assert "make generate" in result.output


@pytest.mark.parametrize("version", ["1.29", "1.34", "1.37"])
def test_the_crd_fits_the_schema_of_kubernetes(version: str) -> None:
    kubernetes_validate.validate(custom_resource_definition(), version, strict=True)


def test_every_number_of_the_spec_has_a_least_and_a_largest_value() -> None:
    numbers = _spec_nodes("integer", "number")
    assert numbers
    assert [path for path, node in numbers if not {"minimum", "maximum"} <= node.keys()] == []


def test_no_number_of_the_spec_is_a_float() -> None:
    assert _spec_nodes("number") == []


def test_every_string_of_the_spec_is_an_enumeration_or_has_a_largest_length() -> None:
    strings = _spec_nodes("string")
    assert strings
    assert [path for path, node in strings if not {"enum", "maxLength"} & node.keys()] == []


def test_every_array_has_a_largest_size() -> None:
    arrays = [(path, node) for path, node in _nodes(_object_schema(), "") if node["type"] == "array"]
    assert arrays
    assert [path for path, node in arrays if "maxItems" not in node] == []


def test_every_schema_has_a_type() -> None:
    assert [path for path, node in _nodes(_object_schema(), "") if "type" not in node] == []


def test_a_union_has_no_structural_form() -> None:
    class Either(ApiModel):
        value: int | str

    with pytest.raises(NotStructural, match="union of 2"):
        structural_schema(Either)


def test_there_are_examples() -> None:
    assert {example.stem for example in EXAMPLES} >= {"minimal", "full", "recommend-only", "custom-queries"}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_an_example_is_an_object_that_the_operator_understands(example: Path) -> None:
    for document in _documents(example):
        assert (document["apiVersion"], document["kind"]) == (f"{GROUP}/{VERSION}", KIND)
        assert FastAPITuningSpec.model_validate(document["spec"]).target_ref.name


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_an_example_has_only_fields_that_the_crd_knows(example: Path) -> None:
    schema = _object_schema()["properties"]["spec"]
    for document in _documents(example):
        assert list(_unknown(document["spec"], schema, "spec")) == []


def test_the_recommending_examples_never_act() -> None:
    for name in ("minimal", "recommend-only"):
        (document,) = _documents(CRDS / "examples" / f"{name}.yaml")
        assert FastAPITuningSpec.model_validate(document["spec"]).mode is Mode.RECOMMEND
