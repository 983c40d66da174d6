"""Runs a hook right after one of a few modules has been imported, whoever imports it and whenever.

Needs nothing but `sys`, since it is loaded at the start of every Python process.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

HOOKS = {
    "uvicorn.server": "fastapi_tuning_agent.uvicorn_hook",
    "uvicorn.config": "fastapi_tuning_agent.worker_hooks",
    "gunicorn.arbiter": "fastapi_tuning_agent.worker_hooks",
    "anyio._backends._asyncio": "fastapi_tuning_agent.anyio_hook",
    "httpx._client": "fastapi_tuning_agent.httpx_hook",
    "requests.sessions": "fastapi_tuning_agent.requests_hook",
    "urllib3.connectionpool": "fastapi_tuning_agent.urllib3_hook",
    "aiohttp.client": "fastapi_tuning_agent.aiohttp_hook",
    "sqlalchemy": "fastapi_tuning_agent.sqlalchemy_hook",
    "asyncpg.connection": "fastapi_tuning_agent.asyncpg_hook",
    "asyncpg.prepared_stmt": "fastapi_tuning_agent.asyncpg_hook",
    "redis.client": "fastapi_tuning_agent.redis_hook",
    "redis.asyncio.client": "fastapi_tuning_agent.redis_hook",
}
"""Our module, by the module that its `hook` is run on."""


def watch_imports() -> None:
    """Hooks what is imported already, and the rest when it is imported. A second call does nothing."""
    if any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return
    sys.meta_path.insert(0, _Finder())
    for name in HOOKS:
        if name in sys.modules:
            _run_hook(sys.modules[name])


class _Finder:
    """Finds nothing itself: lets the others find a module and wraps the loading of the few that matter."""

    def __init__(self) -> None:
        self._sought: set[str] = set()

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in HOOKS or name in self._sought:
            return None
        self._sought.add(name)  # another of the finders may ask all finders too
        try:
            for finder in sys.meta_path:
                if finder is not self and (spec := finder.find_spec(name, path, target)) is not None:
                    _hook_loader(spec)
                    return spec
            return None
        finally:
            self._sought.discard(name)


def _hook_loader(spec: ModuleSpec) -> None:
    loader = spec.loader
    if loader is None or not hasattr(loader, "exec_module"):
        return
    execute = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        execute(module)
        if module.__name__ in HOOKS:  # some finders give one loader to all modules
            _run_hook(module)

    try:  # noqa: SIM105 - contextlib is not loaded yet
        loader.exec_module = exec_module  # type: ignore[method-assign]
    except AttributeError:  # a loader that cannot be wrapped: this module goes without its hook
        pass


def _run_hook(module: ModuleType) -> None:
    try:
        hooks = __import__(HOOKS[module.__name__], fromlist=["hook"])
        hooks.hook(module)
    except Exception as error:  # noqa: BLE001 - whatever breaks here, the app must not notice
        print(f"fastapi-tuning-agent: no hook on {module.__name__}: {error!r}", file=sys.stderr)
