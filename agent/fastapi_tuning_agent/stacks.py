"""Where a thread is, as a stack of places. Reads frames and keeps none: a frame keeps the app's variables alive."""

from __future__ import annotations

import os
from types import CodeType, FrameType
from typing import NamedTuple

MAX_DEPTH = 128
MAX_NAME_LENGTH = 256

Stack = tuple[int, ...]
"""Innermost first: id of a code object, line, id of the next, line, … Ids, because Python compares code objects by all
that they consist of; whoever keeps a stack keeps the objects in `Codes`, so that no other object gets the id."""

_QUEUE_GET = (f"{os.sep}queue.py", "get")
_WAITS = (
    (f"{os.sep}selectors.py", "select"),
    (f"{os.sep}threading.py", "wait"),
    (f"{os.sep}threading.py", "_wait_for_tstate_lock"),
    (os.path.join("asyncio", "runners.py"), "run"),
    (os.path.join("uvloop", "__init__.py"), "run"),
)
"""Functions that do nothing but wait; what they compute before and after is nothing beside that. The last two run an
event loop that is written in C: as innermost places they wait for its sockets, in C."""
_BEGIN_OF_A_THREAD = (f"{os.sep}threading.py", "_bootstrap")
_IDLE_WORKER = (os.path.join("concurrent", "futures", "thread.py"), "_worker")
"""Of Python's executor: as the innermost place it waits for work, in C."""
_ANYIO_WORKER = (os.path.join("anyio", "_backends", "_asyncio.py"), "run")


class Place(NamedTuple):
    """A line in a function, for people."""

    file: str
    function: str
    first_line: int
    line: int


class Codes:
    """The code objects met so far, and what is known about each."""

    def __init__(self) -> None:
        self._codes: dict[int, CodeType] = {}
        self._waits: dict[int, bool] = {}

    def waits(self, frame: FrameType) -> bool:
        """Whether the innermost frame of a thread says by itself that the thread waits."""
        code = frame.f_code
        known = self._waits.get(id(code))
        if known is None:
            self._codes[id(code)] = code
            known = self._waits[id(code)] = any(_is(code, each) for each in (*_WAITS, _IDLE_WORKER))
        return known

    def stack_of(self, frame: FrameType | None) -> Stack:
        """The innermost places, at most MAX_DEPTH."""
        stack: list[int] = []
        while frame is not None and len(stack) < 2 * MAX_DEPTH:
            code = frame.f_code
            self._codes[id(code)] = code
            stack += (id(code), frame.f_lineno or code.co_firstlineno)
            frame = frame.f_back
        return tuple(stack)

    def is_idle_worker(self, stack: Stack) -> bool:
        """Whether a thread of a pool has nothing to do."""
        innermost = [self._codes[each] for each in stack[0:6:2]]
        if innermost and _is(innermost[0], _IDLE_WORKER):
            return True
        return len(innermost) == 3 and _is(innermost[1], _QUEUE_GET) and _is(innermost[2], _ANYIO_WORKER)

    def is_of_python(self, stack: Stack) -> bool:
        """Whether Python's `threading` began the thread, and not a library in C."""
        return len(stack) > 1 and _is(self._codes[stack[-2]], _BEGIN_OF_A_THREAD)

    def places(self, stack: Stack) -> list[Place]:
        """Outermost first."""
        found = [(self._codes[each], line) for each, line in zip(stack[::2], stack[1::2])]
        return [Place(_cut(code.co_filename), _name(code), code.co_firstlineno, line) for code, line in reversed(found)]


def _is(code: CodeType, place: tuple[str, str]) -> bool:
    return code.co_name == place[1] and code.co_filename.endswith(place[0])


def _name(code: CodeType) -> str:
    return _cut(getattr(code, "co_qualname", code.co_name))  # from Python 3.11 on


def _cut(text: str) -> str:
    """The end tells more: of a path it is the file, of a qualified name the function. JSON takes no lone surrogates."""
    return text[-MAX_NAME_LENGTH:].encode(errors="replace").decode()
