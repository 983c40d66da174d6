"""`fastapi-tuning load-test` as it is called: what it refuses, plans, writes, and does when it is told to stop."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fastapi_tuning.cli.main import main
from fastapi_tuning.load_test.report import Report
from tests.unit.cli.clusters import point_to, reached
from tests.unit.cli.load_bench import JOB, LOG, NAMESPACE, PODS, TUNING, namespace_objects
from tests.unit.fakes.cluster import Cluster, cluster
from tests.unit.load_test.builders import summary


class Namespace(Cluster):
    """One whose Jobs end at once, with what `log` holds."""

    log: str = ""

    def write(self, method: str, path: str, body: object) -> tuple[int, object]:
        answer = super().write(method, path, body)
        if JOB in self.objects:
            self.objects[JOB]["status"] = {"conditions": [{"type": "Complete", "status": "True"}]}
        self.objects[LOG] = self.log.encode()
        return answer


def good_log() -> str:
    parts = (summary(rate=10.0, seconds=5.0), summary(rate=10.0))
    return "\n".join(json.dumps(part.as_json()) for part in parts)


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Cluster]:
    with reached(monkeypatch, tmp_path, namespace_objects()) as served:
        yield served


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["load-test", "checkout", "-n", "shop", *arguments])


def test_a_dry_run_tells_the_plan_and_changes_nothing(shop: Cluster) -> None:
    result = invoke("--path", "/orders", "--max-rate", "80", "--dry-run")
    assert result.exit_code == 0, result.output
    assert "http://web.shop.svc:80/orders" in result.output
    assert "10, 20, 40, 80 requests/s" in result.output
    assert "operator:1" in result.output
    assert shop.written == []


def test_production_is_refused_before_anything_is_changed(shop: Cluster) -> None:
    shop.objects[NAMESPACE]["metadata"]["labels"] = {"environment": "prod"}
    result = invoke("--path", "/orders")
    assert result.exit_code == 1
    assert "--allow-production" in result.output
    assert shop.written == []
    assert invoke("--path", "/orders", "--allow-production", "--dry-run").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "give either --path"),
        (("--path", "/", "--locustfile", __file__), "give either --path"),
        (("--locustfile", __file__), "wants an --image"),
        (("--path", "orders"), "begins with one /"),
        (("--path", "//elsewhere/"), "begins with one /"),
        (("--path", "/", "--output", "/dev/null/report"), "--output"),
        (("--path", "/", "--compare", __file__), "is no report.json"),
        (("--path", "/", "--max-rate", "100000"), "--max-rate"),
    ],
)
def test_wrong_usage_is_said_before_the_cluster_is_asked(shop: Cluster, arguments: tuple[str, ...], said: str) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert said in result.output
    assert shop.asked == []


def test_a_scenario_is_planned_with_its_own_image(shop: Cluster) -> None:
    result = invoke("--locustfile", __file__, "--image", "locust:1", "--dry-run")
    assert result.exit_code == 0, result.output
    assert "users" in result.output


def test_the_report_is_kept_with_a_picture_and_beside_an_earlier_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    served = Namespace(objects=namespace_objects())
    served.log = good_log()
    generator = {"metadata": {"name": "generator", "creationTimestamp": "2026-01-01T00:00:00Z"}, "status": {}}
    served.objects[PODS]["items"].append(generator)
    arguments = ("--path", "/orders", "--max-rate", "10", "--output")
    with cluster(served):
        point_to(monkeypatch, served.kubeconfig(tmp_path))
        first = invoke(*arguments, str(tmp_path / "before"))
        assert first.exit_code == 0, first.output
        second = invoke(*arguments, str(tmp_path / "after"), "--compare", str(tmp_path / "before" / "report.json"))
    assert second.exit_code == 0, second.output
    assert "## Before and after" in (tmp_path / "after" / "report.md").read_text()
    assert "## Before and after" not in (tmp_path / "before" / "report.md").read_text()
    for folder in ("before", "after"):
        assert (tmp_path / folder / "report.png").read_bytes().startswith(b"\x89PNG")
        report = Report.model_validate_json((tmp_path / folder / "report.json").read_bytes())
        assert report.findings.knee_per_second == 5, "10 requests/s over two pods"
    assert JOB not in served.objects
    assert not served.objects[TUNING]["metadata"]["annotations"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_told_to_stop_it_takes_everything_back(tmp_path: Path, number: signal.Signals) -> None:
    served = Cluster(objects=namespace_objects())
    with cluster(served):
        environment = {**os.environ, "KUBECONFIG": str(served.kubeconfig(tmp_path))}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "fastapi_tuning.cli.main", "load-test", "checkout", "-n", "shop", "--path", "/"),
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(60):
                while JOB not in served.objects:
                    assert process.returncode is None, (await process.communicate())[1].decode()
                    await asyncio.sleep(0.05)
            paused = dict(served.objects[TUNING]["metadata"]["annotations"])
            process.send_signal(number)
            _, stderr = await asyncio.wait_for(process.communicate(), 60)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert paused, "it was paused while the load ran"
    assert process.returncode == 128 + number, stderr.decode()
    assert "nothing of the test is left" in stderr.decode()
    assert JOB not in served.objects
    assert not served.objects[TUNING]["metadata"]["annotations"]
