"""What each reason means, taken from the one place where it is documented."""

import ast
import inspect
from collections.abc import Mapping
from functools import cache
from itertools import pairwise

from fastapi_tuning.api.reasons import Reason


def meaning_of(reason: Reason) -> str:
    """The sentence below the reason's definition."""
    return _meanings()[reason]


@cache
def _meanings() -> Mapping[Reason, str]:
    """Python keeps no docstrings of attributes, so they are read from the source, as pydantic does for its fields."""
    (definition,) = ast.parse(inspect.getsource(Reason)).body
    assert isinstance(definition, ast.ClassDef)
    found: dict[Reason, str] = {}
    for statement, below in pairwise(definition.body):
        match statement, below:
            case (
                ast.Assign(targets=[ast.Name(id=name)]),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                found[Reason[name]] = " ".join(text.split())
    return found
