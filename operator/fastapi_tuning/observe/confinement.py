"""Confines a user's PromQL to one namespace, or refuses it. Pure.

Two readers must agree. A lexer of ours finds the selectors in the text and puts `namespace="…"` into each. A parser
that is not ours reads the result, and every selector in its tree must carry that matcher: a mistake of the lexer is a
refusal, and never a way out. What they might read otherwise than Prometheus does (raw strings, comments) is refused
beforehand, and so is what would keep the parser busy.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import promql_parser as promql

from fastapi_tuning.errors import QueryNotConfined

LABEL = "namespace"
MOST_TOKENS = 300
"""Our own queries take about 60. The parser needs 20 ms for this many at worst, and seconds for ten times as many."""

_TOKEN = re.compile(
    r"""
    (?P<space>[ \t\r\n]+)
  | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
  | (?P<number>[0-9.][0-9A-Za-z_.]*)
  | (?P<name>[A-Za-z_:][A-Za-z0-9_:]*)
  | (?P<mark>=~|!~|!=|==|>=|<=|[-+*/%^=<>(){}\[\],:@])
    """,
    re.VERBOSE,
)
_LISTS = frozenset(("by", "without", "on", "ignoring", "group_left", "group_right"))
"""Words that a list of labels may follow."""
_WORDS = _LISTS | {"and", "or", "unless", "atan2", "bool", "offset", "inf", "nan"}
"""Words that name no metric. PromQL reads them in any case."""
_AGGREGATIONS_STAND_BEFORE = ("(", "by", "without")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    end: int
    """Where it ends in the query."""


@lru_cache(maxsize=4096)
def confined(query: str, namespace: str) -> str:
    """The same query, in which every selector also asks for `namespace="<namespace>"`.

    Raises:
        QueryNotConfined: it is no PromQL, or nothing shows that it stays in the namespace.
    """
    tokens = tuple(_tokens(query))
    if len(tokens) > MOST_TOKENS:
        raise QueryNotConfined(f"a custom query is longer than {MOST_TOKENS} words and signs: use a recording rule")
    matcher = f'{LABEL}="{namespace}"'
    places = tuple(_places(tokens))
    text, done = "", 0
    for end, is_open in places:
        text += query[done:end] + (f"{matcher}," if is_open else f"{{{matcher}}}")
        done = end
    text += query[done:]
    _prove(text, namespace, selectors=len(places))
    return text


def _tokens(query: str) -> Iterator[_Token]:
    place = 0
    while place < len(query):
        found = _TOKEN.match(query, place)
        if found is None:
            sign = query[place]
            raise QueryNotConfined(f"a custom query holds {sign!r}: comments, raw strings and other signs are refused")
        place = found.end()
        if found.lastgroup != "space":
            yield _Token(str(found.lastgroup), found[0], place)


def _places(tokens: tuple[_Token, ...]) -> Iterator[tuple[int, bool]]:
    """Where each selector is to be given its matcher: (end of a token, whether that token opens its braces)."""
    number = 0
    while number < len(tokens):
        token, following = tokens[number], _text(tokens, number + 1)
        if token.text == "{":
            yield token.end, True
            number = _after(tokens, number, "}")
        elif token.text == "[":
            number = _after(tokens, number, "]")
        elif token.kind != "name":
            number += 1
        elif token.text.lower() in _LISTS and following == "(":
            number = _after(tokens, number, ")")
        else:
            if token.text.lower() not in _WORDS and following not in ("{", *_AGGREGATIONS_STAND_BEFORE):
                yield token.end, False
            number += 1


def _text(tokens: tuple[_Token, ...], number: int) -> str:
    return tokens[number].text.lower() if number < len(tokens) else ""


def _after(tokens: tuple[_Token, ...], number: int, closing: str) -> int:
    """The token after the next `closing` one; the end, if there is none."""
    return next((place + 1 for place in range(number, len(tokens)) if tokens[place].text == closing), len(tokens))


def _prove(query: str, namespace: str, selectors: int) -> None:
    try:
        found = tuple(_selectors(promql.parse(query)))
    except ValueError as error:
        raise QueryNotConfined(f"a custom query cannot be read: {str(error)[:200]}") from error
    if len(found) != selectors or not all(_is_confined(each, namespace) for each in found):
        raise QueryNotConfined("a custom query cannot be shown to stay in its own namespace")


def _is_confined(selector: promql.VectorSelector, namespace: str) -> bool:
    """`or` between matchers is VictoriaMetrics' own, and would be a way around ours."""
    return not selector.matchers.or_matchers and any(
        (each.name, each.op, each.value) == (LABEL, promql.MatchOp.Equal, namespace)
        for each in selector.matchers.matchers
    )


def _selectors(expression: promql.Expr) -> Iterator[promql.VectorSelector]:
    """All selectors below an expression. A kind of expression that is not known here is refused, not passed over."""
    match expression:
        case promql.VectorSelector():
            yield expression
        case promql.MatrixSelector(vector_selector=selector):
            yield selector
        case promql.NumberLiteral() | promql.StringLiteral():
            return
        case promql.ParenExpr(expr=inner) | promql.UnaryExpr(expr=inner) | promql.SubqueryExpr(expr=inner):
            yield from _selectors(inner)
        case promql.AggregateExpr(expr=inner, param=parameter):
            yield from _selectors(inner)
            if parameter is not None:
                yield from _selectors(parameter)
        case promql.BinaryExpr(lhs=left, rhs=right):
            yield from _selectors(left)
            yield from _selectors(right)
        case promql.Call(func=function, args=arguments) if function.name not in _READING_UNASKED:
            for argument in arguments:
                yield from _selectors(argument)
        case _:
            raise QueryNotConfined("a custom query holds something that may read other namespaces")


_READING_UNASKED = frozenset(("info",))
"""Functions that read series which no selector of the query names: `info` joins target_info of any namespace."""
