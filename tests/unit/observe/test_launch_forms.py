"""What a pod template says about the server it starts."""

import pytest

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.observe.launch import launch_form


def container(*words: str, **environment: str) -> dict[str, object]:
    return {
        "name": "app",
        "command": list(words[:1]),
        "args": list(words[1:]),
        "env": [{"name": name, "value": value} for name, value in environment.items()],
    }


@pytest.mark.parametrize(
    ("words", "environment", "workers", "removable"),
    [
        pytest.param(["uvicorn", "a:b"], {}, 1, True, id="uvicorn alone"),
        pytest.param(["uvicorn", "a:b", "--workers", "4"], {}, 4, False, id="flag"),
        pytest.param(["uvicorn", "a:b", "--workers=4"], {}, 4, False, id="flag with equals"),
        pytest.param(["/venv/bin/uvicorn", "a:b"], {"UVICORN_WORKERS": "3"}, 3, True, id="own variable"),
        pytest.param(["uvicorn", "a:b"], {"UVICORN_WORKERS": "3", "WEB_CONCURRENCY": "2"}, 3, True, id="own beats web"),
        pytest.param(
            ["uvicorn", "a:b", "--workers", "1"], {"WEB_CONCURRENCY": "2"}, 1, False, id="flag beats variable"
        ),
        pytest.param(["python", "-m", "uvicorn", "a:b"], {"WEB_CONCURRENCY": "2"}, 2, True, id="module"),
        pytest.param(["fastapi", "run", "--workers", "4"], {}, 4, False, id="fastapi run"),
        pytest.param(["fastapi", "run"], {"UVICORN_WORKERS": "4"}, 1, True, id="fastapi run ignores uvicorn's"),
        pytest.param(["gunicorn", "a:b", "-w", "4"], {}, 4, False, id="gunicorn short flag"),
        pytest.param(["gunicorn", "a:b", "-w4"], {}, 4, False, id="gunicorn glued flag"),
        pytest.param(
            ["gunicorn", "a:b"], {"GUNICORN_CMD_ARGS": "--workers=4 --backlog 9"}, 4, False, id="gunicorn args"
        ),
        pytest.param(["gunicorn", "a:b"], {"WEB_CONCURRENCY": "5"}, 5, True, id="gunicorn web concurrency"),
        pytest.param(["sh", "-c", "exec uvicorn a:b --workers 2"], {}, 2, False, id="shell script"),
        pytest.param(["sh", "-c", "it's broken"], {}, 1, True, id="script that does not parse"),
        pytest.param([], {}, 1, True, id="image default"),
        pytest.param(["uvicorn", "a:b"], {"WEB_CONCURRENCY": "many"}, 1, True, id="no number"),
    ],
)
def test_the_worker_count_follows_the_launchers_own_precedence(
    words: list[str], environment: dict[str, str], workers: int, removable: bool
) -> None:
    form = launch_form(container(*words, **environment), {})

    assert (form.workers, bool(form.worker_variables)) == (workers, removable)


def blocked(form_words: list[str]) -> dict[str, Reason | None]:
    return {setting.variable: setting.blocked_by for setting in launch_form(container(*form_words), {}).settings}


def test_a_flag_blocks_the_variable_it_beats_and_only_that() -> None:
    found = blocked(["uvicorn", "a:b", "--limit-concurrency", "5"])

    assert found["UVICORN_LIMIT_CONCURRENCY"] is Reason.FLAG_OVERRIDES
    assert found["UVICORN_TIMEOUT_KEEP_ALIVE"] is None


@pytest.mark.parametrize("words", [["fastapi", "run"], ["gunicorn", "a:b"], ["python", "main.py"]])
def test_launchers_that_never_read_uvicorns_variables_block_them_all(words: list[str]) -> None:
    found = blocked(words)

    assert found.pop("FASTAPI_TUNING_THREAD_POOL_SIZE") is None
    assert set(found.values()) == {Reason.LAUNCHER_IGNORES_ENVIRONMENT}


def test_a_value_from_a_config_map_is_not_taken_for_a_literal() -> None:
    form = launch_form(
        {
            "name": "app",
            "command": ["uvicorn"],
            "env": [{"name": "WEB_CONCURRENCY", "valueFrom": {"configMapKeyRef": {}}}],
        },
        {},
    )

    assert form.workers == 1


@pytest.mark.parametrize(
    ("words", "owned", "free"),
    [
        pytest.param(["uvicorn", "a:b"], "WEB_CONCURRENCY", ("UVICORN_WORKERS",), id="uvicorn lets its own win"),
        pytest.param(["uvicorn", "a:b"], "UVICORN_WORKERS", (), id="nothing beats uvicorn's own"),
        pytest.param(["gunicorn", "a:b"], "WEB_CONCURRENCY", (), id="gunicorn has no other"),
        pytest.param([], "WEB_CONCURRENCY", (), id="an unknown server may be gunicorn"),
    ],
)
def test_a_worker_variable_of_somebody_else_is_worked_around_or_left(
    words: list[str], owned: str, free: tuple[str, ...]
) -> None:
    form = launch_form(container(*words, **{owned: "4"}), {owned: "kubectl"})

    assert form.workers == 4
    assert form.workers_from == f"environment {owned}=4, set by kubectl"
    assert form.worker_variables == free


def test_a_setting_that_somebody_else_set_is_theirs_and_they_are_named() -> None:
    form = launch_form(
        container("uvicorn", "a:b", FASTAPI_TUNING_THREAD_POOL_SIZE="20"), {"FASTAPI_TUNING_THREAD_POOL_SIZE": "helm"}
    )

    (owned,) = [setting for setting in form.settings if setting.blocked_by]
    assert (owned.variable, owned.blocked_by, owned.current) == (
        "FASTAPI_TUNING_THREAD_POOL_SIZE",
        Reason.FIELD_CONFLICT,
        "20",
    )
    assert "helm owns" in owned.blocked_message
