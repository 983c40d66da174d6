"""Whether a pod of one worker fits what a pod of several has: exact numbers, and no move that ends badly."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.resources import WorkerResources
from fastapi_tuning.control.cycle import tune
from fastapi_tuning.control.knobs import Knob
from fastapi_tuning.control.ledger import resources_before
from fastapi_tuning.control.memory import remember_worker_pods
from fastapi_tuning.control.observation import Reservation, Workload
from fastapi_tuning.control.one_process import Fit, Need, divided_resources, fit_of, need_of_one, process_bytes
from tests.unit.control.builders import (
    NO_DATA,
    history,
    launch,
    observation,
    pod_traffic,
    proposal,
    spec,
    surroundings,
    traffic,
    workload,
)

KEEP, DIVIDE = WorkerResources.KEEP, WorkerResources.DIVIDE
MIB = 2**20
FOUR = launch(workers=4, workers_from="argument --workers 4")
CPU = Reservation(kind="requests", resource="cpu", quantity="2", amount=2.0)
MEMORY = Reservation(kind="requests", resource="memory", quantity="1Gi", amount=1024.0 * MIB)
CPU_LIMIT = Reservation(kind="limits", resource="cpu", quantity="4", amount=4.0)
MEMORY_LIMIT = Reservation(kind="limits", resource="memory", quantity="1Gi", amount=1024.0 * MIB)
ALL = (CPU, MEMORY, CPU_LIMIT, MEMORY_LIMIT)


def target(*resources: Reservation) -> Workload:
    return workload(launch=FOUR, desired_replicas=2, resources=resources)


def need(mib: float | None = 100.0, cores: float | None = 0.2) -> Need:
    return Need(cores=cores, memory_bytes=None if mib is None else mib * MIB)


def fit(
    *resources: Reservation, needed: Need | None = None, wish: WorkerResources = DIVIDE, permitted: bool = True
) -> Fit:
    return fit_of(target(*resources), needed or need(), wish, permitted=permitted)


def written(found: Fit) -> list[str]:
    return [each.told for each in found.divided]


def test_the_agent_s_sum_is_shared_among_the_workers_and_a_library_tells_of_one() -> None:
    summed = pod_traffic(resident_bytes=400.0 * MIB, cpu_cores=0.8, sums_workers=True)
    single = pod_traffic(pod="pod-1", resident_bytes=80.0 * MIB, cpu_cores=0.16)
    found = need_of_one(target(), traffic(pods=(summed, single)))

    assert found.memory_bytes == pytest.approx(100 / 0.8 * MIB)
    assert found.cores == pytest.approx(0.2 / 0.8)
    assert process_bytes(target(), traffic(pods=(summed,))) == 100 * MIB


def test_the_largest_process_counts_and_one_that_was_larger_before_the_load_was_spread() -> None:
    pods = (pod_traffic(resident_bytes=60.0 * MIB), pod_traffic(pod="pod-1", resident_bytes=80.0 * MIB))
    assert need_of_one(target(), traffic(pods=pods)).memory_bytes == pytest.approx(100 * MIB)
    assert need_of_one(target(), traffic(pods=pods), 160 * MIB).memory_bytes == pytest.approx(200 * MIB)


def test_what_nobody_measures_is_not_known() -> None:
    blind = pod_traffic(cpu_cores=None)
    assert need_of_one(target(), traffic(pods=(blind,))) == Need(cores=None, memory_bytes=None)
    assert need_of_one(target(), NO_DATA) == Need(cores=None, memory_bytes=None)
    assert process_bytes(target(), NO_DATA) is None


def test_what_is_kept_is_told_with_numbers() -> None:
    found = fit(*ALL, wish=KEEP)

    assert (found.hold, found.divided) == (None, ())
    assert found.told == (
        "4 pods for each of now reserve 4 × requests.cpu 2 = 8.00 cores and 4 × requests.memory 1Gi = 4096 MiB; "
        "requests.cpu 2: one process computes on 1 core, 1.00 are in vain; "
        "limits.cpu 4: one process computes on 1 core, 3.00 are in vain; "
        "one process needs 100 MiB with a fifth free"
    )
    assert fit(wish=KEEP, needed=need(None)).told == "4 pods for each of now reserve nothing by requests"


@pytest.mark.parametrize("wish", WorkerResources)
def test_a_process_that_the_memory_limit_has_no_room_for_stays_with_the_others(wish: WorkerResources) -> None:
    found = fit(*ALL, needed=need(1025), wish=wish)

    assert found.hold is not None
    assert found.hold.reason is Reason.PROCESS_DOES_NOT_FIT
    assert found.hold.message == "one process needs 1025 MiB with a fifth free; limits.memory is 1024 MiB"
    assert fit(*ALL, needed=need(1024), wish=wish).hold is None


def test_each_pod_gets_its_share() -> None:
    found = fit(*ALL)

    assert written(found) == ["requests.cpu 500m", "requests.memory 256Mi", "limits.cpu 1000m", "limits.memory 256Mi"]
    assert found.told == f"divided, each pod has {', '.join(written(found))}"


def test_no_share_is_below_what_one_process_needs() -> None:
    found = fit(*ALL, needed=need(300.5, cores=0.601))

    assert written(found) == ["requests.cpu 610m", "requests.memory 301Mi", "limits.cpu 1000m", "limits.memory 301Mi"]


def test_nothing_grows() -> None:
    small = replace(MEMORY, quantity="64Mi", amount=64.0 * MIB)
    tiny = replace(CPU, quantity="5m", amount=0.005)

    assert written(fit(tiny, small, MEMORY_LIMIT)) == ["requests.cpu 5m", "requests.memory 64Mi", "limits.memory 256Mi"]


def test_what_nobody_reserves_is_not_divided() -> None:
    assert fit() == Fit(hold=None, divided=(), told=fit(wish=KEEP).told)


def test_memory_is_not_divided_blindly_and_cpu_alone_may_be() -> None:
    found = fit(*ALL, needed=need(None))
    assert found.hold is not None
    assert found.hold.reason is Reason.PROCESS_NOT_MEASURED
    assert written(fit(CPU, needed=need(None, None))) == ["requests.cpu 500m"]


def test_what_the_operator_may_not_change_is_said_before_anything_is_moved() -> None:
    found = fit(*ALL, permitted=False)
    assert found.hold is not None
    assert found.hold.reason is Reason.RESOURCES_NOT_PERMITTED
    assert fit(*ALL, permitted=False, wish=KEEP).hold is None


def test_what_git_states_is_git_s() -> None:
    found = fit(replace(CPU, owner="argocd-controller (Apply)"))
    assert found.hold is not None
    assert found.hold.reason is Reason.FIELD_CONFLICT
    assert found.hold.message == "requests.cpu 2 is owned by argocd-controller (Apply)"


amounts = st.floats(0.001, 64)


@given(amounts, amounts, st.integers(2, 32), amounts)
def test_requests_stay_within_limits_and_shares_between_need_and_what_there_was(
    one: float, other: float, workers: int, needed: float
) -> None:
    least, most = sorted((one, other))
    pair = (replace(CPU, quantity=f"{least}", amount=least), replace(CPU_LIMIT, quantity=f"{most}", amount=most))

    request, limit = (_cores(each.quantity) for each in divided_resources(pair, workers, need(cores=needed)))

    assert request <= limit + 1e-9
    for share, amount in ((request, least), (limit, most)):
        assert min(amount, max(amount / workers, needed)) - 1e-6 <= share <= amount


def _cores(quantity: str) -> float:
    return int(quantity[:-1]) / 1000 if quantity.endswith("m") else float(quantity)


ENFORCE = spec(workers={"mode": "Enforce", "resources": "Divide"})
LARGE = pod_traffic(resident_bytes=900.0 * MIB)


def test_no_pod_is_added_for_workers_that_must_stay_and_the_others_go_on() -> None:
    seen = observation(workload=target(*ALL), signals=traffic(pods=(LARGE, LARGE)))

    outcome = tune(ENFORCE, seen, history(), surroundings(divides_resources=True))

    assert Knob.WORKERS not in outcome.moves
    assert outcome.history.pods_for_one_worker is None
    held = next(each for each in outcome.verdicts if each.proposal.knob is Knob.WORKERS)
    assert [each.reason for each in held.guards] == [Reason.PROCESS_DOES_NOT_FIT]
    assert any(each.proposal.knob is Knob.REPLICAS for each in outcome.verdicts)


def test_the_shares_go_with_the_workers_and_the_largest_process_of_the_way_counts() -> None:
    loaded = pod_traffic(resident_bytes=400.0 * MIB)
    first = tune(
        ENFORCE,
        observation(workload=target(*ALL), signals=traffic(pods=(loaded, loaded))),
        history(),
        surroundings(divides_resources=True),
    )
    assert first.moves[Knob.REPLICAS] > 2
    assert first.history.worker_bytes == 400 * MIB

    idle = pod_traffic(resident_bytes=50.0 * MIB)
    ready = workload(launch=FOUR, desired_replicas=8, resources=ALL)
    then = tune(
        ENFORCE,
        observation(workload=ready, signals=traffic(pods=(idle, idle), scraped_pods=8)),
        first.history,
        surroundings(divides_resources=True),
    )
    assert then.moves == {Knob.WORKERS: 1}
    assert [each.told for each in then.resources][1] == "requests.memory 500Mi"


def test_the_memory_of_the_way_is_forgotten_with_it() -> None:
    past = history(pods_for_one_worker=8, worker_bytes=5)
    assert remember_worker_pods(past, workload(), ()).worker_bytes is None
    assert remember_worker_pods(past, target(), (proposal(),), 3).worker_bytes == 5
    assert remember_worker_pods(past, target(), (), 9).worker_bytes == 5


def test_what_the_container_had_is_written_down_once() -> None:
    divided = fit(*ALL).divided
    had = resources_before((), target(*ALL), divided, {Knob.WORKERS: 1})

    assert [each.told for each in had] == [each.told for each in ALL]
    assert resources_before(had, target(CPU), divided, {Knob.WORKERS: 1}) == had
    assert resources_before((), target(*ALL), divided, {}) == ()
    assert resources_before((), target(*ALL), (), {Knob.WORKERS: 1}) == ()
