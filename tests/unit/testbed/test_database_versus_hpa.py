"""What two courses of replicas come to."""

import pytest

from benchmarks.testbed.database_versus_hpa import MAX_PODS, Course, Moment, passed, table


def course(*replicas: int, name: str = "ours") -> Course:
    """One look a minute."""
    moments = tuple(Moment(seconds=minute * 60, replicas=count) for minute, count in enumerate(replicas))
    return Course(name=name, moments=moments, answered_per_second=40, in_time_ratio=0.1, failed_ratio=0)


def test_a_pod_that_came_and_went_is_no_net_pod_but_costs() -> None:
    found = course(1, 2, 1, 1)
    assert (found.net_pods, found.most, found.pod_seconds) == (0, 2, 240)


@pytest.mark.parametrize(
    ("ours", "hpa", "well"),
    [
        (course(1, 2, 1), course(1, MAX_PODS), True),
        (course(1, 1, 2), course(1, MAX_PODS), False),
        (course(1, 1, 1), course(1, MAX_PODS, MAX_PODS - 1), False),
    ],
)
def test_we_end_where_we_began_and_the_hpa_at_its_maximum(ours: Course, hpa: Course, *, well: bool) -> None:
    assert passed(ours, hpa) is well


def test_the_table_tells_replicas_minute_by_minute() -> None:
    lines = table([course(1, 2, 1, 1, 1, 1), course(1, 2, 4, 5, 5, 5, name="HPA")]).splitlines()
    assert lines[0] == "| after | ours | HPA |"
    assert "| 2 min | 1 | 4 |" in lines
    assert "| net pods | +0 | +4 |" in lines
