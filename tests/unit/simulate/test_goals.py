"""Goals → verdicts, on comparisons with round numbers."""

from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning.simulate.experiments.comparison import Comparison, best_hpa, boldest
from fastapi_tuning.simulate.experiments.contenders import Family
from fastapi_tuning.simulate.experiments.goals import GoalResult, Verdict, judge
from fastapi_tuning.simulate.experiments.services import CPU_BOUND, IO_BOUND, MIXED
from tests.unit.simulate.comparisons import comparison, trials, tuned


def goal(part: str, found: Comparison) -> GoalResult:
    (result,) = [each for each in judge(found) if part in each.goal]
    return result


@given(st.integers(1, 20), st.integers(0, 20))
def test_the_sweep_finds_the_boldest_setting_that_keeps_the_objective_in_a_few_tries(count: int, kept: int) -> None:
    kept = min(kept, count)
    tried: list[int] = []

    def keeps(place: int) -> bool:
        tried.append(place)
        return place < kept

    assert boldest(count, keeps) == kept - 1
    assert len(tried) <= count.bit_length()


def test_the_best_of_the_hpas_metrics_is_the_cheapest_that_keeps_the_objective() -> None:
    found = comparison().with_default_threads

    assert best_hpa(found).family is Family.HPA_REQUESTS, "KEDA is cheaper, and no metric of the HPA"


def test_a_cheap_hpa_that_misses_the_objective_is_not_the_best() -> None:
    cheap = tuned(Family.HPA_CPU, trials("HPA on CPU 80 %", cost=100.0, bad_share=0.5, violations=900))

    assert best_hpa((cheap, *comparison().with_default_threads)).family is Family.HPA_REQUESTS


def test_if_no_hpa_keeps_the_objective_the_one_with_the_fewest_violations_is_the_best() -> None:
    often = tuned(Family.HPA_CPU, trials("often", cost=100.0, bad_share=0.5, violations=900))
    seldom = tuned(Family.HPA_LATENCY, trials("seldom", cost=900.0, bad_share=0.1, violations=90))

    assert best_hpa((often, seldom)).contender.name == "seldom"


def test_a_fifth_less_than_the_tuned_hpa_meets_the_goal() -> None:
    result = goal("19%", comparison())

    assert result.verdict is Verdict.MET
    assert "+20% saved (1,000 against 1,250 of HPA on requests per pod 20.0/s)" in result.measured


def test_a_saving_that_is_too_small_misses_the_goal() -> None:
    assert goal("19%", comparison(ours=trials("ours", cost=1020.0))).verdict is Verdict.MISSED


def test_a_saving_paid_for_with_violations_misses_the_goal() -> None:
    assert goal("19%", comparison(ours=trials("ours", cost=900.0, violations=10))).verdict is Verdict.MISSED


def test_a_cost_is_no_merit_where_ours_missed_the_objective() -> None:
    missed = comparison(ours=trials("ours", cost=10.0, bad_share=0.02))

    assert {goal(part, missed).verdict for part in ("19%", "regret")} == {Verdict.MISSED}
    assert "ours missed the objective" in goal("19%", missed).measured


def test_no_cost_is_compared_with_that_of_a_rival_that_missed_the_objective() -> None:
    hopeless = tuple(tuned(family, trials("hopeless", cost=5000.0, bad_share=0.2, violations=500)) for family in Family)

    assert goal("19%", comparison(with_oracle_threads=hopeless)).verdict is Verdict.NO_SCORE


def test_the_io_bound_service_is_measured_against_default_threads_and_the_static_oracle() -> None:
    found = comparison(IO_BOUND, ours=trials("ours", cost=750.0, violations=10))

    assert goal("50%", found).verdict is Verdict.MET
    assert goal("static oracle", found).measured == "0.75"
    assert goal("static oracle", comparison(IO_BOUND, ours=trials("ours", cost=1160.0))).verdict is Verdict.MISSED


def test_each_service_has_the_goals_that_concern_it() -> None:
    def goals(found: Comparison) -> set[str]:
        return {each.goal for each in judge(found)}

    assert goals(comparison(CPU_BOUND)) == goals(comparison(MIXED))
    assert len(goals(comparison(CPU_BOUND))) == 3
    assert len(goals(comparison(IO_BOUND))) == 4


def test_fewer_violations_count_only_at_no_more_cost() -> None:
    few = trials("ours", cost=1000.0, violations=69)
    dear = trials("ours", cost=1300.0, violations=69)

    assert goal("31%", comparison(ours=few)).verdict is Verdict.MET
    assert goal("31%", comparison(ours=trials("ours", cost=1000.0, violations=70))).verdict is Verdict.MISSED
    assert goal("31%", comparison(ours=dear)).verdict is Verdict.MISSED


def test_a_cheap_hpa_that_missed_the_objective_is_no_measure_of_cost() -> None:
    broken = trials("HPA as it comes", cost=200.0, violations=900, bad_share=0.4)

    result = goal("31%", comparison(hpa_with_defaults=broken))

    assert result.verdict is Verdict.NO_SCORE
    assert "no score" in result.measured


def test_regret_is_a_ratio_to_the_dynamic_oracle_and_means_nothing_if_either_missed() -> None:
    found = comparison(ours=trials("ours", cost=1100.0))

    assert found.regret(found.ours) == 1.1
    assert goal("regret", found).verdict is Verdict.MET
    assert found.regret(trials("missed", cost=1.0, bad_share=0.5)) is None
