"""Whatever comes over the wire instead of an answer of Prometheus: samples, or MetricsUnavailable; never a decision."""

import json
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from requests.adapters import BaseAdapter

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import Metrics
from fastapi_tuning.control.cycle import tune
from fastapi_tuning.control.observation import NoData, Observation, Traffic
from fastapi_tuning.errors import MetricsUnavailable
from fastapi_tuning.observe.metrics import MetricsTarget, read_signals
from fastapi_tuning.observe.presets import PRESETS
from fastapi_tuning.observe.prometheus import PrometheusClient, PrometheusEndpoint
from tests.unit.control.builders import history, spec, surroundings, workload
from tests.unit.fuzz.strategies import any_json, damaged, texts, without_hanging

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
POD = {"namespace": "shop", "pod": "checkout-1"}
PRESET = PRESETS[0]

Answer = tuple[int, bytes, dict[str, str]]


class Wire(BaseAdapter):
    """Answers requests without a network."""

    def __init__(self, answer: Callable[[str], Answer]) -> None:
        super().__init__()
        self._answer = answer

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        response = requests.Response()
        response.status_code, response._content, headers = self._answer(str(request.body))
        response.headers.update(headers)
        response.request, response.url = request, str(request.url)
        return response

    def close(self) -> None:
        pass


def client(answer: Callable[[str], Answer], clock: float = NOW.timestamp()) -> PrometheusClient:
    made = PrometheusClient(PrometheusEndpoint(url="http://prometheus"), clock=lambda: clock)
    made._session.mount("http://prometheus", Wire(answer))
    return made


def vector(*rows: tuple[dict[str, str], str]) -> dict[str, Any]:
    result = [{"metric": labels, "value": [NOW.timestamp(), value]} for labels, value in rows]
    return {"status": "success", "data": {"resultType": "vector", "result": result}, "warnings": [], "infos": ["x"]}


MATRIX = {
    "status": "success",
    "data": {"resultType": "matrix", "result": [{"metric": POD, "values": [[0, "1"], [15, "2"]]}]},
}
bodies = (
    st.binary(max_size=50)
    | texts.map(str.encode)
    | any_json.map(lambda value: json.dumps(value).encode())
    | damaged(vector((POD, "1"), ({**POD, "le": "0.5"}, "2"))).map(lambda value: json.dumps(value).encode())
    | damaged(MATRIX).map(lambda value: json.dumps(value).encode())
)
dates = st.sampled_from(["", "yesterday", formatdate(NOW.timestamp(), usegmt=True), "Thu, 01 Jan 99999 00:00:00 GMT"])
headers = st.builds(lambda date: {"Date": date}, dates | st.text(st.characters(codec="latin-1"), max_size=20))


@without_hanging
@given(st.sampled_from(HTTPStatus), bodies, headers)
def test_any_body_gives_samples_or_is_metrics_unavailable(status: int, body: bytes, header: dict[str, str]) -> None:
    asking = client(lambda promql: (status, body, header))
    try:
        samples = asking.query("x", NOW)
        series = asking.query_range("x", first_seconds=0, last_seconds=60, step_seconds=15)
    except MetricsUnavailable:
        return

    assert all(isinstance(text, str) for sample in samples for pair in sample.labels.items() for text in pair)
    assert all(isinstance(sample.value, float) for sample in samples)
    assert all(isinstance(moment, int) for each in series for moment in each.values)


ANSWERS = {
    "count+by": vector(({**POD, "__name__": f"{PRESET.histogram}_count"}, "1")),
    "_bucket": vector(({**POD, "le": "0.5"}, "9"), ({**POD, "le": "+Inf"}, "10")),
    "_sum": vector((POD, "1")),
    "status": vector((POD, "0")),
    "process_cpu": vector((POD, "0.3")),
    "thread_pool_limit": vector(({**POD, "__name__": "fastapi_tuning_thread_pool_limit"}, "40")),
}
TARGET = MetricsTarget(
    key=("shop", "checkout"), pods=frozenset({("shop", "checkout-1")}), metrics=Metrics(), threshold_seconds=0.5
)


def answering(answers: dict[str, Any]) -> Callable[[str], Answer]:
    def answer(promql: str) -> Answer:
        found = next((answers[kind] for kind in answers if kind in promql), vector())
        return 200, json.dumps(found).encode(), {}

    return answer


def test_the_answers_that_are_damaged_below_are_traffic_while_they_are_whole() -> None:
    assert isinstance(read_signals(client(answering(ANSWERS)), [TARGET], NOW)["shop", "checkout"], Traffic)


@without_hanging
@given(damaged(ANSWERS))
def test_a_damaged_answer_among_good_ones_is_judged_and_moves_nothing_unless_it_is_believable(answers: Any) -> None:
    signals = read_signals(client(answering(answers)), [TARGET], NOW)["shop", "checkout"]
    seen = Observation(time=NOW, workload=workload(desired_replicas=3), signals=signals)

    outcome = tune(spec(), seen, history(), surroundings())

    assert not isinstance(signals, NoData) or outcome.moves == {}
    if isinstance(signals, Traffic):
        assert math.isfinite(signals.requests_per_second)
        assert {pod.pod for pod in signals.pods} <= {"checkout-1"}


@pytest.mark.parametrize("seconds", [-3600.0, -16.0, 16.0, 3600.0])
def test_an_answer_of_another_time_is_none(seconds: float) -> None:
    date = {"Date": formatdate(NOW.timestamp() + seconds, usegmt=True)}
    asking = client(lambda promql: (200, json.dumps(vector((POD, "1"))).encode(), date))

    with pytest.raises(MetricsUnavailable, match=re.escape(f"{seconds:+.0f} s off")):
        asking.query("x", NOW)


@pytest.mark.parametrize("seconds", [-15.0, 0.0, 15.0])
def test_clocks_may_differ_by_a_scrape_period(seconds: float) -> None:
    date = {"Date": formatdate(NOW.timestamp() + seconds, usegmt=True)}

    assert client(lambda promql: (200, json.dumps(vector((POD, "1"))).encode(), date)).query("x", NOW)


def test_clocks_that_differ_are_said_to_differ_and_not_to_be_a_silence() -> None:
    date = {"Date": formatdate(NOW.timestamp() + 60, usegmt=True)}
    signals = read_signals(client(lambda promql: (200, json.dumps(vector()).encode(), date)), [TARGET], NOW)

    lost = signals["shop", "checkout"]
    assert isinstance(lost, NoData)
    assert lost.reason is Reason.CLOCKS_DIFFER
