"""The memory limit of a container. Pure."""

import math

from kubernetes.utils.quantity import parse_quantity

from fastapi_tuning.api_server import Json


def memory_limit_bytes(container: Json) -> float | None:
    """Bytes; None without a limit, and where what stands there is no quantity: then no thread is held back for it."""
    quantity = ((container.get("resources") or {}).get("limits") or {}).get("memory")
    if quantity is None:
        return None
    try:
        limit = float(parse_quantity(quantity))  # type: ignore[no-untyped-call]  # the client ships it without types
    except (ValueError, ArithmeticError):
        return None
    return limit if 0 < limit < math.inf else None
