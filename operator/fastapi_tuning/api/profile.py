"""What a person who profiles a pod and the agent agree on: the request in an annotation, and what comes back. Pure.

Another annotation than that of the settings: the operator writes those as a whole, and reads nothing of this.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from fastapi_tuning.api.tuning import GROUP
from fastapi_tuning.errors import ProfileUnavailable

PROFILE_ANNOTATION = f"{GROUP}/profile"
"""On a pod: what is to be sampled. The kubelet shows its value to the agent as a file."""
TOKEN_HEADER = "X-Fastapi-Tuning-Token"
"""Of the request for the result."""
MOST_SECONDS = 120
MOST_PER_SECOND = 100
PATIENCE = timedelta(seconds=120)
"""How long a request may take to reach the agent. Two clocks are in it: the person's and the node's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileRequest:
    """`token` stays with whoever asks, so that who can read the pod cannot read the profile."""

    token: str
    seconds: int
    samples_per_second: int
    expires_at: datetime
    """Not begun from then on; a request that is older keeps nobody else from asking."""

    def text(self) -> str:
        """The annotation's value."""
        body = {
            "tokenSha256": hashlib.sha256(self.token.encode()).hexdigest(),
            "seconds": self.seconds,
            "samplesPerSecond": self.samples_per_second,
            "expiresAt": self.expires_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        return json.dumps(body, separators=(",", ":"), sort_keys=True)


def is_taken(text: str | None, now: datetime) -> bool:
    """Whether an annotation's value is a request that may be served now."""
    try:
        body = json.loads(text or "")
        begins_by = datetime.fromisoformat(body["expiresAt"])
        return now < begins_by + timedelta(seconds=min(float(body["seconds"]), MOST_SECONDS))
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError):
        return False  # of somebody who writes something else: the agent serves no such thing


class State(StrEnum):
    """What a thread was doing when a sample was taken."""

    RUNNING = "Running"
    WAITING = "Waiting"
    IDLE = "Idle"
    """A thread of a pool without work."""
    UNCLEAR = "Unclear"
    """The platform does not tell CPU times of threads."""


class Place(NamedTuple):
    """A line of a function; the first line is that of its definition."""

    file: str
    function: str
    first_line: int
    line: int


class _Told(BaseModel):
    """What a process in a pod says: believed as far as it has the right form."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, extra="ignore", allow_inf_nan=False)


_Seconds = Annotated[float, Field(ge=0, le=1e6)]


class Thread(_Told):
    name: str
    cpu_seconds: _Seconds | None
    """As the kernel counts them; None: not known."""


class Profile(_Told):
    """What one process saw. `stacks`: thread, state, seconds, places with the outermost first; by index."""

    seconds: _Seconds
    samples: Annotated[int, Field(ge=0)]
    sampler_cpu_seconds: _Seconds
    threads: tuple[Thread, ...]
    places: tuple[Place, ...]
    stacks: tuple[tuple[Annotated[int, Field(ge=0)], State, _Seconds, tuple[Annotated[int, Field(ge=0)], ...]], ...]


class Worker(_Told):
    """One process of the pod; `profile` once its state is Done."""

    state: str
    pid: int
    message: str = ""
    profile: Profile | None = None

    @property
    def is_sampling(self) -> bool:
        return self.state == "Sampling"


class _Answer(_Told):
    workers: tuple[Worker, ...]


def workers_of(answer: Mapping[str, Any]) -> tuple[Worker, ...]:
    """The processes that the agent told about.

    Raises:
        ProfileUnavailable: this is not what an agent of ours says.
    """
    try:
        workers = _Answer.model_validate(answer).workers
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ProfileUnavailable(f"the agent's answer is not understood: {where}: {first['msg']}") from error
    for profile in (worker.profile for worker in workers if worker.profile is not None):
        for thread, _, _, places in profile.stacks:
            if thread >= len(profile.threads) or any(place >= len(profile.places) for place in places):
                raise ProfileUnavailable("the agent's answer is not understood: it names something that is not in it")
    return workers


def printable(text: str) -> str:
    """Without what a terminal or a browser would obey, or no file can hold: names come out of the pod."""
    return _NOT_PRINTABLE.sub("�", text)


_NOT_PRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
