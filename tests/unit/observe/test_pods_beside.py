"""Pods beside the replicas, from what the API server shows."""

from typing import Any

import pytest

from fastapi_tuning.control.rolling_update import PodCount, RollingUpdate
from fastapi_tuning.errors import TargetNotUnderstood
from fastapi_tuning.observe.manifest import checked_deployment
from fastapi_tuning.observe.pods_beside import ending_pods, rolling_update_of


def pod(*, phase: str = "Running", deleted: bool = False) -> dict[str, Any]:
    return {"metadata": {"deletionTimestamp": "now"} if deleted else {}, "status": {"phase": phase}}


def test_pods_that_are_deleted_and_pods_that_are_too_many_end() -> None:
    assert ending_pods([pod(), pod(), pod(deleted=True)], 2) == 1
    assert ending_pods([pod(), pod(), pod(), pod(deleted=True)], 2) == 2
    assert ending_pods([pod(deleted=True)], 2) == 1, "though two are yet to come"
    assert ending_pods([pod()], 2) == 0


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_pod_that_finished_holds_nothing(phase: str) -> None:
    assert ending_pods([pod(), pod(phase=phase), pod(phase=phase, deleted=True)], 1) == 0


def spec_with(strategy: dict[str, Any] | None) -> dict[str, Any]:
    template = {"spec": {"containers": [{"name": "app"}]}}
    spec = {"selector": {}, "template": template, **({} if strategy is None else {"strategy": strategy})}
    body = checked_deployment({"metadata": {"uid": "u", "resourceVersion": "1"}, "spec": spec})
    return dict(body["spec"])


@pytest.mark.parametrize("strategy", [None, {}, {"type": "RollingUpdate"}, {"rollingUpdate": {"maxSurge": None}}])
def test_without_a_word_on_it_a_quarter_surges_and_a_quarter_may_be_missing(strategy: dict[str, Any] | None) -> None:
    assert rolling_update_of(spec_with(strategy)) == RollingUpdate()


def test_counts_and_percentages_are_read_as_they_are_written() -> None:
    written = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 2, "maxUnavailable": "10%"}}

    assert rolling_update_of(spec_with(written)) == RollingUpdate(
        max_surge=PodCount(pods=2), max_unavailable=PodCount(percent=10)
    )


def test_recreate_has_no_pods_beside() -> None:
    assert rolling_update_of(spec_with({"type": "Recreate"})) is None


def test_a_surge_that_is_no_count_is_not_understood() -> None:
    with pytest.raises(TargetNotUnderstood, match="maxSurge"):
        spec_with({"rollingUpdate": {"maxSurge": "many"}})
