"""The autoscaler that moves the pods for us (spec.replicas.via), from the objects of the target's namespace. Pure.

A HorizontalPodAutoscaler that KEDA made for a ScaledObject is KEDA's, and is none that could be named here.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import TargetReference
from fastapi_tuning.api.via import ReplicasVia
from fastapi_tuning.api_server import Json
from fastapi_tuning.control.autoscaler import BOUND_FIELDS, Autoscaler
from fastapi_tuning.control.conflicts import REPLICAS_FIELD
from fastapi_tuning.control.foreign_owner import ForeignOwner
from fastapi_tuning.control.knobs import Knob
from fastapi_tuning.control.observation import Workload
from fastapi_tuning.observe.controllers import HORIZONTAL_AUTOSCALER, SCALED_OBJECT, Controllers
from fastapi_tuning.observe.foreign_owners import names, reconciles, replica_mover, scaled_object_of, scaler
from fastapi_tuning.observe.ownership import spec_managers

_KINDS = {ReplicasVia.HORIZONTAL_POD_AUTOSCALER: HORIZONTAL_AUTOSCALER, ReplicasVia.SCALED_OBJECT: SCALED_OBJECT}


def through_autoscaler(
    workload: Workload, via: ReplicasVia, controllers: Controllers, reference: TargetReference
) -> Workload:
    """The workload with its autoscaler in place of its replicas: now the owners of that one's bounds matter.

    Without exactly one of the kind, the replicas are left to whatever was asked for.
    """
    found = tuple(_candidates(via, controllers, reference))
    if len(found) != 1:
        asked = _not_found(via, found, reference)
        return replace(workload, foreign_owners=(*workload.foreign_owners, asked))
    (body,) = found
    autoscaler = _autoscaler_of(body, via)
    entries = tuple(body.get("metadata", {}).get("managedFields") or ())
    managers = spec_managers(entries, BOUND_FIELDS[via][0])
    owners = [each for each in managers if reconciles(each)]
    # Whoever writes the replicas themselves is in the autoscaler's way, not in ours.
    others = (
        each
        for each in workload.foreign_owners
        if each != scaler(autoscaler.told) and (each.field, each.reason) != (REPLICAS_FIELD, Reason.FIELD_CONFLICT)
    )
    return replace(
        workload,
        autoscaler=autoscaler,
        foreign_owners=(
            *others,
            *(
                ForeignOwner(
                    reason=Reason.FIELD_CONFLICT,
                    field=autoscaler.floor_field,
                    owner=each.told,
                    knobs=(Knob.REPLICAS,),
                )
                for each in owners
            ),
        ),
        replicas_set_by=replica_mover(managers, unrecorded_is_deliberate=False) if entries else None,
    )


def _candidates(via: ReplicasVia, controllers: Controllers, reference: TargetReference) -> Iterator[Json]:
    for each in controllers.get(_KINDS[via], ()):
        spec = each.get("spec")
        target = spec.get("scaleTargetRef") if isinstance(spec, dict) else None
        if names(target, reference) and scaled_object_of(each) is None:
            yield each


def _not_found(via: ReplicasVia, found: tuple[Json, ...], reference: TargetReference) -> ForeignOwner:
    those = ", ".join(sorted(str(each.get("metadata", {}).get("name")) for each in found)) or "none"
    target = f"{reference.kind} {reference.name}"
    return ForeignOwner(
        reason=Reason.AUTOSCALER_NOT_FOUND,
        field=REPLICAS_FIELD,
        owner=f"the one {via} of {target} that spec.replicas.via names; there is: {those}",
        knobs=(Knob.REPLICAS,),
    )


def _autoscaler_of(body: Json, via: ReplicasVia) -> Autoscaler:
    metadata, spec = body.get("metadata", {}), body["spec"]
    floor, ceiling = BOUND_FIELDS[via]
    owners = [each.told for each in spec_managers(metadata.get("managedFields") or (), ceiling) if reconciles(each)]
    return Autoscaler(
        kind=via,
        name=str(metadata.get("name", "")),
        uid=str(metadata.get("uid", "")),
        resource_version=str(metadata.get("resourceVersion", "")),
        stated_floor=_count(spec.get(floor)),
        stated_ceiling=_count(spec.get(ceiling)),
        ceiling_owner=", ".join(owners) or None,
    )


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
