"""Findings → Markdown."""

from dataclasses import replace

from fastapi_tuning.simulate.experiments.ablations import Ablation
from fastapi_tuning.simulate.experiments.disturbances import DatabaseResponse, Response
from fastapi_tuning.simulate.experiments.everything import Findings
from fastapi_tuning.simulate.experiments.goals import Verdict
from fastapi_tuning.simulate.experiments.services import IO_BOUND
from fastapi_tuning.simulate.report import Provenance, judged, markdown
from fastapi_tuning.simulate.score import StepResponse
from tests.unit.simulate.comparisons import comparison, trials

PROVENANCE = Provenance(date="2026-01-01", versions="Python 3.11.7", minutes=20.0, processes=2)


def database(**counts: float) -> DatabaseResponse:
    plain = {
        "before": 3.0,
        "most": 6.0,
        "after_five_minutes": 6.0,
        "usually_later": 6.0,
        "most_later": 6.0,
        "at_the_end": 3.0,
        "good_share": 0.7,
    }
    return DatabaseResponse(service="database-bound", contender="ours", **{**plain, **counts})


def response(contender: str, *times: float | None) -> Response:
    return Response(
        service="I/O-bound",
        disturbance="step ×2",
        contender=contender,
        by_seed=tuple(StepResponse(time_to_objective_seconds=time, overshoot=1.5) for time in times),
    )


def findings(*, ours_cost: float = 1000.0, at_the_end: float = 3.0) -> Findings:
    return Findings(
        comparisons=(comparison(IO_BOUND), comparison(ours=trials("ours", cost=ours_cost))),
        responses=(response("ours", 20.0, 30.0, None), response("HPA", None, None, 40.0)),
        database=(database(at_the_end=at_the_end),),
        ablations=(Ablation(case="I/O-bound, diurnal", variants=(trials("threads only", cost=2000.0),)),),
    )


def test_goals_stand_together_whatever_case_they_are_of() -> None:
    goals = [each.goal for each in judged(findings())]

    assert len(goals) == 8
    assert len(set(goals)) == sum(before != after for before, after in zip(goals, ["", *goals], strict=False))


def test_every_missed_goal_is_named_among_the_losses() -> None:
    text = markdown(findings(ours_cost=5000.0, at_the_end=4.0), PROVENANCE)
    losses = text.split("## Where we lose")[1].split("\n## ")[0]
    missed = [each for each in judged(findings(ours_cost=5000.0, at_the_end=4.0)) if each.verdict is Verdict.MISSED]

    assert missed
    assert all(each.goal in losses and each.measured in losses for each in missed)


def test_a_rival_that_is_cheaper_without_more_violations_is_a_loss() -> None:
    losses = markdown(findings(ours_cost=1200.0), PROVENANCE).split("## Where we lose")[1]

    assert "Knative with 80 threads is cheaper than ours (1,100 against 1,200)" in losses


def test_an_autoscaler_that_needs_no_other_threads_is_shown_once() -> None:
    one = comparison()
    same = replace(one, with_oracle_threads=one.with_default_threads[:1])
    found = replace(findings(), comparisons=(same,))

    assert markdown(found, PROVENANCE).count("| best HPA on CPU 50 % |") == 1


def test_pods_that_are_not_given_back_miss_the_database_goal() -> None:
    def verdict(at_the_end: float) -> Verdict:
        return judged(findings(at_the_end=at_the_end))[-1].verdict

    assert verdict(3.0) is Verdict.MET
    assert verdict(4.0) is Verdict.MISSED
    assert not database(usually_later=7.0).adds_none_later
    assert not database(after_five_minutes=2.0, usually_later=2.0).adds_none_later
    assert database(most_later=7.0).adds_none_later


def test_the_database_goal_is_judged_on_ours_in_each_service() -> None:
    rival = replace(database(at_the_end=30.0), contender="HPA")
    other = replace(database(at_the_end=4.0), service="another")
    found = judged(replace(findings(), database=(database(), rival, other, replace(rival, service="another"))))

    assert [(each.where, each.verdict) for each in found[-2:]] == [
        ("database-bound", Verdict.MET),
        ("another", Verdict.MISSED),
    ]


def test_the_answer_to_a_disturbance_is_the_median_over_the_seeds() -> None:
    assert response("ours", 20.0, 30.0, None).time_to_objective_seconds == 30.0
    assert response("HPA", None, None, 40.0).time_to_objective_seconds is None
    assert "| step ×2 | 30 s, 1.50 | never, 1.50 |" in markdown(findings(), PROVENANCE)


def test_every_table_has_as_many_cells_in_each_row_as_in_its_head() -> None:
    rows = markdown(findings(), PROVENANCE).splitlines()
    tables = [row.count("|") for row in rows if row.startswith("|")]
    heads = [index for index, row in enumerate(rows) if row.startswith("|---")]

    assert tables
    for head in heads:
        body = head
        while body < len(rows) and rows[body].startswith("|"):
            assert rows[body].count("|") == rows[head - 1].count("|")
            body += 1


def test_seeds_versions_and_duration_are_in_the_report() -> None:
    head = markdown(findings(), PROVENANCE).split("\n## ")[0]

    assert all(part in head for part in ("Python 3.11.7", "seeds 1, 2, 3, 4, 5", "20 min"))
