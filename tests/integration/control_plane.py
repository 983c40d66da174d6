"""A real API server on loopback: etcd and kube-apiserver, without nodes or controllers.

It tells the truth about schemas, defaults, CEL, server-side apply and compare-and-set. Deployments and pods are only
objects here; a test sets their status by hand.
"""

import json
import shutil
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dev.cluster.binaries import path_of
from dev.cluster.layout import layout_from_environment

TOKEN = "integration"
START_SECONDS = 60.0

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlane:
    """Where the API server is, as whom it is asked, and the few calls that tests make."""

    url: str
    kubeconfig: Path
    token: str = TOKEN
    """The cluster administrator's, unless it is somebody else's."""

    def call(
        self, method: str, path: str, body: Json | list[Json] | None = None, content_type: str = "application/json"
    ) -> Json:
        """One request.

        Raises:
            Refused: the answer was not 2xx.
        """
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": content_type},
        )
        try:
            with urllib.request.urlopen(request, timeout=10, context=_UNVERIFIED) as response:
                answer: Json = json.load(response)
                return answer
        except urllib.error.HTTPError as error:
            with error:
                raise Refused(error.code, error.read().decode()) from None

    def as_account(self, namespace: str, name: str, directory: Path) -> "ControlPlane":
        """The same API server as a ServiceAccount sees it, by a token as its pod would have, and a kubeconfig of it."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        token = str(self.call("POST", path, {"spec": {"expirationSeconds": 3600}})["status"]["token"])
        kubeconfig = directory / "account.kubeconfig"
        kubeconfig.write_text(json.dumps(_kubeconfig(self.url, token)))
        return replace(self, kubeconfig=kubeconfig, token=token)


class Refused(Exception):
    """The API server said no: (status, message)."""

    @property
    def status(self) -> int:
        return int(self.args[0])


_UNVERIFIED = ssl.create_default_context()
_UNVERIFIED.check_hostname = False
_UNVERIFIED.verify_mode = ssl.CERT_NONE


@contextmanager
def control_plane(directory: Path) -> Iterator[ControlPlane]:
    """Start it in `directory`, wait until it is ready, end it afterwards."""
    etcd, peer, secure = (free_port() for _ in range(3))
    _keys(directory)
    processes = [
        _start(directory, "etcd", [shutil.which("etcd") or "etcd", *_etcd_arguments(directory, etcd, peer)]),
        _start(directory, "kube-apiserver", [*_apiserver(directory), *_apiserver_arguments(directory, etcd, secure)]),
    ]
    plane = ControlPlane(url=f"https://127.0.0.1:{secure}", kubeconfig=directory / "kubeconfig")
    plane.kubeconfig.write_text(json.dumps(_kubeconfig(plane.url, TOKEN)))
    try:
        _wait_until_ready(plane, processes, directory)
        yield plane
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait(timeout=30)


def _apiserver(directory: Path) -> list[str]:
    """The multi-binary, under the name it picks its part by."""
    link = directory / "kube-apiserver"
    link.symlink_to(path_of(layout_from_environment(), "kube"))
    return [str(link)]


def _etcd_arguments(directory: Path, port: int, peer: int) -> list[str]:
    client, peers = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer}"
    return [
        f"--data-dir={directory / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=default={peers}",
        "--unsafe-no-fsync",
    ]


def _apiserver_arguments(directory: Path, etcd: int, secure: int) -> list[str]:
    return [
        f"--etcd-servers=http://127.0.0.1:{etcd}",
        f"--secure-port={secure}",
        "--bind-address=127.0.0.1",
        "--service-account-issuer=https://integration.test",
        f"--service-account-key-file={directory / 'sa.key'}",
        f"--service-account-signing-key-file={directory / 'sa.key'}",
        f"--token-auth-file={directory / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        f"--cert-dir={directory / 'certificates'}",
        "--service-cluster-ip-range=10.96.0.0/24",
        "--disable-admission-plugins=ServiceAccount",
    ]


def _keys(directory: Path) -> None:
    subprocess.run(
        ["openssl", "genrsa", "-out", str(directory / "sa.key"), "2048"], check=True, capture_output=True, timeout=60
    )
    (directory / "tokens.csv").write_text(f'{TOKEN},admin,1,"system:masters"\n')


def _kubeconfig(url: str, token: str) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "it", "cluster": {"server": url, "insecure-skip-tls-verify": True}}],
        "users": [{"name": "it", "user": {"token": token}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        "current-context": "it",
    }


def _start(directory: Path, name: str, command: list[str]) -> subprocess.Popen[bytes]:
    with (directory / f"{name}.log").open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(plane: ControlPlane, processes: list[subprocess.Popen[bytes]], directory: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        for process in processes:
            assert process.poll() is None, f"process {process.pid} ended; see the logs in {directory}"
        try:
            # The last thing to come up, and what every test needs first.
            plane.call("GET", "/api/v1/namespaces/default")
        except (Refused, urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
        else:
            return
    raise AssertionError(f"the API server was not ready after {START_SECONDS:.0f} s; see the logs in {directory}")
