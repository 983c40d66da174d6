"""Certificates of two operators, of which one may write."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fastapi_tuning.api_server import Json, PatchType
from fastapi_tuning.errors import NotLeading
from fastapi_tuning.leadership.fenced_api import FencedApi
from fastapi_tuning.webhooks.keeper import CertificateKeeper
from tests.unit.fakes.virtual_time import in_virtual_time

SECRET, CONFIGURATION = "/secret", "/configuration"


@dataclass
class Cluster:
    """A Secret and a webhook configuration; patched as the API server would."""

    data: dict[str, str] = field(default_factory=dict)
    trusted: str = ""
    writes: list[str] = field(default_factory=list)

    async def get(self, path: str, query: dict[str, str] | None = None) -> Json:
        if path == SECRET:
            return {"metadata": {"resourceVersion": "1"}, "data": dict(self.data)}
        return {"webhooks": [{"name": "inject", "clientConfig": {"caBundle": self.trusted}}]}

    async def patch(self, path: str, body: Json, patch_type: PatchType) -> Json:
        self.writes.append(path)
        if path == SECRET:
            self.data = body["data"]
        else:
            (webhook,) = body["webhooks"]
            self.trusted = webhook["clientConfig"]["caBundle"]
        return body

    async def post(self, path: str, body: Json) -> Json:
        raise AssertionError("nothing is created")


def keeper(cluster: Cluster, directory: Path, *, write_seconds: float) -> CertificateKeeper:
    directory.mkdir(exist_ok=True)
    return CertificateKeeper(
        api=FencedApi(api=cluster, write_seconds=lambda: write_seconds),
        secret_path=SECRET,
        configuration_path=CONFIGURATION,
        names=("127.0.0.1",),
        directory=directory,
        now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
    )


async def test_a_follower_makes_no_certificate_and_serves_none_that_is_not_kept(tmp_path: Path) -> None:
    cluster = Cluster()
    with pytest.raises(NotLeading):
        await keeper(cluster, tmp_path / "follower", write_seconds=0.0).keep()
    assert cluster.writes == []
    assert list((tmp_path / "follower").iterdir()) == []


async def test_a_follower_serves_the_leaders_certificate_once_it_is_trusted(tmp_path: Path) -> None:
    cluster = Cluster()
    leader = keeper(cluster, tmp_path / "leader", write_seconds=10.0)
    follower = keeper(cluster, tmp_path / "follower", write_seconds=0.0)
    await leader.keep()
    trusted, cluster.trusted = cluster.trusted, "something else"
    with pytest.raises(NotLeading):
        await follower.keep()
    assert list((tmp_path / "follower").iterdir()) == []

    cluster.trusted = trusted
    await follower.keep()

    assert (tmp_path / "follower/tls.crt").read_bytes() == (tmp_path / "leader/tls.crt").read_bytes()
    assert cluster.writes == [SECRET, CONFIGURATION], "by the leader alone"


def test_a_follower_that_waits_for_the_leader_looks_again_soon_and_warns_of_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        cluster = Cluster()
        follower = keeper(cluster, tmp_path / "follower", write_seconds=0.0)
        running = asyncio.create_task(follower.run())
        await asyncio.sleep(1.0)
        await keeper(cluster, tmp_path / "leader", write_seconds=10.0).keep()
        await asyncio.sleep(5.0)
        running.cancel()

    in_virtual_time(scenario)
    assert (tmp_path / "follower/tls.crt").exists()
    assert caplog.records == []
