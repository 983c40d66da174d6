"""Limits that a server runs with: by its arguments and variables, or, better, as the agent in it reports them. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from fastapi_tuning.api_server import Json
from fastapi_tuning.audit.facts import Server, Setting, Unread
from fastapi_tuning.audit.workers import EXPLICIT_COMMAND
from fastapi_tuning.control.observation import LaunchForm
from fastapi_tuning.observe.command_line import Environment, environment_of, flag, hidden_argument, words_of
from fastapi_tuning.observe.launch import launch_form

_NUMBER = re.compile("[0-9]{1,9}", re.ASCII)
_KEEP_ALIVE_SECONDS: Mapping[str, int] = {"gunicorn": 2}
_UVICORN_KEEP_ALIVE_SECONDS = 5
_FILE_READERS = ("gunicorn", "hypercorn")
_READERS_OF_VARIABLES = ("uvicorn", "unknown")
_BY_AGENT = "in force, as the agent reports"


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """What the agent reports of the servers of a workload; None: no limit."""

    workers: int
    limit_concurrency: int | None
    keep_alive_seconds: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Names:
    """What a setting is called; None: this launcher has none."""

    flag: str | None
    variable: str | None


def server_of(container: Json, owners: Mapping[str, str], in_force: InForce | None) -> Server:
    """The server of a container of a pod template.

    Args:
        owners: field manager by variable, see ownership.py.
        in_force: None where no agent reports.
    """
    environment = environment_of(container)
    words = words_of(container, environment)
    launch = launch_form(container, owners)
    read = _Reading(server=launch.server, words=_with_gunicorns(words, environment), environment=environment)
    found = Server(
        launch=launch,
        reloads="--reload" in words or (launch.server == "fastapi" and "dev" in words),
        limit_concurrency=read.setting("limit_concurrency"),
        max_requests=read.setting("limit_max_requests"),
        graceful_shutdown_seconds=read.setting("timeout_graceful_shutdown"),
        keep_alive_seconds=read.keep_alive(),
        ignored_variables=_ignored(launch, environment),
    )
    return found if in_force is None else _with(found, in_force)


def _with(server: Server, in_force: InForce) -> Server:
    limit, keep_alive = in_force.limit_concurrency, in_force.keep_alive_seconds
    return replace(
        server,
        launch=_counted(server.launch, in_force.workers),
        limit_concurrency=None if limit is None else _reported("limit_concurrency", limit, server.limit_concurrency),
        keep_alive_seconds=(
            server.keep_alive_seconds
            if keep_alive is None
            else _reported("timeout_keep_alive", keep_alive, server.keep_alive_seconds)
        ),
    )


def _counted(launch: LaunchForm, workers: int) -> LaunchForm:
    if launch.workers is not None:
        return launch
    return replace(launch, workers=workers, workers_from=f"{launch.workers_from}, as the agent counts them")


def _reported(name: str, value: int, written: Setting | Unread | None) -> Setting:
    """What is written says where the value comes from, if it is the same."""
    if isinstance(written, Setting) and written.value == value:
        return written
    return Setting(value=value, origin=f"{name} {_BY_AGENT}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """One container's words and variables."""

    server: str
    words: Sequence[str]
    environment: Environment

    def keep_alive(self) -> Setting | Unread:
        default = _KEEP_ALIVE_SECONDS.get(self.server, _UVICORN_KEEP_ALIVE_SECONDS)
        found = self.setting("timeout_keep_alive")
        return Setting(value=default, origin=f"{self.server}'s default") if found is None else found

    def setting(self, name: str) -> Setting | Unread | None:
        """None: not set, which the launcher takes for its default."""
        names = _names(self.server, name)
        if names.flag is not None and (written := flag(self.words, names.flag)) is not None:
            return _number(written[1], f"argument {written[0]}")
        if names.variable is not None and self.environment.values.get(names.variable, "") != "":
            value = self.environment.values[names.variable]
            if value is None:
                return _unread(f"environment {names.variable} is set from elsewhere")
            return _number(value, f"environment {names.variable}={value}")
        return self._elsewhere(names)

    def _elsewhere(self, names: _Names) -> Unread | None:
        """Why "nothing is said" cannot be taken for "not set"."""
        if self.server in ("unknown", "python"):
            return _unread("Python code, the image's own command or a script starts the server")
        if names.flag is None:
            return None
        if self.server in _FILE_READERS and (file := flag(self.words, "-c", "--config")) is not None:
            return _unread(f"argument {file[0]}, a file that is not read")
        if names.variable is not None and not self.environment.complete:
            return _unread("envFrom may set more variables")
        hidden = hidden_argument(self.words)
        return None if hidden is None else _unread(f"argument {hidden} may be anything")


def _names(server: str, name: str) -> _Names:
    """gunicorn and hypercorn have names of their own, and no concurrency limit; `fastapi run` takes none of these."""
    if server in _FILE_READERS:
        return _Names(flag=_GUNICORN_FLAGS.get(name), variable=None)
    takes_flags = server != "fastapi"
    return _Names(
        flag=f"--{name.replace('_', '-')}" if takes_flags else None,
        variable=f"UVICORN_{name.upper()}" if server in _READERS_OF_VARIABLES else None,
    )


_GUNICORN_FLAGS: Mapping[str, str] = {
    "limit_max_requests": "--max-requests",
    "timeout_keep_alive": "--keep-alive",
    "timeout_graceful_shutdown": "--graceful-timeout",
}


def _with_gunicorns(words: Sequence[str], environment: Environment) -> Sequence[str]:
    return [*(environment.values.get("GUNICORN_CMD_ARGS") or "").split(), *words]


def _number(text: str, origin: str) -> Setting | Unread:
    return Setting(value=int(text), origin=origin) if _NUMBER.fullmatch(text) else _unread(f"{origin} is no number")


def _unread(why: str) -> Unread:
    return Unread(id="unread-server", what="The server's settings", why=why, fix=EXPLICIT_COMMAND)


def _ignored(launch: LaunchForm, environment: Environment) -> tuple[str, ...]:
    if launch.server in _READERS_OF_VARIABLES:
        return ()
    return tuple(name for name in environment.values if name.startswith("UVICORN_"))
