"""What to copy: YAML that `kubectl patch` and a manifest both take, or a command. Pure."""

from typing import Any

import yaml

from fastapi_tuning.audit.facts import Facts


def container_fix(facts: Facts, **fields: Any) -> str:
    """Fields of the app's container in the Deployment."""
    return template_fix(facts, containers=[{"name": facts.container, **fields}])


def variable_fix(facts: Facts, name: str, value: int) -> str:
    """An environment variable of the app's container."""
    return container_fix(facts, env=[{"name": name, "value": str(value)}])


def template_fix(facts: Facts, **fields: Any) -> str:
    """Fields of the pod spec in the Deployment."""
    return deployment_fix(facts, template={"spec": fields})


def deployment_fix(facts: Facts, **fields: Any) -> str:
    """Fields of the Deployment's spec."""
    return f"# Deployment {facts.deployment}\n{yaml_text({'spec': fields})}"


def tuning_fix(facts: Facts, **fields: Any) -> str:
    """Fields of the FastAPITuning's spec; where there is none, of the one to create."""
    name = facts.deployment if facts.tuning is None else facts.tuning.name
    target = {"targetRef": {"name": facts.deployment}} if facts.tuning is None else {}
    return f"# FastAPITuning {name}\n{yaml_text({'spec': {**target, **fields}})}"


def yaml_text(document: dict[str, Any]) -> str:
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110).rstrip()
