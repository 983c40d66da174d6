"""What anybody may send: any JSON, and JSON of the right form in which one thing is wrong."""

import copy
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

without_hanging = settings(
    deadline=timedelta(seconds=5),
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=settings.get_current_profile_name() != "fuzz",
)
"""A parser that takes longer hangs; the number of examples is the profile's. Only `make fuzz` looks for new ones
each time: what it finds is a task of its own, not a change's that happened to meet it."""

odd_texts = st.sampled_from(
    [
        *("", " ", "\x00", "NaN", "Infinity", "-1", "1e400", "9" * 5000, "²", "٣", "true", "null", "$(A)", "${A:-"),
        *("[" * 2000, "{" * 2000, "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-01-01T00:00:00"),
        *("\ud800".encode("utf-8", "surrogatepass").decode("utf-8", "replace"), "a" * 5000, "'", '"', "\\", "%s"),
    ]
)
texts = odd_texts | st.text(max_size=20)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
any_json = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@st.composite
def damaged(draw: st.DrawFn, sound: Any) -> Any:
    """A copy in which one thing, anywhere, is missing, something else, or there twice."""
    whole = copy.deepcopy(sound)
    node: Any = whole
    while node:
        place = draw(st.sampled_from(list(node) if isinstance(node, dict) else range(len(node))))
        if isinstance(node[place], dict | list) and node[place] and draw(st.integers(0, 3)):
            node = node[place]
            continue
        match draw(st.sampled_from(["gone", "else", "twice"])):
            case "gone":
                del node[place]
            case "twice" if isinstance(node, list):
                node.insert(place, copy.deepcopy(node[place]))
            case _:
                node[place] = draw(any_json)
        break
    return whole
