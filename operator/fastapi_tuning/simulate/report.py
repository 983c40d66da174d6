"""Results → Markdown."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from fastapi_tuning.simulate.experiments.ablations import Ablation
from fastapi_tuning.simulate.experiments.comparison import Comparison, Tuned, best_hpa
from fastapi_tuning.simulate.experiments.disturbances import AT_SECONDS, DatabaseResponse, Response
from fastapi_tuning.simulate.experiments.everything import Findings
from fastapi_tuning.simulate.experiments.goals import GoalResult, Verdict, judge
from fastapi_tuning.simulate.experiments.trials import RUN_SECONDS, SEEDS, WARM_UP_SECONDS, Trials


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """When, with what, and how long."""

    date: str
    versions: str
    minutes: float
    processes: int


def markdown(findings: Findings, provenance: Provenance) -> str:
    """The whole report; pictures are expected beside it."""
    return "\n".join(
        [
            f"# Simulation, {provenance.date}",
            "",
            f"`make simulate-report`, {provenance.minutes:.0f} min in {provenance.processes} processes; "
            f"{provenance.versions}; seeds {', '.join(str(seed) for seed in SEEDS)}. "
            f"Runs of {RUN_SECONDS} s, of which the first {WARM_UP_SECONDS} s count for nothing. "
            "What is compared, and where the model is unfair, is in "
            "[autoscalers](../../docs/autoscalers.md). A run keeps the objective if at most 1 % of its requests are "
            "late, failed or shed; cost is no score where it does not. Violations: slots of 10 s with over 1 %.",
            "",
            *_goals(findings),
            *_losses(findings),
            *_pictures(provenance),
            *(line for comparison in findings.comparisons for line in _comparison(comparison)),
            *_disturbances(findings.responses),
            *_database(findings.database),
            *_ablations(findings.ablations),
        ]
    )


def judged(findings: Findings) -> list[GoalResult]:
    """Every goal in every case, the goals together."""
    found = [each for comparison in findings.comparisons for each in judge(comparison)]
    found.extend(_judge_database(findings.database))
    order = list(dict.fromkeys(each.goal for each in found))
    return sorted(found, key=lambda each: order.index(each.goal))


def _goals(findings: Findings) -> Iterable[str]:
    yield from ("## Goals", "", "| goal | where | measured | |", "|---|---|---|---|")
    for each in judged(findings):
        yield f"| {each.goal} | {each.where} | {each.measured} | {each.verdict} |"
    yield ""


def _losses(findings: Findings) -> Iterable[str]:
    yield from ("## Where we lose", "")
    missed = [each for each in judged(findings) if each.verdict is Verdict.MISSED]
    for each in missed:
        yield f"- {each.where}: {each.goal}. Measured: {each.measured}."
    for comparison in findings.comparisons:
        yield from _cheaper_rivals(comparison)
    yield ""


def _cheaper_rivals(comparison: Comparison) -> Iterable[str]:
    """Baselines that kept the objective for less, or missed fewer seconds at no more cost."""
    ours = comparison.ours
    for tuned in _tuned(comparison):
        rival = tuned.trials
        cheaper = rival.replica_seconds < ours.replica_seconds
        if cheaper and rival.violation_seconds <= ours.violation_seconds:
            yield (
                f"- {comparison.case.name}: {rival.contender} with {rival.threads} threads is cheaper than ours "
                f"({rival.replica_seconds:,.0f} against {ours.replica_seconds:,.0f}) with no more violations "
                f"({rival.violation_seconds:.0f} s against {ours.violation_seconds:.0f} s)."
            )


def _pictures(provenance: Provenance) -> Iterable[str]:
    yield from (
        "## Cost against violations",
        "",
        f"![Cost against violation seconds]({provenance.date}-simulate.png)",
        "",
        "Small points: settings that the sweep tried, first seed. Large ones: means over the seeds. The nearer to the "
        "left lower corner, the better.",
        "",
    )


_COLUMNS = (
    "| | threads | kept | violations, s | pod-seconds | regret | × static | goodput | shed | actions | reversals |",
    "|---|---|---|---|---|---|---|---|---|---|---|",
)


def _comparison(comparison: Comparison) -> Iterable[str]:
    setting = comparison.setting
    yield from (
        f"## {comparison.case.name}",
        "",
        f"Static oracle: {setting.replicas} pods with {setting.threads} threads. Best-tuned HPA: "
        f"{best_hpa(comparison.with_default_threads).trials.contender} with 40 threads, "
        f"{best_hpa(comparison.with_oracle_threads).trials.contender} with {setting.threads}.",
        "",
        *_COLUMNS,
        _row("**ours**", comparison.ours, comparison),
        _row("HPA as it comes", comparison.hpa_with_defaults, comparison),
        *(_row(f"best {each.trials.contender}", each.trials, comparison) for each in _tuned(comparison)),
        _row("static oracle", comparison.static, comparison),
        _row("dynamic oracle", comparison.dynamic, comparison),
        "",
    )


def _tuned(comparison: Comparison) -> tuple[Tuned, ...]:
    """Each once, also where the oracle's threads are the default."""
    return tuple(dict.fromkeys((*comparison.with_default_threads, *comparison.with_oracle_threads)))


def _row(name: str, found: Trials, comparison: Comparison) -> str:
    regret = comparison.regret(found)
    static = found.replica_seconds / comparison.static.replica_seconds
    kept = sum(each.kept_objective for each in found.scores)
    cells = (
        name,
        str(found.threads),
        f"{kept}/{len(found.scores)}",
        _with_range([each.violation_seconds for each in found.scores]),
        _with_range([each.replica_seconds for each in found.scores]),
        "" if regret is None else f"{regret:.2f}",
        f"{static:.2f}" if found.kept_objective and comparison.static.kept_objective else "",
        f"{fmean(each.goodput_share for each in found.scores):.2%}",
        f"{fmean(each.shed_share for each in found.scores):.2%}",
        f"{fmean(each.scale_actions for each in found.scores):.0f}",
        f"{fmean(each.reversals for each in found.scores):.0f}",
    )
    return f"| {' | '.join(cells)} |"


def _with_range(values: Sequence[float]) -> str:
    """Mean, and the range over the seeds where there is one."""
    if min(values) == max(values):
        return f"{values[0]:,.0f}"
    return f"{fmean(values):,.0f} ({min(values):,.0f}–{max(values):,.0f})"


def _disturbances(responses: Sequence[Response]) -> Iterable[str]:
    yield from (
        "## Sudden changes",
        "",
        f"At {AT_SECONDS} s. Time until three slots in a row are clean; most pods over those at the end. Median over "
        "three seeds. The tuned ones have the setting that was best for the day (diurnal) of the same service.",
        "",
    )
    for service in dict.fromkeys(each.service for each in responses):
        mine = [each for each in responses if each.service == service]
        contenders = list(dict.fromkeys(each.contender for each in mine))
        yield f"| {service} | {' | '.join(contenders)} |"
        yield f"|---|{'---|' * len(contenders)}"
        for name in dict.fromkeys(each.disturbance for each in mine):
            cells = {each.contender: _answer(each) for each in mine if each.disturbance == name}
            yield f"| {name} | {' | '.join(cells[contender] for contender in contenders)} |"
        yield ""


def _answer(response: Response) -> str:
    time = response.time_to_objective_seconds
    return f"{'never' if time is None else f'{time:.0f} s'}, {response.overshoot:.2f}"


def _database(responses: Sequence[DatabaseResponse]) -> Iterable[str]:
    yield from (
        "## The database is the limit",
        "",
        f"The load rises above what the database serves at {AT_SECONDS} s and stays. Pods, median over the seeds; good "
        "requests of those offered from 5 min on. A pod that is tried again after a freeze is in most later. With 15 "
        "connections a pod a second pod does help, a third does not.",
        "",
        "| | | before | most | 5 min after | usually later | most later | at the end | good |",
        "|---|---|---|---|---|---|---|---|---|",
    )
    for each in responses:
        counts = (
            each.before,
            each.most,
            each.after_five_minutes,
            each.usually_later,
            each.most_later,
            each.at_the_end,
        )
        row = " | ".join(f"{count:.0f}" for count in counts)
        yield f"| {each.service} | {each.contender} | {row} | {each.good_share:.0%} |"
    yield ""


def _judge_database(responses: Sequence[DatabaseResponse]) -> Iterable[GoalResult]:
    first_of_service = {each.service: each for each in reversed(responses)}
    for each in reversed(first_of_service.values()):
        yield GoalResult(
            goal="no net pod added 5 min after the database became the limit, and those added before given back",
            where=each.service,
            measured=f"{each.before:.0f} pods before, {each.after_five_minutes:.0f} after 5 min, usually "
            f"{each.usually_later:.0f} and at most {each.most_later:.0f} later, {each.at_the_end:.0f} at the end",
            verdict=Verdict.MET if each.adds_none_later and each.gives_back else Verdict.MISSED,
        )


def _ablations(ablations: Sequence[Ablation]) -> Iterable[str]:
    yield from (
        "## What each part is worth",
        "",
        "| | kept | violations, s | pod-seconds | shed | actions |",
        "|---|---|---|---|---|---|",
    )
    for ablation in ablations:
        for found in ablation.variants:
            kept = sum(each.kept_objective for each in found.scores)
            yield (
                f"| {ablation.case}: {found.contender} | {kept}/{len(found.scores)} "
                f"| {_with_range([each.violation_seconds for each in found.scores])} "
                f"| {_with_range([each.replica_seconds for each in found.scores])} "
                f"| {fmean(each.shed_share for each in found.scores):.2%} "
                f"| {fmean(each.scale_actions for each in found.scores):.0f} |"
            )
    yield ""
