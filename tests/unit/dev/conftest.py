"""A layout of the development cluster that no test can mistake for the machine's own."""

from pathlib import Path

import pytest

from dev.cluster.layout import Layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(state=tmp_path / "state", cache=tmp_path / "cache")
