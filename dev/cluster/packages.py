"""The Debian packages that the cluster is made of."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dev.cluster.commands import output_of, run_logged
from dev.cluster.errors import ClusterError
from dev.cluster.layout import Layout
from dev.cluster.progress import step

PACKAGES = (
    "etcd-server",
    "containerd",
    "runc",
    "containernetworking-plugins",
    "iptables",
    "iproute2",
    "buildah",
    "debootstrap",
    "gcc",  # the pause program
    "libc6-dev",
    "ca-certificates",
)
SERVICES = {"etcd-server": "etcd.service", "containerd": "containerd.service"}
"""What these packages would start now and at each boot, where systemd runs. The cluster runs its own processes."""
POLICY = Path("/usr/sbin/policy-rc.d")
REFUSAL = b"#!/bin/sh\n# Of the FastAPI tuning development cluster, while it installs packages.\nexit 101\n"
EXECUTABLE = 0o755


def ensure_packages(layout: Layout, names: Sequence[str]) -> None:
    """Install those of `names` that are missing; does nothing, and asks no registry, when all are there.

    Raises ClusterError for a name that is not of PACKAGES, without root, or when apt fails.
    """
    for name in names:
        if name not in PACKAGES:
            raise ClusterError(f"no package of the cluster is called {name!r}; there are {', '.join(PACKAGES)}")
    missing = missing_packages(
        output_of(["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n"]), names
    )
    if not missing:
        return
    if os.geteuid() != 0:
        raise ClusterError(f"this needs root: it installs {', '.join(missing)}")
    log = layout.build_logs / "packages.log"
    with step(f"installing {', '.join(missing)}", expectation="about a minute"):
        try:
            _install(missing, layout)
        except ClusterError:
            # A machine whose package lists are missing or old: get them, then try once more.
            run_logged(["apt-get", "update"], log=log)
            _install(missing, layout)


def missing_packages(dpkg_lines: str, names: Sequence[str]) -> list[str]:
    """Those of `names` that `dpkg-query` (lines of "name status") does not call installed, in their order."""
    installed = {line.split()[0] for line in dpkg_lines.splitlines() if line.endswith(" installed")}
    return [name for name in names if name not in installed]


def _install(packages: list[str], layout: Layout) -> None:
    log = layout.build_logs / "packages.log"
    with no_service_starts(POLICY):
        run_logged(
            ["apt-get", "install", "--yes", "--no-install-recommends", *packages],
            log=log,
            environment={"DEBIAN_FRONTEND": "noninteractive"},
        )
    units = [SERVICES[package] for package in packages if package in SERVICES]
    if units and shutil.which("systemctl"):
        run_logged(["systemctl", "disable", *units], log=log)


@contextmanager
def no_service_starts(policy: Path) -> Iterator[None]:
    """Meanwhile no package may start a service: Debian's scripts ask the program at `policy` first (invoke-rc.d(8)).

    A program that was there is put back afterwards; one that an earlier run of ours had to leave is not.
    """
    before = policy.read_bytes() if policy.exists() and policy.read_bytes() != REFUSAL else None
    mode = policy.stat().st_mode if before is not None else EXECUTABLE
    _write_program(policy, REFUSAL, EXECUTABLE)
    try:
        yield
    finally:
        if before is None:
            policy.unlink()
        else:
            _write_program(policy, before, mode)


def _write_program(path: Path, content: bytes, mode: int) -> None:
    """In one step, so that nobody ever runs half of it."""
    unfinished = path.with_name(f"{path.name}.part")
    unfinished.write_bytes(content)
    unfinished.chmod(stat.S_IMODE(mode))
    unfinished.replace(path)
