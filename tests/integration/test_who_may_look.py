"""The pages and the API of the operator process, for tokens that the real API server issued and knows."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.conftest import eventually, running_operator
from tests.integration.control_plane import ControlPlane, free_port
from tests.integration.fake_prometheus import Service
from tests.integration.installed_chart import LEASE, SYSTEM, installed
from tests.integration.test_operator_on_a_real_api_server import create_target, create_tuning
from tests.unit.chart.conftest import rendered

Json = dict[str, Any]
RBAC = "/apis/rbac.authorization.k8s.io/v1"
ROLES_ONLY = ("clusterRole.create=false", "webhook.enabled=false", "watchNamespaces={{{}}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A running operator with the chart's rights, and two accounts of its namespace."""

    client: httpx.Client
    namespace: str
    reader: str
    """Token of an account that may read FastAPITunings there."""
    stranger: str
    """Token of one that may do nothing."""
    log: Path

    def get(self, path: str, token: str) -> httpx.Response:
        return self.client.get(path, headers={"Authorization": f"Bearer {token}"})

    @property
    def here(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/fastapitunings"


def account(plane: ControlPlane, namespace: str, name: str, directory: Path) -> str:
    plane.call("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": name}})
    return plane.as_account(namespace, name, directory).token


def bind(plane: ControlPlane, namespace: str, name: str, *verbs: str) -> None:
    rule = {"apiGroups": ["fastapituning.io"], "resources": ["fastapitunings"], "verbs": list(verbs)}
    roles = f"{RBAC}/namespaces/{namespace}"
    plane.call("POST", f"{roles}/roles", {"metadata": {"name": name}, "rules": [rule]})
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    plane.call(
        "POST", f"{roles}/rolebindings", {"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]}
    )


@pytest.fixture
def site(plane: ControlPlane, namespace: str, service: Service, tmp_path: Path) -> Iterator[Site]:
    """With Roles only, the fewest rights there are: they suffice to tell callers apart."""
    create_target(plane, namespace, service)
    create_tuning(plane, namespace, mode="Recommend")
    reader, stranger = (account(plane, namespace, name, tmp_path) for name in ("reader", "stranger"))
    bind(plane, namespace, "reader", "get", "list")
    port, log = free_port(), tmp_path / "operator.log"
    options = (
        f"--prometheus-url={service.url}",
        f"--lease={SYSTEM}/{LEASE}",
        f"--namespace={namespace}",
        "--no-scan",
        f"--port={port}",
        "--log-level=DEBUG",
    )
    manifests = rendered(*(each.format(namespace) for each in ROLES_ONLY))
    with (
        installed(plane, manifests, tmp_path) as operator,
        running_operator(operator, log, *options),
        httpx.Client(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        eventually(lambda: answers(client), "the operator is ready")
        yield Site(client=client, namespace=namespace, reader=reader, stranger=stranger, log=log)


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def forged(token: str) -> str:
    """The same claims with the signature of nobody."""
    header, claims, signature = token.split(".")
    nobodys = base64.urlsafe_b64encode(bytes(256)).decode().rstrip("=")
    assert nobodys != signature
    return f"{header}.{claims}.{nobodys}"


def for_another_audience(plane: ControlPlane, namespace: str) -> str:
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/reader/token"
    token: str = plane.call("POST", path, {"spec": {"audiences": ["somebody-else"]}})["status"]["token"]
    return token


def test_each_token_sees_what_the_api_server_lets_it_read(plane: ControlPlane, site: Site) -> None:
    found = site.get(site.here, site.reader).json()["items"]
    assert [(each["namespace"], each["name"]) for each in found] == [(site.namespace, "checkout")]
    assert site.get("/api/v1/fastapitunings", site.reader).json()["items"] == found
    assert site.get(f"{site.here}/checkout", site.reader).json()["spec"]["mode"] == "Recommend"

    refused = site.get(site.here, site.stranger)
    assert refused.status_code == 403
    wanted = f'list fastapitunings.fastapituning.io in the namespace "{site.namespace}"'
    assert wanted in refused.json()["detail"]
    assert site.get(f"{site.here}/checkout", site.stranger).status_code == 403
    assert site.get("/api/v1/fastapitunings", site.stranger).json()["items"] == []

    for unknown in (forged(site.reader), for_another_audience(plane, site.namespace), "no-token-at-all"):
        assert site.get(site.here, unknown).status_code == 401
    assert site.client.get(site.here).status_code == 401

    # Nobody is asked for a token that has none to give.
    assert site.client.get("/metrics").status_code == site.client.get("/healthz").status_code == 200

    page = sign_in(site, site.reader)
    assert f"system:serviceaccount:{site.namespace}:reader" in page
    assert "checkout" in page

    log = site.log.read_text()
    for token in (site.reader, site.stranger):
        assert token not in log
        assert token.split(".")[2] not in log
    assert "orbidden" not in log, json.dumps(log[-2000:])


def sign_in(site: Site, token: str) -> str:
    """The first page that a browser sees after the form."""
    with httpx.Client(base_url=site.client.base_url, follow_redirects=True) as browser:
        assert str(browser.get("/").url).endswith("/login")
        return browser.post("/login", data={"token": token}).text
