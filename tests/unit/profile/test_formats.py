"""What people look at: the flame graph, the file for speedscope, the lines in the terminal."""

import json
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning.api.profile import State
from fastapi_tuning.profile.flame_graph import flame_graph
from fastapi_tuning.profile.samples import Samples, samples_of
from fastapi_tuning.profile.speedscope import SCHEMA, speedscope
from fastapi_tuning.profile.top import top
from tests.unit.profile.profiles import profile_in, told

SAMPLES = samples_of(
    [
        profile_in(
            told(
                (0, State.RUNNING, 3.0, [0, 1]),
                (0, State.RUNNING, 1.0, [0, 2]),
                (0, State.WAITING, 6.0, [0, 1, 3]),
                (1, State.IDLE, 10.0, [4]),
                names=("MainThread", "AnyIO worker thread"),
                cpu_seconds=(4.0, 0.0),
            )
        )
    ]
)


class Page(HTMLParser):
    """Tags that are not closed, what is loaded from elsewhere, and the titles of what is drawn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loaded: list[str] = []
        self.titles: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag != "meta":
            self.open.append(tag)
        self.loaded += [name for name, _ in attrs if name in ("src", "href")]
        self.titles += [value or "" for name, value in attrs if name == "title"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_flame_graph_tells_running_from_waiting_and_loads_nothing() -> None:
    text = flame_graph(SAMPLES, "Profile of shop")
    page = Page(text)
    assert not page.open
    assert not page.loaded
    assert text.index("On CPU</h2>") < text.index("<h2>Waiting")
    assert "price /srv/shop/app/prices.py:40: 4.00 s, 100.0%" in page.titles
    assert "get /venv/lib/python3.11/site-packages/requests/api.py:62: 6.00 s, 100.0%" in page.titles
    assert "AnyIO worker thread" not in text, "idle threads are left out"


@given(st.text(), st.text(), st.text())
def test_no_name_out_of_a_pod_adds_a_tag(file: str, function: str, thread: str) -> None:
    hostile = told((0, State.RUNNING, 1.0, [0]), names=[thread], places=[[file, function, 1, 2]])
    page = Page(flame_graph(samples_of([profile_in(hostile)]), "title"))
    assert page.tags <= {"html", "head", "meta", "title", "style", "body", "h1", "h2", "pre", "div", "button", "script"}
    assert not page.open


def test_speedscope_gets_a_profile_for_each_state_of_each_pool() -> None:
    body = json.loads(speedscope(SAMPLES, "Profile of shop"))
    assert body["$schema"] == SCHEMA
    assert [each["name"] for each in body["profiles"]] == ["on CPU: MainThread", "waiting: MainThread"]
    running = body["profiles"][0]
    assert (running["type"], running["unit"], running["endValue"]) == ("sampled", "seconds", 4.0)
    frames = body["shared"]["frames"]
    assert [[frames[index]["name"] for index in stack] for stack in running["samples"]] == [["main", "price"]] * 2
    assert all(len(each["samples"]) == len(each["weights"]) for each in body["profiles"])


def test_the_terminal_gets_the_worst_lines_of_the_apps_own_code() -> None:
    text = top(SAMPLES)
    assert "1 process, 10.0 s, 500 samples; the sampler took 1.0% of a core in each process" in text
    assert "4.0 s on cpu, 6.0 s waiting; idle ones of pools: 10.0 s" in text
    lines = [line.split() for line in text.splitlines()]
    assert ["3.00", "s", "75.0%", "shop/app/prices.py:44", "price", "[MainThread]"] in lines
    assert ["6.00", "s", "100.0%", "shop/app/prices.py:44", "price", "[MainThread]"] in lines


def test_a_profile_that_saw_nothing_can_be_shown() -> None:
    nothing = Samples(seconds=0.0, processes=1, looks=0, sampler_cpu_seconds=0.0, samples=())
    assert "none were seen" in top(nothing)
    assert not Page(flame_graph(nothing, "title")).open
    assert json.loads(speedscope(nothing, "title"))["profiles"] == []
