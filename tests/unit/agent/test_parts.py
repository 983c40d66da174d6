"""The small pure parts: histogram, knob, retirement, offenders, launch form, options."""

from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning_agent import outbound
from fastapi_tuning_agent.blocking import MAX_OFFENDERS, NOT_THE_LOOP, REST, Offenders, place_of
from fastapi_tuning_agent.environment import is_off, options_from, outbound_is_off
from fastapi_tuning_agent.histogram import Histogram
from fastapi_tuning_agent.knob import Knob
from fastapi_tuning_agent.launch import launch_form
from fastapi_tuning_agent.retirement import Phase, Retirement

seconds = st.floats(0, 20)


@given(st.lists(seconds), st.floats(0.01, 9), st.lists(seconds))
def test_an_edge_added_later_counts_from_then_on_and_nothing_falls(
    before: list[float], edge: float, after: list[float]
) -> None:
    histogram = Histogram([0.1, 1.0, 5.0])
    for value in before:
        histogram.observe(value)
    was = dict(zip(*histogram.buckets, strict=False))
    histogram.add_edge(edge)
    for value in after:
        histogram.observe(value)
    edges, counts = histogram.buckets
    assert edges == sorted({0.1, 1.0, 5.0, edge})
    assert sum(counts) == len(before) + len(after)
    assert all(count >= was.get(at, 0) for at, count in zip(edges, counts, strict=False))
    if edge not in was:
        at = edges.index(edge)
        assert counts[at] == sum(bisect_left(edges, value) == at for value in after)


def test_a_knob_puts_back_what_the_app_had_and_touches_nothing_unasked() -> None:
    values = [40]
    knob = Knob(lambda: values[-1], values.append)
    knob.turn(None)
    knob.turn(80)
    knob.turn(90)
    knob.turn(None)
    knob.turn(None)
    assert values == [40, 80, 90, 40]


@given(st.floats(0, 1), st.integers(100, 10_000))
def test_a_process_retires_after_its_maximum_and_at_most_a_tenth_more(luck: float, maximum: int) -> None:
    retirement = Retirement(luck)

    def phase(now: float, requests: int) -> Phase:
        return retirement.step(now=now, requests=requests, max_requests=maximum, drain_seconds=30)

    assert phase(0, maximum - 1) is Phase.SERVING
    assert phase(10, maximum + maximum // 10 + 1) is Phase.DRAINING
    assert phase(39.9, maximum * 2) is Phase.DRAINING
    assert phase(40, maximum * 2) is Phase.ENDING


def test_a_maximum_taken_back_ends_the_draining() -> None:
    retirement = Retirement(0.0)
    assert retirement.step(now=0, requests=200, max_requests=100, drain_seconds=None) is Phase.DRAINING
    assert retirement.step(now=50, requests=200, max_requests=None, drain_seconds=None) is Phase.SERVING
    assert retirement.step(now=60, requests=200, max_requests=100, drain_seconds=None) is Phase.DRAINING


def test_the_worst_offenders_are_kept_and_all_time_is_accounted_for() -> None:
    offenders = Offenders()
    for number in range(MAX_OFFENDERS + 10):
        offenders.add(f"app.py:{number} f", 1.0 + number)
    kept = offenders.seconds()
    assert len(kept) == MAX_OFFENDERS + 1
    assert sum(kept.values()) == sum(1.0 + number for number in range(MAX_OFFENDERS + 10))
    assert kept[REST] == sum(1.0 + number for number in range(10))


def test_the_apps_own_code_is_blamed_and_not_the_library_that_it_calls() -> None:
    library = ("/venv/lib/python3.11/site-packages/requests/api.py", 59, "get")
    own = ("/srv/shop/app/prices.py", 12, "price")
    assert place_of([library, own, ("/srv/main.py", 1, "<module>")]) == "shop/app/prices.py:12 price"
    assert place_of([library]) == "site-packages/requests/api.py:59 get"


def test_the_wrapper_of_a_counted_call_is_not_the_apps_own_code() -> None:
    library = ("/venv/lib/python3.11/site-packages/requests/sessions.py", 752, "send")
    wrapper = (outbound.__file__, 80, "call")
    own = ("/srv/shop/app/prices.py", 12, "price")
    assert place_of([library, wrapper, library, own]) == "shop/app/prices.py:12 price"


def test_a_loop_that_only_waits_blames_nobody() -> None:
    assert place_of([("/usr/lib/python3.11/selectors.py", 468, "select"), ("/srv/main.py", 1, "main")]) == NOT_THE_LOOP


@pytest.mark.parametrize(
    ("arguments", "modules", "form"),
    [
        (["/venv/bin/uvicorn", "app:app"], set(), "uvicorn"),
        (["/venv/lib/python3.11/site-packages/uvicorn/__main__.py"], set(), "uvicorn"),
        (["/venv/bin/fastapi", "run"], set(), "fastapi"),
        (["/venv/bin/gunicorn"], {"gunicorn.arbiter"}, "gunicorn"),
        (["serve.py"], set(), "python"),
        ([], set(), "python"),
    ],
)
def test_the_launch_form_is_told_by_the_command(arguments: list[str], modules: set[str], form: str) -> None:
    assert launch_form(arguments, modules) == form


@pytest.mark.parametrize(("text", "port"), [("", None), ("9464", 9464), ("0", None), ("x", None), ("99999", None)])
def test_a_port_that_is_none_is_no_port(text: str, port: int | None) -> None:
    assert options_from({"FASTAPI_TUNING_METRICS_PORT": text}).metrics_port == port


def test_only_a_clear_no_switches_it_off() -> None:
    assert [is_off({"FASTAPI_TUNING_AGENT": text}) for text in ("off", " OFF", "0", "on", "")] == [True] * 3 + [
        False
    ] * 2
    assert not is_off({})


def test_outbound_calls_have_a_switch_of_their_own() -> None:
    assert outbound_is_off({"FASTAPI_TUNING_OUTBOUND": " No"})
    assert not outbound_is_off({"FASTAPI_TUNING_AGENT": "off"})
