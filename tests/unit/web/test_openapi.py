"""The API against its own OpenAPI description, by schemathesis: whatever it is asked, it answers as described."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from fastapi_tuning.web.app import pages_by_token, web_app
from fastapi_tuning.web.catalogue import Objects
from tests.unit.web.callers import ALL, SHOP, FakeReviews, Site

SITE = Site()
APP = web_app(*pages_by_token(Objects(known=lambda: SITE.shown, listed=lambda: True), FakeReviews()))
SCHEMA = schemathesis.openapi.from_asgi("/api/v1/openapi.json", APP)


@pytest.mark.parametrize("token", [ALL, SHOP, "unknown-token"])
@SCHEMA.parametrize()
@settings(max_examples=settings().max_examples * 2 // 5, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_one_that_is_described(case: Any, token: str) -> None:
    case.call_and_validate(headers={"Authorization": f"Bearer {token}"})


async def test_the_description_names_the_api_and_no_page() -> None:
    answer = await SITE.get("/api/v1/openapi.json")
    document = answer.json()
    assert {path.split("/")[1] for path in document["paths"]} == {"api"}
    assert {verb for path in document["paths"].values() for verb in path} == {"get"}
    assert all({"401", "403", "503"} <= path["get"]["responses"].keys() for path in document["paths"].values())
