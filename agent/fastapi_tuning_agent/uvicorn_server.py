"""What can be read and set on a running uvicorn server. Set it in its loop's thread, read it from any."""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi_tuning_agent.knob import Knob
from fastapi_tuning_agent.settings import Settings

ASKED_WORKERS = "fastapi_tuning_asked_workers"
"""Attribute of a Config: the workers it asked for before it was made to ask for one."""


class UvicornServer:
    """One `uvicorn.Server`. uvicorn has no interface for it, so each attribute is looked for and may be missing."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._knobs = {
            name: Knob(partial(getattr, server.config, name), partial(self._set, name))
            for name in ("limit_concurrency", "timeout_keep_alive")
        }
        self._max_requests = Knob(lambda: server.config.limit_max_requests, self._set_max_requests)

    def apply(self, settings: Settings) -> None:
        self._knobs["limit_concurrency"].turn(settings.limit_concurrency)
        self._knobs["timeout_keep_alive"].turn(settings.timeout_keep_alive_seconds)
        # uvicorn's own way ends a pod while it still gets requests; ours drains first, so only one of them may count.
        self._max_requests.turn(None if settings.max_requests is None else _NEVER)

    def is_of(self, server: Any) -> bool:
        return self._server is server

    def end(self) -> None:
        """Closes the listeners, finishes what runs, then the process ends as it does at SIGTERM. From any thread."""
        self._server.should_exit = True

    @property
    def can_be_ended(self) -> bool:
        """Whether something starts it anew: a container's restart policy, gunicorn, or uvicorn's own supervisor.

        Not with `--reload`, which waits until a file changes, nor with several workers before uvicorn 0.30.
        """
        config = self._server.config
        if getattr(config, "reload", False):
            return False
        return getattr(config, "workers", 1) == 1 or _supervisor_restarts_workers()

    @property
    def asked_workers(self) -> int:
        config = self._server.config
        return int(getattr(config, ASKED_WORKERS, 0) or getattr(config, "workers", 1))

    @property
    def connections(self) -> int:
        return len(self._server.server_state.connections)

    @property
    def answers(self) -> int:
        """All that the server answered, its own 503 among them."""
        return int(self._server.server_state.total_requests)

    @property
    def limits(self) -> dict[str, float]:
        """The limits in force by name; what is unlimited or unknown is missing."""
        config = self._server.config
        found = {name: getattr(config, name, None) for name in ("limit_concurrency", "timeout_keep_alive")}
        return {name: value for name, value in found.items() if value is not None}

    @property
    def http_parser(self) -> str:
        name = getattr(self._server.config, "http_protocol_class", type(None)).__module__
        return str(name).rsplit(".", 1)[-1].replace("_impl", "")

    def _set(self, name: str, value: Any) -> None:
        setattr(self._server.config, name, value)
        for connection in list(self._server.server_state.connections):
            if hasattr(connection, name):  # each has its copy; WebSockets have none
                setattr(connection, name, value)

    def _set_max_requests(self, value: Any) -> None:
        self._server.config.limit_max_requests = None if value is _NEVER else value
        # Newer versions draw their jitter once and keep the result.
        self._server.__dict__.pop("limit_max_requests", None)


_NEVER = object()


def _supervisor_restarts_workers() -> bool:
    from uvicorn.supervisors import Multiprocess

    return hasattr(Multiprocess, "keep_subprocess_alive")
