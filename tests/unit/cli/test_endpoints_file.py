"""Settings of metrics endpoints: read as they are meant, or refused with the field that is wrong, secrets unsaid."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastapi_tuning.cli.endpoints_file import EndpointSettings, read_endpoints
from fastapi_tuning.cli.main import main
from fastapi_tuning.cli.run import OperatorSettings
from fastapi_tuning.errors import CannotStart
from fastapi_tuning.observe.prometheus import PrometheusEndpoint

URL = "https://mimir.monitoring/prometheus"


def file_of(directory: Path, **endpoints: Any) -> Path:
    file = directory / "endpoints.yaml"
    file.write_text(yaml.safe_dump({"endpoints": endpoints}))
    return file


def test_everything_that_can_be_said_arrives(tmp_path: Path) -> None:
    said = {
        "url": URL,
        "tenant": "payments",
        "usernameFile": "/s/username",
        "passwordFile": "/s/password",
        "certificateFile": "/s/tls.crt",
        "keyFile": "/s/tls.key",
        "caFile": "/s/ca.crt",
    }

    found = read_endpoints(file_of(tmp_path, payments=said, default={"url": URL, "tokenFile": "/s/token"}))

    assert found == {
        "payments": PrometheusEndpoint(
            url=URL,
            tenant="payments",
            username_file=Path("/s/username"),
            password_file=Path("/s/password"),
            certificate_file=Path("/s/tls.crt"),
            key_file=Path("/s/tls.key"),
            ca_file=Path("/s/ca.crt"),
        ),
        "default": PrometheusEndpoint(url=URL, token_file=Path("/s/token")),
    }


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ({}, "endpoints.a.url"),
        ({"url": "prometheus:9090"}, "endpoints.a.url"),
        ({"url": "file:///etc/passwd"}, "endpoints.a.url"),
        ({"url": "https://reader:hunter2@prometheus"}, "endpoints.a.url"),
        ({"url": URL, "token": "hunter2"}, "endpoints.a.token"),
        ({"url": URL, "tenant": "a\nHost: evil"}, "endpoints.a.tenant"),
        ({"url": URL, "usernameFile": "/u"}, "usernameFile goes with passwordFile"),
        ({"url": URL, "keyFile": "/k"}, "certificateFile goes with keyFile"),
        ({"url": URL, "tokenFile": "/t", "usernameFile": "/u", "passwordFile": "/p"}, "not both"),
    ],
)
def test_what_cannot_work_is_refused_by_its_field_and_no_secret_is_said(
    tmp_path: Path, endpoint: dict[str, str], said: str
) -> None:
    with pytest.raises(CannotStart) as refusal:
        read_endpoints(file_of(tmp_path, a=endpoint))

    assert said in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize(
    "text", ["", "endpoints: {}", "endpoints: [1]", "{", "a: &a [*a]", "endpoints: {A: {url: 'http://p'}}"]
)
def test_a_file_that_holds_no_endpoints_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "endpoints.yaml").write_text(text)

    with pytest.raises(CannotStart, match=r"endpoints\.yaml"):
        read_endpoints(tmp_path / "endpoints.yaml")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="FileNotFoundError"):
        read_endpoints(tmp_path / "absent.yaml")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.binary(max_size=200),
        st.dictionaries(
            st.sampled_from([*(field.alias or "" for field in EndpointSettings.model_fields.values()), "other"]),
            st.one_of(st.none(), st.text(max_size=10), st.integers(), st.just(URL)),
        ).map(lambda each: yaml.safe_dump({"endpoints": {"a": each}}).encode()),
    )
)
def test_whatever_the_file_holds_is_settings_or_a_refusal(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "endpoints.yaml").write_bytes(content)
    try:
        found = read_endpoints(tmp_path / "endpoints.yaml")
    except CannotStart:
        return
    assert all(each.url.startswith(("http://", "https://")) for each in found.values())


def started_with(monkeypatch: pytest.MonkeyPatch, *options: str) -> tuple[str, list[OperatorSettings]]:
    seen: list[OperatorSettings] = []

    async def instead(settings: OperatorSettings) -> None:
        seen.append(settings)

    monkeypatch.setattr("fastapi_tuning.cli.main.run_operator", instead)
    monkeypatch.setattr("fastapi_tuning.cli.main.log_as_json", lambda level: None)
    return CliRunner().invoke(main, ["run", *options]).output, seen


def test_the_one_of_the_command_line_is_the_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = file_of(tmp_path, payments={"url": URL})

    _, (operator,) = started_with(monkeypatch, "--prometheus-url=http://p:9090", f"--endpoints-file={file}")

    assert {name: each.url for name, each in operator.endpoints.items()} == {
        "default": "http://p:9090",
        "payments": URL,
    }


def test_two_defaults_or_none_at_all_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = file_of(tmp_path, default={"url": URL})

    assert (
        "both give the endpoint"
        in started_with(monkeypatch, "--prometheus-url=http://p", f"--endpoints-file={file}")[0]
    )
    assert "--endpoints-file says where" in started_with(monkeypatch)[0]
