"""What a person sees while a slow step runs: a line when it starts, a line with its duration when it ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def step(what: str, *, expectation: str = "") -> Iterator[None]:
    """Announce `what`, with an `expectation` such as "about 4 min the first time"; tell the time it took."""
    say(f"  … {what}" + (f" ({expectation})" if expectation else ""))
    started = time.monotonic()
    yield
    say(f"  ✓ {what} ({duration(time.monotonic() - started)})")


def say(line: str) -> None:
    """Print at once: output that goes to a file or a pipe is otherwise held back until the end."""
    print(line, flush=True)


def duration(seconds: float) -> str:
    """`0.4s`, `12s`, `6m12s`.

    >>> duration(0.42), duration(12.3), duration(372)
    ('0.4s', '12s', '6m12s')
    """
    if seconds < 10:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m{rest:02}s" if minutes else f"{rest}s"
