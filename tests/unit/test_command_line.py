"""What the command line refuses before anything runs."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from fastapi_tuning.cli.main import main
from fastapi_tuning.cli.run import LeaseName, OperatorSettings


def test_a_password_and_a_token_for_prometheus_exclude_each_other(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("t")
    options = ["--prometheus-url", "http://reader:secret@prometheus:9090", "--prometheus-token-file", str(token)]

    result = CliRunner().invoke(main, ["run", *options])

    assert result.exit_code == 2
    assert "not both" in result.output
    assert "secret" not in result.output


@pytest.mark.parametrize(
    "option",
    [
        ("--port", "70000"),
        ("--log-level", "chatty"),
        ("--prometheus-url", "prometheus:9090"),
        ("--prometheus-url", "http://[::1"),
        ("--prometheus-url", ""),
        ("--lease", "leader"),
        ("--lease", "system/"),
    ],
)
def test_a_value_that_cannot_work_is_refused_with_the_name_of_its_option(option: tuple[str, str]) -> None:
    result = CliRunner().invoke(main, ["run", "--prometheus-url", "http://prometheus:9090", *option])

    assert result.exit_code == 2
    assert option[0] in result.output


def test_namespaces_are_read_from_the_variable_that_the_help_names(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, ...]] = []

    async def instead(settings: OperatorSettings) -> None:
        seen.append(settings.namespaces)

    monkeypatch.setattr("fastapi_tuning.cli.main.run_operator", instead)
    monkeypatch.setattr("fastapi_tuning.cli.main.log_as_json", lambda level: None)
    environment = {"FASTAPI_TUNING_RUN_NAMESPACE": "shop search", "FASTAPI_TUNING_RUN_PROMETHEUS_URL": "http://p:9090"}

    result = CliRunner().invoke(main, ["run"], env=environment, auto_envvar_prefix="FASTAPI_TUNING")

    assert result.exit_code == 0, result.output
    assert seen == [("shop", "search")]


@pytest.mark.parametrize(
    ("given", "lease"), [([], None), (["--lease", "system/leader"], LeaseName(namespace="system", name="leader"))]
)
def test_without_a_lease_the_operator_is_alone(
    monkeypatch: pytest.MonkeyPatch, given: list[str], lease: LeaseName | None
) -> None:
    seen: list[LeaseName | None] = []

    async def instead(settings: OperatorSettings) -> None:
        seen.append(settings.lease)

    monkeypatch.setattr("fastapi_tuning.cli.main.run_operator", instead)
    monkeypatch.setattr("fastapi_tuning.cli.main.log_as_json", lambda level: None)

    result = CliRunner().invoke(main, ["run", "--prometheus-url", "http://prometheus:9090", *given])

    assert result.exit_code == 0, result.output
    assert seen == [lease]
