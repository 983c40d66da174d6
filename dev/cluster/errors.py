"""The one error of this package: what went wrong, and the log that tells more."""

from __future__ import annotations

from pathlib import Path

TAIL_LINES = 15


class ClusterError(Exception):
    """A step failed; the message says which and why, `log` (if any) holds the output of what failed."""

    def __init__(self, message: str, *, log: Path | None = None) -> None:
        super().__init__(message)
        self.log = log

    def report(self) -> str:
        """Message, last lines of the log and its path, for the terminal."""
        lines = [f"✗ {self}"]
        if self.log is not None and self.log.exists():
            tail = self.log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
            lines += [*(f"    {line}" for line in tail), f"  whole log: {self.log}"]
        return "\n".join(lines)
