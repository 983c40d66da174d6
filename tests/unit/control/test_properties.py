"""What holds whatever was observed: no history and no measurement talks the law out of these."""

import math
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from fastapi_tuning.api.freeze import Direction
from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import FastAPITuningSpec, MetricsSource, Mode, ScaleDown, WorkersMode
from fastapi_tuning.api.status import Experiment, Growth, History, Learned, ReplicaNeed
from fastapi_tuning.api.undo import Undo
from fastapi_tuning.control.cycle import Outcome, Surroundings, tune
from fastapi_tuning.control.foreign_owner import SETTINGS
from fastapi_tuning.control.knobs import COUNTS_OF_PODS, Knob
from fastapi_tuning.control.ledger import history_after
from fastapi_tuning.control.memory import PANIC
from fastapi_tuning.control.observation import Delivery, NoTraffic, Observation, ReplicaMover, Traffic, Workload
from fastapi_tuning.control.undo import newly_taken_back
from tests.unit.control.builders import (
    NO_DATA,
    NOW,
    foreign_owner,
    history,
    launch,
    pod_traffic,
    samples,
    slots,
    spec,
    stop,
    surroundings,
    traffic,
    workload,
)
from tests.unit.control.undos import taken_back, watched

LATER = NOW + timedelta(hours=1)
MODES = st.sampled_from([Mode.AUTO, Mode.AUTO, Mode.AUTO, Mode.RECOMMEND])
later = st.none() | st.integers(-600, 600).map(lambda seconds: NOW + timedelta(seconds=seconds))
growths = st.builds(
    Growth,
    experiment=st.none()
    | st.builds(
        Experiment,
        time=st.just(NOW - timedelta(seconds=200)),
        from_value=st.integers(1, 40),
        to_value=st.integers(1, 40),
        served_per_second=st.sampled_from(["", "100"]),
        late_ratio=st.sampled_from(["", "0.5"]),
        waiting=st.sampled_from(["", "0", "9"]),
    ),
    strikes=st.integers(0, 2),
    base=st.none() | st.integers(1, 5),
    cap=st.none() | st.integers(1, 40),
    frozen_until=later,
    slowdown=st.sampled_from(["", "2"]),
)
watches = st.builds(
    watched,
    time=st.integers(0, 4000).map(lambda age: NOW - timedelta(seconds=age)),
    from_value=st.integers(1, 40),
    to_value=st.integers(1, 40),
    offered_per_second=st.sampled_from(["", "0", "100", "4000"]),
    requests_before=st.sampled_from(["", "0", "500", "1e300"]),
    comparable_since=st.none() | st.integers(0, 600).map(lambda age: NOW - timedelta(seconds=age)),
    watched_seconds=st.sampled_from(["0", "299", "?"]),
    requests=st.sampled_from(["0", "400", "1e300"]),
    late=st.sampled_from(["0", "40", "1e300"]),
)
holds = st.builds(
    taken_back,
    from_value=st.integers(1, 100_000),
    to_value=st.integers(1, 40),
    offered_per_second=st.sampled_from(["", "100", "4000"]),
    until=st.integers(-600, 600).map(lambda seconds: NOW + timedelta(seconds=seconds)),
)
undos = st.lists(
    st.builds(
        Undo,
        knob=st.sampled_from(Knob),
        watch=st.none() | watches,
        taken_back=st.none() | holds,
        backoff_seconds=st.sampled_from([0, 600, 7200]),
    ),
    max_size=4,
    unique_by=lambda each: each.knob,
).map(tuple)
moments = st.none() | st.integers(0, 7200).map(lambda seconds: NOW - timedelta(seconds=seconds))


@st.composite
def specs(draw: st.DrawFn) -> FastAPITuningSpec:
    low = draw(st.integers(1, 12))
    rule = st.fixed_dictionaries(
        {
            "stabilization_seconds": st.sampled_from([0, 60, 300]),
            "max_percent": st.integers(1, 100),
            "max_pods": st.integers(1, 10),
            "period_seconds": st.sampled_from([1, 15, 60]),
        }
    )
    replicas = {
        "mode": draw(st.sampled_from([Mode.AUTO, Mode.AUTO, Mode.AUTO, Mode.OFF])),
        "min": low,
        "max": draw(st.integers(low, 30)),
        "scale_up": draw(rule),
        "scale_down": draw(rule),
    }
    uvicorn = {
        "limit_concurrency": {"mode": draw(st.sampled_from(Mode))},
        "timeout_keep_alive": {"mode": draw(st.sampled_from(Mode)), "min": 5, "max": draw(st.sampled_from([5, 60]))},
    }
    return spec(
        mode=draw(MODES),
        suspend=draw(st.sampled_from([False, False, False, True])),
        replicas=replicas,
        uvicorn=uvicorn,
        workers={"mode": draw(st.sampled_from(WorkersMode))},
    )


@st.composite
def histories(draw: st.DrawFn) -> History:
    times = sorted(draw(st.lists(st.integers(0, 4000), max_size=8, unique=True)), reverse=True)
    return History(
        observed_since=draw(moments),
        last_observation_time=draw(moments),
        needs=tuple(ReplicaNeed(time=NOW - timedelta(seconds=age), replicas=draw(st.integers(1, 40))) for age in times),
        last_scale_up_time=draw(moments),
        last_scale_down_time=draw(moments),
        last_rollout_time=draw(moments),
        pods_for_one_worker=draw(st.none() | st.integers(1, 40)),
        settled_since=draw(moments),
        last_setting_time=draw(moments),
        panic_until=draw(later),
        calm_until=draw(later),
        loads=draw(st.sampled_from([(), samples((60, 10.0)), samples((90, 2000.0), (30, 1.0))])),
        evidence=draw(st.sampled_from([(), slots((100, 500, 0, 0)), slots((2000, 900, 90, 9), (60, 400, 0, 0))])),
        replica_growth=draw(growths),
        thread_growth=draw(growths),
        undos=draw(undos),
        learned=Learned(
            template_hash=draw(st.sampled_from(["one", "another"])),
            service_samples=draw(st.sampled_from([(), samples((100, 0.0)), samples((400, 0.2), (10, 0.3))])),
            cpu_samples=draw(st.sampled_from([(), samples((100, 0.001)), samples((100, 1e-9), (10, 5.0))])),
            proven_per_second=draw(st.sampled_from(["", "0.001", "50", "4000"])),
            correction=draw(st.sampled_from(["1", "0.1", "1.5", "nan"])),
            unevenness=draw(st.sampled_from(["0", "0.3", "inf"])),
            feedback=draw(st.sampled_from(["0", "0.2", "0.75", "?"])),
        ),
    )


BY_HAND = ReplicaMover(name="kubectl (Update)", deliberate=True)
EVERY_SETTING = foreign_owner(reason=Reason.PROGRESSIVE_DELIVERY, knobs=SETTINGS)
ANALYSIS = foreign_owner(knobs=(Knob.REPLICAS,), direction=Direction.SCALE_IN, mixes_versions=True)


@st.composite
def workloads(draw: st.DrawFn) -> Workload:
    desired = draw(st.integers(1, 40))
    return workload(
        desired_replicas=desired,
        ready_replicas=draw(st.integers(0, desired)),
        rollout_in_progress=draw(st.sampled_from([False, False, False, True])),
        launch=launch(
            workers=draw(st.sampled_from([1, None, 4])),
            worker_variables=draw(st.sampled_from([(), ("UVICORN_WORKERS",)])),
        ),
        cpu_limit_cores=draw(st.sampled_from([None, 0.5, 4.0])),
        foreign_owners=draw(st.sampled_from([(), (), (foreign_owner(),), (EVERY_SETTING,), (ANALYSIS,)])),
        replicas_set_by=draw(st.sampled_from([None, BY_HAND, replace(BY_HAND, deliberate=False)])),
        memory_limit_bytes=draw(st.sampled_from([None, 5e8])),
        delivery=draw(st.sampled_from(Delivery)),
    )


@st.composite
def traffics(draw: st.DrawFn, ready: int) -> Traffic:
    rate = draw(st.floats(1e-6, 5000))
    scraped = draw(st.integers(1, max(1, ready)))
    pod = pod_traffic(
        served_per_second=rate / scraped,
        cpu_cores=draw(st.sampled_from([None, 0.0]) | st.floats(1e-6, 4)),
        threads=draw(st.none() | st.integers(1, 200)),
        thread_seconds_per_request=draw(st.none() | st.floats(1e-4, 10)),
        threads_busy=draw(st.none() | st.floats(0, 200)),
        threads_waiting=draw(st.none() | st.floats(0, 500)),
        ready_seconds=draw(st.sampled_from([None, 10.0, 600.0])),
        acknowledged=draw(st.sampled_from([True, True, False])),
        resident_bytes=draw(st.sampled_from([None, 1e8, 4.5e8])),
        open_connections=draw(st.sampled_from([None, 20.0, 900.0])),
        requests_in_flight=draw(st.sampled_from([None, 5.0])),
        connections_opened_per_second=draw(st.sampled_from([None, 0.0, 100.0])),
    )
    return traffic(
        requests_per_second=rate,
        fast_per_second=rate * draw(st.floats(0, 1)),
        failed_per_second=rate * draw(st.sampled_from([0.0, 0.5])),
        average_latency_seconds=draw(st.just(0.0) | st.floats(1e-6, 10)),
        queue_growth_per_second=draw(st.floats(-100, 100)),
        recent_per_second=draw(st.none() | st.floats(0, 6000)),
        shed_per_second=draw(st.none() | st.floats(0, 1000)),
        pods=tuple(replace(pod, pod=f"pod-{index}") for index in range(scraped)),
        scraped_pods=scraped,
    )


@st.composite
def observations(draw: st.DrawFn) -> Observation:
    target = draw(workloads())
    idle = st.integers(0, target.ready_replicas).map(
        lambda scraped: NoTraffic(source=MetricsSource.FASTAPI_INSTRUMENTATOR, scraped_pods=scraped)
    )
    return Observation(time=NOW, workload=target, signals=draw(idle | traffics(target.ready_replicas)))


around = st.builds(
    surroundings,
    stops=st.just(()) | st.sampled_from(Direction).map(lambda each: (stop(LATER, direction=each),)),
    duplicate_of=st.sampled_from([None, None, "elder"]),
)
everything = (specs(), observations(), histories(), around)
NUMBERS = {
    "requests_per_second",
    "fast_per_second",
    "failed_per_second",
    "average_latency_seconds",
    "queue_growth_per_second",
    "recent_per_second",
    "shed_per_second",
    "served_per_second",
    "ready_seconds",
    "cpu_cores",
    "resident_bytes",
    "threads_busy",
    "threads_waiting",
    "thread_seconds_per_request",
    "requests_in_flight",
    "open_connections",
    "connections_opened_per_second",
}


@given(*everything)
def test_replicas_end_within_the_bounds_or_unchanged(
    wish: FastAPITuningSpec, seen: Observation, past: History, beside: Surroundings
) -> None:
    replicas = tune(wish, seen, past, beside).moves.get(Knob.REPLICAS)

    assert replicas is None or wish.replicas.min <= replicas <= wish.replicas.max


@given(*everything)
def test_a_step_within_the_bounds_is_never_larger_than_the_spec_allows(
    wish: FastAPITuningSpec, seen: Observation, past: History, beside: Surroundings
) -> None:
    current, bounds = seen.workload.desired_replicas, wish.replicas
    replicas = tune(wish, seen, past, beside).moves.get(Knob.REPLICAS, current)

    rule = bounds.scale_up if replicas > current else bounds.scale_down
    outside = not bounds.min <= current <= bounds.max
    assert outside or abs(replicas - current) <= max(math.floor(current * rule.max_percent / 100), rule.max_pods)


@given(*everything)
def test_two_steps_of_a_direction_are_a_period_apart(
    wish: FastAPITuningSpec, seen: Observation, past: History, beside: Surroundings
) -> None:
    current = seen.workload.desired_replicas
    replicas = tune(wish, seen, past, beside).moves.get(Knob.REPLICAS, current)

    up = replicas > current
    rule = wish.replicas.scale_up if up else wish.replicas.scale_down
    last = past.last_scale_up_time if up else past.last_scale_down_time
    assert replicas == current or last is None or NOW - last >= timedelta(seconds=rule.period_seconds)


@given(*everything)
def test_two_rollouts_are_an_interval_apart_unless_one_takes_the_other_back(
    wish: FastAPITuningSpec, seen: Observation, past: History, beside: Surroundings
) -> None:
    outcome = tune(wish, seen, past, beside)
    undone = {each.proposal.knob for each in outcome.verdicts if each.proposal.reason is Reason.UNDONE}
    moves = {knob: value for knob, value in outcome.moves.items() if knob not in undone}
    interval = timedelta(seconds=wish.apply.min_rollout_interval_seconds)
    recent = past.last_rollout_time is not None and NOW - past.last_rollout_time < interval
    free = set(Knob) - {Knob.WORKERS} if seen.workload.delivery is Delivery.LIVE else set(COUNTS_OF_PODS)

    assert not recent or moves.keys() <= free


@given(specs(), workloads(), histories(), around)
def test_no_data_never_moves_anything_and_is_never_remembered_as_a_need(
    wish: FastAPITuningSpec, target: Workload, past: History, beside: Surroundings
) -> None:
    outcome = tune(wish, Observation(time=NOW, workload=target, signals=NO_DATA), past, beside)

    assert outcome.moves == {}
    assert outcome.history == past


def down(outcome: Outcome) -> dict[Knob, int]:
    return {
        verdict.proposal.knob: verdict.value
        for verdict in outcome.verdicts
        if verdict.value is not None
        and verdict.proposal.current is not None
        and verdict.value < verdict.proposal.current
    }


@given(*everything)
def test_nothing_moves_down_while_pods_are_partly_scraped(
    wish: FastAPITuningSpec, seen: Observation, past: History, beside: Surroundings
) -> None:
    assert isinstance(seen.signals, Traffic | NoTraffic)
    partly = replace(seen, workload=replace(seen.workload, ready_replicas=seen.signals.scraped_pods + 1))

    assert down(tune(wish, partly, past, beside)) == {}


@given(*everything)
def test_no_knob_falls_before_the_window_was_watched_whole(
    wish: FastAPITuningSpec, seen: Observation, past: History, beside: Surroundings
) -> None:
    outcome = tune(wish, seen, past, beside)
    since = outcome.history.observed_since

    assert since is not None
    assert down(outcome) == {} or NOW - since >= timedelta(seconds=wish.replicas.scale_down.stabilization_seconds)


@given(*everything, st.integers(2, 10**7))
def test_a_clock_that_was_set_back_leaves_nothing_to_wait_for_longer_than_ever_and_moves_nothing_down(
    wish: FastAPITuningSpec, seen: Observation, past: History, beside: Surroundings, seconds: int
) -> None:
    wish = wish.model_copy(update={"replicas": wish.replicas.model_copy(update={"scale_down": ScaleDown()})})
    before = history_after(tune(wish, seen, past, beside).history, seen, None, {Knob.REPLICAS: 5})
    back = replace(seen, time=NOW - timedelta(seconds=seconds))

    outcome = tune(wish, back, before, replace(beside, stops=()))

    assert down(outcome) == {}
    assert all(need.time <= back.time for need in outcome.history.needs)
    assert all(slot.time <= back.time for slot in outcome.history.evidence)
    times = (outcome.history.last_scale_up_time, outcome.history.last_scale_down_time, outcome.history.observed_since)
    assert all(time is None or time <= back.time for time in times)
    assert outcome.history.panic_until is None or outcome.history.panic_until <= back.time + PANIC


@given(*everything)
def test_nothing_acts_unless_it_is_told_to(
    wish: FastAPITuningSpec, seen: Observation, past: History, beside: Surroundings
) -> None:
    for idle in (wish.model_copy(update={"mode": mode}) for mode in (Mode.RECOMMEND, Mode.OFF)):
        assert tune(idle, seen, past, beside).moves == {}
    assert tune(wish.model_copy(update={"suspend": True}), seen, past, beside).moves == {}
    assert tune(wish, seen, past, replace(beside, stops=(stop(LATER),))).moves == {}
    assert tune(wish, seen, past, replace(beside, duplicate_of="elder")).moves == {}


@given(*everything)
def test_replicas_of_another_autoscaler_never_move(
    wish: FastAPITuningSpec, seen: Observation, past: History, beside: Surroundings
) -> None:
    owned = replace(seen, workload=replace(seen.workload, foreign_owners=(foreign_owner(),)))

    assert Knob.REPLICAS not in tune(wish, owned, past, beside).moves


@given(*everything, st.integers(0, 60))
def test_what_a_person_set_stays_for_a_whole_window(
    wish: FastAPITuningSpec, seen: Observation, past: History, beside: Surroundings, left: int
) -> None:
    window = timedelta(seconds=wish.replicas.scale_down.stabilization_seconds)
    assume(left != seen.workload.desired_replicas and window)
    set_by_hand = replace(seen, workload=replace(seen.workload, replicas_set_by=BY_HAND))

    outcome = tune(wish, set_by_hand, past.model_copy(update={"replicas_left": left}), beside)

    assert Knob.REPLICAS not in outcome.moves
    assert outcome.history.foreign_move is not None
    assert outcome.history.foreign_move.replicas == seen.workload.desired_replicas


@given(*everything, st.sampled_from([Direction.SCALE_IN, Direction.SCALE_OUT]))
def test_a_stop_of_one_direction_leaves_the_other_as_it_was(
    wish: FastAPITuningSpec, seen: Observation, past: History, beside: Surroundings, direction: Direction
) -> None:
    free = tune(wish, seen, past, replace(beside, stops=())).moves.get(Knob.REPLICAS)
    held = tune(wish, seen, past, replace(beside, stops=(stop(LATER, direction=direction),))).moves.get(Knob.REPLICAS)

    now_there = seen.workload.desired_replicas
    stopped = free is not None and ((free < now_there) is (direction is Direction.SCALE_IN))
    assert held == (None if stopped else free)


@given(*everything)
def test_a_knob_that_is_not_on_auto_never_moves(
    wish: FastAPITuningSpec, seen: Observation, past: History, beside: Surroundings
) -> None:
    moves = tune(wish, seen, past, beside).moves

    uvicorn = wish.uvicorn
    assert Knob.REPLICAS not in moves or wish.replicas.mode is Mode.AUTO
    assert Knob.LIMIT_CONCURRENCY not in moves or uvicorn.limit_concurrency.mode is Mode.AUTO
    assert Knob.TIMEOUT_KEEP_ALIVE not in moves or uvicorn.timeout_keep_alive.mode is Mode.AUTO
    assert Knob.WORKERS not in moves or wish.workers.mode is WorkersMode.ENFORCE


@given(*everything, st.sampled_from([math.nan, math.inf, -math.inf, -1.0]), st.data())
def test_no_number_that_is_none_reaches_a_decision(
    wish: FastAPITuningSpec,
    seen: Observation,
    past: History,
    beside: Surroundings,
    poison: float,
    data: st.DataObject,
) -> None:
    signals = seen.signals
    assume(isinstance(signals, Traffic))
    assert isinstance(signals, Traffic)
    of_pod = data.draw(st.booleans())
    holder = signals.pods[0] if of_pod else signals
    name = data.draw(st.sampled_from([each.name for each in fields(holder) if each.name in NUMBERS]))
    assume(not (name == "queue_growth_per_second" and poison == -1.0))
    spoilt: dict[str, Any] = {name: poison}
    if of_pod:
        torn = replace(signals, pods=(replace(signals.pods[0], **spoilt), *signals.pods[1:]))
    else:
        torn = replace(signals, **spoilt)

    outcome = tune(wish, replace(seen, signals=torn), past, beside)

    assert (outcome.moves, outcome.history) == ({}, past)


@given(*everything, st.floats(0, 1000), st.floats(0, 1000))
def test_more_demand_never_asks_for_fewer_replicas(
    wish: FastAPITuningSpec, seen: Observation, past: History, beside: Surroundings, left: float, right: float
) -> None:
    signals = seen.signals
    assume(isinstance(signals, Traffic))
    assert isinstance(signals, Traffic)

    unguarded = wish.model_copy(update={"replicas": wish.replicas.model_copy(update={"mode": Mode.OFF})})

    def wanted(growth: float) -> int:
        loaded = replace(seen, signals=replace(signals, queue_growth_per_second=growth, recent_per_second=None))
        found = tune(unguarded, loaded, past, beside).verdicts[0].proposal
        assert found.knob in (Knob.REPLICAS, Knob.WORKERS)
        return found.wanted

    low, high = sorted((left, right))
    assert wanted(low) <= wanted(high)


@given(*everything)
def test_what_needs_no_move_still_needs_none_when_it_is_looked_at_again(
    wish: FastAPITuningSpec, seen: Observation, past: History, beside: Surroundings
) -> None:
    once = tune(wish, seen, past, beside)
    assume(once.moves == {})
    again = tune(wish, seen, once.history, beside)

    assert down(again) == {}


@given(specs(), workloads(), st.floats(0.01, 5000), st.floats(0, 1), around)
def test_where_pods_export_nothing_nothing_goes_down(
    wish: FastAPITuningSpec, target: Workload, rate: float, fast: float, beside: Surroundings
) -> None:
    sums = traffic(requests_per_second=rate, fast_per_second=rate * fast, pods=(), buckets=(), scraped_pods=40)

    outcome = tune(wish, Observation(time=NOW, workload=target, signals=sums), history(), beside)

    within_bounds = target.desired_replicas <= wish.replicas.max
    assert down(outcome).keys() <= {Knob.WORKERS} or not within_bounds


@given(*everything)
def test_the_same_input_gives_the_same_output(
    wish: FastAPITuningSpec, seen: Observation, past: History, beside: Surroundings
) -> None:
    assert tune(wish, seen, past, beside) == tune(wish, seen, past, beside)


@given(*everything)
def test_the_memory_survives_a_restart_of_the_operator(
    wish: FastAPITuningSpec, seen: Observation, past: History, beside: Surroundings
) -> None:
    after = tune(wish, seen, past, beside).history

    assert History.model_validate_json(after.model_dump_json(by_alias=True)) == after


@given(*everything)
def test_watching_a_move_changes_no_decision_until_it_turns_out_to_have_made_it_worse(
    wish: FastAPITuningSpec, seen: Observation, past: History, beside: Surroundings
) -> None:
    only_watched = tuple(each.model_copy(update={"taken_back": None}) for each in past.undos)
    watching = tune(wish, seen, past.model_copy(update={"undos": only_watched}), beside)
    unwatched = tune(wish, seen, past.model_copy(update={"undos": ()}), beside)

    assume(not newly_taken_back(only_watched, watching.history.undos))
    assert watching.verdicts == unwatched.verdicts
    assert watching.history.model_copy(update={"undos": ()}) == unwatched.history


@given(*everything)
def test_what_is_held_never_takes_a_pod_away_that_the_law_would_leave(
    wish: FastAPITuningSpec, seen: Observation, past: History, beside: Surroundings
) -> None:
    current = seen.workload.desired_replicas
    held = tuple(
        each.model_copy(update={"taken_back": taken_back(from_value=each.taken_back.to_value + 1)})
        for each in past.undos
        if each.knob == Knob.REPLICAS and each.taken_back is not None
    )
    free = past.model_copy(update={"undos": ()})

    kept = tune(wish, seen, free.model_copy(update={"undos": held}), beside).moves.get(Knob.REPLICAS, current)
    assert kept >= tune(wish, seen, free, beside).moves.get(Knob.REPLICAS, current)
