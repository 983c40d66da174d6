"""What remains of the service when a pod, a node or a version goes. Pure."""

from fastapi_tuning.api.spec import Mode
from fastapi_tuning.audit.facts import Facts, Unread
from fastapi_tuning.audit.finding import Violation
from fastapi_tuning.audit.fix import deployment_fix, template_fix, tuning_fix, yaml_text
from fastapi_tuning.control.knobs import Knob, mode_of

_MOST_MISSING = 0.25
"""Of the pods, in a rollout: Kubernetes' own default, before it is rounded."""


def single_replica(facts: Facts) -> Violation | None:
    """Every restart, drain and crash is an outage."""
    if facts.replicas >= 2:
        return None
    tuned = facts.tuning is not None and mode_of(facts.tuning.spec, Knob.REPLICAS) is Mode.AUTO
    mend = tuning_fix(facts, replicas={"min": 2}) if tuned else deployment_fix(facts, replicas=2)
    return Violation(evidence=f"spec.replicas is {facts.replicas}", fix=mend)


def no_disruption_budget(facts: Facts) -> Violation | Unread | None:
    """A node drain may take all pods at once."""
    if facts.replicas < 2:
        return None
    if isinstance(facts.disruption_budgets, Unread):
        return facts.disruption_budgets
    if facts.disruption_budgets:
        return None
    return Violation(
        evidence=f"no PodDisruptionBudget selects the {facts.replicas} pods",
        fix=yaml_text(_budget(facts)),
    )


def budget_that_blocks(facts: Facts) -> Violation | Unread | None:
    """A drain of the node never ends."""
    if isinstance(facts.disruption_budgets, Unread):
        return facts.disruption_budgets
    for budget in facts.disruption_budgets:
        all_well = 0 < budget.expected_pods <= budget.healthy_pods
        if budget.disruptions_allowed == 0 and all_well:
            return Violation(
                evidence=(
                    f"PodDisruptionBudget {budget.name} ({budget.rule}) allows no disruption though "
                    f"{budget.healthy_pods} of {budget.expected_pods} pods are healthy"
                ),
                fix=f"# PodDisruptionBudget {budget.name}\n{yaml_text({'spec': {'maxUnavailable': 1}})}",
            )
    return None


def recreates(facts: Facts) -> Violation | None:
    """All pods end before the first new one starts."""
    if not facts.rollout.recreates:
        return None
    return Violation(evidence="spec.strategy.type is Recreate", fix=_surge(facts))


def rollout_takes_capacity(facts: Facts) -> Violation | None:
    """The pods that are left carry the load of those that are missing, each rollout, at whatever hour it is."""
    missing = facts.rollout.max_unavailable_pods
    if facts.rollout.recreates or missing == 0 or missing <= _MOST_MISSING * facts.replicas:
        return None
    return Violation(
        evidence=f"maxUnavailable {facts.rollout.max_unavailable} takes {missing} of {facts.replicas} pods away",
        fix=_surge(facts),
    )


def on_one_node(facts: Facts) -> Violation | Unread | None:
    """The node is the single replica."""
    if isinstance(facts.pods, Unread):
        return facts.pods
    ready = [pod for pod in facts.pods if pod.ready]
    if len(ready) < 2 or len({pod.node for pod in ready}) > 1:
        return None
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": dict(facts.selector)},
    }
    return Violation(
        evidence=f"all {len(ready)} ready pods run on {ready[0].node}",
        fix=template_fix(facts, topologySpreadConstraints=[spread]),
    )


def _surge(facts: Facts) -> str:
    update = {"maxSurge": "25%", "maxUnavailable": 0}
    return deployment_fix(facts, strategy={"type": "RollingUpdate", "rollingUpdate": update})


def _budget(facts: Facts) -> dict[str, object]:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": facts.deployment, "namespace": facts.namespace},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": dict(facts.selector)}},
    }
