"""The same case in the simulator, with the CPU time that was measured on the real pod."""

from benchmarks.simulator_validation.cases import Case
from benchmarks.simulator_validation.real import LOADED_SECONDS
from fastapi_tuning.simulate.app import NO_TIME, AppModel, Database, Endpoint
from fastapi_tuning.simulate.run import Start
from fastapi_tuning.simulate.service_times import Constant
from fastapi_tuning.simulate.steady import Steady, steady

_AMPLE = 1000
"""The database itself is not the limit; the pod's connections to it are."""


def simulate(case: Case, cpu_seconds_per_request: float, seed: int = 1) -> Steady:
    """What the model says of a case."""
    framework = AppModel(endpoints=(Endpoint(),)).framework_cpu_seconds
    endpoint = Endpoint(
        cpu=Constant(seconds=max(0.0, cpu_seconds_per_request - framework)),
        wait=Constant(seconds=case.wait_seconds) if case.wait_seconds else NO_TIME,
        query=None if case.query_seconds is None else Constant(seconds=case.query_seconds),
    )
    app = AppModel(
        endpoints=(endpoint,),
        database=None if case.query_seconds is None else Database(servers=_AMPLE),
        database_pool=case.connections,
    )
    return steady(
        app,
        requests_per_second=case.loaded_per_second,
        start=Start(replicas=1, threads=case.threads),
        objective_seconds=0.5,
        seconds=LOADED_SECONDS,
        seed=seed,
    )
