"""When a load is ended at once."""

from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning.load.brake import LEAST_FINISHED, BadCount, Brake


def count(finished: int, bad: int) -> BadCount:
    return BadCount(finished=finished, bad=bad)


def test_a_share_counts_from_enough_requests_on() -> None:
    brake = Brake(most_bad_share=0.2, most_bad=1000)
    assert not brake.stops(count(LEAST_FINISHED - 1, LEAST_FINISHED - 1))
    assert brake.stops(count(LEAST_FINISHED, LEAST_FINISHED // 5 + 1))
    assert not brake.stops(count(LEAST_FINISHED, LEAST_FINISHED // 5))


def test_a_number_counts_at_once() -> None:
    assert Brake(most_bad_share=1.0, most_bad=3).stops(count(4, 4))


@given(st.integers(0, 10_000), st.data())
def test_a_share_of_one_never_stops(finished: int, data: st.DataObject) -> None:
    bad = data.draw(st.integers(0, finished))
    assert not Brake(most_bad_share=1.0, most_bad=10_000).stops(count(finished, bad))


@given(st.lists(st.booleans(), max_size=300), st.floats(0, 1), st.integers(0, 300))
def test_one_more_bad_request_never_releases_it(outcomes: list[bool], share: float, most: int) -> None:
    brake, counted = Brake(most_bad_share=share, most_bad=most), BadCount()
    for bad in outcomes:
        counted = counted.with_one_more(bad=bad)
    assert (counted.finished, counted.bad) == (len(outcomes), sum(outcomes))
    if brake.stops(counted):
        assert brake.stops(counted.with_one_more(bad=True))
