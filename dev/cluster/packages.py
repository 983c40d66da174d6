"""The Debian packages that the cluster is made of."""

from __future__ import annotations

import os
from collections.abc import Sequence

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
    run_logged(
        ["apt-get", "install", "--yes", "--no-install-recommends", *packages],
        log=layout.build_logs / "packages.log",
        environment={"DEBIAN_FRONTEND": "noninteractive"},
    )
