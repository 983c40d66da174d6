"""What tests of whole cycles begin with."""

import pytest

from tests.unit.fakes.world import World, of_two_pods


@pytest.fixture
def world() -> World:
    return of_two_pods()
