"""Hooks on modules that are not as expected: the app must not notice."""

import importlib
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from fastapi_tuning_agent import finder, uvicorn_hook


class FutureServer:
    """A later uvicorn, of which nothing inside is as the agent knows it."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    async def startup(self, sockets: object = None) -> str:
        self.ran.append("startup")
        return "started"

    async def shutdown(self, sockets: object = None) -> str:
        self.ran.append("shutdown")
        return "ended"


async def test_a_server_with_nothing_inside_starts_and_ends_as_without_the_agent() -> None:
    module: Any = ModuleType("uvicorn.server")
    module.Server = type("Server", (FutureServer,), {})
    uvicorn_hook.hook(module)
    server = module.Server()
    assert (await server.startup(), await server.shutdown()) == ("started", "ended")
    assert server.ran == ["startup", "shutdown"]


async def test_an_error_of_the_servers_own_start_is_its_own() -> None:
    class Failing(FutureServer):
        async def startup(self, sockets: object = None) -> str:
            raise SystemExit(3)

    module: Any = SimpleNamespace(Server=Failing)
    uvicorn_hook.hook(module)
    with pytest.raises(SystemExit):
        await module.Server().startup()


@pytest.fixture
def module_to_hook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "hooked_by_test.py").write_text("value = 1")
    (tmp_path / "hook_of_test.py").write_text("def hook(module):\n    module.value += 1")
    monkeypatch.syspath_prepend(tmp_path)
    others = [other for other in sys.meta_path if not isinstance(other, finder._Finder)]
    monkeypatch.setattr(sys, "meta_path", [finder._Finder(), *others])
    monkeypatch.setitem(finder.HOOKS, "hooked_by_test", "hook_of_test")
    for name in ("hooked_by_test", "hook_of_test"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return "hooked_by_test"


def test_a_module_is_hooked_once_it_is_loaded(module_to_hook: str) -> None:
    assert importlib.import_module(module_to_hook).value == 2


def test_a_hook_that_fails_leaves_the_module_as_it_is(
    module_to_hook: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(finder.HOOKS, module_to_hook, "no_such_module")
    assert importlib.import_module(module_to_hook).value == 1
    assert "no hook on hooked_by_test" in capsys.readouterr().err


def test_two_finders_that_ask_each_other_come_to_an_end(module_to_hook: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "meta_path", [finder._Finder(), *sys.meta_path])
    assert importlib.import_module(module_to_hook).value > 1
