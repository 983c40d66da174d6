"""The question that the API server is asked, and which answers are a yes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning.errors import AccessUnknown
from fastapi_tuning.web.access import Question, Verb, allowed_by, review_of, user_in

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["allowed", "denied"]), inner),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("question", "words"),
    [
        (Question(verb=Verb.LIST, namespace=None), "list fastapitunings.fastapituning.io in all namespaces"),
        (
            Question(verb=Verb.GET, namespace="shop", name="checkout"),
            'get fastapitunings.fastapituning.io "checkout" in the namespace "shop"',
        ),
    ],
)
def test_a_question_reads_as_the_right_that_is_missing(question: Question, words: str) -> None:
    assert str(question) == words


def test_the_review_names_group_resource_verb_namespace_and_name() -> None:
    review = review_of(Question(verb=Verb.GET, namespace="shop", name="checkout"))
    assert review["spec"]["resourceAttributes"] == {
        "group": "fastapituning.io",
        "resource": "fastapitunings",
        "verb": "get",
        "namespace": "shop",
        "name": "checkout",
    }


def test_the_review_says_nothing_about_anybody_but_the_caller() -> None:
    assert review_of(Question(verb=Verb.LIST, namespace=None))["spec"].keys() == {"resourceAttributes"}


@given(status=st.dictionaries(st.sampled_from(["allowed", "denied", "reason"]), JSON))
def test_only_a_plain_yes_is_a_yes(status: dict[str, Any]) -> None:
    plain = status.get("allowed") is True and status.get("denied", False) is False
    assert allowed_by({"status": status}) is plain


@given(answer=st.dictionaries(st.sampled_from(["status", "kind"]), JSON))
def test_what_is_no_answer_is_neither_yes_nor_no(answer: dict[str, Any]) -> None:
    if isinstance(answer.get("status"), dict):
        assert allowed_by(answer) in (True, False)
    else:
        with pytest.raises(AccessUnknown):
            allowed_by(answer)


def test_a_user_is_read_from_the_answer() -> None:
    assert user_in({"status": {"userInfo": {"username": "jane"}}}) == "jane"
    with pytest.raises(AccessUnknown):
        user_in({"status": {"userInfo": {}}})
