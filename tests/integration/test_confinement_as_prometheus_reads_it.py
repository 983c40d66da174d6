"""A confined query in the eyes of a real Prometheus: its own parser finds our matcher in every selector, or refuses."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastapi_tuning.errors import QueryNotConfined
from fastapi_tuning.observe.confinement import confined
from tests.integration.conftest import eventually
from tests.integration.real_prometheus import PASSWORD, USER, running_prometheus
from tests.unit.observe.test_confinement import EXPRESSIONS, PIECES

OURS = {"name": "namespace", "type": "=", "value": "shop"}


class Parser:
    """Prometheus's parser, over HTTP."""

    def __init__(self, address: str) -> None:
        self._session = requests.Session()
        self._session.auth = (USER, PASSWORD)
        self._url = f"http://{address}/api/v1/parse_query"

    def tree(self, query: str) -> Any:
        """None where Prometheus refuses the query."""
        answer = self._session.post(self._url, data={"query": query}, timeout=10)
        return answer.json()["data"] if answer.status_code == 200 else None

    def is_there(self) -> bool:
        try:
            return self.tree("up") is not None
        except requests.ConnectionError:
            return False


@pytest.fixture(scope="module")
def parser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parser]:
    with running_prometheus(tmp_path_factory.mktemp("prometheus"), {}, "shop") as prometheus:
        found = Parser(prometheus.address)
        eventually(found.is_there, "Prometheus parses", 60)
        yield found


def selectors(tree: Any) -> Iterator[Any]:
    """All nodes that select series, wherever they are in the tree."""
    if isinstance(tree, dict):
        if tree.get("type") in ("vectorSelector", "matrixSelector"):
            yield tree
        for value in tree.values():
            yield from selectors(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from selectors(value)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(EXPRESSIONS)
def test_ordinary_queries_are_queries_still_and_stay_in_their_namespace(parser: Parser, query: tuple[str, int]) -> None:
    tree = parser.tree(confined(query[0], "shop"))

    found = tuple(selectors(tree))
    assert len(found) == query[1]
    assert all(OURS in each["matchers"] for each in found)


@settings(max_examples=1500, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    EXPRESSIONS.map(lambda query: query[0]),
    st.lists(st.tuples(st.floats(0, 1), st.sampled_from(PIECES)), min_size=1, max_size=4),
)
def test_whatever_is_put_into_a_query_prometheus_finds_no_way_out_of_what_is_sent(
    parser: Parser, query: str, pieces: list[tuple[float, str]]
) -> None:
    for place, piece in pieces:
        at = round(place * len(query))
        query = query[:at] + piece + query[at:]
    try:
        sent = confined(query, "shop")
    except QueryNotConfined:
        return
    assert all(OURS in each["matchers"] for each in selectors(parser.tree(sent)))
