"""Our law with parts taken away: what is each of them worth?

Knobs are taken away by their mode in the spec. Feedback and downstream test are taken away by amnesia: what they
need to remember from one cycle to the next is forgotten. The feed-forward is taken away by blindness: without the CPU
and the threads of a pod no capacity can be estimated, and only a missed objective moves anything.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from fastapi_tuning.api.spec import Mode
from fastapi_tuning.api.status import Growth, History
from fastapi_tuning.control.observation import Observation, PodTraffic, Traffic
from fastapi_tuning.simulate.experiments.comparison import Comparison
from fastapi_tuning.simulate.experiments.contenders import DEFAULT_THREADS, Contender
from fastapi_tuning.simulate.experiments.ours import ours, spec
from fastapi_tuning.simulate.experiments.services import Service
from fastapi_tuning.simulate.experiments.trials import Trials, trials
from fastapi_tuning.simulate.tuned import Tuned


@dataclass(frozen=True, slots=True, kw_only=True)
class Ablation:
    """A case with parts of our law taken away; the whole law comes first."""

    case: str
    variants: tuple[Trials, ...]


def ablate(comparison: Comparison) -> Ablation:
    """Every variant on the case, from the replicas of its static oracle on."""
    replicas = comparison.setting.replicas
    contenders = (ours(comparison.case.service), *_variants(comparison.case.service))
    variants = tuple(trials(comparison.case, each, replicas=replicas) for each in contenders)
    return Ablation(case=comparison.case.name, variants=variants)


def _variants(service: Service) -> Iterable[Contender]:
    whole = spec(service)
    yield _variant("threads only", Tuned(spec=spec(service, replicas=Mode.OFF, limits=Mode.OFF)))
    yield _variant("replicas only", Tuned(spec=spec(service, threads=Mode.OFF, limits=Mode.OFF)))
    yield _variant("limit only", Tuned(spec=spec(service, replicas=Mode.OFF, threads=Mode.OFF)))
    yield _variant("no feed-forward", Tuned(spec=whole, observes=without_capacity))
    yield _variant("no feedback", Tuned(spec=whole, remembers=without_feedback))
    yield ours_without_downstream_test(service)


def ours_without_downstream_test(service: Service) -> Contender:
    """Ours, which never finds out that more brought no more."""
    return _variant("no downstream test", Tuned(spec=spec(service), remembers=without_experiments))


def _variant(name: str, law: Tuned) -> Contender:
    return Contender(name=name, threads=DEFAULT_THREADS, make=lambda: replace(law, outcomes=[]))


def without_capacity(observation: Observation) -> Observation:
    """The same traffic, from pods that export neither CPU nor threads."""
    if not isinstance(observation.signals, Traffic):
        return observation
    pods = tuple(_blind(pod) for pod in observation.signals.pods)
    return replace(observation, signals=replace(observation.signals, pods=pods))


def without_feedback(history: History) -> History:
    """The same history, without the trim on the feed-forward."""
    return history.model_copy(update={"learned": history.learned.model_copy(update={"feedback": "0"})})


def without_experiments(history: History) -> History:
    """The same history, without the steps up that are on trial and what came of earlier ones."""
    return history.model_copy(update={"replica_growth": Growth(), "thread_growth": Growth()})


def _blind(pod: PodTraffic) -> PodTraffic:
    return replace(
        pod,
        cpu_cores=None,
        threads=None,
        threads_busy=None,
        threads_waiting=None,
        thread_seconds_per_request=None,
    )
