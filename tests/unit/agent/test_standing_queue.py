"""A queue that stands is cut down to what is in time; a burst is let through."""

from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning_agent.standing_queue import StandingQueue

LIMIT_SECONDS = 0.15
SERVICE_SECONDS = 0.005
REFUSAL_SECONDS = 0.0005


def waits_of(arrivals: list[float]) -> tuple[list[float], int]:
    """The waits of those let in to one server, first come first served, in order; and how many were refused."""
    queue, free, admitted, refused = StandingQueue(), 0.0, [], 0
    for arrival in arrivals:
        begins = max(free, arrival)
        if queue.refuses(begins, begins - arrival, LIMIT_SECONDS):
            refused += 1
            free = begins + REFUSAL_SECONDS
        else:
            admitted.append(begins - arrival)
            free = begins + SERVICE_SECONDS
    return admitted, refused


def at(per_second: float, seconds: float, begin: float = 0.0) -> list[float]:
    return [begin + number / per_second for number in range(round(per_second * seconds))]


def test_under_threefold_overload_those_let_in_are_in_time_and_the_server_stays_busy() -> None:
    admitted, refused = waits_of(at(600, seconds=60))
    assert all(wait <= LIMIT_SECONDS for wait in admitted[200:])
    working = len(admitted) * SERVICE_SECONDS + refused * REFUSAL_SECONDS
    assert working >= 0.99 * 60


def test_what_a_single_stall_left_behind_is_served() -> None:
    stall = [10.0 + 0.3] + [10.0 + number / 100 for number in range(30)]
    assert waits_of(sorted(at(50, seconds=10) + stall + at(50, seconds=10, begin=10.6)))[1] == 0


@given(st.lists(st.floats(0, 20), min_size=1, max_size=400))
def test_nobody_in_time_is_refused(arrivals: list[float]) -> None:
    queue = StandingQueue()
    for arrival in sorted(arrivals):
        assert not queue.refuses(arrival, LIMIT_SECONDS, LIMIT_SECONDS)


def test_refusing_ends_when_the_queue_has_gone() -> None:
    calm = at(50, seconds=5, begin=32)
    burst = [40.0] * 40  # 0.2 s of work
    _, refused_before = waits_of(at(600, seconds=30) + calm)
    assert waits_of(at(600, seconds=30) + calm + burst)[1] == refused_before
