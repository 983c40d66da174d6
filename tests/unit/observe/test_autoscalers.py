"""Which autoscaler is the target's, whatever its object looks like."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import TargetReference
from fastapi_tuning.api.via import ReplicasVia
from fastapi_tuning.api_server import Json
from fastapi_tuning.control.observation import ReplicaMover, Workload
from fastapi_tuning.observe.autoscalers import through_autoscaler
from fastapi_tuning.observe.controllers import HORIZONTAL_AUTOSCALER, SCALED_OBJECT
from tests.unit.control.builders import workload
from tests.unit.observe.test_foreign_owners import JSON_OF_ANY_FORM

REFERENCE = TargetReference(name="checkout")
HPA, SCALED = ReplicasVia.HORIZONTAL_POD_AUTOSCALER, ReplicasVia.SCALED_OBJECT


def hpa(metadata: Json | None = None, **spec: Any) -> Json:
    target = {"kind": "Deployment", "name": "checkout"}
    return {"metadata": {"name": "x", **(metadata or {})}, "spec": {"scaleTargetRef": target, **spec}}


def seen(body: Json, via: ReplicasVia = HPA) -> Workload:
    kind = HORIZONTAL_AUTOSCALER if via is HPA else SCALED_OBJECT
    return through_autoscaler(workload(), via, {kind: (body,)}, REFERENCE)


def test_what_an_object_does_not_state_is_what_its_controller_assumes() -> None:
    found, scaled = seen(hpa(maxReplicas=9)).autoscaler, seen(hpa(), SCALED).autoscaler

    assert found is not None
    assert (found.stated_floor, found.floor, found.ceiling) == (None, 1, 9)
    assert scaled is not None
    assert (scaled.floor, scaled.ceiling) == (0, 100)
    assert scaled.floor_field == "spec.minReplicaCount of ScaledObject x"


def test_one_of_another_target_is_none() -> None:
    (owner,) = seen(hpa(scaleTargetRef={"kind": "Deployment", "name": "other"})).foreign_owners

    assert owner.reason is Reason.AUTOSCALER_NOT_FOUND


def field(manager: str, operation: str, name: str) -> Json:
    return {"manager": manager, "operation": operation, "fieldsV1": {"f:spec": {f"f:{name}": {}}}}


def test_who_set_the_minimum_is_asked_of_its_own_managers() -> None:
    by_hand = hpa({"managedFields": [field("kubectl-edit", "Update", "minReplicas")]}, maxReplicas=9)
    deployed = hpa({"managedFields": [field("helm", "Update", "maxReplicas")]}, maxReplicas=9)
    ours = hpa({"managedFields": [field("fastapi-tuning-operator", "Update", "minReplicas")]}, maxReplicas=9)

    assert seen(by_hand).replicas_set_by == ReplicaMover(name="kubectl-edit (Update)", deliberate=True)
    assert seen(deployed).replicas_set_by == ReplicaMover(name="a client whose name was not recorded", deliberate=False)
    assert seen(ours).replicas_set_by is None
    assert seen(hpa(maxReplicas=9)).replicas_set_by is None


@given(st.sampled_from(ReplicasVia), JSON_OF_ANY_FORM, JSON_OF_ANY_FORM)
def test_no_object_of_somebody_else_s_ends_the_cycle(via: ReplicasVia, least: Any, most: Any) -> None:
    found = seen(hpa(minReplicas=least, maxReplicas=most, minReplicaCount=least, maxReplicaCount=most), via)

    assert found.autoscaler is not None
    assert found.autoscaler.floor >= 0
