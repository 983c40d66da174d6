"""The FastAPITuning object as a whole: names of its API and the parsed form that the operator works with."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fastapi_tuning.api.spec import FastAPITuningSpec
from fastapi_tuning.api.status import FastAPITuningStatus
from fastapi_tuning.errors import InvalidTuning

GROUP = "fastapituning.io"
VERSION = "v1alpha1"
KIND = "FastAPITuning"
PLURAL = "fastapitunings"
PAUSED_UNTIL_ANNOTATION = f"{GROUP}/paused-until"
PAUSED_DIRECTION_ANNOTATION = f"{GROUP}/paused-direction"

_MOST_PROBLEMS_TOLD = 3


class StoredTuning(BaseModel):
    """What can be said of any stored object, whatever its spec: enough to report about it."""

    model_config = ConfigDict(frozen=True)

    namespace: str
    name: str
    uid: str
    generation: int = Field(ge=0)
    status: FastAPITuningStatus


class FastAPITuning(StoredTuning):
    """One object, reduced to what decisions need; `managedFields` and the like are never kept."""

    creation_time: datetime
    annotations: dict[str, str]
    spec: FastAPITuningSpec


class UnreadableTuning(StoredTuning):
    """An object whose spec our models refuse although the API server stored it, under another schema."""

    problem: InvalidTuning

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)


def tuning_of(body: dict[str, Any]) -> FastAPITuning | UnreadableTuning:
    """Parse the API server's JSON."""
    metadata = body["metadata"]
    stored = {
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "uid": metadata["uid"],
        "generation": metadata.get("generation", 0),
        "status": _status_of(body.get("status") or {}),
    }
    try:
        spec = FastAPITuningSpec.model_validate(body.get("spec"))
    except ValidationError as error:
        return UnreadableTuning(**stored, problem=InvalidTuning(_problems(error)))
    return FastAPITuning(
        **stored,
        creation_time=metadata["creationTimestamp"],
        annotations=metadata.get("annotations") or {},
        spec=spec,
    )


def _status_of(raw: dict[str, Any]) -> FastAPITuningStatus:
    """The status without the fields that another version of the operator wrote and this one cannot read."""
    try:
        return FastAPITuningStatus.model_validate(raw)
    except ValidationError as error:
        unreadable = {problem["loc"][0] for problem in error.errors()}
        return FastAPITuningStatus.model_validate({key: raw[key] for key in raw.keys() - unreadable})


def _problems(error: ValidationError) -> str:
    """The first few, each with the path of its field."""
    told = [
        f"{'.'.join(['spec', *map(str, problem['loc'])])}: {problem['msg']}"
        for problem in error.errors()[:_MOST_PROBLEMS_TOLD]
    ]
    left_out = error.error_count() - len(told)
    return "; ".join([*told, *([f"and {left_out} more"] if left_out else [])])
