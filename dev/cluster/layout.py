"""Where everything of the development cluster lives: versions, addresses, paths. Decides names, touches nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One development cluster. `state` goes away with `down`; `cache` holds what is slow to make and stays."""

    state: Path
    cache: Path

    name: str = "fastapi-tuning-dev"

    kubernetes_version: str = "v1.34.4"
    helm_version: str = "v3.22.0"
    coredns_version: str = "v1.14.7"
    prometheus_version: str = "v0.316.0"  # the Go module's numbering of Prometheus 3.16

    # Private ranges of this cluster alone. The isolation rules of `network` keep packets to them on the machine.
    node_address: str = "10.97.0.1"
    pod_range: str = "10.244.0.0/16"
    service_range: str = "10.96.0.0/16"
    dns_service_address: str = "10.96.0.10"
    cluster_domain: str = "cluster.local"

    # Interface names share a prefix so that one wildcard in the isolation rules covers them.
    interface_prefix: str = "ft-"
    node_bridge: str = "ft-node"
    pod_bridge: str = "ft-pods"

    api_port: int = 6443
    etcd_port: int = 12379  # not 2379: a developer's own etcd may run there
    etcd_peer_port: int = 12380
    dns_port: int = 1053
    dns_ready_port: int = 18181
    kubelet_health_port: int = 10248
    proxy_health_port: int = 10256
    controller_manager_port: int = 10257
    scheduler_port: int = 10259

    # -- cache -----------------------------------------------------------------------------------------------------
    @property
    def binaries(self) -> Path:
        """Built programs, each named by its version."""
        return self.cache / "binaries"

    @property
    def bin(self) -> Path:
        """Links to the programs by their plain names (kubectl, helm, …): the directory to put first on PATH."""
        return self.cache / "bin"

    def program(self, name: str) -> str:
        """Path of a program that we built, by its plain name."""
        return str(self.bin / name)

    @property
    def build_logs(self) -> Path:
        return self.cache / "logs"

    @property
    def image_archives(self) -> Path:
        """OCI archives of the images, each named by the digest of what went into it."""
        return self.cache / "images"

    @property
    def buildah_storage(self) -> Path:
        return self.cache / "buildah"

    @property
    def lock(self) -> Path:
        """Held by every run that changes something. In the cache, since `down` removes the state."""
        return self.cache / "lock"

    # -- state -----------------------------------------------------------------------------------------------------
    @property
    def kubeconfig(self) -> Path:
        return self.state / "kubeconfig"

    @property
    def pki(self) -> Path:
        return self.state / "pki"

    @property
    def configs(self) -> Path:
        """Files that the components read."""
        return self.state / "config"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def audit_log(self) -> Path:
        """Who wrote what to Deployments and pods, as the API server carried it out; one JSON object a line."""
        return self.logs / "audit.jsonl"

    @property
    def volatile(self) -> Path:
        """Describes running processes and the kernel's state, so it means nothing after a reboot."""
        return self.state / "run"

    @property
    def pid_files(self) -> Path:
        return self.volatile / "pids"

    @property
    def containerd_state(self) -> Path:
        return self.volatile / "containerd"

    @property
    def containerd_socket(self) -> Path:
        return self.containerd_state / "containerd.sock"

    @property
    def containerd_root(self) -> Path:
        return self.state / "containerd"

    @property
    def etcd_data(self) -> Path:
        return self.state / "etcd"

    @property
    def kubelet_root(self) -> Path:
        return self.state / "kubelet"

    @property
    def imported_images(self) -> Path:
        """One file per image that containerd was given, holding the digest it was built from."""
        return self.state / "imported"

    @property
    def saved_sysctls(self) -> Path:
        """Kernel settings as they were before the first `up`, for `down` to put back."""
        return self.state / "sysctls.json"

    # -- addresses -------------------------------------------------------------------------------------------------
    @property
    def api_url(self) -> str:
        return f"https://{self.node_address}:{self.api_port}"

    @property
    def etcd_url(self) -> str:
        return f"http://127.0.0.1:{self.etcd_port}"


def layout_from_environment() -> Layout:
    """The layout that this machine's environment asks for; see docs/development-cluster.md for the variables."""
    cache_home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Layout(
        state=Path(os.environ.get("FASTAPI_TUNING_DEV_STATE", "/var/lib/fastapi-tuning-dev")),
        cache=cache_home / "fastapi-tuning-dev",
    )
