"""Objects by the Deployment that they name, as the webhook looks them up."""

from typing import Any

from fastapi_tuning.handlers.cache import TuningCache


def body(name: str = "checkout", target: str = "checkout", uid: str = "u", **spec: Any) -> dict[str, Any]:
    metadata = {"namespace": "shop", "name": name, "uid": uid, "creationTimestamp": "2026-01-01T00:00:00Z"}
    return {"metadata": metadata, "spec": {"targetRef": {"name": target}, **spec}}


def cache() -> TuningCache:
    return TuningCache(on_gone=lambda _: None)


def names(of: TuningCache, target: str) -> set[str]:
    return {tuning.name for tuning in of.naming("shop", target)}


def test_all_objects_on_a_target_are_found_and_no_others() -> None:
    known = cache()
    for name, target in (("one", "checkout"), ("two", "checkout"), ("other", "search")):
        known.seen(body(name, target))
    assert names(known, "checkout") == {"one", "two"}
    assert known.naming("elsewhere", "checkout") == ()


def test_an_object_that_names_another_target_now_is_not_found_under_the_old_one() -> None:
    known = cache()
    known.seen(body(target="checkout"))
    known.seen(body(target="search"))
    assert names(known, "checkout") == set()
    assert names(known, "search") == {"checkout"}


def test_an_object_that_is_gone_or_cannot_be_read_any_more_is_not_found() -> None:
    known = cache()
    known.seen(body())
    known.gone(("shop", "checkout"))
    assert names(known, "checkout") == set()
    known.seen(body())
    known.seen(body(mode="Sometimes"))
    assert names(known, "checkout") == set()
    known.seen(body())
    assert names(known, "checkout") == {"checkout"}


def test_a_successor_of_the_same_name_takes_the_place() -> None:
    known = cache()
    known.seen(body(uid="first"))
    known.seen(body(uid="second"))
    (found,) = known.naming("shop", "checkout")
    assert found.uid == "second"
