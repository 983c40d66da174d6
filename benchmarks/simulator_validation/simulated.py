"""The same case in the simulator: the arrivals of the load generator, the work that was measured on the quiet pod."""

import random

import numpy as np

from benchmarks.simulator_validation.cases import Case
from benchmarks.simulator_validation.real import QUIET_SECONDS, SEED, SETTLING_SECONDS, Measured, profile_of
from fastapi_tuning.load.arrivals import arrivals
from fastapi_tuning.load.profile import parse_profile
from fastapi_tuning.simulate.app import NO_TIME, AppModel, Database, Endpoint
from fastapi_tuning.simulate.run import Start
from fastapi_tuning.simulate.service_times import Constant
from fastapi_tuning.simulate.steady import Steady, steady_with

_TOKENS = 2
"""A `def` endpoint takes a thread to run, and one to have its declared answer checked."""
_AMPLE = 1000
"""The database itself is not the limit; the pod's connections to it are."""


def simulate(case: Case, real: Measured) -> Steady:
    """What the model says of a case whose requests cost, alone, what the real ones did."""
    framework = AppModel(endpoints=(Endpoint(),)).framework_cpu_seconds
    # Probes and scrapes are in the pod's CPU time too; a request computes no longer than it takes.
    cpu_seconds = min(real.cpu_seconds_per_request, real.quiet_p50_seconds)
    waits = Constant(seconds=real.quiet_p50_seconds - cpu_seconds)
    endpoint = Endpoint(
        tokens=_TOKENS,
        cpu=Constant(seconds=max(0.0, cpu_seconds - framework)),
        wait=waits if case.waits else NO_TIME,
        query=waits if case.queries else None,
    )
    app = AppModel(
        endpoints=(endpoint,),
        database=Database(servers=_AMPLE) if case.queries else None,
        database_pool=case.connections,
    )
    profile = parse_profile(profile_of(case))
    return steady_with(
        app,
        times=np.array([each.at_seconds for each in arrivals(profile, random.Random(SEED))]),
        start=Start(replicas=1, threads=case.threads),
        objective_seconds=0.5,
        begin=QUIET_SECONDS + SETTLING_SECONDS,
        end=int(profile.duration_seconds),
    )
