"""The annotation that an agent reads."""

import json

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
