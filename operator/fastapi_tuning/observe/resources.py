"""What the container reserves, and whose that is. Pure."""

from collections.abc import Iterable

from fastapi_tuning.api_server import Json
from fastapi_tuning.control.observation import Reservation
from fastapi_tuning.observe.foreign_owners import reconciles
from fastapi_tuning.observe.ownership import resource_managers
from fastapi_tuning.observe.quantity import quantity_of

_NAMED = tuple((kind, resource) for kind in ("requests", "limits") for resource in ("cpu", "memory"))


def reservations_of(container: Json, managed_fields: Iterable[Json]) -> tuple[Reservation, ...]:
    """CPU and memory of requests and limits; what is no quantity, or 0, reserves nothing."""
    entries = tuple(managed_fields)
    found = []
    for kind, resource in _NAMED:
        amount = quantity_of(container, kind, resource)
        if amount is None:
            continue
        managers = resource_managers(entries, container["name"], kind, resource)
        owners = [each.told for each in managers if reconciles(each)]
        found.append(
            Reservation(
                kind=kind,
                resource=resource,
                quantity=str(container["resources"][kind][resource]),
                amount=amount,
                is_ours=any(each.is_ours for each in managers),
                owner=", ".join(owners) or None,
            )
        )
    return tuple(found)
