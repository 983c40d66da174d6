"""Our own law as a scaler: the operator's cycle around `tune`, with the simulated cluster in place of a real one."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from fastapi_tuning.api.spec import FastAPITuningSpec
from fastapi_tuning.api.status import History, Settings
from fastapi_tuning.control.cycle import Outcome, Surroundings, tune
from fastapi_tuning.control.knobs import Knob
from fastapi_tuning.control.ledger import applied_after, history_after
from fastapi_tuning.control.observation import Delivery, LaunchForm, Observation, Traffic, Workload
from fastapi_tuning.simulate.scaler import Command, View

_MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)
_LAUNCH = LaunchForm(server="uvicorn", workers=1, workers_from="default", worker_variables=(), settings=())
_RECENT_SECONDS = 30
"""Two scrape periods."""


class ThreadChange(StrEnum):
    """How a thread count reaches the pods."""

    LIVE = "live"
    """Through the agent, at once."""
    RESTART = "restart"
    """As an environment variable: a rollout."""


@dataclass(slots=True, kw_only=True)
class Tuned:
    """Runs the law on a spec. `outcomes` keeps what each cycle found and decided, by simulated time.

    `observes` and `remembers` stand between the cluster and the law, and between one cycle and the next: an ablation
    hides or forgets there what the part that it takes away would need.
    """

    spec: FastAPITuningSpec
    observes: Callable[[Observation], Observation] = lambda observation: observation
    remembers: Callable[[History], History] = lambda history: history
    thread_change: ThreadChange = ThreadChange.LIVE
    cpu_limit_cores: float | None = None
    outcomes: list[tuple[float, Outcome]] = field(default_factory=list)
    _history: History = field(default_factory=History)
    _applied: Settings = field(default_factory=Settings)

    @property
    def period_seconds(self) -> float:
        return float(self.spec.interval_seconds)

    def __call__(self, view: View) -> Command:
        now = _MIDNIGHT + timedelta(seconds=view.now_seconds)
        observation = self.observes(self._observation(view, now))
        outcome = tune(self.spec, observation, self._history, Surroundings(applied=self._applied))
        moves = outcome.moves
        self.outcomes.append((view.now_seconds, outcome))
        self._applied = applied_after(self._applied, moves)
        restarts = self.thread_change is ThreadChange.RESTART
        self._history = self.remembers(
            history_after(outcome.history, observation, outcome.estimate, moves, outcome.verdicts)
        )
        threads = moves.get(Knob.THREADS)
        return Command(
            replicas=moves.get(Knob.REPLICAS),
            threads=None if restarts else threads,
            in_flight_limit=None if restarts else moves.get(Knob.LIMIT_CONCURRENCY),
            restart_with_threads=threads if restarts else None,
        )

    def _observation(self, view: View, now: datetime) -> Observation:
        scraped, window_seconds = view.scraped, self.spec.metrics.window_seconds
        signals = scraped.signals(
            window_seconds=window_seconds, threshold_seconds=self.spec.objectives.latency.threshold_seconds
        )
        if isinstance(signals, Traffic):
            signals = replace(
                signals,
                pods=tuple(replace(pod, ready_seconds=_ready_seconds(pod.pod, view)) for pod in signals.pods),
                recent_per_second=self._recent_per_second(view),
                shed_per_second=scraped.shed_per_second(window_seconds),
            )
        return Observation(
            time=now,
            workload=Workload(
                uid="simulated",
                template_hash=scraped.template_hash,
                container="app",
                desired_replicas=view.desired_replicas,
                ready_replicas=len(scraped.ready_pods),
                scale_resource_version="",
                rollout_in_progress=scraped.rollout_in_progress,
                launch=_LAUNCH,
                cpu_limit_cores=self.cpu_limit_cores,
                delivery=Delivery.LIVE if self.thread_change is ThreadChange.LIVE else Delivery.ROLLOUT,
            ),
            signals=signals,
        )

    def _recent_per_second(self, view: View) -> float | None:
        threshold_seconds = self.spec.objectives.latency.threshold_seconds
        recent = view.scraped.signals(window_seconds=_RECENT_SECONDS, threshold_seconds=threshold_seconds)
        return recent.requests_per_second if isinstance(recent, Traffic) else None


def _ready_seconds(name: str, view: View) -> float | None:
    """As the API server tells the operator."""
    since = next((pod.ready_since_seconds for pod in view.pods if pod.name == name), None)
    return None if since is None else view.now_seconds - since
