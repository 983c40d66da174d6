"""What the command line refuses before anything runs."""

from pathlib import Path

from click.testing import CliRunner

from fastapi_tuning.cli.main import main


def test_a_password_and_a_token_for_prometheus_exclude_each_other(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("t")
    options = ["--prometheus-url", "http://reader:secret@prometheus:9090", "--prometheus-token-file", str(token)]

    result = CliRunner().invoke(main, ["run", *options])

    assert result.exit_code == 2
    assert "not both" in result.output
    assert "secret" not in result.output
