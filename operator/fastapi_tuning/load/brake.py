"""When a load does harm enough to be ended at once. Pure."""

from dataclasses import dataclass

LEAST_FINISHED = 50
"""Below this many finished requests a share says little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BadCount:
    """Requests that have finished, and those of them that failed or were late."""

    finished: int = 0
    bad: int = 0

    def with_one_more(self, *, bad: bool) -> "BadCount":
        return BadCount(finished=self.finished + 1, bad=self.bad + int(bad))


@dataclass(frozen=True, slots=True, kw_only=True)
class Brake:
    """Bounds on bad requests: their share (0 to 1) of the finished ones, and their number."""

    most_bad_share: float
    most_bad: int

    def stops(self, count: BadCount) -> bool:
        """Whether one of the bounds is exceeded; the share counts from 50 finished requests on."""
        telling = count.finished >= LEAST_FINISHED
        return count.bad > self.most_bad or (telling and count.bad > self.most_bad_share * count.finished)
