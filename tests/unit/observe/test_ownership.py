"""What managedFields say about the environment of a container."""

from typing import Any

from fastapi_tuning.observe.ownership import foreign_variables


def entry(manager: str, container: str, *variables: str) -> dict[str, Any]:
    """As the API server writes it after an apply of these variables."""
    owned: dict[str, Any] = {f'k:{{"name":"{name}"}}': {".": {}, "f:name": {}, "f:value": {}} for name in variables}
    containers = {f'k:{{"name":"{container}"}}': {".": {}, "f:env": {".": {}, **owned}, "f:image": {}}}
    template = {"f:spec": {"f:template": {"f:spec": {"f:containers": containers}}}}
    return {"manager": manager, "operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": template}


def test_variables_of_other_managers_are_named_with_their_owner() -> None:
    fields = [entry("helm", "app", "WEB_CONCURRENCY", "DEBUG"), entry("argocd", "app", "UVICORN_WORKERS")]

    assert foreign_variables(fields, "app") == {
        "WEB_CONCURRENCY": "helm",
        "DEBUG": "helm",
        "UVICORN_WORKERS": "argocd",
    }


def test_our_own_and_those_of_other_containers_are_not() -> None:
    fields = [entry("fastapi-tuning-operator", "app", "WEB_CONCURRENCY"), entry("helm", "sidecar", "UVICORN_WORKERS")]

    assert foreign_variables(fields, "app") == {}


def test_managers_without_a_template_own_nothing_in_it() -> None:
    status = {"manager": "kube-controller-manager", "fieldsV1": {"f:status": {"f:replicas": {}}}}

    assert foreign_variables([status, {"manager": "old"}], "app") == {}


def test_keys_of_another_form_are_passed_over() -> None:
    odd = entry("helm", "app", "DEBUG")
    environment = odd["fieldsV1"]["f:spec"]["f:template"]["f:spec"]["f:containers"]['k:{"name":"app"}']["f:env"]
    environment |= {'k:{"value":"X"}': {}, "k:{": {}, 'k:["X"]': {}, 'k:{"name":5}': {}, "v:5": {}}

    assert foreign_variables([odd], "app") == {"DEBUG": "helm"}
