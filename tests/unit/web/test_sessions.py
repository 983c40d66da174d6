"""How long somebody stays signed in."""

from pydantic import SecretStr

from fastapi_tuning.web.sessions import LONGEST_SECONDS, Session, Sessions
from tests.unit.web.callers import Clock

JANE = Session(token=SecretStr("abc"), user="jane")


def test_a_session_ends_after_an_hour() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    number = sessions.begin(JANE)
    clock.now = LONGEST_SECONDS - 1
    assert sessions.of(number) == JANE
    clock.now = LONGEST_SECONDS + 1
    assert sessions.of(number) is None


def test_no_two_sessions_have_the_same_number() -> None:
    sessions = Sessions()
    assert len({sessions.begin(JANE) for _ in range(100)}) == 100


def test_sign_ins_without_end_take_no_memory_without_end() -> None:
    sessions = Sessions(Clock())
    first = sessions.begin(JANE)
    for _ in range(1000):
        last = sessions.begin(JANE)
    assert sessions.of(first) is None
    assert sessions.of(last) == JANE


def test_what_is_over_may_end_again() -> None:
    sessions = Sessions()
    sessions.end("never began")
    sessions.end(None)
    assert sessions.of(None) is None


def test_a_session_does_not_show_its_token() -> None:
    assert "abc" not in repr(JANE)
