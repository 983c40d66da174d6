"""How many pods exist beside the replicas while a Deployment replaces its pods. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PodCount:
    """`maxSurge` or `maxUnavailable`: a number of pods, or a percentage of the replicas."""

    pods: int = 0
    percent: int = 0

    def rounded_up(self, replicas: int) -> int:
        return self.pods - self.percent * replicas // -100

    def rounded_down(self, replicas: int) -> int:
        return self.pods + self.percent * replicas // 100


@dataclass(frozen=True, slots=True, kw_only=True)
class RollingUpdate:
    """The strategy as the Deployment controller reads it: a surge is rounded up, what may be missing down.

    Source: Kubernetes, pkg/controller/deployment/util, ResolveFenceposts; 25 % each is the API's default.
    """

    max_surge: PodCount = PodCount(percent=25)
    max_unavailable: PodCount = PodCount(percent=25)

    def surge(self, replicas: int) -> int:
        """Pods beyond the replicas."""
        return self.max_surge.rounded_up(replicas)

    def turnover(self, replicas: int) -> int:
        """Old pods that end at a time, beside the replicas and the surge; the controller counts them no more.

        As many new ones are started at once, and the next batch ends when these are ready: there are never more, if
        a pod ends faster than one gets ready.
        """
        return max(1, self.surge(replicas) + self.max_unavailable.rounded_down(replicas))
