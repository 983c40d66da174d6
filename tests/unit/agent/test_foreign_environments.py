"""Surroundings the agent was not written for: the app must not notice."""

import subprocess
import sys
import textwrap
from pathlib import Path

AGENT = Path(__file__).parents[3] / "agent"


def run(code: str) -> subprocess.CompletedProcess[str]:
    """Runs `code` in a fresh interpreter, so that it may break imports without breaking other tests."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        env={"PYTHONPATH": str(AGENT), "FASTAPI_TUNING_THREAD_POOL_SIZE": "9"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


START = """
import asyncio, sys
from starlette.applications import Starlette
from anyio.to_thread import current_default_thread_limiter, run_sync
from fastapi_tuning_agent import install

async def main():
    app = Starlette()
    install(app)
    async with app.router.lifespan_context(app):
        assert await run_sync(lambda: 7) == 7
        print(current_default_thread_limiter().total_tokens)
"""


def test_sizes_the_pool_without_prometheus_client() -> None:
    result = run(f"import sys; sys.modules['prometheus_client'] = None\n{START}\nasyncio.run(main())")
    assert (result.stdout, result.stderr, result.returncode) == ("9\n", "", 0)


def test_sizes_the_pool_but_does_not_count_when_the_limiter_has_another_inside() -> None:
    result = run(
        f"""{START}
import anyio._backends._asyncio as backend
from prometheus_client import REGISTRY

class OtherLimiter(backend.CapacityLimiter):
    __slots__ = ()
    async def acquire(self):
        self._borrowers.add(asyncio.current_task())
    def release(self):
        self._borrowers.remove(asyncio.current_task())

backend.CapacityLimiter = OtherLimiter

async def check():
    await main()
    app = Starlette()
    install(app)
    async with app.router.lifespan_context(app):
        assert REGISTRY.get_sample_value("fastapi_tuning_thread_pool_limit") == 9
        assert REGISTRY.get_sample_value("fastapi_tuning_thread_pool_calls_total") is None

asyncio.run(check())
"""
    )
    assert (result.stdout, result.stderr, result.returncode) == ("9\n", "", 0)


def test_a_name_taken_in_the_registry_is_a_warning() -> None:
    result = run(
        f"""from prometheus_client import Gauge
Gauge("fastapi_tuning_agent_info", "taken")
{START}
asyncio.run(main())
"""
    )
    assert (result.stdout, result.returncode) == ("9\n", 0)
    assert "could not be installed" in result.stderr
