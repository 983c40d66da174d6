"""All samples of a pod in one form: merged over its processes, and weighed by the kernel's clocks."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from fastapi_tuning.api.profile import Place, Profile, State, printable


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Seconds that a thread spent in a state at a stack; the outermost place first."""

    thread: str
    """Threads of a pool have one name: that of the pool."""
    state: State
    seconds: float
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """`seconds` is the time looked at, the longest of the processes; CPU of the sampler is summed over them."""

    seconds: float
    processes: int
    looks: int
    sampler_cpu_seconds: float
    samples: tuple[Sample, ...]

    def of(self, *states: State) -> tuple[Sample, ...]:
        return tuple(sample for sample in self.samples if sample.state in states)

    def seconds_of(self, state: State) -> float:
        return sum(sample.seconds for sample in self.of(state))


UNSEEN = Place("", "(ran between two samples)", 0, 0)


def samples_of(profiles: Sequence[Profile]) -> Samples:
    """One process or more; the same stack of the same pool of threads is one sample."""
    merged: dict[tuple[str, State, tuple[Place, ...]], float] = defaultdict(float)
    for sample in (sample for profile in profiles for sample in _weighed(profile)):
        merged[sample.thread, sample.state, sample.places] += sample.seconds
    return Samples(
        seconds=max((profile.seconds for profile in profiles), default=0.0),
        processes=len(profiles),
        looks=sum(profile.samples for profile in profiles),
        sampler_cpu_seconds=sum(profile.sampler_cpu_seconds for profile in profiles),
        samples=tuple(
            Sample(thread=thread, state=state, seconds=seconds, places=places)
            for (thread, state, places), seconds in merged.items()
        ),
    )


def _weighed(profile: Profile) -> Iterator[Sample]:
    """Places are known from samples, amounts of CPU better from the kernel's clock: see `_by_clock`."""
    places = [_shown(place) for place in profile.places]
    by_thread: dict[int, list[Sample]] = defaultdict(list)
    for thread, state, seconds, stack in profile.stacks:
        name = pool_name(profile.threads[thread].name)
        found = tuple(places[index] for index in stack)
        by_thread[thread].append(Sample(thread=name, state=state, seconds=seconds, places=found))
    for thread, samples in by_thread.items():
        cpu_seconds = profile.threads[thread].cpu_seconds
        yield from samples if cpu_seconds is None else _by_clock(samples, cpu_seconds)


def _by_clock(samples: Sequence[Sample], cpu_seconds: float) -> Iterator[Sample]:
    """One thread's samples, with Running stretched or shrunk to the CPU time that it had, and Waiting to the rest.

    A sample waits for the interpreter's lock, and short runs end meanwhile, so running is seen too seldom. Of a thread
    that was never met running, the CPU time has no place; nor is a pool thread's idleness touched.
    """
    seen_running = sum(sample.seconds for sample in samples if sample.state is State.RUNNING)
    seen_waiting = sum(sample.seconds for sample in samples if sample.state is State.WAITING)
    running = min(cpu_seconds, seen_running + seen_waiting) if seen_waiting else seen_running
    factors = dict.fromkeys(State, 1.0)
    if seen_running:
        factors[State.RUNNING] = running / seen_running
    elif running:
        yield Sample(thread=samples[0].thread, state=State.RUNNING, seconds=running, places=(UNSEEN,))
    if seen_waiting:
        factors[State.WAITING] = (seen_running + seen_waiting - running) / seen_waiting
    for sample in samples:
        yield replace(sample, seconds=sample.seconds * factors[sample.state])


def _shown(place: Place) -> Place:
    return place._replace(file=printable(place.file), function=printable(place.function))


def pool_name(thread: str) -> str:
    """Name without the number that a pool gives each of its threads: `asyncio_3` is of `asyncio`."""
    return printable(re.sub(r"[-_ ]\d+( \(.*\))?$", r"\1", thread)) or "thread"


def is_own_code(place: Place) -> bool:
    """Whether the file is of the app: neither Python's library nor an installed package or script, as paths tell."""
    return place.file.endswith(".py") and not _LIBRARY.search(place.file)


_LIBRARY = re.compile(r"[\\/](site|dist)-packages[\\/]|[\\/]lib[\\/]python\d|[\\/]fastapi_tuning_agent[\\/]")


def blamed_line(places: Iterable[Place]) -> Place | None:
    """The innermost line of the app's own code, or else the innermost of all; None of an empty stack."""
    innermost = None
    for place in reversed(tuple(places)):
        innermost = innermost or place
        if is_own_code(place):
            return place
    return innermost
