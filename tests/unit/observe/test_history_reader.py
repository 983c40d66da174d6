"""The past of a Deployment: which pods are its own, which preset they exported, in how many answers it is read."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning.api.spec import Metrics
from fastapi_tuning.errors import NoHistory
from fastapi_tuning.observe.history_reader import HistoryTarget, TimeRange, read_preset
from fastapi_tuning.observe.presets import PRESETS
from fastapi_tuning.observe.prometheus import Series
from fastapi_tuning.observe.queries import deployment_selector

SPAN = TimeRange(last_seconds=604_800, points=10_080, step_seconds=60)


@dataclass
class Exported:
    """A range reader that knows only which names there are."""

    names: Sequence[str]
    steps: list[int] = field(default_factory=list)

    def query_range(
        self, promql: str, *, first_seconds: int, last_seconds: int, step_seconds: int
    ) -> tuple[Series, ...]:
        self.steps.append((last_seconds - first_seconds) // step_seconds)
        return tuple(Series(labels={"__name__": name}, values={last_seconds: 1.0}) for name in self.names)


def target(source: str = "Auto") -> HistoryTarget:
    metrics = Metrics.model_validate({"source": source})
    return HistoryTarget(namespace="shop", deployment="checkout", metrics=metrics, threshold_seconds=0.5)


@pytest.mark.parametrize(
    ("pod", "own"),
    [
        ("checkout-7d9c6b5f4c-x2x4z", True),
        ("checkout-5c4-bcdfg", True),
        ("checkout-worker-7d9c6b5f4c-x2x4z", False),
        ("my-checkout-7d9c6b5f4c-x2x4z", False),
        ("checkout-0", False),
        ("checkout-7d9c6b5f4c", False),
    ],
)
def test_pods_of_a_deployment_are_told_from_those_of_its_neighbours(pod: str, own: bool) -> None:
    match = re.search(r'pod=~"(.*)"$', deployment_selector("shop", "checkout"))
    assert match is not None
    assert (re.fullmatch(match[1], pod) is not None) is own


def test_a_dot_in_the_name_is_a_dot() -> None:
    assert 'pod=~"api\\\\.v1-' in deployment_selector("shop", "api.v1")


@given(st.integers(1, 30_000), st.integers(1, 600), st.integers(1, 11_000))
def test_chunks_hold_every_moment_once_and_in_order(points: int, step_seconds: int, most: int) -> None:
    span = TimeRange(last_seconds=1_700_000_000, points=points, step_seconds=step_seconds)
    chunks = span.chunks(most)
    assert [time for chunk in chunks for time in chunk.times] == list(span.times)
    assert len(span.times) == points
    assert all(chunk.points <= most for chunk in chunks)


def test_auto_takes_the_first_preset_that_any_pod_exported() -> None:
    reader = Exported([f"{preset.histogram}_count" for preset in reversed(PRESETS)] + ["up"])
    assert read_preset(reader, target(), SPAN) == PRESETS[0]
    assert max(reader.steps) <= 11_000


def test_a_named_source_is_taken_or_missed() -> None:
    reader = Exported(["up", f"{PRESETS[0].histogram}_count"])
    assert read_preset(reader, target("FastAPIInstrumentator"), SPAN) == PRESETS[0]
    with pytest.raises(NoHistory, match="none of them exported starlette_request_duration_seconds"):
        read_preset(reader, target("StarletteExporter"), SPAN)


def test_pods_that_were_not_there_are_told_from_pods_without_a_histogram() -> None:
    with pytest.raises(NoHistory, match="has no samples of pods of Deployment checkout"):
        read_preset(Exported([]), target(), SPAN)
    with pytest.raises(NoHistory, match="none of them exported"):
        read_preset(Exported(["up"]), target(), SPAN)
