"""Thread-seconds and request-seconds of a pod, summed up at each change: exact, not sampled. Compiled."""

from fastapi_tuning.simulate.arrays import World
from fastapi_tuning.simulate.queues import inlined


@inlined
def change_busy(world: World, now: float, pod: int, change: int) -> None:
    """That many threads more (or fewer) are busy from now on."""
    here = world.pods[pod]
    here.thread_seconds += here.busy * (now - here.busy_since)
    here.busy_since = now
    here.busy += change


@inlined
def change_present(world: World, now: float, pod: int, change: int) -> None:
    """That many requests more (or fewer) are in the pod from now on."""
    here = world.pods[pod]
    here.present_seconds += here.present * (now - here.present_since)
    here.present_since = now
    here.present += change
