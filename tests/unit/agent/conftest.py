"""Helpers to read what the agent shows."""

from collections.abc import Callable

import pytest
from prometheus_client import REGISTRY

from fastapi_tuning_agent import outbound
from fastapi_tuning_agent.accounts import Accounts


@pytest.fixture
def shown() -> Callable[[str], float | None]:
    """Returns the value a scrape would give for a metric without labels; None when it is absent."""
    return lambda name: REGISTRY.get_sample_value(f"fastapi_tuning_{name}")


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Accounts:
    """The accounts of outbound calls, for one test."""
    accounts = Accounts()
    monkeypatch.setattr(outbound, "OUTBOUND", accounts)
    return accounts
