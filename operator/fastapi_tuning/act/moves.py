"""Carries out the moves of one outcome; each result is a value, a refusal by the API server included."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from fastapi_tuning.act.autoscaler import set_bounds
from fastapi_tuning.act.environment import apply_environment, restart_pods
from fastapi_tuning.act.replicas import set_replicas
from fastapi_tuning.act.resources import set_resources
from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.resources import ResourceQuantity
from fastapi_tuning.api.status import Settings
from fastapi_tuning.api_server import ApiServer, namespace_in
from fastapi_tuning.control.knobs import COUNTS_OF_PODS, ENFORCING_VALUE, ENFORCING_VARIABLE, VARIABLES, Knob
from fastapi_tuning.control.ledger import SETTINGS_FIELDS, applied_after
from fastapi_tuning.control.observation import Workload
from fastapi_tuning.control.route import Route
from fastapi_tuning.errors import Conflict, FieldConflict, NotFound, WriteRejected


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveResult:
    """What became of the moves that one write carried; `reason` is Applied or why not."""

    knobs: tuple[Knob, ...]
    reason: Reason
    message: str = ""

    @property
    def applied(self) -> bool:
        return self.reason is Reason.APPLIED


async def carry_out(
    api: ApiServer,
    path: str,
    workload: Workload,
    moves: Mapping[Knob, int],
    applied: Settings,
    way: Route,
    resources: tuple[ResourceQuantity, ...] = (),
) -> tuple[MoveResult, ...]:
    """Write the moves to the workload at `path`; `applied` are the settings that are ours already and stay so.

    `resources` are what the container gets when its workers move.

    Settings that go live are not written here: their pods are brought to the settings that are ours in every cycle.
    """
    results = []
    counts: dict[Knob, int] = {knob: value for knob, value in moves.items() if knob in COUNTS_OF_PODS}
    if counts:
        results.append(await _scale(api, path, workload, counts))
    settings: dict[Knob, int] = {
        knob: value for knob, value in moves.items() if knob not in (*COUNTS_OF_PODS, Knob.WORKERS)
    }
    rolled_out: dict[Knob, int] = {knob: value for knob, value in moves.items() if knob is Knob.WORKERS}
    if way is Route.ROLLOUT:
        rolled_out.update(settings)
    elif settings:
        results.append(_without_rollout(tuple(settings), way))
    if rolled_out:
        divided = resources if Knob.WORKERS in rolled_out else ()
        results.append(await _roll_out(api, path, workload, rolled_out, applied, way, divided))
    return tuple(results)


def _without_rollout(settings: tuple[Knob, ...], way: Route) -> MoveResult:
    if way is Route.LIVE:
        return MoveResult(knobs=settings, reason=Reason.APPLIED)
    waits = way is Route.AGENT_FIRST
    message = "waits for the agent, and needs no restart then" if waits else "strategy Live, and pods lack the agent"
    return MoveResult(knobs=settings, reason=Reason.AGENT_MISSING, message=message)


async def restart_for_agent(
    api: ApiServer, path: str, workload: Workload, applied: Settings, now: datetime
) -> MoveResult:
    """Replace the pods, so that the webhook sees the new ones. Our variables stay: it may miss them all the same."""
    variables = _worker_variables(workload, applied) | environment_of(applied)
    try:
        await restart_pods(api, path, path.rsplit("/", 1)[1], workload.container, variables, now)
    except (NotFound, WriteRejected) as error:
        return MoveResult(knobs=(), reason=Reason.WRITE_FAILED, message=str(error))
    return MoveResult(knobs=(), reason=Reason.APPLIED)


async def _scale(api: ApiServer, path: str, workload: Workload, counts: Mapping[Knob, int]) -> MoveResult:
    knobs, autoscaler = tuple(counts), workload.autoscaler
    try:
        if autoscaler is None:
            await set_replicas(api, path, counts[Knob.REPLICAS], workload.scale_resource_version)
        else:
            bounds = counts.get(Knob.REPLICAS), counts.get(Knob.CEILING)
            await set_bounds(api, namespace_in(path), autoscaler, *bounds)
    except Conflict as error:
        return MoveResult(knobs=knobs, reason=Reason.CONFLICT, message=str(error))
    except (NotFound, WriteRejected) as error:
        return MoveResult(knobs=knobs, reason=Reason.WRITE_FAILED, message=str(error))
    return MoveResult(knobs=knobs, reason=Reason.APPLIED)


async def _roll_out(
    api: ApiServer,
    path: str,
    workload: Workload,
    moves: Mapping[Knob, int],
    applied: Settings,
    way: Route,
    resources: tuple[ResourceQuantity, ...],
) -> MoveResult:
    knobs = tuple(moves)
    after = applied_after(applied, moves)
    variables = _worker_variables(workload, after)
    if way is Route.ROLLOUT:
        variables |= environment_of(after)
    try:
        if resources:
            # Other settings stand in the template already: what a patch sets, no later apply may change.
            fixed = _worker_variables(workload, after)
            await set_resources(api, path, workload.container, resources, fixed, workload.scale_resource_version)
        else:
            await apply_environment(api, path, path.rsplit("/", 1)[1], workload.container, variables)
    except FieldConflict as error:
        return MoveResult(knobs=knobs, reason=Reason.FIELD_CONFLICT, message=str(error))
    except Conflict as error:
        return MoveResult(knobs=knobs, reason=Reason.CONFLICT, message=str(error))
    except (NotFound, WriteRejected) as error:
        return MoveResult(knobs=knobs, reason=Reason.WRITE_FAILED, message=str(error))
    return MoveResult(knobs=knobs, reason=Reason.APPLIED)


def _worker_variables(workload: Workload, settings: Settings) -> dict[str, str]:
    """Variables that bring each pod to one worker. The agent's order goes beside the launcher's own variables, which
    are what a pod has that the webhook misses."""
    if settings.workers is None:
        return {}
    enforced = {ENFORCING_VARIABLE: ENFORCING_VALUE} if workload.may_enforce_one_worker else {}
    return dict.fromkeys(workload.launch.worker_variables, "1") | enforced


def environment_of(settings: Settings) -> dict[str, str]:
    """Variables that carry the settings into a pod."""
    values = {knob: getattr(settings, field) for knob, field in SETTINGS_FIELDS.items() if knob in VARIABLES}
    return {VARIABLES[knob]: str(value) for knob, value in values.items() if value is not None}
