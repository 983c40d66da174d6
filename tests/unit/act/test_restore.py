"""What is given back when an object with onDelete Restore goes."""

import pytest

from fastapi_tuning.act.environment import apply_environment
from fastapi_tuning.act.live import set_settings
from fastapi_tuning.act.restore import restore
from fastapi_tuning.api.status import FastAPITuningStatus, Live, Settings
from fastapi_tuning.errors import NotFound
from tests.unit.control.builders import workload
from tests.unit.fakes.api_server import DEPLOYMENTS, FakeApiServer

CHECKOUT = DEPLOYMENTS.format("shop", "checkout")


async def test_our_variables_go_those_of_others_stay_and_replicas_are_as_before() -> None:
    api = FakeApiServer()
    api.add_deployment(replicas=5, env=[{"name": "DEBUG", "value": "0"}])
    await apply_environment(api, CHECKOUT, "checkout", "app", {"FASTAPI_TUNING_THREAD_POOL_SIZE": "80"})
    status = FastAPITuningStatus(applied=Settings(replicas=5, threads=80), original=Settings(replicas=3))

    await restore(api, CHECKOUT, workload(desired_replicas=5), status, {"FASTAPI_TUNING_THREAD_POOL_SIZE"}, [])

    assert api.environment() == {"DEBUG": "0"}
    assert api.deployments[CHECKOUT]["spec"]["replicas"] == 3


async def test_what_was_never_moved_is_not_written() -> None:
    api = FakeApiServer()
    api.add_deployment(replicas=5)

    await restore(api, CHECKOUT, workload(desired_replicas=5), FastAPITuningStatus(), (), ["checkout-0"])

    assert api.changed == []


async def test_live_settings_are_taken_away_from_the_pods_that_have_them() -> None:
    api = FakeApiServer()
    api.add_deployment(replicas=2)
    await set_settings(api, "shop", {"checkout-0": '{"generation":3}', "checkout-1": '{"generation":3}'})

    status = FastAPITuningStatus(live=Live(generation=3))
    await restore(api, CHECKOUT, workload(), status, (), ["checkout-0", "checkout-1"])

    assert api.settings_of_pods() == {}


async def test_a_target_that_is_gone_cannot_be_restored() -> None:
    status = FastAPITuningStatus(original=Settings(replicas=3))
    with pytest.raises(NotFound):
        await restore(FakeApiServer(), CHECKOUT, workload(), status, (), [])


async def test_what_was_given_back_already_is_not_written_again() -> None:
    api = FakeApiServer()
    api.add_deployment(replicas=3)
    status = FastAPITuningStatus(applied=Settings(replicas=5), original=Settings(replicas=3))

    await restore(api, CHECKOUT, workload(desired_replicas=3), status, (), [])

    assert api.changed == []
