"""How a container starts its server, read from the pod template alone. Pure.

Which variable works depends on the launcher (measured): the uvicorn command reads UVICORN_* unless the flag is given;
`fastapi run`, `uvicorn.run()` and gunicorn never do, but take WEB_CONCURRENCY. A flag always beats a variable.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.control.knobs import VARIABLES, WORKER_VARIABLES, Knob
from fastapi_tuning.control.observation import EnvironmentSetting, LaunchForm

THREAD_POOL_VARIABLE = VARIABLES[Knob.THREADS]
UVICORN_FLAGS: Mapping[str, str] = {
    VARIABLES[Knob.LIMIT_CONCURRENCY]: "--limit-concurrency",
    VARIABLES[Knob.TIMEOUT_KEEP_ALIVE]: "--timeout-keep-alive",
    VARIABLES[Knob.LIMIT_MAX_REQUESTS]: "--limit-max-requests",
}

_SERVERS = ("uvicorn", "gunicorn", "fastapi", "hypercorn")
_SHELLS = ("sh", "bash", "ash", "dash")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Workers:
    count: int
    origin: str
    variables: tuple[str, ...]


def launch_form(container: Mapping[str, Any], owners: Mapping[str, str]) -> LaunchForm:
    """Launch form of a container of a pod template (its `command`, `args` and `env`).

    `owners` names the field manager of each variable that somebody else set, see ownership.py.
    """
    words = _words([*container.get("command", []), *container.get("args", [])])
    environment = {entry["name"]: entry.get("value") for entry in container.get("env", [])}
    server = _server(words)
    workers = _workers(server, words, environment, owners)
    return LaunchForm(
        server=server,
        workers=workers.count,
        workers_from=workers.origin,
        worker_variables=workers.variables,
        settings=(
            _owned_or_free(THREAD_POOL_VARIABLE, environment, owners),
            *(_setting(variable, flag, server, words, environment, owners) for variable, flag in UVICORN_FLAGS.items()),
        ),
    )


def _words(arguments: Sequence[str]) -> list[str]:
    """The argument vector; a script handed to a shell is split as the shell would."""
    words = [str(argument) for argument in arguments]
    if len(words) >= 3 and _base(words[0]) in _SHELLS and re.fullmatch(r"-[a-z]*c", words[1]):
        try:
            return shlex.split(words[2])
        except ValueError:  # a script that does not parse tells nothing
            return words
    return words


def _base(word: str) -> str:
    return word.rsplit("/", 1)[-1]


def _server(words: Sequence[str]) -> str:
    """The first word that names a known server; a Python script starts uvicorn in code; no word says nothing."""
    for word in words:
        if _base(word) in _SERVERS:
            return _base(word)
    return "python" if words and re.match(r"python[0-9.]*$", _base(words[0])) else "unknown"


def _flag(words: Sequence[str], *names: str) -> tuple[str, str] | None:
    """(as written, value) of the last such flag, in the forms `--f v`, `--f=v` and, for one letter, `-fv`."""
    found = None
    for index, word in enumerate(words):
        for name in names:
            if word == name and index + 1 < len(words):
                found = (f"{name} {words[index + 1]}", words[index + 1])
            elif word.startswith(f"{name}="):
                found = (word, word.removeprefix(f"{name}="))
            elif len(name) == 2 and re.fullmatch(rf"{name}\d+", word):
                found = (word, word.removeprefix(name))
    return found


def _workers(
    server: str, words: Sequence[str], environment: Mapping[str, str | None], owners: Mapping[str, str]
) -> _Workers:
    """The worker count by the launcher's own precedence: flag, its variable, WEB_CONCURRENCY, one."""
    names = ("--workers", "-w") if server in ("gunicorn", "hypercorn") else ("--workers",)
    if (flag := _flag(words, *names)) is not None and flag[1].isdigit():
        return _Workers(count=int(flag[1]), origin=f"argument {flag[0]}", variables=())
    if server == "gunicorn":
        arguments = environment.get("GUNICORN_CMD_ARGS") or ""
        if (flag := _flag(arguments.split(), *names)) is not None and flag[1].isdigit():
            return _Workers(count=int(flag[1]), origin=f"environment GUNICORN_CMD_ARGS={arguments}", variables=())
    free = _free_worker_variables(server, owners)
    readers = WORKER_VARIABLES if server in ("uvicorn", "unknown") else ("WEB_CONCURRENCY",)
    for variable in readers:
        value = environment.get(variable)
        if value is not None and value.isdigit():
            owner = f", set by {owners[variable]}" if variable in owners else ""
            return _Workers(count=max(1, int(value)), origin=f"environment {variable}={value}{owner}", variables=free)
    return _Workers(count=1, origin="default", variables=free)


def _free_worker_variables(server: str, owners: Mapping[str, str]) -> tuple[str, ...]:
    """Those that nobody else owns, if they suffice: the uvicorn command lets UVICORN_WORKERS beat WEB_CONCURRENCY."""
    free = tuple(variable for variable in WORKER_VARIABLES if variable not in owners)
    needed = "UVICORN_WORKERS" if server == "uvicorn" else "WEB_CONCURRENCY"
    return free if needed in free else ()


def _setting(
    variable: str,
    flag: str,
    server: str,
    words: Sequence[str],
    environment: Mapping[str, str | None],
    owners: Mapping[str, str],
) -> EnvironmentSetting:
    current = environment.get(variable)
    if (written := _flag(words, flag)) is not None:
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


def _owned_or_free(
    variable: str, environment: Mapping[str, str | None], owners: Mapping[str, str]
) -> EnvironmentSetting:
    """A variable that nothing in the way of starting ignores; somebody else's value is theirs to take away."""
    current = environment.get(variable)
    if variable not in owners:
        return EnvironmentSetting(variable=variable, current=current)
    return EnvironmentSetting(
        variable=variable,
        current=current,
        blocked_by=Reason.FIELD_CONFLICT,
        blocked_message=f"{owners[variable]} owns {variable} in the pod template: remove it there to have it tuned",
    )
