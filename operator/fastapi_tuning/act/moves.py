"""Carries out the moves of one outcome; each result is a value, a refusal by the API server included."""

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi_tuning.act.environment import apply_environment
from fastapi_tuning.act.replicas import set_replicas
from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.status import Settings
from fastapi_tuning.api_server import ApiServer
from fastapi_tuning.control.decide import VARIABLES, WORKER_VARIABLES, Knob
from fastapi_tuning.control.ledger import SETTINGS_FIELDS, applied_after
from fastapi_tuning.control.observation import Workload
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
    api: ApiServer, path: str, workload: Workload, moves: Mapping[Knob, int], applied: Settings
) -> tuple[MoveResult, ...]:
    """Write the moves to the workload at `path`; `applied` are the settings that are ours already and stay so."""
    results = []
    if Knob.REPLICAS in moves:
        results.append(await _scale(api, path, workload, moves[Knob.REPLICAS]))
    settings: dict[Knob, int] = {knob: value for knob, value in moves.items() if knob is not Knob.REPLICAS}
    if settings:
        results.append(await _roll_out(api, path, workload, settings, applied))
    return tuple(results)


async def _scale(api: ApiServer, path: str, workload: Workload, replicas: int) -> MoveResult:
    knobs = (Knob.REPLICAS,)
    try:
        await set_replicas(api, path, replicas, workload.scale_resource_version)
    except Conflict as error:
        return MoveResult(knobs=knobs, reason=Reason.CONFLICT, message=str(error))
    except (NotFound, WriteRejected) as error:
        return MoveResult(knobs=knobs, reason=Reason.WRITE_FAILED, message=str(error))
    return MoveResult(knobs=knobs, reason=Reason.APPLIED)


async def _roll_out(
    api: ApiServer, path: str, workload: Workload, moves: Mapping[Knob, int], applied: Settings
) -> MoveResult:
    knobs = tuple(moves)
    variables = environment_of(applied_after(applied, moves))
    if workload.launch.workers == 1 or Knob.WORKERS in moves:
        variables |= dict.fromkeys(WORKER_VARIABLES, "1")
    try:
        await apply_environment(api, path, path.rsplit("/", 1)[1], workload.container, variables)
    except FieldConflict as error:
        return MoveResult(knobs=knobs, reason=Reason.FIELD_CONFLICT, message=str(error))
    except (NotFound, WriteRejected) as error:
        return MoveResult(knobs=knobs, reason=Reason.WRITE_FAILED, message=str(error))
    return MoveResult(knobs=knobs, reason=Reason.APPLIED)


def environment_of(settings: Settings) -> dict[str, str]:
    """Variables that carry the settings into a pod."""
    values = {knob: getattr(settings, field) for knob, field in SETTINGS_FIELDS.items() if knob in VARIABLES}
    return {VARIABLES[knob]: str(value) for knob, value in values.items() if value is not None}
