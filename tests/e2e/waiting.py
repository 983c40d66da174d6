"""Waiting for what the operator does, with a deadline; and watching that it does nothing."""

import time
from collections.abc import Callable

from dev.demo.kubectl import KubectlFailed

PATIENCE_SECONDS = 180.0
"""Much more than anything takes: what is tested is that it happens. How soon is measured elsewhere."""


def eventually(check: Callable[[], bool], what: str) -> None:
    """Poll until true; a call that fails is asked again. The description is the failure message."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not _answers(check):
        assert time.monotonic() < deadline, f"not within {PATIENCE_SECONDS:.0f} s: {what}"
        time.sleep(1.0)


def throughout(seconds: float, check: Callable[[], bool], what: str) -> None:
    """Poll for as long as a wrong operator would take to act several times; it must be true each time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert check(), what
        time.sleep(1.0)


def _answers(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except KubectlFailed:
        return False
