"""What every test run needs."""

import asyncio

from hypothesis import settings

# How long one example takes says nothing about the code on a machine that does other things too.
settings.register_profile("project", deadline=None)
settings.load_profile("project")


def pytest_sessionstart() -> None:
    """Say that there is no event loop yet, or pytest-asyncio asks Python 3.11 for one that nobody closes."""
    asyncio.set_event_loop(None)
