"""What is offered to copy can be applied, and fits what was found."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning.api.spec import FastAPITuningSpec
from fastapi_tuning.load_test.findings import Findings
from fastapi_tuning.load_test.objects import pods_for_peak, recommended
from tests.unit.load_test.builders import spec


def findings(**changes: Any) -> Findings:
    found: dict[str, Any] = {
        "knee_per_second": 100.0,
        "failed_per_second": 108.0,
        "safe_per_second": 90.0,
        "law_per_second": None,
        "service_seconds": 0.25,
        "service_measured": True,
        "cpu_seconds_per_request": None,
        "threads": 40,
        "best_threads": 60,
        "threads_from": "",
        "pool_ended_first": False,
    }
    return Findings(**found | changes)


def objects(found: Findings, wanted: FastAPITuningSpec, pods: int | None = None) -> dict[str, dict[str, Any]]:
    made = recommended(found, wanted, namespace="shop", name="checkout", container="app", pods=pods)
    return {each.what.split()[0]: yaml.safe_load(each.manifest) for each in made}


def test_the_tuning_is_the_present_one_with_room_for_the_findings() -> None:
    made = objects(findings(best_threads=300), spec(intervalSeconds=30, threadPool={"max": 100}))["FastAPITuning"]
    parsed = FastAPITuningSpec.model_validate(made["spec"])
    assert (parsed.interval_seconds, parsed.thread_pool.max) == (30, 300)
    assert made["metadata"] == {"name": "checkout", "namespace": "shop"}


def test_the_pool_is_patched_only_where_the_operator_does_not_move_it() -> None:
    assert objects(findings(), spec(mode="Auto")).keys() == {"FastAPITuning"}
    assert objects(findings(threads=60), spec()).keys() == {"FastAPITuning"}, "it has that size already"
    assert objects(findings(best_threads=None), spec()).keys() == {"FastAPITuning"}
    patch = objects(findings(), spec(mode="Auto", threadPool={"mode": "Recommend"}))["Deployment"]
    (container,) = patch["spec"]["template"]["spec"]["containers"]
    assert container == {"name": "app", "env": [{"name": "FASTAPI_TUNING_THREAD_POOL_SIZE", "value": "60"}]}


@pytest.mark.parametrize(("peak", "pods"), [(90.0, 1), (91.0, 2), (900.0, 10), (0.5, 1)])
def test_pods_carry_the_peak(peak: float, pods: int) -> None:
    assert pods_for_peak(findings(), peak) == pods


def test_without_a_knee_or_a_peak_there_is_no_number_of_pods() -> None:
    assert pods_for_peak(findings(), None) is None
    assert pods_for_peak(findings(safe_per_second=None), 90.0) is None


@given(
    st.integers(4, 1000) | st.none(), st.integers(1, 5000) | st.none(), st.sampled_from(["Off", "Recommend", "Auto"])
)
def test_what_is_offered_is_always_a_valid_spec(threads: int | None, pods: int | None, mode: str) -> None:
    made = objects(findings(best_threads=threads), spec(mode=mode), pods)
    parsed = FastAPITuningSpec.model_validate(made["FastAPITuning"]["spec"])
    assert parsed.replicas.min <= parsed.replicas.max
    assert parsed.thread_pool.min <= parsed.thread_pool.max
    if pods is not None:
        assert parsed.replicas.min <= pods <= parsed.replicas.max
