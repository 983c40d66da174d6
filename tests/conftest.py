"""What every test run needs."""

import asyncio

from hypothesis import HealthCheck, settings

# A busy machine draws inputs slowly; that says nothing about the code.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_sessionstart() -> None:
    """Say that there is no event loop yet, or pytest-asyncio asks Python 3.11 for one that nobody closes."""
    asyncio.set_event_loop(None)
