"""What pods tell of a node that is not there, and of memory that was not enough."""

from datetime import UTC, datetime
from typing import Any

from fastapi_tuning.observe.pod_trouble import out_of_memory_time, unschedulable

Json = dict[str, Any]
REFUSED = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/1 nodes are available: 1 Insufficient memory.",
}


def pod(**status: Any) -> Json:
    return {"metadata": {"name": "a"}, "status": status}


def test_pods_that_the_scheduler_refuses_are_counted_and_one_of_them_is_quoted() -> None:
    found = unschedulable([pod(conditions=[REFUSED]), pod(conditions=[REFUSED]), pod()])

    assert found is not None
    assert (found.pods, found.message) == (2, "0/1 nodes are available: 1 Insufficient memory.")


def test_pods_that_are_scheduled_or_held_back_or_ending_are_not_counted() -> None:
    scheduled = {"type": "PodScheduled", "status": "True"}
    gated = {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}
    ending = pod(conditions=[REFUSED])
    ending["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"

    assert unschedulable([pod(conditions=[scheduled]), pod(conditions=[gated]), ending, {"metadata": {}}]) is None


def test_a_scheduler_that_says_nothing_and_one_that_says_too_much_are_told_alike() -> None:
    silent, verbose = {**REFUSED, "message": ""}, {**REFUSED, "message": "x" * 9000}

    for condition in (silent, verbose):
        found = unschedulable([pod(conditions=[condition])])
        assert found is not None
        assert 0 < len(found.message) <= 200


def killed(time: str | None, *, name: str = "app", state: str = "lastState", reason: str = "OOMKilled") -> Json:
    end = {"reason": reason, "exitCode": 137, "finishedAt": time}
    return {"name": name, state: {"terminated": end}}


def test_the_last_kill_for_memory_counts_whether_the_container_came_back_or_not() -> None:
    pods = [
        pod(containerStatuses=[killed("2026-01-01T11:00:00Z")]),
        pod(containerStatuses=[killed("2026-01-01T11:30:00Z", state="state")]),
    ]

    assert out_of_memory_time(pods, "app") == datetime(2026, 1, 1, 11, 30, tzinfo=UTC)


def test_other_containers_other_ends_and_running_ones_do_not_count() -> None:
    statuses = [
        killed("2026-01-01T11:00:00Z", name="proxy"),
        killed("2026-01-01T11:00:00Z", reason="Error"),
        killed(None),
        {"name": "app", "state": {"running": {}}},
    ]

    assert out_of_memory_time([pod(containerStatuses=statuses), pod(), {"metadata": {}}], "app") is None
