"""What a broken service has behind it: a database, or a service that is slow."""

import yaml

from benchmarks.testbed.cases import PATH, Backend
from dev.demo.postgres import install_postgres
from dev.demo.sample_service import sample_manifest
from dev.demo.service import Service

_UPSTREAM = "upstream"
_UPSTREAM_COMMAND = ["/venv/bin/uvicorn", "sample_app.broken.upstream:app", "--host=0.0.0.0", "--port=8000"]


def install_backend(service: Service, backend: Backend, *, max_connections: int = 100) -> dict[str, str]:
    """Deploy it beside the service, wait until it answers, and return the variables that name it to the app."""
    if backend is Backend.UPSTREAM:
        _install_upstream(service)
        return {"SAMPLE_EXTERNAL_URL": f"http://{_UPSTREAM}.{service.namespace}.svc{PATH}"}
    url = install_postgres(
        service.kubectl, service.namespace, registry=service.registry, max_connections=max_connections
    )
    return {"SAMPLE_DATABASE_URL": url}


def _install_upstream(service: Service) -> None:
    """The sample's Deployment and Service under another name, with another app."""
    labels = {"app": _UPSTREAM}
    manifests = {
        kind: sample_manifest(kind, namespace=service.namespace, registry=service.registry)
        for kind in ("deployment", "service")
    }
    for manifest in manifests.values():
        manifest["metadata"] |= {"name": _UPSTREAM, "labels": labels}
    manifests["service"]["spec"]["selector"] = labels
    specification = manifests["deployment"]["spec"]
    specification["selector"] = {"matchLabels": labels}
    specification["template"]["metadata"] = {"labels": labels}
    specification["template"]["spec"]["containers"][0]["command"] = _UPSTREAM_COMMAND
    for manifest in manifests.values():
        service.kubectl.apply(yaml.safe_dump(manifest))
    service.kubectl.await_rollout(service.namespace, _UPSTREAM)
