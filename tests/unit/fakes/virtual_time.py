"""An event loop whose clock jumps to what is due next: hours in milliseconds, and always in the same order."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")
_ROUND_SECONDS = 1e-6
"""What each round of the loop takes: a clock that stands still is none."""


def in_virtual_time(scenario: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """Run a scenario from time 0 of its own clock; nothing in it may wait for the outside."""
    with asyncio.Runner(loop_factory=_VirtualLoop) as runner:
        return runner.run(scenario())


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_Jumping(self._jump))

    def time(self) -> float:
        return self._now

    def _jump(self, seconds: float) -> None:
        self._now += seconds


class _Jumping(selectors.SelectSelector):
    """Instead of waiting for files, none of which matter, the clock is moved."""

    def __init__(self, jump: Callable[[float], None]) -> None:
        super().__init__()
        self._jump = jump

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "everybody waits for something that never comes"
        self._jump(max(timeout, _ROUND_SECONDS))
        return []
