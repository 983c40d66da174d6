"""The Debian packages that the cluster is made of."""

from __future__ import annotations

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


def ensure_packages(layout: Layout) -> None:
    """Install what is missing; does nothing, and asks no registry, when all is there."""
    missing = missing_packages(output_of(["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n"]))
    if not missing:
        return
    log = layout.build_logs / "packages.log"
    with step(f"installing {', '.join(missing)}", expectation="about a minute"):
        try:
            _install(missing, layout)
        except ClusterError:
            # A machine whose package lists are missing or old: get them, then try once more.
            run_logged(["apt-get", "update"], log=log)
            _install(missing, layout)


def missing_packages(dpkg_lines: str) -> list[str]:
    """Those of PACKAGES that `dpkg-query` (lines of "name status") does not call installed, in our order."""
    installed = {line.split()[0] for line in dpkg_lines.splitlines() if line.endswith(" installed")}
    return [package for package in PACKAGES if package not in installed]


def _install(packages: list[str], layout: Layout) -> None:
    run_logged(
        ["apt-get", "install", "--yes", "--no-install-recommends", *packages],
        log=layout.build_logs / "packages.log",
        environment={"DEBIAN_FRONTEND": "noninteractive"},
    )
