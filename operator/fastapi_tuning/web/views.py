"""What the API answers, made from what the watch has shown. Pure."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from fastapi_tuning.api.model import ApiModel, Label, Name
from fastapi_tuning.api.spec import FastAPITuningSpec, Mode
from fastapi_tuning.api.status import ConditionType, FastAPITuningStatus, LimitingFactor, Settings
from fastapi_tuning.api.tuning import FastAPITuning, UnreadableTuning

Shown = FastAPITuning | UnreadableTuning

LONGEST_LIST = 500


class Part(BaseModel):
    """Which part of a list is wanted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    after: str = Field(default="", max_length=320, description="`following` of the part before this one.")
    limit: int = Field(default=LONGEST_LIST, ge=1, le=LONGEST_LIST)


class Summary(ApiModel):
    """One object in a list."""

    namespace: Label
    name: Name
    target: str | None
    """The Deployment; absent: the object cannot be read."""
    mode: Mode | None
    ready: Annotated[str, Field(pattern="^(True|False|Unknown)$")]
    """The condition Ready; Unknown where nothing was said yet."""
    limiting_factor: LimitingFactor
    objective: str
    latency: str
    current: Settings
    decision: str
    """The last one, in words; empty: there is none yet."""


class Summaries(ApiModel):
    """A list by namespace and name, or its next part."""

    items: tuple[Summary, ...]
    following: str | None
    """What to give as `after` for the next part; absent: this is the last one."""


class Document(ApiModel):
    """One object whole, as the operator knows it."""

    namespace: Label
    name: Name
    generation: int
    spec: FastAPITuningSpec | None
    """Absent: it cannot be read."""
    problem: str
    """Why not; empty: it can."""
    status: FastAPITuningStatus


class Problem(ApiModel):
    """Why there is no answer."""

    detail: str


def summaries(shown: Iterable[Shown], namespaces: frozenset[str], wanted: Part) -> Summaries:
    """Those in the namespaces that the part wants; its `after` is `namespace/name`, or empty."""
    found = sorted((each for each in shown if each.namespace in namespaces), key=_place)
    left = [each for each in found if _place(each) > tuple(wanted.after.partition("/")[::2])]
    part = left[: wanted.limit]
    return Summaries(
        items=tuple(_summary(each) for each in part),
        following="/".join(_place(part[-1])) if len(left) > len(part) > 0 else None,
    )


def document(tuning: Shown) -> Document:
    """The object, or what can be said of one that cannot be read."""
    return Document(
        namespace=tuning.namespace,
        name=tuning.name,
        generation=tuning.generation,
        spec=_spec(tuning),
        problem=str(tuning.problem) if isinstance(tuning, UnreadableTuning) else "",
        status=tuning.status,
    )


def _spec(tuning: Shown) -> FastAPITuningSpec | None:
    return tuning.spec if isinstance(tuning, FastAPITuning) else None


def _place(tuning: Shown) -> tuple[str, ...]:
    return tuning.namespace, tuning.name


def _summary(tuning: Shown) -> Summary:
    status = tuning.status
    spec = _spec(tuning)
    last = status.last_decision
    return Summary(
        namespace=tuning.namespace,
        name=tuning.name,
        target=None if spec is None else spec.target_ref.name,
        mode=None if spec is None else spec.mode,
        ready=_ready(status),
        limiting_factor=status.limiting_factor,
        objective=status.objective,
        latency=status.latency,
        current=status.current,
        decision="" if last is None else f"{last.step}: {last.reason}",
    )


def _ready(status: FastAPITuningStatus) -> str:
    said = (each.status for each in status.conditions if each.type == ConditionType.READY)
    return next(said, "Unknown")
