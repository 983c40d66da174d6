"""What looks like production is asked about."""

import pytest

from fastapi_tuning.load_test.production import signs_of_production


@pytest.mark.parametrize(
    "namespace",
    [
        "prod",
        "production",
        "shop-prod",
        "prod-shop",
        "shopprod",
        "prod1",
        "nonprod",
        "shop-prd",
        "live",
        "products-prod",
    ],
)
def test_names_that_speak_for_it(namespace: str) -> None:
    assert signs_of_production(namespace, {})


@pytest.mark.parametrize(
    "namespace", ["shop", "product-catalog", "products", "staging", "delivery", "alive", "olive-shop"]
)
def test_names_that_do_not(namespace: str) -> None:
    assert not signs_of_production(namespace, {})


@pytest.mark.parametrize(
    "label", [("environment", "production"), ("env", "Prod"), ("example.com/environment", "prd"), ("stage", "live")]
)
def test_labels_that_speak_for_it(label: tuple[str, str]) -> None:
    (sign,) = signs_of_production("shop", dict([label]))
    assert label[0] in sign


@pytest.mark.parametrize(
    "label", [("environment", "staging"), ("team", "production"), ("environment", "preproduction")]
)
def test_labels_that_do_not(label: tuple[str, str]) -> None:
    assert not signs_of_production("shop", dict([label]))
