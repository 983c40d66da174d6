"""The manifests are valid, and say what the demonstration counts on."""

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from fastapi_tuning.api.spec import ApplyStrategy, FastAPITuningSpec, Mode
from fastapi_tuning.load.profile import parse_profile

MANIFESTS = Path(__file__).parents[3] / "sample_app" / "manifests"


def manifest(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((MANIFESTS / f"{name}.yaml").read_text())
    return loaded


def pod(name: str) -> dict[str, Any]:
    spec: dict[str, Any] = manifest(name)["spec"]["template"]["spec"]
    return spec


@pytest.mark.parametrize("name", ["deployment", "service", "load"])
def test_is_what_kubernetes_expects(name: str) -> None:
    kubernetes_validate.validate(manifest(name), "1.34", strict=True)


def test_the_tuning_is_valid_and_acts() -> None:
    spec = FastAPITuningSpec.model_validate(manifest("tuning")["spec"])
    assert spec.mode is Mode.AUTO
    assert spec.apply.strategy is ApplyStrategy.AUTO


def test_the_tuning_names_the_deployment_and_its_container() -> None:
    target = manifest("tuning")["spec"]["targetRef"]
    assert target["name"] == manifest("deployment")["metadata"]["name"]
    assert target["containerName"] in [container["name"] for container in pod("deployment")["containers"]]


def test_the_deployment_starts_untuned() -> None:
    (container,) = pod("deployment")["containers"]
    assert manifest("deployment")["spec"]["replicas"] == 1
    assert "env" not in container
    assert "args" not in container
    assert "command" not in container
    assert "cpu" not in container["resources"]["limits"]


@pytest.mark.parametrize("name", ["deployment", "load"])
def test_the_pods_pass_the_restricted_standard(name: str) -> None:
    spec = pod(name)
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in spec["containers"]:
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize("name", ["deployment", "load"])
def test_prometheus_finds_the_port_that_the_container_opens(name: str) -> None:
    annotations = manifest(name)["spec"]["template"]["metadata"]["annotations"]
    (port,) = [port["containerPort"] for container in pod(name)["containers"] for port in container["ports"]]
    assert annotations == {"prometheus.io/scrape": "true", "prometheus.io/port": str(port)}


def test_the_load_goes_to_the_service_and_its_profile_can_be_read() -> None:
    arguments = dict(argument.split("=", 1) for argument in pod("load")["containers"][0]["args"])
    service = manifest("service")["metadata"]
    assert arguments["--url"] == f"http://{service['name']}.{service['namespace']}.svc"
    assert len(parse_profile(arguments["--profile"]).phases) == 2
