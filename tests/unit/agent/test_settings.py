"""What the agent makes of its environment."""

import pytest

from fastapi_tuning_agent.settings import InvalidSettingError, thread_pool_size


def size_from(text: str) -> int | None:
    return thread_pool_size({"FASTAPI_TUNING_THREAD_POOL_SIZE": text})


def test_asks_for_nothing_without_the_variable() -> None:
    assert thread_pool_size({}) is None


@pytest.mark.parametrize("text", ["", "  "])
def test_asks_for_nothing_when_the_variable_is_blank(text: str) -> None:
    assert size_from(text) is None


def test_asks_for_the_number_given() -> None:
    assert size_from(" 80 ") == 80


@pytest.mark.parametrize(("text", "size"), [("0", 4), ("-5", 4), ("3", 4), ("4", 4), ("1000", 1000), ("1001", 1000)])
def test_moves_a_number_out_of_range_to_the_nearest_bound(text: str, size: int) -> None:
    assert size_from(text) == size


@pytest.mark.parametrize("text", ["many", "40.5", "inf", "1e2", "0x20", "9" * 5000])
def test_refuses_what_is_no_whole_number_and_names_the_variable(text: str) -> None:
    with pytest.raises(InvalidSettingError, match="FASTAPI_TUNING_THREAD_POOL_SIZE"):
        size_from(text)
