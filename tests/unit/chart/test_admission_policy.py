"""The policies that confine the operator's account; what they do is tried on a real API server in tests/integration."""

import json
from collections.abc import Callable
from subprocess import CompletedProcess

import pytest

from fastapi_tuning.api.agent import RESTARTED_AT_ANNOTATION, SETTINGS_ANNOTATION
from fastapi_tuning.control.knobs import ENFORCING_VARIABLE, VARIABLES, WORKER_VARIABLES
from tests.unit.chart.conftest import PROMETHEUS, Manifest, Render

NAME = "fastapi-tuning-operator"
POLICIES = {f"{NAME}-pods", f"{NAME}-deployments", f"{NAME}-webhook", f"{NAME}-workloads"}


def policies(manifests: list[Manifest]) -> dict[str, Manifest]:
    return {each["metadata"]["name"]: each["spec"] for each in manifests if each["kind"] == "ValidatingAdmissionPolicy"}


def test_every_policy_refuses_and_none_is_left_unbound(render: Render) -> None:
    manifests = render()
    bindings = [each["spec"] for each in manifests if each["kind"] == "ValidatingAdmissionPolicyBinding"]
    assert {each["policyName"] for each in bindings} == set(policies(manifests)) == POLICIES
    assert all("Deny" in each["validationActions"] for each in bindings)
    assert all("matchResources" not in each for each in bindings), "they hold in every namespace"
    assert all(each["failurePolicy"] == "Fail" for each in policies(manifests).values())


def test_they_are_about_the_operators_account_and_nobody_else(render: Render) -> None:
    for spec in policies(render("serviceAccount.name=tuner")).values():
        (condition,) = spec["matchConditions"]
        assert condition["expression"] == (
            'request.userInfo.username == "system:serviceaccount:fastapi-tuning-system:tuner"'
        )


def test_the_variables_that_may_be_set_are_those_that_the_operator_sets(render: Render) -> None:
    (listed,) = [
        each["expression"] for each in policies(render())[f"{NAME}-deployments"]["variables"] if each["name"] == "ours"
    ]
    assert set(json.loads(listed)) == {*VARIABLES.values(), *WORKER_VARIABLES, ENFORCING_VARIABLE}


def test_the_annotations_that_may_be_set_are_those_that_the_operator_sets(render: Render) -> None:
    found = policies(render())
    for name, annotation in (("pods", SETTINGS_ANNOTATION), ("deployments", RESTARTED_AT_ANNOTATION)):
        expressions = [each["expression"] for each in found[f"{NAME}-{name}"]["validations"]]
        assert any(f'key in ["{annotation}"]' in each for each in expressions)


@pytest.mark.parametrize("setting", ["webhook.enabled=false", "webhook.certificates=CertManager"])
def test_without_the_right_to_change_a_webhook_there_is_no_policy_about_it(render: Render, setting: str) -> None:
    assert set(policies(render(setting))) == POLICIES - {f"{NAME}-webhook"}


def test_with_the_right_to_change_autoscalers_there_is_a_policy_about_them(render: Render) -> None:
    manifests = render("autoscalers.enabled=true")
    assert set(policies(manifests)) == POLICIES | {f"{NAME}-autoscalers"}
    bindings = [each["spec"] for each in manifests if each["kind"] == "ValidatingAdmissionPolicyBinding"]
    assert {each["policyName"] for each in bindings} == set(policies(manifests))


def test_they_can_be_left_out(render: Render) -> None:
    assert not any("AdmissionPolicy" in each["kind"] for each in render("admissionPolicy.enabled=false"))


def test_a_cluster_that_has_no_such_policies_is_told_before_anything_is_installed(
    template: Callable[..., CompletedProcess[str]],
) -> None:
    result = template(*PROMETHEUS, "--kube-version", "1.29.4")
    assert result.returncode != 0
    assert "admissionPolicy.enabled needs Kubernetes 1.30" in result.stderr
    without = template(*PROMETHEUS, "--kube-version", "1.29.4", "--set", "admissionPolicy.enabled=false")
    assert without.returncode == 0
