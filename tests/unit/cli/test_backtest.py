"""`fastapi-tuning backtest`: what it reads, prints, writes, and refuses."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from fastapi_tuning.cli.backtesting import step_for
from fastapi_tuning.cli.main import main
from tests.unit.fakes.historic_prometheus import HistoricPrometheus, historic_prometheus
from tests.unit.simulate.histories import LAST_UNIX_SECONDS, THREADS, overloaded_for_a_while, range_samples

SPEC = "targetRef: {name: checkout}\nmode: Recommend\nreplicas: {min: 1, max: 10}\n"
UNTIL = datetime.fromtimestamp(LAST_UNIX_SECONDS, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S")
NOTHING: dict[str, Any] = {"buckets": {}, "latency_sum": {}, "cpu": {}, "pods": {}}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "tuning.yaml").write_text(SPEC)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def prometheus() -> Iterator[HistoricPrometheus]:
    with historic_prometheus(HistoricPrometheus(samples=range_samples(overloaded_for_a_while()))) as fake:
        yield fake


def invoke(url: str, *arguments: str, spec: tuple[str, ...] = ("--spec", "tuning.yaml")) -> Result:
    fixed = ("backtest", "checkout", "--namespace", "shop", "--prometheus-url", url, "--until", UNTIL)
    return CliRunner().invoke(main, [*fixed, *spec, *arguments])


def row(result: Result, name: str) -> list[float]:
    """Measured, as it was, with us."""
    line = next(line for line in result.stdout.splitlines() if line.startswith(name))
    return [float(cell.strip("%").replace(",", "")) for cell in line.removeprefix(name).split()]


def test_it_finds_what_was_measured_again_and_says_what_we_would_have_done(
    folder: Path, prometheus: HistoricPrometheus
) -> None:
    result = invoke(prometheus.url, "--since", "80m", "--threads", str(THREADS))
    assert result.exit_code == 0, result.output
    measured, as_it_was, with_us = row(result, "violation seconds")
    assert measured > 200
    assert as_it_was == pytest.approx(measured, abs=120)
    assert with_us < measured
    hours = row(result, "replica-hours")
    assert hours[1] == pytest.approx(hours[0], rel=0.03)
    assert hours[2] < hours[0]
    assert "covered   1.3 h of 1.3 h (100%)" in result.stdout
    for name in ("backtest.png", "window-as-it-was.png", "window-with-us.png"):
        assert (folder / "backtest" / name).read_bytes().startswith(b"\x89PNG")


def test_a_week_is_read_in_answers_that_prometheus_gives(folder: Path, prometheus: HistoricPrometheus) -> None:
    prometheus.asked.clear()
    result = invoke(prometheus.url, "--since", "7d", "--most-hours", "1", "--threads", str(THREADS))
    assert result.exit_code == 0, result.output
    assert "gaps, which count for nothing: 1, the longest 166.7 h" in result.stdout
    assert max(points for _, points in prometheus.asked) <= 1000
    assert len(prometheus.asked) == 1 + 7 * 11


def test_only_pods_of_the_deployment_are_asked_for(folder: Path, prometheus: HistoricPrometheus) -> None:
    prometheus.asked.clear()
    invoke(prometheus.url, "--since", "30m")
    assert len(prometheus.asked) == 1 + 7
    assert all('namespace=~"shop",pod=~"checkout-[' in promql for promql, _ in prometheus.asked)


@pytest.mark.parametrize(
    ("content", "changes", "complaint"),
    [
        (SPEC, NOTHING, "has no samples of pods of Deployment checkout in namespace shop"),
        (SPEC + "metrics: {source: OpenTelemetry}\n", {}, "none of them exported http_server_request_duration_sec"),
        (SPEC, {"buckets": {}}, "has no request in it"),
        (SPEC, {"pods": dict.fromkeys(range(LAST_UNIX_SECONDS - 600, LAST_UNIX_SECONDS), 1.0)}, "is 10 min, and 40"),
        ("replicas: {}\n", {}, "is no valid FastAPITuning"),
    ],
)
def test_what_cannot_be_replayed_is_named(
    folder: Path,
    prometheus: HistoricPrometheus,
    content: str,
    changes: dict[str, Any],
    complaint: str,
) -> None:
    (folder / "tuning.yaml").write_text(content)
    with historic_prometheus(HistoricPrometheus(samples=replace(prometheus.samples, **changes))) as fake:
        result = invoke(fake.url, "--since", "80m")
    assert result.exit_code == 1
    assert complaint in result.output
    assert "Traceback" not in result.output


def test_custom_queries_have_no_histogram_to_replay(folder: Path, prometheus: HistoricPrometheus) -> None:
    names = ("requestsPerSecond", "fastRequestsPerSecond", "failedRequestsPerSecond", "averageLatencySeconds")
    metrics = {"source": "Custom", "custom": dict.fromkeys(names, "up")}
    (folder / "tuning.yaml").write_text(SPEC + f"metrics: {json.dumps(metrics)}\n")
    result = invoke(prometheus.url)
    assert result.exit_code == 1
    assert "spec.metrics.custom" in result.output


def test_a_prometheus_that_is_not_there_is_named(folder: Path) -> None:
    result = invoke("http://127.0.0.1:9")
    assert result.exit_code == 1
    assert "Prometheus is not reachable" in result.output


def test_without_a_spec_it_needs_a_cluster(folder: Path) -> None:
    """In a process of its own: the client reads KUBECONFIG when it is imported."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "fastapi_tuning.cli.main",
            "backtest",
            "checkout",
            "--prometheus-url=http://127.0.0.1:9",
        ],
        env={"KUBECONFIG": str(folder / "absent"), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "no cluster to talk to" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("option", "value"),
    [("--since", "week"), ("--since", "0d"), ("--step", "5"), ("--startup-time", "soon"), ("--prometheus-url", "p")],
)
def test_a_value_that_cannot_work_is_refused(
    folder: Path, prometheus: HistoricPrometheus, option: str, value: str
) -> None:
    result = invoke(prometheus.url, "--since", "80m", option, value)
    assert result.exit_code != 0
    assert value in result.output or option in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(("since_seconds", "window_seconds", "step_seconds"), [(3600, 60, 60), (3600, 30, 30)])
def test_a_slot_is_as_long_as_the_operators_window(since_seconds: int, window_seconds: int, step_seconds: int) -> None:
    assert step_for(since_seconds, window_seconds) == step_seconds


def test_a_long_history_has_a_bounded_number_of_slots() -> None:
    year = 365 * 86_400
    assert year / step_for(year, 60) <= 10_080
    assert step_for(year, 60) % 15 == 0
