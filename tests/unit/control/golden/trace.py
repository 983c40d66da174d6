"""Golden traces: scenario in, decisions out.

A scenario file names the spec, the pods and the load; its `trace` is what the law saw and decided, a line for each
cycle in which something moved or the rule that had the last word changed. After a deliberate change of the law, write
the traces anew and read every line that changed:

    python -m tests.unit.control.golden.trace
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from fastapi_tuning.api.spec import FastAPITuningSpec, Mode
from fastapi_tuning.control.cycle import Outcome
from fastapi_tuning.control.guards.verdict import Verdict
from fastapi_tuning.control.knobs import Knob
from fastapi_tuning.control.observation import Delivery, Observation, Traffic
from tests.unit.control.golden.plant import CYCLE_SECONDS, Plant

SCENARIOS = Path(__file__).parent / "scenarios"
_TOLD = (Knob.REPLICAS, Knob.THREADS, Knob.LIMIT_CONCURRENCY)


def replay(scenario: dict[str, Any]) -> list[str]:
    """The trace of a scenario."""
    plant = _plant(scenario)
    lines: list[str] = []
    before: tuple[str, ...] = ()
    for stretch in scenario["load"]:
        plant.template = stretch.get("template", plant.template)
        plant.downstream_per_second = stretch.get("downstream_per_second", plant.downstream_per_second)
        for offered in _offered(stretch):
            seen, outcome = plant.cycle(offered)
            said = tuple(_last_word(verdict) for verdict in outcome.verdicts if verdict.proposal.knob in _TOLD)
            if outcome.moves or said != before or not lines:
                lines.append(_line(seen, outcome))
            before = said
    return lines


def _plant(scenario: dict[str, Any]) -> Plant:
    spec = FastAPITuningSpec.model_validate({"targetRef": {"name": "golden"}, "mode": Mode.AUTO, **scenario["spec"]})
    pods = dict(scenario.get("pods", {}))
    return Plant(spec=spec, delivery=Delivery(pods.pop("delivery", Delivery.LIVE)), **pods)


def _offered(stretch: dict[str, Any]) -> Iterator[float | str]:
    """A stretch is `seconds` long: `rate` requests/s throughout, or rising in a line up to `to`; or `lost`.

    From its beginning on pods may have another `template`, or what is behind them serve another
    `downstream_per_second`.
    """
    cycles = stretch["seconds"] // CYCLE_SECONDS
    for cycle in range(cycles):
        if "lost" in stretch:
            yield stretch["lost"]
        else:
            share = cycle / cycles
            yield stretch["rate"] + share * (stretch.get("to", stretch["rate"]) - stretch["rate"])


def _line(seen: Observation, outcome: Outcome) -> str:
    at = seen.time
    workload, signals = seen.workload, seen.signals
    pods = f"{workload.ready_replicas}/{workload.desired_replicas} pods"
    if isinstance(signals, Traffic) and outcome.estimate is not None:
        found = outcome.estimate
        load = f"{found.offered_per_second:.0f}/s offered, {found.bad_ratio:.0%} late"
    else:
        load = type(signals).__name__
    words = [_told(verdict) for verdict in outcome.verdicts if verdict.proposal.knob in _TOLD]
    return f"{at:%H:%M:%S} {pods}, {load} | " + (" | ".join(words) or "nothing") + f" | {outcome.diagnosis.factor}"


def _told(verdict: Verdict) -> str:
    proposal = verdict.proposal
    current = "?" if proposal.current is None else str(proposal.current)
    moved = "stays" if verdict.value is None else f"→ {verdict.value}"
    guards = ", ".join(guard.reason for guard in verdict.guards)
    return f"{proposal.knob} {current} {moved} ({proposal.reason}{'; ' + guards if guards else ''})"


def _last_word(verdict: Verdict) -> str:
    guard = verdict.guards[-1].reason if verdict.guards else ""
    return f"{verdict.proposal.knob} {verdict.proposal.reason} {guard}"


def scenarios() -> dict[str, dict[str, Any]]:
    """By file name."""
    return {path.name: yaml.safe_load(path.read_text()) for path in sorted(SCENARIOS.glob("*.yaml"))}


def write() -> None:
    """Write every trace anew; what stands above it in the file stays as it is, comments included."""
    for path in sorted(SCENARIOS.glob("*.yaml")):
        given, _, _ = path.read_text().partition("trace:\n")
        trace = replay(yaml.safe_load(given))
        path.write_text(given + "trace:\n" + "".join(f'  - "{line}"\n' for line in trace))


if __name__ == "__main__":
    write()
