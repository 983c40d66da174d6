"""Long-lived processes that outlive the command that started them: start, recognise and end exactly our own.

A pid alone proves nothing: after a crash or a reboot another program may have it. A pid file therefore also holds the
process's start time (in clock ticks since boot) and the boot's id; the three together name one process for ever.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dev.cluster.commands import SYSTEM_PATH
from dev.cluster.errors import ClusterError

PROC = Path("/proc")
# Of /proc/PID/stat.
STATE_FIELD = 3
PARENT_FIELD = 4
START_TIME_FIELD = 22
DEAD_STATES = frozenset("ZXx")

# Runs as the future component, before it becomes it: there is no moment at which a killed `up` leaves it unrecorded.
RECORD_AND_BECOME = """
read -r stat < /proc/$$/stat
read -r boot < /proc/sys/kernel/random/boot_id
printf '%s\\n%s\\n' "$stat" "$boot" > "$0"
exec "$@"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessIdentity:
    """One process, for ever: no other has had or will have the same three values on this machine."""

    pid: int
    start_ticks: int
    boot_id: str


def current_boot_id(proc: Path = PROC) -> str:
    return (proc / "sys/kernel/random/boot_id").read_text().strip()


def identity_of(pid: int, proc: Path = PROC) -> ProcessIdentity | None:
    """Who has `pid` now; None when nobody has, or only a zombie."""
    stat = _stat_of(pid, proc)
    if stat is None or _field(stat, STATE_FIELD) in DEAD_STATES:
        return None
    return ProcessIdentity(pid=pid, start_ticks=int(_field(stat, START_TIME_FIELD)), boot_id=current_boot_id(proc))


def recorded_in(pid_file: Path) -> ProcessIdentity | None:
    """Who wrote `pid_file`; None when there is none, or its writer was cut off."""
    try:
        lines = pid_file.read_text().splitlines(keepends=True)
    except FileNotFoundError:
        return None
    if len(lines) != 2 or not lines[1].endswith("\n"):
        return None
    stat, boot_id = lines
    pid = int(stat.split()[0])
    return ProcessIdentity(pid=pid, start_ticks=int(_field(stat, START_TIME_FIELD)), boot_id=boot_id.strip())


def running(pid_file: Path, proc: Path = PROC) -> ProcessIdentity | None:
    """The process that wrote `pid_file`, if it still runs."""
    recorded = recorded_in(pid_file)
    return recorded if recorded is not None and identity_of(recorded.pid, proc) == recorded else None


def start(argv: Sequence[str], *, pid_file: Path, log: Path) -> None:
    """Start `argv` detached from us, with its output at the end of `log` and its identity in `pid_file`."""
    pid_file.parent.mkdir(parents=True, exist_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as stream:
        subprocess.run(
            # setsid leaves at once and hands its child to init: no terminal reaches it, and no zombie is left to us.
            ["setsid", "--fork", "sh", "-c", RECORD_AND_BECOME, str(pid_file), *argv],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            # Nothing of our own environment: proxies and tokens in it are no business of the cluster's.
            env={"PATH": SYSTEM_PATH},
            check=True,
        )


def stop(pid_file: Path, *, grace_seconds: float) -> None:
    """End the process that `pid_file` names and forget it; a file that names no running process is only forgotten."""
    process = running(pid_file)
    if process is not None:
        end(process, grace_seconds=grace_seconds)
    pid_file.unlink(missing_ok=True)


def end(process: ProcessIdentity, *, grace_seconds: float) -> None:
    """Ask `process` to end, wait, then force it. Returns when it is gone."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        # The descriptor holds on to whoever has the pid now; only after this check is it surely the one we mean.
        if identity_of(process.pid) != process:
            return
        for signal_number, patience_seconds in ((signal.SIGTERM, grace_seconds), (signal.SIGKILL, 10.0)):
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(descriptor, signal_number)
            readable, _, _ = select.select([descriptor], [], [], patience_seconds)
            if readable:
                return
        raise ClusterError(f"process {process.pid} does not end, not even by force")
    finally:
        os.close(descriptor)


def processes_naming(marker: str, proc: Path = PROC) -> list[ProcessIdentity]:
    """All running processes with an argument that contains `marker`: for those that others start on our behalf."""
    found = []
    for pid in _pids(proc):
        try:
            command_line = (proc / str(pid) / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        identity = identity_of(pid, proc) if marker.encode() in command_line and pid != os.getpid() else None
        if identity is not None:
            found.append(identity)
    return found


def descendants_of(ancestor: ProcessIdentity, proc: Path = PROC) -> list[ProcessIdentity]:
    """Children, grandchildren and so on, parents before their children."""
    children_of: dict[int, list[int]] = {}
    for pid in _pids(proc):
        stat = _stat_of(pid, proc)
        if stat is not None:
            children_of.setdefault(int(_field(stat, PARENT_FIELD)), []).append(pid)
    pids = list(children_of.get(ancestor.pid, []))
    for pid in pids:
        pids += children_of.get(pid, [])
    return [identity for pid in pids if (identity := identity_of(pid, proc)) is not None]


def _pids(proc: Path) -> list[int]:
    return [int(entry.name) for entry in proc.iterdir() if entry.name.isdecimal()]


def _stat_of(pid: int, proc: Path) -> str | None:
    try:
        return (proc / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None


def _field(stat: str, number: int) -> str:
    """A field of /proc/PID/stat from the third on, counted from 1 as proc(5) does.

    Field 2 is the program's name in parentheses and may itself hold blanks and parentheses: count from its end.
    """
    return stat.rpartition(")")[2].split()[number - 3]
