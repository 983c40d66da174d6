"""Samples as a tree: threads below the root, and each function below its caller."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from fastapi_tuning.api.profile import Place
from fastapi_tuning.profile.samples import Sample, is_own_code


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A function as its parent called it; its seconds have those of its children in them."""

    name: str
    where: str
    """File and line of the definition; empty for a thread."""
    own_code: bool
    seconds: float
    children: tuple["Node", ...]
    """The longest first."""


@dataclass(slots=True)
class _Growing:
    seconds: float = 0.0
    children: dict[Place, "_Growing"] = field(default_factory=dict)

    def grow(self, path: Iterable[Place], seconds: float) -> None:
        node = self
        node.seconds += seconds
        for place in path:
            node = node.children.setdefault(place, _Growing())
            node.seconds += seconds


def tree_of(samples: Iterable[Sample]) -> Node:
    """The root stands for all of them. Calls from different lines of one function are one."""
    root = _Growing()
    for sample in samples:
        functions = (place._replace(line=0) for place in sample.places)
        root.grow((Place("", sample.thread, 0, 0), *functions), sample.seconds)
    return _node(Place("", "all threads", 0, 0), root)


def _node(place: Place, grown: _Growing) -> Node:
    children = (_node(each, child) for each, child in grown.children.items())
    return Node(
        name=place.function,
        where=f"{place.file}:{place.first_line}" if place.file else "",
        own_code=is_own_code(place),
        seconds=grown.seconds,
        children=tuple(sorted(children, key=lambda node: (-node.seconds, node.name, node.where))),
    )
