"""What the status keeps of how a cycle came to its moves."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning.api.considered import Consideration
from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import Mode
from fastapi_tuning.api.status import FastAPITuningStatus
from fastapi_tuning.control.cycle import Outcome, tune
from fastapi_tuning.control.guards.chains import REPLICA_CHAIN
from fastapi_tuning.control.guards.verdict import Verdict, judge
from fastapi_tuning.control.knobs import Knob
from fastapi_tuning.report.status import considered_of, worth_writing
from tests.unit.control.builders import (
    NO_DATA,
    NOW,
    context,
    history,
    observation,
    proposal,
    spec,
    surroundings,
    traffic,
)


def outcome(*verdicts: Verdict) -> Outcome:
    whole = tune(spec(), observation(), history(), surroundings())
    return Outcome(estimate=whole.estimate, verdicts=verdicts, diagnosis=whole.diagnosis, history=whole.history)


def judged(current: int, wanted: int) -> Verdict:
    return judge(proposal(current, wanted), context(), REPLICA_CHAIN)


def test_the_wish_is_what_the_rule_wanted_before_any_guard() -> None:
    verdict = judged(2, 400)
    (kept,) = considered_of(outcome(verdict), {})
    assert (verdict.proposal.wanted, kept.wished, kept.current) == (6, 400, 2)
    assert [(answer.reason, answer.value) for answer in kept.guards] == [
        (Reason.AT_MAXIMUM, 20),
        (Reason.STEP_LIMITED, 6),
    ]
    assert kept.moved_to == 6


def test_a_move_that_the_api_server_refused_is_no_move_and_says_why() -> None:
    (kept,) = considered_of(outcome(judged(2, 4)), {Knob.REPLICAS: (Reason.CONFLICT, "modified meanwhile")})
    assert kept.moved_to is None
    assert kept.guards[-1].reason is Reason.CONFLICT


def test_a_knob_that_is_off_tells_nothing() -> None:
    off = judge(proposal(2, 4), context(mode=Mode.OFF), REPLICA_CHAIN)
    assert considered_of(outcome(off), {}) == ()


def test_without_data_nothing_was_considered() -> None:
    blind = tune(spec(), observation(signals=NO_DATA), history(), surroundings())
    assert considered_of(blind, {}) == ()


@given(st.integers(-10, 10**12), st.integers(-10, 10**12), st.text(max_size=2000))
def test_whatever_a_rule_wishes_can_be_stored(current: int, wanted: int, message: str) -> None:
    verdict = judge(proposal(current, wanted, message=message), context(), REPLICA_CHAIN)
    for kept in considered_of(outcome(*[verdict] * 9), {}):
        assert Consideration.model_validate_json(kept.model_dump_json(by_alias=True)) == kept
    assert FastAPITuningStatus(considered=considered_of(outcome(*[verdict] * 9), {}))


def test_thoughts_alone_are_no_reason_to_write_the_status() -> None:
    before = FastAPITuningStatus(considered=considered_of(outcome(judged(2, 4)), {}))
    after = before.model_copy(update={"considered": considered_of(outcome(judged(2, 5)), {})})
    assert after != before
    assert not worth_writing(after, before, NOW)
    older = history(last_observation_time=NOW - timedelta(seconds=30))
    written = before.model_copy(update={"history": older})
    assert worth_writing(after.model_copy(update={"history": history()}), written, NOW), (
        "with the history they go along"
    )


def test_each_knob_of_a_cycle_is_considered_once() -> None:
    whole = tune(spec(), observation(signals=traffic()), history(), surroundings())
    knobs = [kept.knob for kept in considered_of(whole, {})]
    assert len(set(knobs)) == len(knobs)
    assert {Knob.REPLICAS, Knob.THREADS} <= set(knobs)
