"""Custom queries stay in their own namespace, whatever is written into them."""

import re
import time

import promql_parser as promql
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning.errors import QueryNotConfined
from fastapi_tuning.observe.confinement import MOST_TOKENS, confined

N = 'namespace="shop"'


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("up", f"up{{{N}}}"),
        ("up{}", f"up{{{N},}}"),
        ('up{job="api"}', f'up{{{N},job="api"}}'),
        ("up {job='api'}", f"up {{{N},job='api'}}"),
        ('{__name__=~"http_.+"}', f'{{{N},__name__=~"http_.+"}}'),
        ("rate(a_total[5m])", f"rate(a_total{{{N}}}[5m])"),
        ("sum by (namespace) (rate(a[1m]))", f"sum by (namespace) (rate(a{{{N}}}[1m]))"),
        ("SUM(a) BY (pod)", f"SUM(a{{{N}}}) BY (pod)"),
        ("sum(a) / on (pod) group_left (node) b", f"sum(a{{{N}}}) / on (pod) group_left (node) b{{{N}}}"),
        ("a * on (pod) group_left b", f"a{{{N}}} * on (pod) group_left b{{{N}}}"),
        ("a and b unless c or d", f"a{{{N}}} and b{{{N}}} unless c{{{N}}} or d{{{N}}}"),
        ("max_over_time(rate(a[5m])[10m:1m] offset 5m)", f"max_over_time(rate(a{{{N}}}[5m])[10m:1m] offset 5m)"),
        ("a offset -1h30m", f"a{{{N}}} offset -1h30m"),
        ("a @ end()", f"a{{{N}}} @ end()"),
        ("a @ 1609746000", f"a{{{N}}} @ 1609746000"),
        (
            "histogram_quantile(0.9, sum(rate(a[1m])) by (le))",
            f"histogram_quantile(0.9, sum(rate(a{{{N}}}[1m])) by (le))",
        ),
        ('label_replace(a, "x", "$1", "y", "(.*)")', f'label_replace(a{{{N}}}, "x", "$1", "y", "(.*)")'),
        ("a > bool 2 ^ -1e3", f"a{{{N}}} > bool 2 ^ -1e3"),
        ("vector(1) + Inf", "vector(1) + Inf"),
        (r'up{path=~"/v\\d+|\"x\"{}"}', rf'up{{{N},path=~"/v\\d+|\"x\"{{}}"}}'),
        ('{"http.requests", job="a"}', f'{{{N},"http.requests", job="a"}}'),
        ('sum by ("a) (x) or sum by (b") (up)', f'sum by ("a) (x) or sum by (b") (up{{{N}}})'),
        ("by_status + sum_total", f"by_status{{{N}}} + sum_total{{{N}}}"),
        ("job:requests:rate5m", f"job:requests:rate5m{{{N}}}"),
    ],
)
def test_every_selector_is_given_the_namespace_and_the_rest_is_left_as_it_is(query: str, expected: str) -> None:
    assert confined(query, "shop") == expected


@pytest.mark.parametrize("query", ['up{namespace="other"}', 'up{namespace!="shop"}', 'up{namespace=~".+"}'])
def test_a_namespace_of_the_users_own_is_asked_for_as_well_and_not_instead(query: str) -> None:
    assert confined(query, "shop") == query.replace("{", f"{{{N},")


@pytest.mark.parametrize(
    "query",
    [
        'up{job="a" or namespace="other"}',
        "info(up)",
        'info(up, {node="x"})',
        "up # comment",
        "up{job=~`a`}",
        "up{job='a\nb'}",
        "up;drop",
        "up} or {job='x'",
        "up{job='x'}} or up",
        "rate(up)",
        "sum(",
        "",
        "with (x = up) x",
        "up keep_metric_names",
        "süm(up)",
        "up\x00",
        "up ${window}",
        'up{job="\\',
    ],
)
def test_what_cannot_be_shown_to_stay_in_its_namespace_is_refused(query: str) -> None:
    with pytest.raises(QueryNotConfined):
        confined(query, "shop")


@pytest.mark.parametrize(
    "query",
    ["(" * 2000 + "up" + ")" * 2000, "up+" * 1300 + "up", "abs(" * 1000 + "up", "1^" * 2000 + "1", "-" * 4000 + "1"],
    ids=["brackets", "sum", "calls", "powers", "signs"],
)
def test_a_query_that_would_keep_the_parser_busy_is_refused_at_once(query: str) -> None:
    began = time.thread_time()
    with pytest.raises(QueryNotConfined, match="recording rule"):
        confined(query, "shop")
    assert time.thread_time() - began < 0.2


PIECES = (
    *("up", "rate", "sum", "by", "on", "info", "namespace", "offset", "or", "and", "bool", "inf", "start", "a:b"),
    *("(", ")", "{", "}", "[", "]", ",", "=", "=~", "!=", "+", "-", "*", "@", ":", "<", " ", "\n"),
    *('"', "'", "`", "\\", "#", '"other"', "'shop'", 'namespace="other"', '{namespace="other"}', "[5m]", "5m", "1e3"),
    *("sum(up)", "rate(up[5m])", 'up{job="a"}', "by (pod)", "é", "\x00"),
)


@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=MOST_TOKENS).map("".join)))
def test_whatever_is_written_is_refused_or_confined(query: str) -> None:
    try:
        found = confined(query, "shop")
    except QueryNotConfined:
        return
    assert found.replace(f"{{{N}}}", "").replace(f"{N},", "") == query.replace(f"{{{N}}}", "").replace(f"{N},", "")
    assert selectors_of(promql.parse(found)) == found.count(N) - query.count(N)


@pytest.mark.parametrize(("query", "selectors"), [("up", 1), ("rate(up[5m])", 1), ("sum(rate(a[5m])) / b", 2)])
def test_a_range_is_one_selector_to_the_count_of_this_test(query: str, selectors: int) -> None:
    assert selectors_of(promql.parse(query)) == selectors


def selectors_of(expression: promql.Expr) -> int:
    """Counted by the parser's own walk, which goes on from a range to the selector in it."""
    seen = []
    promql.walk(expression, lambda each: seen.append(isinstance(each, promql.VectorSelector)))
    return sum(seen)


NAMES = st.from_regex(r"\A[a-z_]{1,8}\Z").filter(
    lambda name: name not in {"by", "on", "or", "and", "inf", "nan", "bool"}
)
VALUES = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=8).map(
    lambda text: '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'
)
MATCHERS = st.lists(st.tuples(NAMES, st.sampled_from(("=", "!=")), VALUES).map("".join), max_size=3).map(",".join)
SELECTORS = st.one_of(NAMES, st.tuples(NAMES, MATCHERS).map(lambda both: f"{both[0]}{{{both[1]}}}"))
EXPRESSIONS = st.recursive(
    SELECTORS.map(lambda text: (text, 1)),
    lambda inner: st.one_of(
        inner.map(lambda one: (f"sum by (pod) ({one[0]})", one[1])),
        inner.map(lambda one: (f"max_over_time(({one[0]})[5m:1m])", one[1])),
        st.tuples(inner, inner).map(lambda two: (f"({two[0][0]}) / on (pod) ({two[1][0]})", two[0][1] + two[1][1])),
    ),
    max_leaves=6,
)


@given(EXPRESSIONS)
def test_ordinary_queries_are_never_refused(query: tuple[str, int]) -> None:
    text, selectors = query
    found = confined(text, "shop")
    assert found.count(N) - text.count(N) == selectors
