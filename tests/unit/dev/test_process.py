"""Recognising our own processes: whatever a pid file says, no foreign process may be taken for ours."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.cluster import process
from dev.cluster.process import ProcessIdentity

BOOT = "6c9b0a54-0000-4000-8000-000000000001"


def fake_proc(root: Path, stat: str) -> Path:
    """A /proc with one process, 42, whose stat line is `stat`."""
    (root / "42").mkdir(parents=True)
    (root / "42/stat").write_text(stat)
    (root / "sys/kernel/random").mkdir(parents=True)
    (root / "sys/kernel/random/boot_id").write_text(f"{BOOT}\n")
    return root


def stat_line(*, name: str = "etcd", state: str = "S", start_ticks: int = 777) -> str:
    fields_from_fourth = ["1"] + ["0"] * 17 + [str(start_ticks)] + ["0"] * 30
    return f"42 ({name}) {state} {' '.join(fields_from_fourth)}\n"


def record(*, start_ticks: int = 777, boot_id: str = BOOT) -> str:
    """A pid file as a component writes it: while it still is the shell that is about to become it."""
    return f"{stat_line(name='sh', start_ticks=start_ticks)}{boot_id}\n"


ETCD = ProcessIdentity(pid=42, start_ticks=777, boot_id=BOOT)


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as running:
        yield running
        running.kill()


def test_identity_is_read_from_proc(tmp_path: Path) -> None:
    assert process.identity_of(42, fake_proc(tmp_path, stat_line())) == ETCD


def test_a_program_name_with_blanks_and_parentheses_does_not_shift_the_fields(tmp_path: Path) -> None:
    assert process.identity_of(42, fake_proc(tmp_path, stat_line(name="a) S (b"))) == ETCD


@pytest.mark.parametrize("state", ["Z", "X"])
def test_a_zombie_counts_as_gone(tmp_path: Path, state: str) -> None:
    assert process.identity_of(42, fake_proc(tmp_path, stat_line(state=state))) is None


def test_a_pid_that_nobody_has_is_gone(tmp_path: Path) -> None:
    assert process.identity_of(43, fake_proc(tmp_path, stat_line())) is None


def test_a_recorded_process_is_found_again(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    pid_file.write_text(record())
    assert process.running(pid_file, fake_proc(tmp_path / "proc", stat_line())) == ETCD


@pytest.mark.parametrize(
    "recorded",
    [
        pytest.param(record(start_ticks=1), id="the pid now belongs to a later process"),
        pytest.param(record(boot_id="another"), id="the machine was started again since"),
        pytest.param(record()[:-1], id="the writer was cut off"),
        pytest.param("", id="the writer had not begun"),
        pytest.param("what is this\n", id="not a pid file"),
    ],
)
def test_a_record_of_anything_else_is_not_ours(tmp_path: Path, recorded: str) -> None:
    pid_file = tmp_path / "pid"
    pid_file.write_text(recorded)
    assert process.running(pid_file, fake_proc(tmp_path / "proc", stat_line())) is None


def test_without_a_pid_file_nothing_runs(tmp_path: Path) -> None:
    assert process.running(tmp_path / "pid") is None


def test_a_started_process_is_recorded_and_stopped(tmp_path: Path) -> None:
    pid_file = tmp_path / "pids/sleeper"
    process.start(["/bin/sleep", "60"], pid_file=pid_file, log=tmp_path / "log")
    started = await_running(pid_file)
    process.stop(pid_file, grace_seconds=5)
    assert process.identity_of(started.pid) is None
    assert not pid_file.exists()


def test_a_process_that_ignores_the_request_is_ended_by_force(tmp_path: Path) -> None:
    pid_file = tmp_path / "stubborn"
    log = tmp_path / "log"
    process.start(["/bin/sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 1; done"], pid_file=pid_file, log=log)
    started = await_running(pid_file)
    while "deaf" not in log.read_text():
        time.sleep(0.01)
    process.stop(pid_file, grace_seconds=0.1)
    assert process.identity_of(started.pid) is None


def test_stopping_by_a_stale_record_leaves_the_new_owner_of_the_pid_alone(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    stale = ProcessIdentity(pid=sleeper.pid, start_ticks=1, boot_id=process.current_boot_id())
    pid_file = tmp_path / "pid"
    pid_file.write_text(f"{sleeper.pid} (sh) {stat_line(start_ticks=1).partition(') ')[2]}{stale.boot_id}\n")
    assert process.recorded_in(pid_file) == stale
    process.stop(pid_file, grace_seconds=0)
    process.end(stale, grace_seconds=0)
    assert sleeper.poll() is None
    assert not pid_file.exists()


def test_processes_are_found_by_an_argument(tmp_path: Path) -> None:
    marker = str(tmp_path / "containerd.sock")
    with subprocess.Popen(["sh", "-c", "sleep 60; :", marker]) as shim:
        found, children = await_family(marker)
        for member in (*children, *found):
            os.kill(member.pid, signal.SIGKILL)
    assert [one.pid for one in found] == [shim.pid]


def await_family(marker: str) -> tuple[list[ProcessIdentity], list[ProcessIdentity]]:
    """The processes that name the marker and their children; a shell takes a moment to start its command."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        found = list(process.processes_naming(marker))
        children = list(process.descendants_of(found[0])) if found else []
        if children:
            return found, children
        time.sleep(0.01)
    raise AssertionError("no process names the marker")


def await_running(pid_file: Path) -> ProcessIdentity:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        found = process.running(pid_file)
        if found is not None:
            return found
        time.sleep(0.01)
    raise AssertionError("the process did not record itself")
