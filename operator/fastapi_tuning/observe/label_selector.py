"""Label selectors: as the API server takes them in a query, and what they select. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi_tuning.errors import TargetNotUnderstood


def selector_text(selector: Mapping[str, Any]) -> str:
    """`metav1.LabelSelector` → `labelSelector`; all requirements must hold, as in the original.

    Raises:
        TargetNotUnderstood: it selects every pod of the namespace, or has an operator that we do not know.
    """
    labels = selector.get("matchLabels") or {}
    requirements = [f"{key}={value}" for key, value in sorted(labels.items())]
    requirements += [_requirement(each) for each in selector.get("matchExpressions") or ()]
    if not requirements:
        raise TargetNotUnderstood("the selector is empty: every pod of the namespace would count as the target's")
    return ",".join(requirements)


def _requirement(expression: Mapping[str, Any]) -> str:
    key, operator, values = expression["key"], expression["operator"], expression.get("values") or ()
    match operator:
        case "In":
            return f"{key} in ({_joined(values)})"
        case "NotIn":
            return f"{key} notin ({_joined(values)})"
        case "Exists":
            return str(key)
        case "DoesNotExist":
            return f"!{key}"
    raise TargetNotUnderstood(f"the selector has the operator {operator!r}, which is not known")


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a `metav1.LabelSelector` selects an object with these labels; an empty one selects all."""
    same = (selector.get("matchLabels") or {}).items() <= labels.items()
    return same and all(_holds(each, labels) for each in selector.get("matchExpressions") or ())


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """One of an unknown operator holds for nothing."""
    key, values = expression["key"], expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    return False


def _joined(values: Sequence[str]) -> str:
    return ",".join(sorted(values))
