"""Whose the fields of a target are, from other controllers' objects and from its managedFields. Pure.

The objects are other people's: what is missing in them is passed over, since their own controllers pass it over too.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from fastapi_tuning.api.freeze import Direction
from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import TargetReference
from fastapi_tuning.api_server import Json
from fastapi_tuning.control.conflicts import REPLICAS_FIELD
from fastapi_tuning.control.foreign_owner import SETTINGS, ForeignOwner
from fastapi_tuning.control.knobs import VARIABLES, Knob
from fastapi_tuning.control.observation import ReplicaMover
from fastapi_tuning.observe.controllers import (
    CANARY,
    HORIZONTAL_AUTOSCALER,
    ROLLOUT,
    SCALED_OBJECT,
    VERTICAL_AUTOSCALER,
    Controllers,
)
from fastapi_tuning.observe.ownership import FieldManager, replica_managers, template_manager, variable_managers

TEMPLATE_FIELD = "spec.template"
_RESOURCES_FIELD = "resources of the pods"
_ARGO_CD = ("argocd-controller", "argocd-application-controller")
"""Argo CD's client-side apply writes with Update, and reconciles all the same."""
_UNRECORDED = "a client whose name was not recorded"
_DEFAULT_REPLICAS = 1
_BY_HAND = ("kubectl", "kubectl-edit", "kubectl-patch")
"""What kubectl calls itself where a person names the field."""
_ANALYSING = ("Progressing", "Waiting", "WaitingPromotion", "Promoting", "Finalising")
"""Phases of a Canary in which requests go to two versions (Flagger, CanaryPhase)."""
_KNOB_OF_VARIABLE = {variable: knob for knob, variable in VARIABLES.items()}


def owners_by_objects(controllers: Controllers, reference: TargetReference) -> tuple[ForeignOwner, ...]:
    """Controllers whose objects name the target, each once: KEDA makes an autoscaler of its own for a ScaledObject."""
    found = (
        *_horizontal(controllers.get(HORIZONTAL_AUTOSCALER, ()), reference),
        *_scaled(controllers.get(SCALED_OBJECT, ()), reference),
        *_rollouts(controllers.get(ROLLOUT, ()), reference),
        *_canaries(controllers.get(CANARY, ()), reference),
        *_vertical(controllers.get(VERTICAL_AUTOSCALER, ()), reference),
    )
    return tuple(dict.fromkeys(found))


def owners_by_fields(
    managed_fields: Iterable[Json], container: str, *, rollout_in_progress: bool
) -> tuple[ForeignOwner, ...]:
    """Field managers that state replicas or a variable of ours for good, and one whose template is rolled out now."""
    entries = tuple(managed_fields)
    replicas = [each for each in replica_managers(entries) if reconciles(each)]
    variables = variable_managers(entries, container)
    template = template_manager(entries) if rollout_in_progress else None
    return (
        *(_field_owner(REPLICAS_FIELD, manager, Knob.REPLICAS) for manager in replicas),
        *(
            _field_owner(_variable_field(container, name), manager, _KNOB_OF_VARIABLE[name])
            for name, manager in sorted(variables.items())
            if name in _KNOB_OF_VARIABLE
        ),
        *([] if template is None or template.is_ours else [_rolling(template)]),
    )


def replicas_set_by(managed_fields: Iterable[Json], replicas: int) -> ReplicaMover | None:
    """Who set the replicas to what they are, if that was not us; None: we did, or the API server keeps no record.

    Whoever writes to /scale, edits by hand, or states the number for good means it. Others deployed a manifest. While
    nobody owns the field, the API server does not record who writes to /scale, us included; then one replica may also
    be its default, after a manifest stopped to state the number.
    """
    entries = tuple(managed_fields)
    if not entries:
        return None
    return replica_mover(replica_managers(entries), unrecorded_is_deliberate=replicas != _DEFAULT_REPLICAS)


def replica_mover(managers: tuple[FieldManager, ...], *, unrecorded_is_deliberate: bool) -> ReplicaMover | None:
    """Who of a field's managers set it to what it is; None: we did.

    Args:
        unrecorded_is_deliberate: whether somebody meant a value that has no manager.
    """
    if any(each.is_ours for each in managers):
        return None
    if not managers:
        return ReplicaMover(name=_UNRECORDED, deliberate=unrecorded_is_deliberate)
    last = max(managers, key=lambda each: each.time)
    deliberate = reconciles(last) or last.subresource == "scale" or last.name in _BY_HAND
    return ReplicaMover(name=last.told, deliberate=deliberate)


def reconciles(manager: FieldManager) -> bool:
    """Whether it will state its value again, rather than having changed it once."""
    return not manager.is_ours and (manager.operation == "Apply" or manager.name in _ARGO_CD)


def _field_owner(path: str, manager: FieldManager, knob: Knob) -> ForeignOwner:
    return ForeignOwner(reason=Reason.FIELD_CONFLICT, field=path, owner=manager.told, knobs=(knob,))


def _variable_field(container: str, variable: str) -> str:
    """As the API server writes it in a conflict."""
    return f'{TEMPLATE_FIELD}.spec.containers[name="{container}"].env[name="{variable}"].value'


def _rolling(manager: FieldManager) -> ForeignOwner:
    owner = f"{manager.told}, whose rollout is in progress"
    return ForeignOwner(reason=Reason.ROLLOUT_IN_PROGRESS, field=TEMPLATE_FIELD, owner=owner, knobs=SETTINGS)


def _horizontal(autoscalers: Iterable[Json], reference: TargetReference) -> Iterator[ForeignOwner]:
    for each in autoscalers:
        if names(_spec(each).get("scaleTargetRef"), reference):
            scaled = scaled_object_of(each)
            yield scaler(f"HorizontalPodAutoscaler {_name(each)}" if scaled is None else f"ScaledObject {scaled}")


def _scaled(objects: Iterable[Json], reference: TargetReference) -> Iterator[ForeignOwner]:
    for each in objects:
        if names(_spec(each).get("scaleTargetRef"), reference):
            yield scaler(f"ScaledObject {_name(each)}")


def scaler(owner: str) -> ForeignOwner:
    """An autoscaler of the target."""
    return ForeignOwner(reason=Reason.ANOTHER_AUTOSCALER, field=REPLICAS_FIELD, owner=owner, knobs=(Knob.REPLICAS,))


def _rollouts(rollouts: Iterable[Json], reference: TargetReference) -> Iterator[ForeignOwner]:
    """An Argo Rollout with `workloadRef` runs pods of its own from the Deployment's template, and scales it down."""
    for each in rollouts:
        if names(_spec(each).get("workloadRef"), reference):
            progressing = _status(each).get("phase") not in (None, "Healthy")
            yield ForeignOwner(
                reason=Reason.PROGRESSIVE_DELIVERY,
                field=f"{REPLICAS_FIELD} and {TEMPLATE_FIELD}",
                owner=f"Rollout {_name(each)}",
                knobs=(Knob.REPLICAS, *SETTINGS),
                mixes_versions=progressing,
            )


def _canaries(canaries: Iterable[Json], reference: TargetReference) -> Iterator[ForeignOwner]:
    """Flagger scales the Deployment that a Canary names to zero, runs `NAME-primary` in its place, and copies the
    template there at each promotion: nothing of the first is ours, and no template of the second. While a new version
    is tried, the second has fewer requests than it will have again."""
    for each in canaries:
        target, owner = _spec(each).get("targetRef"), f"Canary {_name(each)}"
        analysing = _status(each).get("phase") in _ANALYSING
        if names(target, reference):
            yield ForeignOwner(
                reason=Reason.PROGRESSIVE_DELIVERY,
                field=f"{REPLICAS_FIELD} and {TEMPLATE_FIELD}",
                owner=owner,
                knobs=(Knob.REPLICAS, *SETTINGS),
                mixes_versions=analysing,
            )
        elif names(_primary_of(target), reference):
            yield ForeignOwner(
                reason=Reason.PROGRESSIVE_DELIVERY,
                field=TEMPLATE_FIELD,
                owner=owner,
                knobs=SETTINGS,
                mixes_versions=analysing,
            )
            if analysing:
                yield ForeignOwner(
                    reason=Reason.PROGRESSIVE_DELIVERY,
                    field=f"a share of the requests to {REPLICAS_FIELD}",
                    owner=f"{owner}, which tries a new version",
                    knobs=(Knob.REPLICAS,),
                    direction=Direction.SCALE_IN,
                )


def _primary_of(target: Any) -> Any:
    return {**target, "name": f"{target.get('name')}-primary"} if isinstance(target, dict) else None


def _vertical(autoscalers: Iterable[Json], reference: TargetReference) -> Iterator[ForeignOwner]:
    """One in mode Off recommends only; without a mode it acts."""
    for each in autoscalers:
        policy = _spec(each).get("updatePolicy")
        mode = (policy.get("updateMode") if isinstance(policy, dict) else None) or "Auto"
        if mode != "Off" and names(_spec(each).get("targetRef"), reference):
            owner = f"VerticalPodAutoscaler {_name(each)} ({mode})"
            yield ForeignOwner(reason=Reason.VERTICAL_AUTOSCALER, field=_RESOURCES_FIELD, owner=owner, knobs=())


def names(target: Any, reference: TargetReference) -> bool:
    """Whether a reference is to our target; Deployment is what a ScaledObject means that names no kind."""
    if not isinstance(target, dict):
        return False
    return (target.get("kind") or "Deployment", target.get("name")) == (reference.kind, reference.name)


def scaled_object_of(autoscaler: Json) -> str | None:
    """The ScaledObject for which KEDA made it."""
    owners = autoscaler.get("metadata", {}).get("ownerReferences") or ()
    return next((str(owner.get("name")) for owner in owners if owner.get("kind") == "ScaledObject"), None)


def _name(body: Json) -> str:
    return str(body.get("metadata", {}).get("name", ""))


def _spec(body: Json) -> Json:
    spec = body.get("spec")
    return spec if isinstance(spec, dict) else {}


def _status(body: Json) -> Json:
    status = body.get("status")
    return status if isinstance(status, dict) else {}
