"""The documentation of the reasons, at run time."""

import pytest

from fastapi_tuning.api.reason_meanings import meaning_of
from fastapi_tuning.api.reasons import Reason


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_documented_by_a_sentence_of_its_own(reason: Reason) -> None:
    assert meaning_of(reason).endswith(".")


def test_a_reason_has_the_sentence_below_it_and_not_that_of_the_next() -> None:
    assert meaning_of(Reason.SUSPENDED) == "spec.suspend is true."
    assert "Prometheus" in meaning_of(Reason.NOT_SCRAPED)
