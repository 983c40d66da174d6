"""A profile in a few lines for the terminal: how much ran and waited, and the lines of code that did it."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from fastapi_tuning.api.profile import Place, State
from fastapi_tuning.profile.samples import Sample, Samples, blamed_line

LINES = 10
_TITLES = {State.RUNNING: "On CPU", State.WAITING: "Waiting", State.UNCLEAR: "Running or waiting"}


def top(samples: Samples) -> str:
    """The summary, then for each state the lines of the app's own code that were innermost for longest."""
    parts = [summary(samples)]
    parts += ["\n".join(_table(title, samples.of(state))) for state, title in _TITLES.items() if samples.of(state)]
    return "\n\n".join(parts) + "\n"


def summary(samples: Samples) -> str:
    """What was looked at, at which cost."""
    processes = "1 process" if samples.processes == 1 else f"{samples.processes} processes"
    cost = samples.sampler_cpu_seconds / samples.seconds / samples.processes if samples.seconds else 0.0
    states = ", ".join(
        f"{samples.seconds_of(state):.1f} s {title.lower()}" for state, title in _TITLES.items() if samples.of(state)
    )
    return (
        f"{processes}, {samples.seconds:.1f} s, {samples.looks} samples; "
        f"the sampler took {cost:.1%} of a core in each process\n"
        f"threads: {states or 'none were seen'}; idle ones of pools: {samples.seconds_of(State.IDLE):.1f} s"
    )


def _table(title: str, samples: Sequence[Sample]) -> Iterator[str]:
    seconds: dict[tuple[str, str], float] = defaultdict(float)
    for sample in samples:
        seconds[sample.thread, _text(blamed_line(sample.places))] += sample.seconds
    total = sum(seconds.values())
    yield f"{title}: the app's own line that was innermost"
    worst = sorted(seconds.items(), key=lambda item: (-item[1], item[0]))[:LINES]
    for (thread, line), spent in worst:
        yield f"{spent:8.2f} s  {spent / total if total else 0:6.1%}  {line}  [{thread}]"


def _text(place: Place | None) -> str:
    if place is None:
        return "(no stack)"
    return f"{'/'.join(place.file.split('/')[-3:])}:{place.line} {place.function}" if place.file else place.function
