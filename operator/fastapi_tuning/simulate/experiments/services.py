"""The services of the experiments: what is asked of them, and what binds their pods."""

from dataclasses import dataclass, replace

from fastapi_tuning.simulate.app import AppModel, Database, Endpoint
from fastapi_tuning.simulate.service_times import Constant, Exponential, Lognormal, Pareto, ServiceTime


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service, its objective (99 % within `objective_seconds`), and the load at its busiest.

    Requests are long, so that few of them (and little time to simulate) fill many pods. Pods request the one core that
    an interpreter can use, so that the HPA's CPU targets span what is useful.
    """

    name: str
    app: AppModel
    objective_seconds: float
    peak_per_second: float


WAITING = Endpoint(cpu=Exponential(mean_seconds=0.036), wait=Lognormal(median_seconds=3.88, sigma=0.25))
"""`def`, asks another service that takes four seconds: 40 threads carry less than 40 % of what the core could."""
COMPUTING = Endpoint(cpu=Lognormal(median_seconds=0.053, sigma=0.5))
"""`def`, pure Python, 60 ms on average."""
LIGHT = Endpoint(weight=0.7, cpu=Exponential(mean_seconds=0.008), wait=Lognormal(median_seconds=0.39, sigma=0.25))
"""`def`, a short wait and little to compute."""
QUERYING = Endpoint(cpu=Exponential(mean_seconds=0.005), query=Lognormal(median_seconds=0.185, sigma=0.4))
"""`def`, one query of 200 ms."""

IO_BOUND = Service(
    name="I/O-bound",
    app=AppModel(endpoints=(WAITING,), cpu_request_cores=1.0),
    objective_seconds=12.0,
    peak_per_second=120.0,
)
CPU_BOUND = Service(
    name="CPU-bound",
    app=AppModel(endpoints=(COMPUTING,), cpu_request_cores=1.0),
    objective_seconds=1.2,
    peak_per_second=70.0,
)
MIXED = Service(
    name="mixed",
    app=AppModel(endpoints=(LIGHT, replace(COMPUTING, weight=0.3)), cpu_request_cores=1.0),
    objective_seconds=1.5,
    peak_per_second=110.0,
)
DATABASE_BOUND = Service(
    name="database-bound",
    app=AppModel(
        endpoints=(QUERYING,),
        database=Database(servers=20, contention=0.05),
        database_pool=40,
        cpu_request_cores=1.0,
    ),
    objective_seconds=1.0,
    peak_per_second=130.0,
)
"""The database serves 100 queries a second, however many pods ask, and fewer while many wait. A thread never waits for
a connection of its pod, so that one pod meets the database's limit already."""
SHORT_OF_CONNECTIONS = replace(
    DATABASE_BOUND,
    name="database-bound, 15 connections a pod",
    app=replace(DATABASE_BOUND.app, database_pool=15),
)
"""The same with SQLAlchemy's default pool: one pod serves 75/s, two serve 98, and a third one brings nothing."""


def slower(app: AppModel, factor: float) -> AppModel:
    """The same service, computing and waiting longer in every endpoint: a worse version of it."""
    return replace(app, endpoints=tuple(_stretched(endpoint, factor) for endpoint in app.endpoints))


def heavier_endpoint(app: AppModel, factor: float) -> AppModel:
    """The same service, its last endpoint computing and waiting longer: its requests ask for more than before."""
    return replace(app, endpoints=(*app.endpoints[:-1], _stretched(app.endpoints[-1], factor)))


def _stretched(endpoint: Endpoint, factor: float) -> Endpoint:
    return replace(endpoint, cpu=_longer(endpoint.cpu, factor), wait=_longer(endpoint.wait, factor))


def _longer(time: ServiceTime, factor: float) -> ServiceTime:
    match time:
        case Constant(seconds=seconds):
            return Constant(seconds=factor * seconds)
        case Exponential(mean_seconds=mean):
            return Exponential(mean_seconds=factor * mean)
        case Lognormal(median_seconds=median, sigma=sigma):
            return Lognormal(median_seconds=factor * median, sigma=sigma)
        case Pareto(least_seconds=least, alpha=alpha):
            return Pareto(least_seconds=factor * least, alpha=alpha)
