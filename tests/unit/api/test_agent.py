"""The annotation that an agent reads."""

import json

import pytest

from fastapi_tuning.api.agent import document_of
from fastapi_tuning.api.spec import FastAPITuningSpec
from fastapi_tuning.api.status import Settings

SPEC = FastAPITuningSpec.model_validate({"targetRef": {"name": "checkout"}})


def test_a_concurrency_limit_counts_requests_in_flight_and_not_connections() -> None:
    document = json.loads(document_of(Settings(limit_concurrency=80), SPEC))

    assert document["inFlightLimit"] == 80
    assert "limitConcurrency" not in document


def test_what_is_not_ours_is_not_asked_for() -> None:
    assert set(json.loads(document_of(Settings(replicas=3, workers=1), SPEC))) == {"objectiveMilliseconds"}


@pytest.mark.parametrize(("objective_milliseconds", "lag_milliseconds"), [(200, 100), (300, 150), (5000, 150)])
def test_a_concurrency_limit_goes_with_a_limit_of_the_loops_lag(
    objective_milliseconds: int, lag_milliseconds: int
) -> None:
    latency = SPEC.objectives.latency.model_copy(update={"threshold_milliseconds": objective_milliseconds})
    spec = SPEC.model_copy(update={"objectives": SPEC.objectives.model_copy(update={"latency": latency})})
    document = json.loads(document_of(Settings(limit_concurrency=80), spec))
    assert document["loopLagLimitMilliseconds"] == lag_milliseconds
