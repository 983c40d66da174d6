"""A container's resource requests and limits as numbers. Pure."""

import math

from kubernetes.utils.quantity import parse_quantity

from fastapi_tuning.api_server import Json


def quantity_of(container: Json, kind: str, resource: str) -> float | None:
    """Cores or bytes of the container's `requests` or `limits`.

    None without one, and where what stands there is no quantity or limits nothing: then nothing is held back for it.
    """
    text = ((container.get("resources") or {}).get(kind) or {}).get(resource)
    if text is None:
        return None
    try:
        value = float(parse_quantity(text))  # type: ignore[no-untyped-call]  # the client ships it without types
    except (ValueError, ArithmeticError):
        return None
    return value if 0 < value < math.inf else None
