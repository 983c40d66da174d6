"""Tokens as people and programs bring them, and what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning.errors import NotSignedIn
from fastapi_tuning.web.credentials import LONGEST_TOKEN, token_in_form, token_in_header


def test_a_bearer_token_is_taken_from_the_header() -> None:
    token = token_in_header("bearer eyJhbGciOi.J9-_~+/==")
    assert token is not None
    assert token.get_secret_value() == "eyJhbGciOi.J9-_~+/=="


def test_without_the_header_there_is_no_token() -> None:
    assert token_in_header(None) is None


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Bearer a b", "Bearer a\r\nX: y"])
def test_another_header_is_refused(header: str) -> None:
    with pytest.raises(NotSignedIn):
        token_in_header(header)


def test_a_token_is_not_longer_than_any_token_is() -> None:
    with pytest.raises(NotSignedIn):
        token_in_header(f"Bearer {'a' * (LONGEST_TOKEN + 1)}")


def test_the_line_end_that_copying_brings_along_is_no_part_of_it() -> None:
    assert token_in_form(b"token=abc%0D%0A").get_secret_value() == "abc"


@given(body=st.binary(max_size=200))
def test_whatever_is_posted_is_a_token_or_refused(body: bytes) -> None:
    try:
        token = token_in_form(body).get_secret_value()
    except NotSignedIn:
        return
    assert token.isascii()
    assert token.isprintable()
    assert " " not in token


def test_a_token_does_not_show_itself() -> None:
    assert "abc" not in repr(token_in_form(b"token=abc")) + str(token_in_form(b"token=abc"))
