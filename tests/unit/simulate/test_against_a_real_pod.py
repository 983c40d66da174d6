"""The model against figures that were measured on a cluster (python -m benchmarks.simulator_validation)."""

import json

import pytest

from benchmarks.simulator_validation.__main__ import RECORD
from benchmarks.simulator_validation.cases import CASES, Case
from benchmarks.simulator_validation.real import Measured
from benchmarks.simulator_validation.simulated import simulate

TOLERANCE = 0.15
RECORDED = {each.pop("case"): Measured(**each) for each in json.loads(RECORD.read_text())}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_tail_latency_and_throughput_are_those_of_the_real_pod(case: Case) -> None:
    real = RECORDED[case.name]

    model = simulate(case, real)

    assert model.p99_seconds == pytest.approx(real.p99_seconds, rel=TOLERANCE)
    assert model.answered_per_second == pytest.approx(real.answered_per_second, rel=TOLERANCE)
