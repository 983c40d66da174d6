"""FastAPITuning objects of any content beyond what the schema of the CRD rules out: read, refused, never a crash."""

from datetime import datetime
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from fastapi_tuning.api.crd import structural_schema
from fastapi_tuning.api.pause import FOR_EVER, pause_of, unreadable_pause
from fastapi_tuning.api.spec import FastAPITuningSpec
from fastapi_tuning.api.status import FastAPITuningStatus, History
from fastapi_tuning.api.tuning import PAUSED_UNTIL_ANNOTATION, FastAPITuning, UnreadableTuning, tuning_of
from fastapi_tuning.control.cycle import tune
from fastapi_tuning.control.observation import NoTraffic, Observation, Signals
from fastapi_tuning.explain.story import story
from tests.unit.control.builders import NO_DATA, NOW, history, spec, surroundings, traffic, workload
from tests.unit.fuzz.strategies import any_json, damaged, texts, without_hanging

WHOLE: dict[str, Any] = spec(
    database={"name": "orders", "connections_per_pod": 10, "max_connections": 100},
    fallback={"min_replicas": 4, "after_missed_cycles": 1},
    uvicorn={"limit_concurrency": {"mode": "Auto"}, "timeout_keep_alive": {"mode": "Auto"}},
    objectives={"average_latency_milliseconds": 200},
).model_dump(mode="json", by_alias=True)
REMEMBERED: dict[str, Any] = FastAPITuningStatus(history=history()).model_dump(mode="json", by_alias=True)
SIGNALS = (traffic(), traffic(fast_per_second=0.0), NoTraffic(source=traffic().source, scraped_pods=2), NO_DATA)


def stored(
    wish: Any, status: Any = None, annotations: dict[str, str] | None = None
) -> FastAPITuning | UnreadableTuning:
    metadata = {
        "namespace": "shop",
        "name": "checkout",
        "uid": "1",
        "generation": 1,
        "creationTimestamp": NOW.isoformat(),
        "annotations": annotations,
    }
    return tuning_of({"metadata": metadata, "spec": wish, "status": status})


def decided(wish: FastAPITuningSpec, past: History, signals: Signals) -> None:
    seen = Observation(time=NOW, workload=workload(), signals=signals)
    outcome = tune(wish, seen, past, surroundings())
    History.model_validate_json(outcome.history.model_dump_json(by_alias=True))


@without_hanging
@given(any_json | damaged(WHOLE), st.sampled_from(SIGNALS))
def test_any_spec_is_decided_on_or_refused_with_the_field_that_is_wrong(wish: Any, signals: Signals) -> None:
    found = stored(wish)
    if isinstance(found, UnreadableTuning):
        assert "spec" in str(found.problem)
    else:
        decided(found.spec, history(), signals)


def allowed_by(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """What a schema lets pass, its rules in CEL apart: an older CRD has fewer, so bounds may be the wrong way round."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema["type"]:
        case "object":
            fields = {name: allowed_by(field) for name, field in schema["properties"].items()}
            required = {name: fields.pop(name) for name in schema.get("required", ())}
            return st.fixed_dictionaries(required, optional=fields)
        case "integer":
            return st.integers(schema["minimum"], schema["maximum"])
        case "boolean":
            return st.booleans()
        case _ if "pattern" in schema:
            return st.from_regex(schema["pattern"], fullmatch=True).filter(
                lambda text: len(text) <= schema["maxLength"]
            )
        case _:
            return st.text(min_size=schema.get("minLength", 0), max_size=20)


wishes = allowed_by(structural_schema(FastAPITuningSpec))


@without_hanging
@given(wishes, st.sampled_from(SIGNALS))
@example({"targetRef": {"name": "checkout"}, "objectives": {"latency": {"percentile": "100"}}}, SIGNALS[1])
@example({"targetRef": {"name": "checkout"}, "objectives": {"latency": {"percentile": "999"}}}, SIGNALS[1])
@example({"targetRef": {"name": "checkout"}, "objectives": {"latency": {"percentile": "0"}}}, SIGNALS[1])
def test_a_spec_that_the_rules_of_the_api_server_never_saw_is_decided_on_or_refused(
    wish: dict[str, Any], signals: Signals
) -> None:
    found = stored(wish)
    if isinstance(found, FastAPITuning):
        decided(found.spec, history(missed_cycles=1000), signals)


@without_hanging
@given(damaged(REMEMBERED) | st.dictionaries(st.sampled_from(list(REMEMBERED)), any_json), st.sampled_from(SIGNALS))
@example({"history": {"lastObservationTime": "2026-01-01T00:00:00"}}, traffic())
def test_any_status_is_remembered_as_far_as_it_can_be_read(status: Any, signals: Signals) -> None:
    found = stored(WHOLE, status)

    assert isinstance(found, FastAPITuning)
    decided(found.spec, found.status.history, signals)
    assert story(found, NOW)


@without_hanging
@given(texts | st.datetimes().map(str) | st.datetimes(timezones=st.timezones()).map(datetime.isoformat))
def test_any_pause_is_a_time_or_said_to_be_none(text: str) -> None:
    annotations = {PAUSED_UNTIL_ANNOTATION: text}
    pause = pause_of(annotations)

    assert pause is not None
    assert pause.until.tzinfo is not None
    assert (unreadable_pause(annotations, NOW) is None) or pause.until == FOR_EVER
    tune(spec(), Observation(time=NOW, workload=workload(), signals=traffic()), history(), surroundings())
    found = stored(WHOLE, annotations=annotations)
    assert isinstance(found, FastAPITuning)
    assert story(found, NOW)
