"""The limits that a server runs with, by the launcher's own precedence, and what cannot be known of them."""

from typing import Any

import pytest

from fastapi_tuning.audit.facts import Server, Setting, Unread
from fastapi_tuning.observe.survey.server import InForce, server_of

ELSEWHERE = {"configMapKeyRef": {"name": "settings", "key": "limit"}}


def server(
    *words: str, in_force: InForce | None = None, env: list[dict[str, Any]] | None = None, **more: Any
) -> Server:
    return server_of({"name": "app", "command": list(words), "env": env or [], **more}, {}, in_force)


def variables(**values: str) -> list[dict[str, Any]]:
    return [{"name": name, "value": value} for name, value in values.items()]


def value(setting: Setting | Unread | None) -> int | None:
    assert not isinstance(setting, Unread)
    return None if setting is None else setting.value


def test_without_a_word_uvicorn_has_no_limit_and_closes_after_five_seconds() -> None:
    plain = server("uvicorn", "a:b")
    assert (value(plain.limit_concurrency), value(plain.max_requests)) == (None, None)
    assert value(plain.graceful_shutdown_seconds) is None
    assert value(plain.keep_alive_seconds) == 5


def test_an_argument_beats_a_variable() -> None:
    found = server("uvicorn", "a:b", "--limit-concurrency", "50", env=variables(UVICORN_LIMIT_CONCURRENCY="70"))
    assert found.limit_concurrency == Setting(value=50, origin="argument --limit-concurrency 50")


def test_a_variable_counts_where_the_launcher_reads_it() -> None:
    env = variables(UVICORN_TIMEOUT_KEEP_ALIVE="75")
    assert value(server("uvicorn", "a:b", env=env).keep_alive_seconds) == 75
    assert value(server("fastapi", "run", env=env).keep_alive_seconds) == 5
    assert server("fastapi", "run", env=env).ignored_variables == ("UVICORN_TIMEOUT_KEEP_ALIVE",)
    assert server("uvicorn", "a:b", env=env).ignored_variables == ()


def test_an_empty_variable_is_none() -> None:
    assert value(server("uvicorn", "a:b", env=variables(UVICORN_LIMIT_CONCURRENCY="")).limit_concurrency) is None


@pytest.mark.parametrize("env", [[], variables(GUNICORN_CMD_ARGS="--max-requests 1000 --keep-alive 70")])
def test_gunicorn_has_names_of_its_own_and_no_concurrency_limit(env: list[dict[str, Any]]) -> None:
    found = server("gunicorn", "a:b", env=[*env, *variables(UVICORN_LIMIT_CONCURRENCY="9")])
    assert value(found.limit_concurrency) is None
    assert (value(found.max_requests), value(found.keep_alive_seconds)) == ((1000, 70) if env else (None, 2))


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (server(), "the image's own command"),
        (server("python", "main.py"), "Python code"),
        (server("sh", "-c", "uvicorn a:b $OPTIONS"), "$OPTIONS"),
        (server("uvicorn", "a:b", envFrom=[{"configMapRef": {"name": "settings"}}]), "envFrom"),
        (server("uvicorn", "a:b", "--limit-concurrency", "$(LIMIT)"), "no number"),
        (server("uvicorn", "a:b", env=[{"name": "UVICORN_LIMIT_CONCURRENCY", "valueFrom": ELSEWHERE}]), "elsewhere"),
    ],
)
def test_what_cannot_be_read_is_not_taken_for_unlimited(made: Server, why: str) -> None:
    assert isinstance(made.limit_concurrency, Unread)
    assert why in made.limit_concurrency.why


def test_gunicorns_file_may_say_anything() -> None:
    assert isinstance(server("gunicorn", "a:b", "-c", "conf.py").keep_alive_seconds, Unread)


def test_what_the_agent_reports_is_known_whatever_starts_the_server() -> None:
    found = server(in_force=InForce(workers=2, limit_concurrency=None, keep_alive_seconds=30))
    assert found.launch.workers == 2
    assert (value(found.limit_concurrency), value(found.keep_alive_seconds)) == (None, 30)


def test_what_the_agent_reports_keeps_the_origin_that_explains_it() -> None:
    reported = InForce(workers=1, limit_concurrency=50, keep_alive_seconds=5)
    found = server("uvicorn", "a:b", "--limit-concurrency", "50", in_force=reported)
    assert found.limit_concurrency == Setting(value=50, origin="argument --limit-concurrency 50")


@pytest.mark.parametrize(
    ("words", "reloads"),
    [(("uvicorn", "a:b", "--reload"), True), (("fastapi", "dev"), True), (("fastapi", "run"), False)],
)
def test_development_mode_is_seen(words: tuple[str, ...], reloads: bool) -> None:
    assert server(*words).reloads is reloads
