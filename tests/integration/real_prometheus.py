"""A real Prometheus on loopback that scrapes every second and asks for a password."""

import json
import subprocess
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dev.cluster.binaries import path_of
from dev.cluster.layout import layout_from_environment
from tests.integration.control_plane import free_port

USER, PASSWORD = "reader", "only for a test"
_PASSWORD_HASH = "$2b$04$4TGaP6jU7g5Ub122NzUxR.1Z.9N1z0gNhKdsuscHTevpcS/eyoY7S"
"""bcrypt of PASSWORD, at the least cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningPrometheus:
    """Where it is; `stop` may be called early and twice."""

    address: str
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """With user and password, as an operator's setting would hold them."""
        return f"http://{USER}:{PASSWORD.replace(' ', '%20')}@{self.address}"

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=20)


@contextmanager
def running_prometheus(
    directory: Path, pods: Mapping[str, int], namespace: str, twice: Set[str] = frozenset()
) -> Iterator[RunningPrometheus]:
    """Scrape the ports of the pods, with the labels that Kubernetes service discovery would give.

    Args:
        twice: pods that are scraped once for each of two containers.
    """
    program = path_of(layout_from_environment(), "prometheus")
    assert program.exists(), "no Prometheus to test with: python3 -m dev.cluster build prometheus"
    address = f"127.0.0.1:{free_port()}"
    (directory / "prometheus.yaml").write_text(json.dumps(_scrapes(pods, namespace, twice)))
    (directory / "web.yaml").write_text(json.dumps({"basic_auth_users": {USER: _PASSWORD_HASH}}))
    arguments = [
        f"--config.file={directory / 'prometheus.yaml'}",
        f"--web.config.file={directory / 'web.yaml'}",
        f"--web.listen-address={address}",
        f"--storage.tsdb.path={directory / 'data'}",
    ]
    with (directory / "prometheus.log").open("wb") as log:
        process = subprocess.Popen([str(program), *arguments], stdout=log, stderr=subprocess.STDOUT)
    running = RunningPrometheus(address=address, process=process)
    try:
        yield running
    finally:
        running.stop()


def _scrapes(pods: Mapping[str, int], namespace: str, twice: Set[str]) -> dict[str, object]:
    targets = [
        {"targets": [f"127.0.0.1:{port}"], "labels": {"namespace": namespace, "pod": pod, "container": container}}
        for pod, port in pods.items()
        for container in (("app", "proxy") if pod in twice else ("app",))
    ]
    return {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "scrape_configs": [{"job_name": "pods", "static_configs": targets}],
    }
