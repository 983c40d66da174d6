"""What the agent makes of an annotation that asks for a profile, and of what somebody else wrote there."""

import json
from contextlib import suppress
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning.api import profile as written
from fastapi_tuning_agent.profile_request import ProfileRequest, profile_request_from
from fastapi_tuning_agent.settings import InvalidSettingError

EXPIRY = datetime(2026, 11, 24, 16, tzinfo=timezone.utc)  # noqa: UP017 - as the agent's own Python 3.9 has it
REQUEST = written.ProfileRequest(token="secret", seconds=30, samples_per_second=50, expires_at=EXPIRY)


def fields(**changed: object) -> str:
    return json.dumps({**json.loads(REQUEST.text()), **changed})


def asked(text: str) -> ProfileRequest:
    request = profile_request_from(text)
    assert request is not None
    return request


def test_what_the_command_line_writes_is_read_by_the_agent() -> None:
    request = asked(REQUEST.text())
    assert (request.seconds, request.per_second, request.expires_at) == (30, 50, EXPIRY)


def test_the_annotation_holds_no_token_and_only_the_token_opens_the_profile() -> None:
    assert "secret" not in REQUEST.text()
    request = asked(REQUEST.text())
    assert request.is_of("secret")
    assert not any(request.is_of(other) for other in ("", "secret ", request.digest, "\ud800"))


@pytest.mark.parametrize("text", ["", " \n"])
def test_blank_text_asks_for_nothing(text: str) -> None:
    assert profile_request_from(text) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"tokenSha256": None},
        {"tokenSha256": "A" * 64},
        {"tokenSha256": "a" * 63},
        {"tokenSha256": ["a" * 64]},
        {"expiresAt": None},
        {"expiresAt": "2026-11-24T16:00:00"},
        {"seconds": None},
        {"seconds": True},
        {"samplesPerSecond": float("nan")},
    ],
)
def test_a_request_that_is_none_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(InvalidSettingError):
        profile_request_from(fields(**changed))


numbers = st.integers() | st.floats() | st.text() | st.none() | st.booleans()


@given(seconds=numbers, per_second=numbers)
def test_no_request_samples_for_longer_or_more_often_than_is_allowed(seconds: object, per_second: object) -> None:
    with suppress(InvalidSettingError):
        request = asked(fields(seconds=seconds, samplesPerSecond=per_second))
        assert 1 <= request.seconds <= 120
        assert 1 <= request.per_second <= 100


@given(st.text() | st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists).map(json.dumps))
def test_no_text_does_worse_than_being_refused(text: str) -> None:
    with suppress(InvalidSettingError):
        profile_request_from(text)


@given(st.dictionaries(st.sampled_from(sorted(json.loads(REQUEST.text()))), numbers).map(json.dumps))
def test_no_object_of_such_fields_does_worse_either(text: str) -> None:
    with suppress(InvalidSettingError):
        profile_request_from(text)
    written.is_taken(text, EXPIRY)
