"""What is believed to be ours: read from the target itself, and void with another workload of the same name."""

from typing import Any

from fastapi_tuning.api.status import Settings
from fastapi_tuning.observe.ownership import own_variables, settings_in
from tests.unit.fakes.world import CHECKOUT, KEEP_ALIVE, World, of_two_pods, tuning
from tests.unit.observe.test_ownership import entry

RESTORING: dict[str, Any] = {"onDelete": "Restore"}
OURS = "fastapi-tuning-operator"


def recreate(of: World, *, replicas: int) -> None:
    """Deleted, and created anew under the same name."""
    del of.api.deployments[CHECKOUT]
    of.api.pods["shop"] = []
    of.api.owners.clear()
    of.api.add_deployment(replicas=replicas)["metadata"]["uid"] = "another"


async def test_a_successor_of_the_target_is_not_given_what_the_old_one_had() -> None:
    shop = of_two_pods()
    await shop.cycle(tuning(**RESTORING))
    assert shop.status().original.replicas == 2
    recreate(shop, replicas=7)
    await shop.reconciler.let_go(tuning(**RESTORING))

    assert shop.replicas() == 7


async def test_the_target_itself_is() -> None:
    shop = of_two_pods()
    await shop.cycle(tuning(**RESTORING))
    assert shop.replicas() == 4
    await shop.reconciler.let_go(tuning(**RESTORING))

    assert shop.replicas() == 2


async def test_a_successor_is_observed_afresh() -> None:
    shop = of_two_pods()
    await shop.cycle(tuning())
    recreate(shop, replicas=4)
    await shop.cycle(tuning(), after_seconds=15)

    status = shop.status()
    assert status.target_uid == "another"
    assert status.applied.replicas is None
    assert status.original.replicas is None
    assert status.history.last_scale_up_time is None


async def test_variables_that_somebody_took_away_are_not_believed_to_be_there() -> None:
    shop = of_two_pods()
    wish: dict[str, Any] = {"uvicorn": KEEP_ALIVE, "replicas": {"mode": "Off"}}
    await shop.cycle(tuning(**wish))
    assert shop.status().applied.timeout_keep_alive_seconds == 30
    (container,) = shop.api.deployments[CHECKOUT]["spec"]["template"]["spec"]["containers"]
    container["env"] = []
    shop.api.owners.clear()
    shop.load.reachable = False
    await shop.cycle(tuning(**wish), after_seconds=60)

    assert shop.status().applied.timeout_keep_alive_seconds is None


async def test_they_are_set_again() -> None:
    shop = of_two_pods()
    wish: dict[str, Any] = {"uvicorn": KEEP_ALIVE, "replicas": {"mode": "Off"}}
    await shop.cycle(tuning(**wish))
    (container,) = shop.api.deployments[CHECKOUT]["spec"]["template"]["spec"]["containers"]
    container["env"] = []
    shop.api.owners.clear()
    await shop.cycle(tuning(**wish), after_seconds=3600)

    assert shop.api.environment() == {"UVICORN_TIMEOUT_KEEP_ALIVE": "30"}


def test_only_literal_entries_that_we_set_are_ours() -> None:
    container = {
        "name": "app",
        "env": [
            {"name": "UVICORN_LIMIT_CONCURRENCY", "value": "80"},
            {"name": "UVICORN_TIMEOUT_KEEP_ALIVE", "value": "7"},
            {"name": "WEB_CONCURRENCY", "valueFrom": {}},
        ],
    }
    fields = [entry(OURS, "app", "UVICORN_LIMIT_CONCURRENCY", "WEB_CONCURRENCY", "UVICORN_WORKERS")]

    assert own_variables(fields, container) == {"UVICORN_LIMIT_CONCURRENCY": "80"}


def test_variables_are_settings() -> None:
    variables = {"FASTAPI_TUNING_THREAD_POOL_SIZE": "60", "UVICORN_LIMIT_CONCURRENCY": "many", "WEB_CONCURRENCY": "1"}

    assert settings_in(variables) == Settings(threads=60, workers=1)
