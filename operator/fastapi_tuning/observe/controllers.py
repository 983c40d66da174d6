"""Other controllers that may have a say in a target: lists of a namespace, read for all objects in it together.

What this costs: one call per namespace and cycle for HorizontalPodAutoscalers; for each of the other kinds one call per
namespace and minute, and where the cluster does not know the kind one call in five minutes, for all namespaces.
ScaledObjects whose bounds we set (spec.replicas.via) are read in each cycle, too: a write needs the newest version.
"""

import asyncio
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from fastapi_tuning.api_server import ApiServer, Json, resource_path
from fastapi_tuning.errors import NotFound, TargetUnavailable

HORIZONTAL_AUTOSCALER = ("autoscaling/v2", "horizontalpodautoscalers")
SCALED_OBJECT = ("keda.sh/v1alpha1", "scaledobjects")
VERTICAL_AUTOSCALER = ("autoscaling.k8s.io/v1", "verticalpodautoscalers")
ROLLOUT = ("argoproj.io/v1alpha1", "rollouts")
CANARY = ("flagger.app/v1beta1", "canaries")
KINDS = (HORIZONTAL_AUTOSCALER, SCALED_OBJECT, VERTICAL_AUTOSCALER, ROLLOUT, CANARY)

Kind = tuple[str, str]
Controllers = Mapping[Kind, tuple[Json, ...]]
"""The objects of a namespace by kind."""
NO_CONTROLLERS: Controllers = {}

_FRESH = timedelta(minutes=1)
"""How long a list counts; a HorizontalPodAutoscaler acts within 15 s, so that one is read in each cycle."""
_UNKNOWN = timedelta(minutes=5)
"""How long a kind that the cluster does not know is not asked for again."""

_PARALLEL_READS = 16
_Found = tuple[Kind, tuple[Json, ...]] | TargetUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listed:
    time: datetime
    items: tuple[Json, ...]


@dataclass(slots=True)
class ControllerReader:
    """Reads, and remembers for a while what it read."""

    api: ApiServer
    _lists: dict[tuple[Kind, str], _Listed] = field(default_factory=dict)
    _unknown_since: dict[Kind, datetime] = field(default_factory=dict)

    async def read(
        self, namespaces: Iterable[str], now: datetime, *, scaled_objects_driven_in: Container[str] = ()
    ) -> Mapping[str, Controllers | TargetUnavailable]:
        """What is in each namespace, or why that is not known: then nothing may be moved in it."""
        self._lists = {
            (kind, namespace): listed
            for (kind, namespace), listed in self._lists.items()
            if kind is not SCALED_OBJECT or namespace not in scaled_objects_driven_in
        }
        self._lists = {key: listed for key, listed in self._lists.items() if now - listed.time < _FRESH}
        names = sorted(set(namespaces))
        gate = asyncio.Semaphore(_PARALLEL_READS)
        by_kind = await asyncio.gather(*(self._kind(kind, names, now, gate) for kind in KINDS))
        return {name: _together(found[name] for found in by_kind) for name in names}

    async def _kind(
        self, kind: Kind, namespaces: list[str], now: datetime, gate: asyncio.Semaphore
    ) -> Mapping[str, _Found]:
        """The first namespace goes before the others: it finds out whether the cluster knows the kind."""

        async def read(namespace: str) -> _Found:
            async with gate:
                try:
                    return kind, await self._list(kind, namespace, now)
                except TargetUnavailable as error:
                    return error

        first = [await read(name) for name in namespaces[:1]]
        return dict(zip(namespaces, [*first, *await asyncio.gather(*map(read, namespaces[1:]))], strict=True))

    async def _list(self, kind: Kind, namespace: str, now: datetime) -> tuple[Json, ...]:
        known, unknown_since = self._lists.get((kind, namespace)), self._unknown_since.get(kind)
        if known is not None and kind is not HORIZONTAL_AUTOSCALER:
            return known.items
        if unknown_since is not None and now - unknown_since < _UNKNOWN:
            return ()
        try:
            items = await read_list(self.api, kind, namespace)
        except NotFound:
            self._unknown_since[kind] = now
            return ()
        self._unknown_since.pop(kind, None)
        self._lists[kind, namespace] = _Listed(time=now, items=items)
        return items


def _together(found: Iterable[_Found]) -> Controllers | TargetUnavailable:
    lists: dict[Kind, tuple[Json, ...]] = {}
    for each in found:
        if isinstance(each, TargetUnavailable):
            return each
        lists[each[0]] = each[1]
    return lists


async def read_list(api: ApiServer, kind: Kind, namespace: str) -> tuple[Json, ...]:
    """All objects of a kind.

    Raises:
        NotFound: the cluster does not know the kind.
        TargetUnavailable: the API server gave no answer, or one that is no list.
    """
    items = (await api.get(resource_path(*kind, namespace=namespace))).get("items")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise TargetUnavailable(f"the API server's list of {kind[1]} in {namespace} is no list of objects")
    return tuple(items)
