"""What Kubernetes does with a Deployment: creates, replaces, and ends pods, a second at a time."""

import math
from dataclasses import dataclass

import numpy as np

from fastapi_tuning.simulate.app import AppModel
from fastapi_tuning.simulate.plant import Plant

_MAX_SURGE = 0.25
"""Share of the replicas that a rollout may create on top; none may be missing (maxUnavailable 0)."""


@dataclass(slots=True, kw_only=True)
class PodRecord:
    """A pod as the API server knows it. `number` is the plant's."""

    number: int
    template: int
    created_seconds: float
    ready_at_seconds: float
    ready: bool = False

    @property
    def name(self) -> str:
        return f"pod-{self.number}"


class Deployment:
    """Desired replicas, template and pods. A new template replaces the pods a few at a time."""

    def __init__(
        self,
        plant: Plant,
        app: AppModel,
        rng: np.random.Generator,
        *,
        replicas: int,
        threads: int,
        in_flight_limit: int | None,
        drain_seconds: int,
    ) -> None:
        """The first pods are ready at once."""
        self._plant, self._app, self._rng, self._drain_seconds = plant, app, rng, drain_seconds
        self._ending: dict[int, float] = {}
        self.replicas = replicas
        self.threads = threads
        self.in_flight_limit = in_flight_limit
        self.template = 0
        self.pods: list[PodRecord] = []
        for _ in range(replicas):
            self._create(0.0, startup_seconds=0.0)
        self.tick(0.0)

    @property
    def rollout_in_progress(self) -> bool:
        return any(pod.template != self.template for pod in self.pods)

    @property
    def ready_pods(self) -> list[PodRecord]:
        return [pod for pod in self.pods if pod.ready]

    @property
    def paid_pods(self) -> int:
        """Pods that exist, those included that start or end."""
        return len(self.pods) + len(self._ending)

    def set_threads(self, threads: int, now: float) -> None:
        """Live: in all pods, and in those to come."""
        self.threads = threads
        for pod in self.pods:
            self._plant.set_threads(pod.number, threads, now)

    def set_in_flight_limit(self, limit: int) -> None:
        """Live: in all pods, and in those to come."""
        self.in_flight_limit = limit
        for pod in self.pods:
            self._plant.set_in_flight_limit(pod.number, limit)

    def restart_with_threads(self, threads: int) -> None:
        """A new template: pods with it replace the others."""
        self.threads = threads
        self.template += 1

    def tick(self, now: float) -> None:
        """Pods become ready and end; pods are created and terminated towards what is desired."""
        for pod in self.pods:
            if not pod.ready and pod.ready_at_seconds <= now:
                pod.ready = True
                self._plant.make_ready(pod.number, now)
        self._end_pods(now)
        old = [pod for pod in self.pods if pod.template != self.template]
        room = math.ceil(_MAX_SURGE * self.replicas) if old else 0
        missing = min(self.replicas - (len(self.pods) - len(old)), self.replicas + room - len(self.pods))
        for _ in range(missing):
            self._create(now, startup_seconds=float(self._app.startup.sample(self._rng, 1)[0]))
        for pod in self._superfluous(old):
            self._terminate(pod, now)

    def _superfluous(self, old: list[PodRecord]) -> list[PodRecord]:
        """Those that may go now: the old ones as others are ready in their place, and what is above the desired."""
        new = [pod for pod in self.pods if pod.template == self.template]
        chosen = _by_rank(new)[: max(0, len(new) - self.replicas)]
        spare = len(self.ready_pods) - self.replicas - sum(pod.ready for pod in chosen)
        for pod in _by_rank(old):
            if pod.ready and spare <= 0:
                break
            spare -= pod.ready
            chosen.append(pod)
        return chosen

    def _create(self, now: float, *, startup_seconds: float) -> None:
        number = self._plant.create_pod(now, threads=self.threads, in_flight_limit=self.in_flight_limit)
        self.pods.append(
            PodRecord(
                number=number, template=self.template, created_seconds=now, ready_at_seconds=now + startup_seconds
            )
        )

    def _terminate(self, pod: PodRecord, now: float) -> None:
        self._plant.terminate(pod.number)
        self.pods.remove(pod)
        self._ending[pod.number] = now

    def _end_pods(self, now: float) -> None:
        for number, terminated_seconds in list(self._ending.items()):
            drained = self._plant.pod(number).present == 0
            if drained:
                self._plant.remove(number)
            if drained or now - terminated_seconds >= self._drain_seconds:
                del self._ending[number]


def _by_rank(pods: list[PodRecord]) -> list[PodRecord]:
    """In the order in which a ReplicaSet gives them up: those that are not ready, then the youngest."""
    return sorted(pods, key=lambda pod: (pod.ready, -pod.created_seconds, -pod.number))
