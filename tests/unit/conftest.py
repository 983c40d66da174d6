"""What tests of whole cycles begin with."""

import pytest

from tests.unit.fakes.world import World


@pytest.fixture
def world() -> World:
    made = World()
    made.api.add_deployment(replicas=2)
    return made
