"""Which of the others that have a say in the target hold a knob of ours now. Pure."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from fastapi_tuning.api.freeze import Direction
from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import FastAPITuningSpec, Mode, ReplicasConflict
from fastapi_tuning.api.status import History
from fastapi_tuning.control.foreign_owner import OWNABLE, ForeignOwner
from fastapi_tuning.control.knobs import Knob, mode_of
from fastapi_tuning.control.observation import Delivery, Observation, Workload

REPLICAS_FIELD = "spec.replicas"
_ALWAYS_THROUGH_THE_TEMPLATE = (Knob.REPLICAS, Knob.WORKERS)
"""Whatever way settings go; replicas are not in the template, and never live either."""


def owners_in_force(
    spec: FastAPITuningSpec, observation: Observation, history: History, duplicate_of: str | None
) -> tuple[ForeignOwner, ...]:
    """All that hold something now, those that nothing but their own going will end first.

    Settings that go live touch nobody's field: an owner of the pod template, or of a variable in it, does not hold
    them. A move by others matters only where replicas are ours otherwise. A knob that is off is nobody's concern.
    """
    lasting = tuple(each for each in lasting_owners(spec, observation.workload) if each.knobs or _is_told(each))
    elder = () if duplicate_of is None else (_elder(spec, duplicate_of),)
    mover = _mover(spec, observation, history) if replicas_are_ours((*elder, *lasting)) else ()
    # A rollout is over soon, and whatever else there is says more.
    return tuple(sorted((*elder, *lasting, *mover), key=lambda each: each.reason is Reason.ROLLOUT_IN_PROGRESS))


def lasting_owners(spec: FastAPITuningSpec, workload: Workload) -> tuple[ForeignOwner, ...]:
    """Those that were observed at the target, with the knobs of ours that they hold."""
    heeded = (each for each in workload.foreign_owners if not _is_taken_from(each, spec))
    return tuple(replace(each, knobs=_held(each.knobs, spec, workload)) for each in heeded)


def owner_of_the_template(workload: Workload) -> ForeignOwner | None:
    """A controller that does something of its own with each change of the pod template."""
    delivering = (each for each in workload.foreign_owners if each.reason is Reason.PROGRESSIVE_DELIVERY)
    return next((each for each in delivering if Knob.WORKERS in each.knobs), None)


def replicas_are_ours(owners: Iterable[ForeignOwner]) -> bool:
    """Whether nobody else has the replicas for good; who holds them for a time, or only down, does not."""
    return not any(
        Knob.REPLICAS in each.knobs and each.until is None and each.direction is not Direction.SCALE_IN
        for each in owners
    )


def _is_told(owner: ForeignOwner) -> bool:
    """Said even though it holds nothing: it changes what the pods carry."""
    return owner.reason is Reason.VERTICAL_AUTOSCALER


def _is_taken_from(owner: ForeignOwner, spec: FastAPITuningSpec) -> bool:
    applies_replicas = owner.reason is Reason.FIELD_CONFLICT and Knob.REPLICAS in owner.knobs
    return applies_replicas and spec.replicas.conflict_policy is ReplicasConflict.TAKE


def _held(knobs: tuple[Knob, ...], spec: FastAPITuningSpec, workload: Workload) -> tuple[Knob, ...]:
    rolled_out = OWNABLE if workload.delivery is Delivery.ROLLOUT else _ALWAYS_THROUGH_THE_TEMPLATE
    return tuple(knob for knob in knobs if knob in rolled_out and mode_of(spec, knob) is not Mode.OFF)


def _elder(spec: FastAPITuningSpec, name: str) -> ForeignOwner:
    return ForeignOwner(
        reason=Reason.DUPLICATE_TARGET,
        field=f"{spec.target_ref.kind} {spec.target_ref.name}",
        owner=f"FastAPITuning {name}, which is older",
        knobs=tuple(knob for knob in OWNABLE if mode_of(spec, knob) is not Mode.OFF),
    )


def _replicas_field(workload: Workload) -> str:
    return REPLICAS_FIELD if workload.autoscaler is None else workload.autoscaler.floor_field


def _mover(spec: FastAPITuningSpec, observation: Observation, history: History) -> tuple[ForeignOwner, ...]:
    """Whoever changed the replicas less than one stabilisation window (scaleDown.stabilizationSeconds) ago.

    A number that came along with a deployment keeps us from going below, and from nothing else: load that had eight
    pods a minute ago does not wait for what nobody decided.
    """
    move = history.foreign_move
    window = timedelta(seconds=spec.replicas.scale_down.stabilization_seconds)
    if move is None or observation.time - move.time >= window or mode_of(spec, Knob.REPLICAS) is Mode.OFF:
        return ()
    return (
        ForeignOwner(
            reason=Reason.MOVED_BY_OTHERS,
            field=f"{_replicas_field(observation.workload)} ({move.replicas})",
            owner=move.by,
            knobs=(Knob.REPLICAS,),
            direction=Direction.BOTH if move.deliberate else Direction.SCALE_IN,
            until=move.time + window,
        ),
    )
