"""How many workers are asked for, and `workers.mode: Enforce`: one, since the operator scales by pods."""

from __future__ import annotations

import functools
import os
from types import ModuleType
from typing import Any

from fastapi_tuning_agent.environment import enforces_one_worker
from fastapi_tuning_agent.uvicorn_server import ASKED_WORKERS

asked_of_gunicorn: int | None = None
"""Written in the arbiter, from where every worker inherits it. None: gunicorn does not run here."""


def hook(module: ModuleType) -> None:
    """On `uvicorn.config` or `gunicorn.arbiter`."""
    if hasattr(module, "Arbiter"):
        _watch_gunicorn(module.Arbiter)
    elif enforces_one_worker(os.environ):
        _enforce_in_uvicorn(module.Config)


def _enforce_in_uvicorn(config_class: Any) -> None:
    own = config_class.__init__

    @functools.wraps(own)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807 - the name is given
        own(self, *args, **kwargs)
        setattr(self, ASKED_WORKERS, self.workers)
        self.workers = 1

    config_class.__init__ = __init__


def _watch_gunicorn(arbiter_class: Any) -> None:
    own = arbiter_class.setup

    @functools.wraps(own)
    def setup(self: Any, app: Any) -> None:
        global asked_of_gunicorn
        own(self, app)  # at the start, and after SIGHUP, which reads the configuration anew
        asked_of_gunicorn = self.num_workers
        if enforces_one_worker(os.environ):
            self.num_workers = 1

    arbiter_class.setup = setup
