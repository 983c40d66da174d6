"""What every test run needs."""

import asyncio


def pytest_sessionstart() -> None:
    """Say that there is no event loop yet, or pytest-asyncio asks Python 3.11 for one that nobody closes."""
    asyncio.set_event_loop(None)
