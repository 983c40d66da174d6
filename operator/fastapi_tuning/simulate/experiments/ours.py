"""Our law as a contender, whole or with a part taken away."""

from fastapi_tuning.api.spec import FastAPITuningSpec, Mode
from fastapi_tuning.simulate.experiments.contenders import DEFAULT_THREADS, Contender
from fastapi_tuning.simulate.experiments.services import Service
from fastapi_tuning.simulate.experiments.trials import BOUNDS
from fastapi_tuning.simulate.tuned import Tuned


def ours(service: Service) -> Contender:
    """Every knob on Auto, defaults otherwise."""
    return Contender(name="ours", threads=DEFAULT_THREADS, make=lambda: Tuned(spec=spec(service)))


def spec(
    service: Service, *, replicas: Mode = Mode.AUTO, threads: Mode = Mode.AUTO, limits: Mode = Mode.AUTO
) -> FastAPITuningSpec:
    """The object that a user of the service would write, with the modes of its knobs."""
    return FastAPITuningSpec.model_validate(
        {
            "target_ref": {"name": "service"},
            "mode": Mode.AUTO,
            "objectives": {"latency": {"threshold_milliseconds": round(1000 * service.objective_seconds)}},
            "replicas": {"mode": replicas, "min": BOUNDS.least, "max": BOUNDS.most},
            "thread_pool": {"mode": threads},
            "uvicorn": {"limit_concurrency": {"mode": limits}},
        }
    )
