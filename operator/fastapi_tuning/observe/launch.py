"""How a container starts its server, read from the pod template alone. Pure.

Which variable works depends on the launcher (measured): the uvicorn command reads UVICORN_* unless the flag is given;
`fastapi run`, `uvicorn.run()` and gunicorn never do, but take WEB_CONCURRENCY. A flag always beats a variable.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.control.knobs import ENFORCING_VALUE, ENFORCING_VARIABLE, VARIABLES, WORKER_VARIABLES, Knob
from fastapi_tuning.control.observation import Enforcement, EnvironmentSetting, LaunchForm
from fastapi_tuning.observe.command_line import (
    Environment,
    assignment,
    base,
    environment_of,
    flag,
    hidden_argument,
    words_of,
)

THREAD_POOL_VARIABLE = VARIABLES[Knob.THREADS]
UVICORN_FLAGS: Mapping[str, str] = {
    VARIABLES[Knob.LIMIT_CONCURRENCY]: "--limit-concurrency",
    VARIABLES[Knob.TIMEOUT_KEEP_ALIVE]: "--timeout-keep-alive",
    VARIABLES[Knob.LIMIT_MAX_REQUESTS]: "--limit-max-requests",
}

_SERVERS = ("uvicorn", "gunicorn", "fastapi", "hypercorn")
_FILE_READERS = ("gunicorn", "hypercorn")
_ORIGIN_LENGTH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class _Workers:
    count: int | None
    origin: str
    variables: tuple[str, ...]


def launch_form(container: Mapping[str, Any], owners: Mapping[str, str]) -> LaunchForm:
    """Launch form of a container of a pod template (its `command`, `args`, `env` and `envFrom`).

    `owners` names the field manager of each variable that somebody else set, see ownership.py.
    """
    environment = environment_of(container)
    words = words_of(container, environment)
    server = _server(words)
    enforcement = _enforcement(environment, owners)
    workers = _workers(server, words, environment, owners)
    if enforcement is Enforcement.SET:
        origin = f"environment {ENFORCING_VARIABLE}={ENFORCING_VALUE}, before it {workers.origin}"
        workers = replace(workers, count=None, origin=origin)
    return LaunchForm(
        server=server,
        workers=workers.count,
        workers_from=workers.origin[:_ORIGIN_LENGTH],
        worker_variables=workers.variables,
        enforcement=enforcement,
        settings=(
            _owned_or_free(THREAD_POOL_VARIABLE, environment, owners),
            *(
                _setting(variable, argument, server, words, environment, owners)
                for variable, argument in UVICORN_FLAGS.items()
            ),
        ),
    )


def _enforcement(environment: Environment, owners: Mapping[str, str]) -> Enforcement:
    if ENFORCING_VARIABLE in owners:
        return Enforcement.NOT_OURS
    value = environment.values.get(ENFORCING_VARIABLE) or ""
    return Enforcement.SET if value.strip().lower() == ENFORCING_VALUE.lower() else Enforcement.UNSET


def _server(words: Sequence[str]) -> str:
    """The first word that names a known server; a Python script starts uvicorn in code; no word says nothing."""
    for before, word in zip(("", *words), words, strict=False):
        if base(word) in _SERVERS and before != "cd":
            return base(word)
    return "python" if any(re.fullmatch(r"python[0-9.]*", base(word)) for word in words) else "unknown"


def _workers(server: str, words: Sequence[str], environment: Environment, owners: Mapping[str, str]) -> _Workers:
    """The worker count by the launcher's own precedence: flag, its variable or file, WEB_CONCURRENCY, one.

    None where the one that counts cannot be read: a wrong count would be worse than none.
    """
    if (argument := flag(words, *_worker_flags(server))) is not None:
        return _Workers(count=_number(argument[1]), origin=f"argument {argument[0]}", variables=())
    if server in _FILE_READERS and (found := _workers_beside(server, words, environment)) is not None:
        return found
    free = _free_worker_variables(server, owners)
    for variable in WORKER_VARIABLES if server in ("uvicorn", "unknown") else ("WEB_CONCURRENCY",):
        if (assigned := assignment(words, variable)) is not None:
            return _Workers(count=_number(assigned), origin=f"command {variable}={assigned}", variables=())
        if variable in environment.values:
            return _from_variable(variable, environment.values[variable], owners, free)
    if (why := _may_be_said_elsewhere(server, words, environment)) is not None:
        return _Workers(count=None, origin=why, variables=free)
    return _Workers(count=1, origin="default", variables=free)


def _worker_flags(server: str) -> tuple[str, ...]:
    return ("--workers", "-w") if server in _FILE_READERS else ("--workers",)


def _workers_beside(server: str, words: Sequence[str], environment: Environment) -> _Workers | None:
    """Where gunicorn and hypercorn look before WEB_CONCURRENCY: more arguments, and a file that we do not have."""
    if server == "gunicorn" and "GUNICORN_CMD_ARGS" in environment.values:
        arguments = environment.values["GUNICORN_CMD_ARGS"]
        if arguments is None:
            return _Workers(count=None, origin="environment GUNICORN_CMD_ARGS, set from elsewhere", variables=())
        words = [*arguments.split(), *words]
        if (argument := flag(words, *_worker_flags(server))) is not None:
            origin = f"environment GUNICORN_CMD_ARGS={arguments}"
            return _Workers(count=_number(argument[1]), origin=origin, variables=())
    if (file := flag(words, "-c", "--config")) is not None:
        return _Workers(count=None, origin=f"argument {file[0]}, a file that is not read", variables=())
    return None


def _from_variable(variable: str, value: str | None, owners: Mapping[str, str], free: tuple[str, ...]) -> _Workers:
    owner = f", set by {owners[variable]}" if variable in owners else ""
    if value is None:
        return _Workers(count=None, origin=f"environment {variable}, set from elsewhere{owner}", variables=free)
    return _Workers(count=_number(value), origin=f"environment {variable}={value}{owner}", variables=free)


def _may_be_said_elsewhere(server: str, words: Sequence[str], environment: Environment) -> str | None:
    """Why "nothing is said" cannot be taken for "one"."""
    if server == "unknown":
        return "the image's own command or a script"
    if server == "python":
        return "Python code"
    if not environment.complete:
        return "environment of envFrom"
    hidden = hidden_argument(words)
    return None if hidden is None else f"argument {hidden}"


def _number(text: str) -> int | None:
    """A worker count as all launchers read it; None if it is none, or not known yet (`$(WORKERS)`)."""
    return max(1, int(text)) if re.fullmatch("[0-9]{1,4}", text) else None


def _free_worker_variables(server: str, owners: Mapping[str, str]) -> tuple[str, ...]:
    """Those that nobody else owns, if they suffice: the uvicorn command lets UVICORN_WORKERS beat WEB_CONCURRENCY."""
    free = tuple(variable for variable in WORKER_VARIABLES if variable not in owners)
    needed = "UVICORN_WORKERS" if server == "uvicorn" else "WEB_CONCURRENCY"
    return free if needed in free else ()


def _setting(
    variable: str,
    argument: str,
    server: str,
    words: Sequence[str],
    environment: Environment,
    owners: Mapping[str, str],
) -> EnvironmentSetting:
    current = environment.values.get(variable)
    if (written := flag(words, argument)) is not None:
        return EnvironmentSetting(
            variable=variable,
            current=current,
            blocked_by=Reason.FLAG_OVERRIDES,
            blocked_message=f"argument {written[0]} beats {variable}: remove it from the container's arguments",
        )
    if server not in ("uvicorn", "unknown"):
        return EnvironmentSetting(
            variable=variable,
            current=current,
            blocked_by=Reason.LAUNCHER_IGNORES_ENVIRONMENT,
            blocked_message=f"{server} does not read {variable}: start the app with the uvicorn command",
        )
    return _owned_or_free(variable, environment, owners)


def _owned_or_free(variable: str, environment: Environment, owners: Mapping[str, str]) -> EnvironmentSetting:
    """A variable that nothing in the way of starting ignores; somebody else's value is theirs to take away."""
    current = environment.values.get(variable)
    if variable not in owners:
        return EnvironmentSetting(variable=variable, current=current)
    return EnvironmentSetting(
        variable=variable,
        current=current,
        blocked_by=Reason.FIELD_CONFLICT,
        blocked_message=f"{owners[variable]} owns {variable} in the pod template: remove it there to have it tuned",
    )
