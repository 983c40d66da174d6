"""What the agent makes of the settings that the operator writes."""

import json
from contextlib import suppress
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning_agent.settings import InvalidSettingError, Settings, settings_from

FIELDS = (
    "threads",
    "executorThreads",
    "inFlightLimit",
    "loopLagLimitMilliseconds",
    "limitConcurrency",
    "timeoutKeepAliveSeconds",
    "maxRequests",
    "drainSeconds",
    "closeConnectionsShare",
    "objectiveMilliseconds",
)


def settings_of(**fields: object) -> Settings:
    return settings_from(json.dumps({"generation": 1, **fields}))


@pytest.mark.parametrize("text", ["", "  \n"])
def test_blank_text_asks_for_nothing(text: str) -> None:
    assert settings_from(text) == Settings()


def test_every_field_arrives_in_its_unit() -> None:
    assert settings_from(
        '{"generation": 7, "threads": 80, "executorThreads": 16, "inFlightLimit": 120, "loopLagLimitMilliseconds": 200,'
        ' "limitConcurrency": 900, "timeoutKeepAliveSeconds": 5, "maxRequests": 10000, "drainSeconds": 20,'
        ' "closeConnectionsShare": "0.1", "objectiveMilliseconds": 500, "expiresAt": "2026-11-24T08:00:00Z"}'
    ) == Settings(
        generation=7,
        threads=80,
        executor_threads=16,
        in_flight_limit=120,
        loop_lag_limit_seconds=0.2,
        limit_concurrency=900,
        timeout_keep_alive_seconds=5,
        max_requests=10000,
        drain_seconds=20,
        close_connections_share=0.1,
        objective_seconds=0.5,
        expires_at=datetime(2026, 11, 24, 8, tzinfo=timezone.utc),  # noqa: UP017 - as the agent's own Python 3.9 has it
    )


def test_unknown_fields_and_nulls_are_ignored() -> None:
    assert settings_of(threads=None, warpFactor=9) == Settings(generation=1)


@pytest.mark.parametrize(
    ("field", "asked", "attribute", "given_"),
    [
        ("threads", 0, "threads", 4),
        ("threads", 5000, "threads", 1000),
        ("limitConcurrency", 0, "limit_concurrency", 10),
        ("closeConnectionsShare", "1", "close_connections_share", 0.5),
        ("maxRequests", 1, "max_requests", 100),
        ("loopLagLimitMilliseconds", 1, "loop_lag_limit_seconds", 0.01),
    ],
)
def test_a_number_out_of_range_goes_to_the_nearest_bound(
    field: str, asked: object, attribute: str, given_: float
) -> None:
    assert getattr(settings_of(**{field: asked}), attribute) == given_


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("value", ["many", True, [], {}, "NaN", float("nan"), "1" * 50])
def test_what_is_no_number_is_refused_as_a_whole_and_named(field: str, value: object) -> None:
    with pytest.raises(InvalidSettingError, match=field):
        settings_of(**{field: value})


@pytest.mark.parametrize("generation", [None, 0, -1, "7", 1.5, True])
def test_settings_without_a_generation_are_refused(generation: object) -> None:
    with pytest.raises(InvalidSettingError, match="generation"):
        settings_from(json.dumps({"generation": generation}))


@pytest.mark.parametrize("expiry", ["tomorrow", "2026-11-24T08:00:00", 5])
def test_an_expiry_that_is_no_moment_is_refused(expiry: object) -> None:
    with pytest.raises(InvalidSettingError, match="expiresAt"):
        settings_of(expiresAt=expiry)


@given(st.text() | st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists).map(json.dumps))
def test_no_text_does_worse_than_being_refused(text: str) -> None:
    with suppress(InvalidSettingError):
        settings_from(text)


@given(st.fixed_dictionaries({}, optional={field: st.integers() | st.floats(allow_nan=False) for field in FIELDS}))
def test_what_is_accepted_is_within_bounds_that_cannot_hang_the_app(fields: dict[str, object]) -> None:
    try:
        settings = settings_of(**fields)
    except InvalidSettingError:
        return
    assert settings.threads is None or 4 <= settings.threads <= 1000
    assert settings.executor_threads is None or settings.executor_threads >= 1
    assert settings.in_flight_limit is None or settings.in_flight_limit >= 1
    assert settings.limit_concurrency is None or settings.limit_concurrency >= 10
    assert 0 <= settings.close_connections_share <= 0.5
