"""Taking the cluster down without a trace: processes, mounts, control groups, network, files. Only the cache stays."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from dev.cluster import process
from dev.cluster.commands import output_of
from dev.cluster.layout import Layout
from dev.cluster.lifecycle import stop_components
from dev.cluster.network import remove_network
from dev.cluster.probes import socket_accepts
from dev.cluster.progress import say, step

CONTROL_GROUPS = Path("/sys/fs/cgroup")
POD_CONTROL_GROUP = "kubepods"
# These paths are compiled into containerd 1.6, its network library and the kubelet; no setting moves them.
SHIM_SOCKETS = Path("/run/containerd/s")
NETWORK_RESULTS = Path("/var/lib/cni/results")
CONTAINER_LOG_LINKS = Path("/var/log/containers")
DEVICE_PLUGIN_SOCKET = Path("/var/lib/kubelet/device-plugins/kubelet.sock")


def down(layout: Layout) -> None:
    """Remove all of it. Each step works on what it finds, so a `down` that was cut short can be run again."""
    if not layout.state.exists():
        say("  ✓ no cluster is here")
        return
    for what, remove in _steps():
        with step(what):
            remove(layout)
    shutil.rmtree(layout.state)
    say(f"  ✓ cluster {layout.name} is gone; what was built stays in {layout.cache}")


def _steps() -> tuple[tuple[str, Callable[[Layout], None]], ...]:
    return (
        ("ending the components", stop_components),
        ("ending the pods", _end_pods),
        ("unmounting", _unmount),
        ("removing control groups and stray files", _remove_stray_files),
        # Last of what touches the kernel: the isolation rules hold as long as anything of the cluster lives.
        ("removing bridges and packet filter rules", remove_network),
    )


def _end_pods(layout: Layout) -> None:
    """Every container is a child of a shim, and every shim has our containerd's socket among its arguments."""
    for shim in process.processes_naming(str(layout.containerd_socket)):
        for container_process in process.descendants_of(shim):
            process.end(container_process, grace_seconds=0)
        process.end(shim, grace_seconds=0)


def _unmount(layout: Layout) -> None:
    """The last mounted first: later mounts may lie inside earlier ones."""
    for mount_point in reversed(mount_points_under(layout.state, Path("/proc/self/mountinfo").read_text())):
        output_of(["umount", mount_point])


def mount_points_under(directory: Path, mountinfo: str) -> list[Path]:
    """Mount points inside `directory`, oldest first, from the text of /proc/PID/mountinfo."""
    points = [Path(_unescaped(line.split()[4])) for line in mountinfo.splitlines()]
    return [point for point in points if directory in point.parents]


def _unescaped(field: str) -> str:
    """The kernel writes blanks and backslashes in octal, `\\040`."""
    return field.encode("latin-1").decode("unicode_escape").encode("latin-1").decode()


def _remove_stray_files(layout: Layout) -> None:
    for socket in (DEVICE_PLUGIN_SOCKET, *SHIM_SOCKETS.glob("*")):
        # One that nobody listens on any more is ours, or of no use to its maker either.
        if socket.is_socket() and not socket_accepts(socket):
            socket.unlink()
    for result in NETWORK_RESULTS.glob("*"):
        # Each names the network namespace that it is about, and ours lie in our state.
        if f"{layout.state}/" in result.read_text():
            result.unlink()
    for link in CONTAINER_LOG_LINKS.glob("*.log"):
        if link.is_symlink() and layout.state in link.readlink().parents:
            link.unlink()
    for directory in (SHIM_SOCKETS, NETWORK_RESULTS, DEVICE_PLUGIN_SOCKET.parent):
        _remove_if_empty(directory)
        _remove_if_empty(directory.parent)
    _remove_if_empty(CONTAINER_LOG_LINKS)
    for hierarchy in (CONTROL_GROUPS, *CONTROL_GROUPS.glob("*/")):
        _remove_control_group(hierarchy / POD_CONTROL_GROUP)


def _remove_if_empty(directory: Path) -> None:
    if directory.is_dir() and not any(directory.iterdir()):
        directory.rmdir()


def _remove_control_group(group: Path) -> None:
    """A control group is removed like a directory, from the leaves up; its files go with it."""
    if group.is_dir():
        for child in group.iterdir():
            if child.is_dir():
                _remove_control_group(child)
        group.rmdir()
