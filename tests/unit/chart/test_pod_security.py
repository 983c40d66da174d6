"""The pod passes the Pod Security Standard "restricted" and asks for what it needs."""

import pytest

from tests.unit.chart.conftest import Manifest, Render, only


@pytest.fixture
def pod(render: Render) -> Manifest:
    settings = ("prometheus.tokenSecret.name=token", "prometheus.caConfigMap.name=ca")
    spec: Manifest = only(render(*settings), "Deployment")["spec"]["template"]["spec"]
    return spec


@pytest.fixture
def container(pod: Manifest) -> Manifest:
    (container,) = pod["containers"]
    assert "initContainers" not in pod
    return dict(container)


def test_runs_as_a_user_without_name_and_rights(pod: Manifest) -> None:
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 65532


def test_the_runtimes_filter_of_system_calls_is_on(pod: Manifest) -> None:
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}


def test_holds_no_capability_and_cannot_gain_one(container: Manifest) -> None:
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert "privileged" not in container["securityContext"]


def test_cannot_write_to_its_file_system(container: Manifest) -> None:
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    writable = [mount["name"] for mount in container["volumeMounts"] if not mount["readOnly"]]
    assert writable == ["webhook-certificate"], "the key that it makes itself"


def test_shares_nothing_with_the_node(pod: Manifest, container: Manifest) -> None:
    assert {"hostNetwork", "hostPID", "hostIPC"}.isdisjoint(pod)
    assert all("hostPort" not in port for port in container["ports"])
    kinds = {volume["name"]: volume.keys() - {"name"} for volume in pod["volumes"]}
    assert kinds == {"prometheus-client": {"projected"}, "webhook-certificate": {"emptyDir"}}


def test_the_key_of_the_webhook_is_never_on_a_disk(pod: Manifest) -> None:
    (volume,) = (volume for volume in pod["volumes"] if volume["name"] == "webhook-certificate")
    assert volume["emptyDir"]["medium"] == "Memory"


def test_the_token_is_mounted_by_the_pod_and_not_by_the_account(pod: Manifest, render: Render) -> None:
    assert pod["automountServiceAccountToken"] is True
    assert only(render(), "ServiceAccount")["automountServiceAccountToken"] is False


def test_memory_is_bounded_and_the_processor_is_not(container: Manifest) -> None:
    assert set(container["resources"]["requests"]) == {"cpu", "memory"}
    assert set(container["resources"]["limits"]) == {"memory"}


def test_the_kubelet_asks_the_pages_that_the_operator_serves(container: Manifest) -> None:
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    for probe, path in (("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")):
        request = container[probe]["httpGet"]
        assert (request["path"], str(ports[request["port"]])) == (
            path,
            container["args"][container["args"].index("--port") + 1],
        )
