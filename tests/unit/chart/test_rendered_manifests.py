"""What the chart gives: valid for Kubernetes, complete with one setting, and clear when that one is missing."""

import subprocess
from collections.abc import Callable

import kubernetes_validate
import pytest
import yaml

from tests.unit.chart.conftest import CHART, PROMETHEUS, ROOT, Manifest, Render, only

CRD_FILE = "fastapitunings.fastapituning.io.yaml"
EVERYTHING = (
    "createNamespace=true",
    "prometheus.tokenSecret.name=prometheus-token",
    "prometheus.caConfigMap.name=prometheus-ca",
    "prometheus.tenant=shop",
    "image.pullSecrets[0].name=registry",
    "podLabels.team=platform",
    "podAnnotations.note=tuned",
    "nodeSelector.pool=system",
    "tolerations[0].key=system",
    "tolerations[0].operator=Exists",
    "priorityClassName=system-cluster-critical",
    "serviceAccount.annotations.identity=operator",
    "networkPolicy.enabled=true",
    "prometheus.endpoints.payments.url=https://mimir/prometheus",
    "prometheus.endpoints.payments.basicAuthSecret.name=mimir",
)
WATCHED = ("watchNamespaces={shop,search}",)

Template = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize("version", ["1.29", "1.34", "1.37"])
@pytest.mark.parametrize(
    "settings", [pytest.param((), id="default"), pytest.param(EVERYTHING, id="all"), pytest.param(WATCHED, id="watch")]
)
def test_every_manifest_fits_the_schemas_of_kubernetes(render: Render, settings: tuple[str, ...], version: str) -> None:
    without = ("admissionPolicy.enabled=false",) if version == "1.29" else ()
    for manifest in render(*settings, *without):
        kubernetes_validate.validate(manifest, version, strict=True)


def test_one_setting_is_enough_for_a_complete_installation(render: Render) -> None:
    kinds = {manifest["kind"] for manifest in render()}
    assert kinds == {
        "MutatingWebhookConfiguration",
        "Role",
        "RoleBinding",
        "Secret",
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "Deployment",
        "Lease",
        "PodDisruptionBudget",
        "Service",
        "ServiceAccount",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    }


def test_says_which_setting_is_missing(template: Template) -> None:
    result = template()
    assert result.returncode != 0
    assert "prometheus.url must be set, for example --set prometheus.url=" in result.stderr


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("prometheus.url=prometheus:9090", "/prometheus/url"),
        ("prometheus.uri=http://prometheus", "uri"),
        ("watchNamespaces={Shop}", "/watchNamespaces/0"),
        ("logLevel=LOUD", "/logLevel"),
        ("replicas=two", "/replicas"),
        ("webhook.certificates=SelfSigned", "/webhook/certificates"),
        ("agent.metricsPort=80", "/agent/metricsPort"),
    ],
)
def test_refuses_a_wrong_setting_by_its_name(template: Template, setting: str, named: str) -> None:
    result = template("--set", setting)
    assert result.returncode != 0
    assert named in result.stderr


def test_the_service_leads_to_the_operators_pod(render: Render) -> None:
    manifests = render()
    service, deployment = only(manifests, "Service"), only(manifests, "Deployment")
    pod = deployment["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    ports = {port["targetPort"] for port in service["spec"]["ports"]}
    assert ports == {port["name"] for port in container["ports"]}


def test_labels_of_the_user_cannot_part_the_pod_from_its_selector(render: Render) -> None:
    deployment = only(render("podLabels.app\\.kubernetes\\.io/name=other"), "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()


def test_an_annotation_of_the_user_wins_over_ours_of_the_same_name(template: Template) -> None:
    """In the text: a reader of YAML takes the last of two equal keys and says nothing."""
    result = template(*PROMETHEUS, "--set", r"podAnnotations.kubectl\.kubernetes\.io/default-container=sidecar")
    name = "kubectl.kubernetes.io/default-container"
    assert [line.strip() for line in result.stdout.splitlines() if name in line] == [f"{name}: sidecar"]


@pytest.mark.parametrize("url", ["http://user:secret@prometheus:9090", "https://user@prometheus"])
def test_refuses_a_user_beside_a_token_without_showing_the_password(template: Template, url: str) -> None:
    result = template("--set", f"prometheus.url={url}", "--set", "prometheus.tokenSecret.name=token")
    assert result.returncode != 0
    assert "prometheus.url holds a user and prometheus.tokenSecret.name a token" in result.stderr
    assert "secret@" not in result.stderr


def test_a_user_alone_is_accepted(template: Template) -> None:
    assert template("--set", "prometheus.url=http://user:secret@prometheus:9090").returncode == 0


def test_files_for_prometheus_are_mounted_where_the_arguments_say(render: Render) -> None:
    pod = only(render(*EVERYTHING), "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    (mount,) = (each for each in container["volumeMounts"] if each["name"] == "prometheus-client")
    (volume,) = (each for each in pod["volumes"] if each["name"] == "prometheus-client")
    items = [
        item["path"] for source in volume["projected"]["sources"] for kind in source.values() for item in kind["items"]
    ]
    assert mount["name"] == volume["name"]
    assert _value(container, "--prometheus-token-file") == f"{mount['mountPath']}/{items[0]}"
    assert _value(container, "--prometheus-ca-file") == f"{mount['mountPath']}/{items[1]}"
    assert _value(container, "--prometheus-tenant") == "shop"


def test_the_crd_of_the_chart_is_the_committed_one() -> None:
    assert (CHART / "files" / CRD_FILE).read_text() == (ROOT / "crds" / CRD_FILE).read_text()


def test_helm_changes_nothing_in_the_crd_and_keeps_it_when_the_chart_is_removed(render: Render) -> None:
    rendered = only(render(), "CustomResourceDefinition")
    committed = yaml.safe_load((ROOT / "crds" / CRD_FILE).read_text())
    assert rendered["spec"] == committed["spec"]
    assert rendered["metadata"]["name"] == committed["metadata"]["name"]
    assert rendered["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}


def test_the_crd_can_be_left_to_somebody_else(render: Render) -> None:
    assert "CustomResourceDefinition" not in {manifest["kind"] for manifest in render("crds.install=false")}


def test_the_plain_manifests_are_what_the_chart_gives(render: Render) -> None:
    committed = (ROOT / "charts" / "rendered" / "install.yaml").read_text()
    assert list(yaml.safe_load_all(committed)) == render("createNamespace=true"), "run `make generate`"


def _value(container: Manifest, option: str) -> str:
    arguments: list[str] = container["args"]
    return arguments[arguments.index(option) + 1]
