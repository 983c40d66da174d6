"""The memory limit of a container, however it is written."""

from typing import Any

import pytest

from fastapi_tuning.observe.quantity import quantity_of


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({"limits": {"memory": "512Mi"}}, 512 * 2**20),
        ({"limits": {"memory": "1G"}}, 1e9),
        ({"limits": {"memory": "1048576"}}, 2**20),
        ({"limits": {"cpu": "1"}}, None),
        ({"limits": None}, None),
        (None, None),
        ({"limits": {"memory": "much"}}, None),
        ({"limits": {"memory": "0"}}, None),
    ],
)
def test_the_limit_in_bytes(resources: Any, expected: float | None) -> None:
    assert quantity_of({"name": "app", "resources": resources}, "limits", "memory") == expected
