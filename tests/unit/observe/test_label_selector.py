"""Which pods a Deployment calls its own."""

from typing import Any

import pytest

from fastapi_tuning.errors import TargetNotUnderstood
from fastapi_tuning.observe.label_selector import selector_text


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        pytest.param({"matchLabels": {"tier": "web", "app": "shop"}}, "app=shop,tier=web", id="labels"),
        pytest.param({"matchLabels": {"canary": ""}}, "canary=", id="a label without a value"),
        pytest.param(
            {"matchExpressions": [{"key": "app", "operator": "In", "values": ["tiny", "small"]}]},
            "app in (small,tiny)",
            id="in",
        ),
        pytest.param(
            {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["big"]}]},
            "app notin (big)",
            id="not in",
        ),
        pytest.param({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, "app", id="exists"),
        pytest.param({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, "!app", id="does not exist"),
        pytest.param(
            {
                "matchLabels": {"app": "shop"},
                "matchExpressions": [
                    {"key": "canary", "operator": "DoesNotExist"},
                    {"key": "tier", "operator": "In", "values": ["web"]},
                ],
            },
            "app=shop,!canary,tier in (web)",
            id="all of them together",
        ),
    ],
)
def test_every_requirement_of_the_selector_is_asked_for(selector: dict[str, Any], text: str) -> None:
    assert selector_text(selector) == text


@pytest.mark.parametrize("empty", [{}, {"matchLabels": {}}, {"matchExpressions": []}, {"matchLabels": None}])
def test_a_selector_that_means_every_pod_is_refused(empty: dict[str, Any]) -> None:
    with pytest.raises(TargetNotUnderstood, match="every pod"):
        selector_text(empty)


def test_an_operator_of_a_later_kubernetes_is_not_guessed_at() -> None:
    with pytest.raises(TargetNotUnderstood, match="Near"):
        selector_text({"matchExpressions": [{"key": "app", "operator": "Near"}]})
