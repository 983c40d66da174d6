"""Samples of all processes in one form: nothing gets lost, and amounts are those of the kernel's clock."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning.api.profile import PATIENCE, Place, ProfileRequest, State, is_taken, printable, workers_of
from fastapi_tuning.errors import ProfileUnavailable
from fastapi_tuning.profile.samples import UNSEEN, blamed_line, is_own_code, pool_name, samples_of
from fastapi_tuning.profile.tree import Node, tree_of
from tests.unit.profile.profiles import CLIENT, HANDLER, MAIN, profile_in, told

NOW = datetime(2026, 11, 24, 16, tzinfo=UTC)
stacks = st.lists(
    st.tuples(st.just(0), st.sampled_from(State), st.floats(0.001, 10), st.lists(st.integers(0, 4), max_size=6)),
    max_size=20,
)


@given(stacks, st.none() | st.floats(0, 300))
def test_weighing_moves_time_between_running_and_waiting_and_makes_none(
    given_: list[tuple[int, State, float, list[int]]], cpu_seconds: float | None
) -> None:
    samples = samples_of([profile_in(told(*given_, cpu_seconds=[cpu_seconds]))])
    assert sum(each.seconds for each in samples.samples) == pytest.approx(sum(stack[2] for stack in given_))
    assert all(each.seconds >= 0 for each in samples.samples)
    for untouched in (State.IDLE, State.UNCLEAR):
        seen = sum(seconds for _, state, seconds, _ in given_ if state is untouched)
        assert samples.seconds_of(untouched) == pytest.approx(seen)


@given(st.floats(0.1, 9), st.floats(0.1, 9), st.floats(0.01, 5))
def test_a_thread_that_was_seen_running_and_waiting_ran_for_as_long_as_the_kernel_says(
    running: float, waiting: float, cpu_seconds: float
) -> None:
    answer = told((0, State.RUNNING, running, [0, 1]), (0, State.WAITING, waiting, [0]), cpu_seconds=[cpu_seconds])
    weighed = samples_of([profile_in(answer)])
    assert weighed.seconds_of(State.RUNNING) == pytest.approx(min(cpu_seconds, running + waiting))


def test_cpu_time_that_no_sample_met_is_shown_as_such() -> None:
    samples = samples_of([profile_in(told((0, State.WAITING, 10.0, [0]), cpu_seconds=[2.0]))])
    (unseen,) = samples.of(State.RUNNING)
    assert (unseen.places, unseen.seconds) == ((UNSEEN,), 2.0)
    assert samples.seconds_of(State.WAITING) == 8.0


def test_processes_and_threads_of_one_pool_are_added_up() -> None:
    answer = told(
        (0, State.WAITING, 1.0, [0, 1]),
        (1, State.WAITING, 2.0, [0, 1]),
        names=("asyncio_0", "asyncio_1"),
        cpu_seconds=(None, None),
    )
    samples = samples_of([profile_in(answer), profile_in(answer)])
    (sample,) = samples.samples
    assert (sample.thread, sample.seconds) == ("asyncio", 6.0)
    assert (samples.processes, samples.seconds, samples.looks) == (2, 10.0, 1000)


@pytest.mark.parametrize(
    ("thread", "pool"),
    [
        ("asyncio_12", "asyncio"),
        ("ThreadPoolExecutor-0_3", "ThreadPoolExecutor-0"),
        ("Thread-4 (listen)", "Thread (listen)"),
        ("AnyIO worker thread", "AnyIO worker thread"),
        ("7", "7"),
        ("_7", "thread"),
    ],
)
def test_a_thread_has_the_name_of_its_pool(thread: str, pool: str) -> None:
    assert pool_name(thread) == pool


@pytest.mark.parametrize(
    ("file", "own"),
    [
        ("/srv/shop/app/prices.py", True),
        ("C:\\shop\\prices.py", True),
        ("/venv/bin/uvicorn", False),
        ("<frozen importlib._bootstrap>", False),
        ("/usr/lib/python3/dist-packages/yaml/reader.py", False),
        ("/usr/lib/python3.11/json/decoder.py", False),
        ("/fastapi-tuning-agent/fastapi_tuning_agent/admission.py", False),
        ("", False),
    ],
)
def test_own_code_is_told_by_its_path(file: str, *, own: bool) -> None:
    assert is_own_code(Place(file, "f", 1, 2)) is own


def test_the_apps_own_line_is_blamed_and_else_the_innermost() -> None:
    main, handler, client = (Place(*place) for place in (MAIN, HANDLER, CLIENT))  # type: ignore[arg-type]
    assert [is_own_code(each) for each in (main, handler, client)] == [False, True, False]
    assert blamed_line((main, handler, client)) == handler
    assert blamed_line((main, client)) == client
    assert blamed_line(()) is None


@given(stacks)
def test_each_function_of_a_tree_took_at_least_as_long_as_what_it_called(
    given_: list[tuple[int, State, float, list[int]]],
) -> None:
    samples = samples_of([profile_in(told(*given_))]).samples
    root = tree_of(samples)
    assert root.seconds == pytest.approx(sum(sample.seconds for sample in samples))

    def check(node: Node) -> None:
        assert node.seconds >= sum(child.seconds for child in node.children) - 1e-9
        assert list(node.children) == sorted(node.children, key=lambda child: -child.seconds)
        for child in node.children:
            check(child)

    check(root)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["workers", "state", "profile", "stacks"]), inner),
)


@given(st.dictionaries(st.sampled_from(["workers", "message"]), json_values))
def test_no_answer_of_a_pod_does_worse_than_being_refused(answer: dict[str, object]) -> None:
    with suppress(ProfileUnavailable):
        workers_of(answer)


@pytest.mark.parametrize(
    "stack", [(1, State.RUNNING, 1.0, [0]), (0, State.RUNNING, 1.0, [5]), (0, State.RUNNING, -1.0, [0])]
)
def test_an_answer_that_names_what_is_not_in_it_is_refused(stack: tuple[int, State, float, list[int]]) -> None:
    with pytest.raises(ProfileUnavailable, match="not understood"):
        workers_of(told(stack))


@given(st.text(st.characters(exclude_categories=())))
def test_what_is_printed_cannot_command_a_terminal(text: str) -> None:
    shown = printable(text)
    assert len(shown) == len(text)
    assert shown.encode().decode() == shown
    assert not any(ord(each) < 32 or 127 <= ord(each) < 160 for each in shown)


def test_a_pod_is_taken_while_a_request_may_be_served_and_not_for_longer() -> None:
    request = ProfileRequest(token="t", seconds=30, samples_per_second=50, expires_at=NOW + PATIENCE).text()
    ends = NOW + PATIENCE + timedelta(seconds=30)
    assert is_taken(request, NOW)
    assert is_taken(request, ends - timedelta(seconds=1))
    assert not is_taken(request, ends)
    assert not is_taken(None, NOW)


@given(json_values.map(json.dumps) | st.text())
def test_nobody_is_kept_out_by_a_text_that_asks_for_nothing(text: str) -> None:
    assert not is_taken(text, NOW)
