"""Metrics endpoints: the chart writes the settings that the operator reads, and mounts what they name."""

from pathlib import Path

import pytest
import yaml

from fastapi_tuning.cli.endpoints_file import read_endpoints
from tests.unit.chart.conftest import PROMETHEUS, Manifest, Render, helm_template, only

PAYMENTS = (
    "prometheus.endpoints.payments.url=https://mimir.monitoring/prometheus",
    "prometheus.endpoints.payments.tenant=payments",
    "prometheus.endpoints.payments.basicAuthSecret.name=mimir-user",
    "prometheus.endpoints.payments.clientCertificateSecret.name=mimir-tls",
    "prometheus.endpoints.payments.caConfigMap.name=mimir-ca",
    "prometheus.endpoints.payments.caConfigMap.key=ca.pem",
    "prometheus.endpoints.search.url=http://prometheus.search:9090",
    "prometheus.endpoints.search.tokenSecret.name=search",
    "prometheus.endpoints.search.tokenSecret.key=token",
)


def pod_of(manifests: list[Manifest]) -> Manifest:
    return dict(only(manifests, "Deployment")["spec"]["template"])


def written(manifests: list[Manifest], directory: Path) -> Path:
    file = directory / "endpoints.yaml"
    file.write_text(only(manifests, "ConfigMap")["data"]["endpoints.yaml"])
    return file


def test_the_operator_reads_what_the_chart_writes(render: Render, tmp_path: Path) -> None:
    found = read_endpoints(written(render(*PAYMENTS), tmp_path))

    assert {name: (each.url, each.tenant) for name, each in found.items()} == {
        "payments": ("https://mimir.monitoring/prometheus", "payments"),
        "search": ("http://prometheus.search:9090", None),
    }


def test_every_file_that_the_settings_name_is_mounted(render: Render, tmp_path: Path) -> None:
    manifests = render(*PAYMENTS)
    spec = pod_of(manifests)["spec"]
    (volume,) = (each for each in spec["volumes"] if each["name"] == "metrics-endpoints")
    (container,) = spec["containers"]
    (mount,) = (each for each in container["volumeMounts"] if each["name"] == "metrics-endpoints")
    sources = [source for each in volume["projected"]["sources"] for source in each.values()]
    mounted = {f"{mount['mountPath']}/{item['path']}" for source in sources for item in source.get("items", ())}
    settings = yaml.safe_load(written(manifests, tmp_path).read_text())["endpoints"].values()
    named = {value for each in settings for key, value in each.items() if key.endswith("File")}
    assert mounted == named
    assert len(named) == 6
    assert mount["readOnly"] is True


def test_no_secret_is_written_into_a_manifest(render: Render) -> None:
    config = only(render(*PAYMENTS), "ConfigMap")
    assert set(yaml.safe_load(config["data"]["endpoints.yaml"])["endpoints"]["search"]) == {"url", "tokenFile"}


def test_other_settings_are_another_pod(render: Render) -> None:
    one, other = (pod_of(render(*PAYMENTS, f"prometheus.endpoints.search.tenant={name}")) for name in "ab")
    assert one["metadata"]["annotations"] != other["metadata"]["annotations"]


def test_the_default_endpoint_may_be_one_of_them(render: Render) -> None:
    result = helm_template("--set", "prometheus.endpoints.default.url=http://prometheus:9090")
    assert result.returncode == 0, result.stderr
    assert "--prometheus-url" not in result.stdout


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("prometheus.endpoints.default.url=http://prometheus", "both give the endpoint named default"),
        ("prometheus.endpoints.a.url=http://user:secret@prometheus", "/prometheus/endpoints/a/url"),
        ("prometheus.endpoints.a.url=prometheus:9090", "/prometheus/endpoints/a/url"),
        ("prometheus.endpoints.a.tenant=x", "url"),
        ("prometheus.endpoints.A.url=http://prometheus", "invalid propertyName 'A'"),
        (
            "prometheus.endpoints.a.url=http://p,prometheus.endpoints.a.basicAuthSecret.name=x,"
            "prometheus.endpoints.a.tokenSecret.name=y,prometheus.endpoints.a.tokenSecret.key=z",
            "one of them only",
        ),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(setting: str, said: str) -> None:
    result = helm_template(*PROMETHEUS, "--set", setting)
    assert result.returncode != 0
    assert said in result.stderr
