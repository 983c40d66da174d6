"""A comparison whose every number is round, changed in what a test is about."""

from typing import Any

import numpy as np

from fastapi_tuning.simulate.autoscalers.static import Static
from fastapi_tuning.simulate.experiments.comparison import Comparison, Swept, Tuned
from fastapi_tuning.simulate.experiments.contenders import Contender, Family
from fastapi_tuning.simulate.experiments.services import CPU_BOUND, Service
from fastapi_tuning.simulate.experiments.trials import Case, Trials
from fastapi_tuning.simulate.oracles import Setting
from fastapi_tuning.simulate.score import Score

ORACLE_THREADS = 80


def trials(name: str, *, cost: float, violations: int = 0, bad_share: float = 0.0, threads: int = 40) -> Trials:
    """The same score with two seeds."""
    score = Score(
        seconds=1000,
        violation_seconds=violations,
        bad_share=bad_share,
        goodput_share=1 - bad_share,
        shed_share=0.0,
        replica_seconds=cost,
        scale_actions=4,
        reversals=1,
    )
    return Trials(contender=name, threads=threads, scores=(score, score))


def tuned(family: Family, found: Trials) -> Tuned:
    contender = Contender(name=found.contender, threads=found.threads, make=lambda: Static(replicas=1))
    return Tuned(
        family=family, contender=contender, trials=found, swept=(Swept(contender=contender, score=found.scores[0]),)
    )


def comparison(service: Service = CPU_BOUND, **changes: Any) -> Comparison:
    """Ours costs 1,000; the HPA does best on requests, at 1,500 and with the oracle's threads 1,250; oracles 1,000."""
    fields: dict[str, Any] = {
        "case": Case(service=service, load="diurnal", curve=lambda seed: np.ones(10)),
        "setting": Setting(replicas=3, threads=ORACLE_THREADS),
        "static": trials("3 pods", cost=1000.0, threads=ORACLE_THREADS),
        "dynamic": trials("dynamic oracle", cost=1000.0, threads=ORACLE_THREADS),
        "ours": trials("ours", cost=1000.0),
        "hpa_with_defaults": trials("HPA as it comes", cost=1200.0, violations=100),
        "with_default_threads": (
            tuned(Family.HPA_CPU, trials("HPA on CPU 50 %", cost=1600.0)),
            tuned(Family.HPA_REQUESTS, trials("HPA on requests per pod 10.0/s", cost=1500.0)),
            tuned(Family.KEDA, trials("KEDA on requests 10.0/s", cost=1400.0)),
        ),
        "with_oracle_threads": (
            tuned(Family.HPA_CPU, trials("HPA on CPU 60 %", cost=1300.0, threads=ORACLE_THREADS)),
            tuned(Family.HPA_REQUESTS, trials("HPA on requests per pod 20.0/s", cost=1250.0, threads=ORACLE_THREADS)),
            tuned(Family.KNATIVE, trials("Knative", cost=1100.0, threads=ORACLE_THREADS)),
        ),
    }
    return Comparison(**{**fields, **changes})
