"""Small languages that others write: quantities, command lines, queries, settings. A value or an error of our own."""

import contextlib
import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from fastapi_tuning.cli.endpoints_file import read_endpoints
from fastapi_tuning.errors import CannotStart, QueryNotConfined
from fastapi_tuning.observe.command_line import environment_of
from fastapi_tuning.observe.confinement import confined
from fastapi_tuning.observe.launch import launch_form
from fastapi_tuning.observe.quantity import quantity_of
from fastapi_tuning_agent.environment import options_from
from fastapi_tuning_agent.profile_request import profile_request_from
from fastapi_tuning_agent.settings import InvalidSettingError, settings_from, thread_pool_size
from fastapi_tuning_agent.settings_file import SettingsFile
from tests.unit.fuzz.strategies import any_json, damaged, texts, without_hanging

quantities = st.from_regex(r"[+-]?[0-9]{1,25}(\.[0-9]{0,25})?([eE][+-]?[0-9]{1,5}|[numkMGTPE]i?)?", fullmatch=True)


@without_hanging
@given(texts | quantities | st.integers() | st.floats())
@example("1e999999999")
@example("-0")
def test_any_quantity_is_a_positive_number_or_none(text: Any) -> None:
    value = quantity_of({"resources": {"limits": {"memory": text}}}, "limits", "memory")

    assert value is None or 0 < value < math.inf


words = (
    st.sampled_from(
        [
            *("uvicorn", "gunicorn", "hypercorn", "fastapi", "run", "sh", "-c", "exec", "env", "--workers", "-w", "$W"),
            *("$(W)", "${W:-4}", "--workers=$(W)", "`cat`", "$(cat /f)", "&&", "|", "a:b", "python", "-m", "\\", '"'),
        ]
    )
    | texts
)
variables = st.lists(st.fixed_dictionaries({"name": st.sampled_from(["W", "WEB_CONCURRENCY"]), "value": words}))


@without_hanging
@given(st.lists(words, max_size=8), st.lists(words, max_size=8), variables)
@example(["sh", "-c", "uvicorn a:b --workers " + "$W" * 1000], [], [{"name": "W", "value": "$(W)$(W)"}])
@example(["$(A)" * 2000], [], [{"name": "A", "value": "$(A)" * 2000}])
@example(["sh", "-c", "'" * 10_001], [], [])
def test_any_command_line_has_a_worker_count_that_can_be_or_none(
    command: list[str], arguments: list[str], environment: list[dict[str, str]]
) -> None:
    container = {"name": "app", "command": command, "args": arguments, "env": environment}
    form = launch_form(container, {})

    assert form.workers is None or 1 <= form.workers <= 9999
    assert environment_of(container) is not None


fragments = st.sampled_from(
    [
        *(
            "rate(a[5m])",
            "sum by (pod) (",
            ")",
            '{namespace="other"}',
            '{a="b"}',
            "or",
            "and on()",
            "offset 5m",
            "@ end()",
        ),
        *(
            '{__name__=~".+"}',
            "label_replace(",
            '"$1"',
            "[5m:1m]",
            "a",
            "1",
            "+",
            "#",
            "`x`",
            "{",
            "}",
            '"',
            "\\",
            "info(",
        ),
    ]
)


@without_hanging
@given(st.lists(fragments | texts, max_size=12).map(" ".join))
@example("NaN")
@example("(" * 10_000)
@example("-" * 10_000 + "a")
@example("a" + "+a" * 10_000)
@example('{a="' + "\\" * 10_001)
def test_any_query_is_confined_or_not_sent(query: str) -> None:
    with contextlib.suppress(QueryNotConfined):
        assert 'namespace="shop"' in confined(query, "shop") or not re.search(r"[^\W\d_]", _without_numbers(query))


def _without_numbers(query: str) -> str:
    """PromQL writes two numbers in letters."""
    return re.sub("nan|inf", "", query, flags=re.IGNORECASE)


SETTINGS = {"generation": 7, "threads": 40, "inFlightLimit": 80, "expiresAt": "2026-01-01T00:00:00Z"}


@without_hanging
@given(texts | any_json.map(json.dumps) | damaged(SETTINGS).map(json.dumps))
def test_any_text_in_the_agents_file_is_settings_or_refused(text: str) -> None:
    with contextlib.suppress(InvalidSettingError):
        assert settings_from(text).threads in (None, *range(4, 1001))
    with contextlib.suppress(InvalidSettingError):
        profile_request_from(text)


@pytest.fixture(scope="module")
def mounted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("agent") / "settings.json"


@without_hanging
@given(content=st.binary(max_size=200))
@example(content=b"\xff" * 200)
@example(content=b"1" * 70_000)
def test_any_bytes_in_the_agents_file_are_text_or_refused(mounted: Path, content: bytes) -> None:
    mounted.write_bytes(content)
    with contextlib.suppress(OSError, ValueError):
        text = SettingsFile(str(mounted)).changed_text()
        assert isinstance(text, str)


@without_hanging
@given(st.dictionaries(st.sampled_from(["FASTAPI_TUNING_METRICS_PORT", "FASTAPI_TUNING_THREAD_POOL_SIZE"]), texts))
def test_any_environment_of_the_agent_is_options_or_refused(environment: dict[str, str]) -> None:
    port = options_from(environment).metrics_port

    assert port is None or 0 < port < 65536
    with contextlib.suppress(InvalidSettingError):
        thread_pool_size(environment)


ENDPOINTS = {"endpoints": {"default": {"url": "http://prometheus", "tenant": "shop", "tokenFile": "/token"}}}


@without_hanging
@given(content=st.binary(max_size=60) | (st.text(max_size=60) | damaged(ENDPOINTS).map(yaml.safe_dump)).map(str.encode))
def test_any_file_of_endpoints_is_settings_or_ends_the_start_with_a_message(mounted: Path, content: bytes) -> None:
    """Whoever installs the operator writes it, and is not out to keep a parser of YAML busy with brackets."""
    mounted.write_bytes(content)
    with contextlib.suppress(CannotStart):
        assert read_endpoints(mounted)
