"""Who blocks the event loop: while it stalls, another thread looks at what the loop's thread is doing."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterable
from types import FrameType

STALL_SECONDS = 0.05
"""How late the heartbeat is then, so that whatever blocks for 0.1 s is seen: it may begin just after a beat."""
MAX_OFFENDERS = 20  # each is a time series
REST = "other"
NOT_THE_LOOP = "not the loop's own code: it waits for CPU, or for other threads to give up the interpreter"

_LIBRARIES = tuple(
    os.path.join(path, "")
    for path in {
        os.path.dirname(os.path.abspath(__file__)),  # between the app and the libraries whose calls are counted
        *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    }
    if path
)
_WAITING = (os.sep + "selectors.py", os.path.join("asyncio", "runners.py"), os.path.join("uvloop", "__init__.py"))


class Offenders:
    """Seconds that the loop was blocked, by place in the code. Written by one thread, read by any."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    def add(self, place: str, seconds: float) -> None:
        """Keeps the worst: when there are too many, the least one goes to the rest."""
        blamed = dict(self._seconds)
        blamed[place] = blamed.get(place, 0.0) + seconds
        named = blamed.keys() - {REST}
        if len(named) > MAX_OFFENDERS:
            least = min(named - {place}, key=lambda name: blamed[name])
            blamed[REST] = blamed.get(REST, 0.0) + blamed.pop(least)
        self._seconds = blamed

    def seconds(self) -> dict[str, float]:
        return self._seconds


def place_of_thread(thread_id: int) -> str | None:
    """Where a thread is now, as `file:line function`; None when it has ended."""
    frame = sys._current_frames().get(thread_id)
    return None if frame is None else place_of(_outwards(frame))


def place_of(places: Iterable[tuple[str, int, str]]) -> str:
    """The innermost place (file, line, function) in the app's own code, or else the innermost of all."""
    innermost = None
    for place in places:
        if innermost is None:
            innermost = place
            if place[0].endswith(_WAITING):
                return NOT_THE_LOOP
        if not place[0].startswith(_LIBRARIES) and f"{os.sep}site-packages{os.sep}" not in place[0]:
            return _text(place)
    return _text(innermost) if innermost else NOT_THE_LOOP


def _outwards(frame: FrameType | None) -> Iterable[tuple[str, int, str]]:
    while frame is not None:
        yield frame.f_code.co_filename, frame.f_lineno or 0, frame.f_code.co_name
        frame = frame.f_back


def _text(place: tuple[str, int, str]) -> str:
    file, line, function = place
    short = os.sep.join(file.split(os.sep)[-3:])
    return f"{short}:{line} {function}"
