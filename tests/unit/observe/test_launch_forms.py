"""What a pod template says about the server it starts."""

import pytest

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.control.observation import Enforcement
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
        pytest.param([], {"WEB_CONCURRENCY": "4"}, 4, True, id="image default and a variable"),
        pytest.param(["hypercorn", "a:b", "-w", "3"], {}, 3, False, id="hypercorn"),
    ],
)
def test_the_worker_count_follows_the_launchers_own_precedence(
    words: list[str], environment: dict[str, str], workers: int, removable: bool
) -> None:
    form = launch_form(container(*words, **environment), {})

    assert (form.workers, bool(form.worker_variables)) == (workers, removable)


FOUR = "uvicorn a:b --workers 4"


@pytest.mark.parametrize(
    ("words", "environment"),
    [
        pytest.param(["tini", "--", "sh", "-c", FOUR], {}, id="behind an init"),
        pytest.param(["sh", "-e", "-c", FOUR], {}, id="an option before -c"),
        pytest.param(["bash", "-o", "pipefail", "-ec", FOUR], {}, id="an option with a value"),
        pytest.param(["/bin/sh", "-c", "--", FOUR], {}, id="end of options"),
        pytest.param(["sh", "-c", f"cd /srv/fastapi && exec {FOUR}; echo ended"], {}, id="among other commands"),
        pytest.param(["sh", "-c", f"exec bash -c '{FOUR}'"], {}, id="a shell in a shell"),
        pytest.param(["sh", "-c", 'exec "$@"', "--", *FOUR.split()], {}, id="arguments behind the script"),
        pytest.param(["uvicorn", "a:b", "--workers", "$(W)"], {"W": "4"}, id="Kubernetes reference"),
        pytest.param(["uvicorn", "a:b", "--workers", "$(W)"], {"N": "4", "W": "$(N)"}, id="reference to a reference"),
        pytest.param(["sh", "-c", "uvicorn a:b --workers $W"], {"W": "4"}, id="shell variable"),
        pytest.param(["sh", "-c", "uvicorn a:b --workers=${W}"], {"W": "4"}, id="shell variable in braces"),
        pytest.param(["sh", "-c", 'uvicorn a:b --workers "${W:-2}"'], {"W": "4"}, id="default that is not needed"),
        pytest.param(["sh", "-c", "uvicorn a:b --workers ${WORKERS:-4}"], {}, id="default"),
        pytest.param(["sh", "-c", "uvicorn a:b --workers ${W:-4}"], {"W": ""}, id="default of an empty variable"),
        pytest.param(["sh", "-c", "uvicorn a:b $OPTIONS"], {"OPTIONS": "--workers 4"}, id="a variable of two words"),
        pytest.param(["sh", "-c", "WEB_CONCURRENCY=4 uvicorn a:b"], {"WEB_CONCURRENCY": "1"}, id="set in the command"),
        pytest.param(["gunicorn", "a:b", "-c", "conf.py", "-w", "4"], {}, id="a flag beats the file"),
    ],
)
def test_workers_are_found_behind_shells_and_variables(words: list[str], environment: dict[str, str]) -> None:
    form = launch_form(container(*words, **environment), {})

    assert form.workers == 4
    assert form.server in ("uvicorn", "gunicorn")
    assert form.worker_variables == ()


ELSEWHERE = {"valueFrom": {"configMapKeyRef": {"name": "settings", "key": "workers"}}}


@pytest.mark.parametrize(
    ("form", "said"),
    [
        pytest.param({}, "image", id="image default"),
        pytest.param(container("/start.sh"), "script", id="a script of the image"),
        pytest.param(container("sh", "-c", "it's broken"), "script", id="a script that does not parse"),
        pytest.param(container("python", "main.py"), "Python", id="started in code"),
        pytest.param(container("gunicorn", "a:b", "-c", "conf.py"), "conf.py", id="gunicorn's file"),
        pytest.param(container("gunicorn", "a:b", "--config=c.py", WEB_CONCURRENCY="2"), "c.py", id="file and default"),
        pytest.param(
            container("gunicorn", "a:b", GUNICORN_CMD_ARGS="-c conf.py"), "conf.py", id="file named in a variable"
        ),
        pytest.param(container("uvicorn", "a:b", "--workers", "$(W)"), "$(W)", id="variable that is not there"),
        pytest.param(container("sh", "-c", "uvicorn a:b --workers $(nproc)"), "$(nproc)", id="command substitution"),
        pytest.param(container("sh", "-c", "W=4; uvicorn a:b --workers $W"), "$W", id="variable of the script"),
        pytest.param(container("sh", "-c", "uvicorn a:b $OPTIONS"), "$OPTIONS", id="any arguments"),
        pytest.param(container("uvicorn", "a:b", WEB_CONCURRENCY="many"), "WEB_CONCURRENCY=many", id="no number"),
        pytest.param(container("uvicorn", "a:b", WEB_CONCURRENCY="²"), "WEB_CONCURRENCY=²", id="a digit of Unicode"),
        pytest.param(container("uvicorn", "a:b", WEB_CONCURRENCY="9" * 5000), "WEB_CONCURRENCY=9", id="absurd number"),
        pytest.param(
            {"command": ["uvicorn"], "env": [{"name": "WEB_CONCURRENCY", **ELSEWHERE}]},
            "WEB_CONCURRENCY, set from elsewhere",
            id="variable from a config map",
        ),
        pytest.param(
            {"command": ["gunicorn"], "env": [{"name": "GUNICORN_CMD_ARGS", **ELSEWHERE}]},
            "GUNICORN_CMD_ARGS, set from elsewhere",
            id="gunicorn's variable from a config map",
        ),
        pytest.param(
            {"command": ["uvicorn", "a:b", "--workers", "$(W)"], "env": [{"name": "W", **ELSEWHERE}]},
            "$(W)",
            id="reference to a config map",
        ),
        pytest.param(
            {"command": ["sh", "-c", "uvicorn a:b --workers ${W:-4}"], "env": [{"name": "W", **ELSEWHERE}]},
            "${W:-4}",
            id="default of a variable from a config map",
        ),
        pytest.param(
            {"command": ["uvicorn", "a:b"], "envFrom": [{"configMapRef": {"name": "settings"}}]},
            "envFrom",
            id="a whole config map",
        ),
        pytest.param(
            {"command": ["sh", "-c", "uvicorn a:b --workers ${W:-4}"], "envFrom": [{"configMapRef": {"name": "s"}}]},
            "${W:-4}",
            id="default of what a whole config map may set",
        ),
    ],
)
def test_a_worker_count_that_cannot_be_read_is_unknown_and_says_what_hides_it(
    form: dict[str, object], said: str
) -> None:
    found = launch_form(form, {})

    assert found.workers is None
    assert said in found.workers_from
    assert len(found.workers_from) <= 200


def test_references_to_references_do_not_grow_without_end() -> None:
    doubling = {f"V{index + 1}": f"$(V{index})$(V{index})" for index in range(60)}

    form = launch_form(container("uvicorn", "a:b", "--workers", "$(V60)", V0="4" * 16, **doubling), {})

    assert form.workers is None


def test_an_escaped_reference_is_none() -> None:
    assert launch_form(container("uvicorn", "a:b", "--workers", "$$(W)", W="4"), {}).workers is None


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


def test_an_order_to_the_agent_leaves_the_count_to_the_agent() -> None:
    container = {
        "command": ["uvicorn", "app:app", "--workers", "4"],
        "env": [{"name": "FASTAPI_TUNING_WORKERS_MODE", "value": "Enforce"}],
    }
    ordered = launch_form(container, {})
    assert (ordered.enforcement, ordered.workers) == (Enforcement.SET, None)
    assert "--workers 4" in ordered.workers_from

    foreign = launch_form(container, {"FASTAPI_TUNING_WORKERS_MODE": "helm"})
    assert (foreign.enforcement, foreign.workers) == (Enforcement.NOT_OURS, 4)
