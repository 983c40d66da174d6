"""Stored objects as the operator reads them, those of other versions included."""

from typing import Any

import pytest

from fastapi_tuning.api.tuning import FastAPITuning, UnreadableTuning, tuning_of

METADATA = {
    "namespace": "shop",
    "name": "checkout",
    "uid": "uid-1",
    "generation": 3,
    "creationTimestamp": "2026-01-01T00:00:00Z",
}
GOOD_SPEC: dict[str, Any] = {"targetRef": {"name": "checkout"}}


def test_a_spec_of_another_version_is_unreadable_and_names_the_field() -> None:
    parsed = tuning_of({"metadata": METADATA, "spec": {**GOOD_SPEC, "mode": "Dream"}})

    assert isinstance(parsed, UnreadableTuning)
    assert (parsed.namespace, parsed.name, parsed.uid, parsed.generation) == ("shop", "checkout", "uid-1", 3)
    assert str(parsed.problem).startswith("spec.mode: ")


def test_of_many_problems_the_first_few_are_told() -> None:
    wrong = {"mode": "x", "onDelete": "x", "suspend": [], "intervalSeconds": "x", "replicas": {"min": "x"}}
    parsed = tuning_of({"metadata": METADATA, "spec": {**GOOD_SPEC, **wrong}})

    assert isinstance(parsed, UnreadableTuning)
    assert str(parsed.problem).count("spec.") == 3
    assert str(parsed.problem).endswith("and 2 more")


def test_an_object_without_spec_is_unreadable() -> None:
    assert isinstance(tuning_of({"metadata": METADATA}), UnreadableTuning)


def test_of_a_status_of_another_version_only_what_cannot_be_read_is_dropped() -> None:
    status = {"applied": {"threads": 80}, "limitingFactor": "Gremlins", "lastDecision": {"reason": "NotOurs"}}

    parsed = tuning_of({"metadata": METADATA, "spec": GOOD_SPEC, "status": status})

    assert isinstance(parsed, FastAPITuning)
    assert parsed.status.applied.threads == 80, "values of ours stay ours"
    assert parsed.status.last_decision is None


@pytest.mark.parametrize("field", ["name", "containerName"])
@pytest.mark.parametrize(
    "odd", ["", "..", "../../victim/deployments/checkout", "UPPER_case/..", "-app", "app-", "app\n", "a" * 254]
)
def test_a_target_whose_name_kubernetes_would_not_allow_is_unreadable(field: str, odd: str) -> None:
    reference = {"name": "checkout", field: odd}

    assert isinstance(tuning_of({"metadata": METADATA, "spec": {"targetRef": reference}}), UnreadableTuning)


@pytest.mark.parametrize(
    "reference", [{"name": "a"}, {"name": "v1.shop-2.checkout"}, {"name": "checkout", "containerName": "app-2"}]
)
def test_names_that_kubernetes_allows_are_read(reference: dict[str, str]) -> None:
    assert isinstance(tuning_of({"metadata": METADATA, "spec": {"targetRef": reference}}), FastAPITuning)
