"""The text that Prometheus reads, parsed by Prometheus's own client."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from fastapi_tuning_agent.catalogue import CATALOGUE, Snapshot
from fastapi_tuning_agent.exposition import from_json, text_of, to_json

DURATION = "fastapi_tuning_request_duration_seconds"
BLOCKED = "fastapi_tuning_loop_blocked_seconds_total"
PLACE = 'a "quoted"\\path\n:1 f'
SNAPSHOT: Snapshot = {
    DURATION: {
        (("outcome", "2xx"),): 1.5,
        (("outcome", "2xx"), ("le", "0.5")): 2.0,
        (("outcome", "2xx"), ("le", "inf")): 1.0,
        (("outcome", "5xx"),): 0.0,
        (("outcome", "5xx"), ("le", "0.5")): 0.0,
        (("outcome", "5xx"), ("le", "inf")): 0.0,
    },
    BLOCKED: {(("where", PLACE),): 0.25},
    "fastapi_tuning_workers": {(): 1.0},
}


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_buckets_are_cumulated_and_counted() -> None:
    shown = samples(text_of(SNAPSHOT))
    assert shown[f"{DURATION}_bucket", (("le", "0.5"), ("outcome", "2xx"))] == 2
    assert shown[f"{DURATION}_bucket", (("le", "+Inf"), ("outcome", "2xx"))] == 3
    assert shown[f"{DURATION}_count", (("outcome", "2xx"),)] == 3
    assert shown[f"{DURATION}_sum", (("outcome", "2xx"),)] == 1.5
    assert shown[f"{DURATION}_count", (("outcome", "5xx"),)] == 0


def test_any_text_survives_in_a_label() -> None:
    assert samples(text_of(SNAPSHOT))[BLOCKED, (("where", PLACE),)] == 0.25


def test_what_one_worker_tells_the_other_understands() -> None:
    assert from_json(to_json("one", SNAPSHOT)) == ("one", SNAPSHOT)


def test_metrics_of_a_later_version_are_left_out() -> None:
    assert from_json(to_json("one", {"fastapi_tuning_of_the_future": {(): 1.0}})) == ("one", {})


@pytest.mark.parametrize(
    "text", [b"", b"[", b"1", b'["one"]', b'["one", []]', b'["one", {"fastapi_tuning_workers": 1}]']
)
def test_what_no_worker_would_tell_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - json says it in its own words
        from_json(text)


def test_every_counter_is_named_as_one() -> None:
    for name, metric in CATALOGUE.items():
        assert name.endswith("_total") == (metric.kind == "counter")
        assert metric.help
