"""Who has a say in a target, from other controllers' objects and from managedFields."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning.api.freeze import Direction
from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import TargetReference
from fastapi_tuning.control.foreign_owner import OWNABLE, SETTINGS, ForeignOwner
from fastapi_tuning.control.knobs import Knob
from fastapi_tuning.observe.controllers import (
    CANARY,
    HORIZONTAL_AUTOSCALER,
    KINDS,
    ROLLOUT,
    SCALED_OBJECT,
    VERTICAL_AUTOSCALER,
    Kind,
)
from fastapi_tuning.observe.foreign_owners import owners_by_fields, owners_by_objects, replicas_set_by
from tests.unit.observe.test_ownership import entry

Json = dict[str, Any]
CHECKOUT = TargetReference(name="checkout")
TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "checkout"}
ARGO, FLUX, OURS = "argocd-controller", "kustomize-controller", "fastapi-tuning-operator"


def owners(kind: Kind, spec: Json, *, reference: TargetReference = CHECKOUT, **body: Any) -> tuple[ForeignOwner, ...]:
    return owners_by_objects({kind: ({"metadata": {"name": "x"}, "spec": spec, **body},)}, reference)


def scale(manager: str, operation: str = "Update", time: str = "2026-01-01T11:00:00Z", **fields: Any) -> Json:
    """As the API server writes it when a manager sets the replicas."""
    return {
        "manager": manager,
        "operation": operation,
        "time": time,
        "fieldsV1": {"f:spec": {"f:replicas": {}}},
        **fields,
    }


@pytest.mark.parametrize(
    ("kind", "spec", "owner"),
    [
        (HORIZONTAL_AUTOSCALER, {"scaleTargetRef": TARGET}, "HorizontalPodAutoscaler x"),
        (SCALED_OBJECT, {"scaleTargetRef": {"name": "checkout"}}, "ScaledObject x"),
    ],
)
def test_an_autoscaler_has_the_replicas_and_nothing_else(kind: Kind, spec: Json, owner: str) -> None:
    (found,) = owners(kind, spec)

    assert found.told == f"spec.replicas is owned by {owner}"
    assert (found.reason, found.knobs) == (Reason.ANOTHER_AUTOSCALER, (Knob.REPLICAS,))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("target", [{**TARGET, "name": "other"}, {**TARGET, "kind": "StatefulSet"}, None, "checkout"])
def test_what_names_another_target_or_none_is_no_concern(kind: Kind, target: object) -> None:
    assert owners(kind, {"scaleTargetRef": target, "targetRef": target, "workloadRef": target}) == ()


def test_keda_s_own_autoscaler_is_told_once_as_the_scaled_object_that_made_it() -> None:
    made_by = {"name": "keda-hpa-so", "ownerReferences": [{"kind": "ScaledObject", "name": "so"}]}
    horizontal = {"metadata": made_by, "spec": {"scaleTargetRef": TARGET}}
    scaled = {"metadata": {"name": "so"}, "spec": {"scaleTargetRef": {"name": "checkout"}}}

    both = owners_by_objects({HORIZONTAL_AUTOSCALER: (horizontal,), SCALED_OBJECT: (scaled,)}, CHECKOUT)
    alone = owners_by_objects({HORIZONTAL_AUTOSCALER: (horizontal,)}, CHECKOUT)

    assert [each.owner for each in both] == ["ScaledObject so"]
    assert alone == both


@pytest.mark.parametrize(
    ("policy", "mode"),
    [
        ({"updateMode": "Auto"}, "Auto"),
        ({"updateMode": "Recreate"}, "Recreate"),
        ({"updateMode": "Initial"}, "Initial"),
        ({"updateMode": "InPlaceOrRecreate"}, "InPlaceOrRecreate"),
        ({}, "Auto"),
        (None, "Auto"),
        ({"updateMode": "Off"}, None),
    ],
)
def test_a_vertical_autoscaler_that_acts_is_told_and_holds_nothing(policy: Json | None, mode: str | None) -> None:
    found = owners(VERTICAL_AUTOSCALER, {"targetRef": TARGET, "updatePolicy": policy})

    assert [each.owner for each in found] == ([] if mode is None else [f"VerticalPodAutoscaler x ({mode})"])
    assert all(each.knobs == () for each in found)


@pytest.mark.parametrize(
    ("phase", "mixed"), [("Healthy", False), ("Progressing", True), ("Paused", True), (None, False)]
)
def test_an_argo_rollout_of_the_target_has_replicas_and_template(phase: str | None, mixed: bool) -> None:
    (found,) = owners(ROLLOUT, {"workloadRef": TARGET}, status={"phase": phase})

    assert found.told == "spec.replicas and spec.template is owned by Rollout x"
    assert set(found.knobs) == set(OWNABLE)
    assert found.mixes_versions is mixed


def test_what_a_flagger_canary_names_is_flagger_s() -> None:
    (found,) = owners(CANARY, {"targetRef": TARGET}, status={"phase": "Succeeded"})

    assert set(found.knobs) == set(OWNABLE)
    assert not found.mixes_versions


def test_of_flagger_s_primary_the_template_is_its_own_and_replicas_do_not_go_down_while_a_version_is_tried() -> None:
    primary = TargetReference(name="checkout-primary")
    (quiet,) = owners(CANARY, {"targetRef": TARGET}, reference=primary, status={"phase": "Succeeded"})
    template, replicas = owners(CANARY, {"targetRef": TARGET}, reference=primary, status={"phase": "Progressing"})

    assert quiet.knobs == template.knobs == SETTINGS
    assert (replicas.knobs, replicas.direction) == ((Knob.REPLICAS,), Direction.SCALE_IN)
    assert template.mixes_versions
    assert not quiet.mixes_versions


JSON_OF_ANY_FORM = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(KINDS), JSON_OF_ANY_FORM, JSON_OF_ANY_FORM)
def test_objects_of_any_form_are_read_without_an_error(kind: Kind, spec: Any, status: Any) -> None:
    owners(kind, spec, status=status)
    owners(
        kind,
        {"scaleTargetRef": TARGET, "targetRef": TARGET, "workloadRef": TARGET, "updatePolicy": spec},
        status=status,
    )


def by_fields(*entries: Json, rolling: bool = False) -> tuple[ForeignOwner, ...]:
    return owners_by_fields(entries, "app", rollout_in_progress=rolling)


@pytest.mark.parametrize(
    ("written", "owner"),
    [
        (scale(ARGO, "Apply"), f"{ARGO} (Apply)"),
        (scale(ARGO, "Update"), f"{ARGO} (Update)"),
        (scale(FLUX, "Apply"), f"{FLUX} (Apply)"),
        (scale("helm", "Apply"), "helm (Apply)"),
        (scale("kubectl", "Apply"), "kubectl (Apply)"),
    ],
)
def test_replicas_that_somebody_states_for_good_are_his(written: Json, owner: str) -> None:
    (found,) = by_fields(scale(OURS, subresource="scale"), written)

    assert found.told == f"spec.replicas is owned by {owner}"
    assert (found.reason, found.knobs) == (Reason.FIELD_CONFLICT, (Knob.REPLICAS,))


@pytest.mark.parametrize("written", [scale("kubectl"), scale("kubectl-client-side-apply"), scale(OURS), scale("helm")])
def test_replicas_that_somebody_set_once_are_nobody_s(written: Json) -> None:
    assert by_fields(written) == ()


def test_a_variable_of_ours_that_somebody_set_holds_its_own_setting_with_the_exact_field() -> None:
    (found,) = by_fields(entry("helm", "app", "UVICORN_TIMEOUT_KEEP_ALIVE", "DEBUG"))

    assert found.told == (
        'spec.template.spec.containers[name="app"].env[name="UVICORN_TIMEOUT_KEEP_ALIVE"].value '
        "is owned by helm (Apply)"
    )
    assert found.knobs == (Knob.TIMEOUT_KEEP_ALIVE,)


def test_a_rollout_is_owned_by_whoever_wrote_the_template_last_unless_that_was_us() -> None:
    older = {**entry("helm", "app", "DEBUG"), "time": "2026-01-01T10:00:00Z"}
    newer = {**entry("kubectl-edit", "app", "OTHER"), "operation": "Update", "time": "2026-01-01T11:00:00Z"}
    ours = {**entry(OURS, "app", "UVICORN_WORKERS"), "time": "2026-01-01T12:00:00Z"}

    (found,) = by_fields(older, newer, rolling=True)
    assert found.told == "spec.template is owned by kubectl-edit (Update), whose rollout is in progress"
    assert (found.reason, found.knobs) == (Reason.ROLLOUT_IN_PROGRESS, SETTINGS)
    assert by_fields(older, newer) == ()
    assert by_fields(older, newer, ours, rolling=True) == ()


@pytest.mark.parametrize(
    ("entries", "mover"),
    [
        ((scale("kubectl", subresource="scale"),), ("kubectl (Update)", True)),
        ((scale("a-script", subresource="scale"),), ("a-script (Update)", True)),
        ((scale("kubectl-edit"),), ("kubectl-edit (Update)", True)),
        ((scale(FLUX, "Apply"),), (f"{FLUX} (Apply)", True)),
        ((scale("kubectl-client-side-apply"),), ("kubectl-client-side-apply (Update)", False)),
        ((scale("helm"),), ("helm (Update)", False)),
        ((scale("a", time="2026-01-01T09:00:00Z"), scale("b", time="2026-01-01T10:00:00Z")), ("b (Update)", False)),
        ((scale(OURS), scale(ARGO, "Apply")), None),
        ((scale(OURS),), None),
        ((), None),
        ((entry("helm", "app", "DEBUG"),), ("a client whose name was not recorded", True)),
    ],
)
def test_the_last_manager_of_the_replicas_set_them_unless_we_own_them_too(
    entries: tuple[Json, ...], mover: tuple[str, bool] | None
) -> None:
    """Whether he meant to is told by how."""
    found = replicas_set_by(entries, 4)
    assert (None if found is None else (found.name, found.deliberate)) == mover


@given(st.lists(st.dictionaries(st.sampled_from(["manager", "operation", "time", "fieldsV1"]), JSON_OF_ANY_FORM)))
def test_managed_fields_of_any_form_are_read_without_an_error(entries: list[Json]) -> None:
    by_fields(*entries, rolling=True)
    replicas_set_by(entries, 4)


def test_one_replica_that_nobody_owns_may_be_the_default_and_nobody_s_decision() -> None:
    found = replicas_set_by((entry("helm", "app", "DEBUG"),), 1)

    assert found is not None
    assert not found.deliberate
