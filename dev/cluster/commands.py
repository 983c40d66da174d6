"""Running a program to its end. Long-lived processes are `process`'s business."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from dev.cluster.errors import ClusterError

# Debian keeps iptables, runc and debootstrap in directories that are not on every account's PATH.
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def output_of(argv: Sequence[str | Path], *, stdin: str = "") -> str:
    """Standard output of `argv`. Raises ClusterError with the program's own words when it fails."""
    result = _completed(argv, stdin=stdin)
    if result.returncode != 0:
        words = result.stderr.strip() or result.stdout.strip()
        raise ClusterError(f"{_shown(argv)} failed with exit code {result.returncode}: {words}")
    return result.stdout


def succeeds(argv: Sequence[str | Path]) -> bool:
    """Whether `argv` exits with 0; for questions whose answer is the exit code."""
    return _completed(argv, stdin="").returncode == 0


def run_logged(
    argv: Sequence[str | Path],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> None:
    """Run a long command with its output at the end of `log`; `environment` is added to our own.

    Raises ClusterError when it fails.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as stream:
        stream.write(f"$ {shlex.join(str(part) for part in argv)}\n")
        stream.flush()
        try:
            code = subprocess.call(
                [str(part) for part in argv],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env=_environment() | dict(environment or {}),
                cwd=directory,
            )
        except FileNotFoundError as cause:
            raise ClusterError(f"{argv[0]} is not installed") from cause
    if code != 0:
        raise ClusterError(f"{_shown(argv)} failed with exit code {code}", log=log)


def _completed(argv: Sequence[str | Path], *, stdin: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            [str(part) for part in argv],
            input=stdin,
            capture_output=True,
            text=True,
            env=_environment(),
            check=False,
        )
    except FileNotFoundError as cause:
        raise ClusterError(f"{argv[0]} is not installed") from cause


def _environment() -> dict[str, str]:
    return os.environ | {"PATH": f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}"}


def _shown(argv: Sequence[str | Path]) -> str:
    return " ".join(str(part) for part in argv[:4])
