"""One API server for all integration tests, one namespace and one operator process for each."""

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fastapi_tuning.api.crd import custom_resource_definition
from tests.integration.control_plane import ControlPlane, Refused, control_plane
from tests.integration.fake_prometheus import Service, prometheus_of

Json = dict[str, Any]


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with control_plane(tmp_path_factory.mktemp("control-plane")) as running:
        running.call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", custom_resource_definition())
        _established(running)
        yield running


def _established(plane: ControlPlane) -> None:
    def served() -> bool:
        try:
            plane.call("GET", "/apis/fastapituning.io/v1alpha1/fastapitunings")
        except Refused:
            return False
        return True

    eventually(served, "the custom resource is served")


@pytest.fixture
def namespace(plane: ControlPlane) -> str:
    name = f"it-{uuid.uuid4().hex[:8]}"
    plane.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    return name


@pytest.fixture
def service(namespace: str) -> Iterator[Service]:
    with prometheus_of(Service(namespace=namespace)) as running:
        yield running


@pytest.fixture
def operator(
    plane: ControlPlane, namespace: str, service: Service, tmp_path: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """The real process, watching the test's namespace only; its log is operator.log. A test may wait for its end."""
    options = (f"--prometheus-url={service.url}", f"--namespace={namespace}")
    with running_operator(plane, tmp_path / "operator.log", *options) as process:
        yield process


@contextmanager
def running_operator(plane: ControlPlane, log_file: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """The real process, with the rights of whom `plane` is asked as; it must end in order, if it has not yet."""
    command = [sys.executable, "-m", "fastapi_tuning.cli.main", "run", "--port=0", *options]
    environment = {**os.environ, "KUBECONFIG": str(plane.kubeconfig)}
    with log_file.open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield process
    except BaseException:
        process.kill()
        process.wait(timeout=20)
        raise
    if process.returncode is not None:
        return
    assert process.poll() is None, log_file.read_text()[-4000:]
    process.terminate()
    assert process.wait(timeout=20) == 0


def eventually(check: Callable[[], bool], what: str, seconds: float = 90.0) -> None:
    """Poll until true; the description is the failure message."""
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.2)
