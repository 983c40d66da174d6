"""Who sees what, over HTTP."""

import pytest

from fastapi_tuning.web.app import pages_for_everybody
from fastapi_tuning.web.reviews import REMEMBERED_SECONDS
from tests.unit.web.callers import ALL, NONE, SHOP, Site

EVERYWHERE = "/api/v1/fastapitunings"
IN_SHOP, IN_BANK = (f"/api/v1/namespaces/{each}/fastapitunings" for each in ("shop", "bank"))
PATHS = [EVERYWHERE, IN_SHOP, f"{IN_SHOP}/checkout", "/", "/namespaces/shop/fastapitunings/odd"]


async def names(site: Site, path: str, token: str | None) -> list[str]:
    answer = await site.get(path, token)
    assert answer.status_code == 200, answer.text
    return [each["name"] for each in answer.json()["items"]]


@pytest.mark.parametrize(
    ("token", "expected"), [(ALL, ["secret-project", "checkout", "odd"]), (SHOP, ["checkout", "odd"]), (NONE, [])]
)
async def test_a_list_holds_what_the_token_may_list(token: str, expected: list[str]) -> None:
    assert await names(Site(), EVERYWHERE, token) == expected


async def test_one_namespace_is_shown_to_whom_it_is_open() -> None:
    assert await names(Site(), IN_SHOP, SHOP) == ["checkout", "odd"]


async def test_a_refusal_names_verb_resource_and_namespace() -> None:
    answer = await Site().get(IN_BANK, SHOP)
    assert answer.status_code == 403
    assert 'list fastapitunings.fastapituning.io in the namespace "bank"' in answer.json()["detail"]


async def test_one_object_takes_the_right_to_get_it() -> None:
    site = Site()
    found = await site.get(f"{IN_SHOP}/checkout", SHOP)
    assert found.json()["spec"]["targetRef"]["name"] == "checkout"
    refused = await site.get(f"{IN_BANK}/secret-project", SHOP)
    assert refused.status_code == 403
    assert 'get fastapitunings.fastapituning.io "secret-project"' in refused.json()["detail"]


async def test_who_may_not_read_does_not_learn_what_there_is() -> None:
    there, not_there = [await Site().get(f"{IN_BANK}/{name}", NONE) for name in ("secret-project", "missing")]
    assert there.status_code == not_there.status_code == 403
    assert there.text.replace("secret-project", "missing") == not_there.text


async def test_who_may_read_learns_that_there_is_none() -> None:
    assert (await Site().get(f"{IN_SHOP}/missing", SHOP)).status_code == 404


@pytest.mark.parametrize("path", [EVERYWHERE, IN_SHOP, f"{IN_SHOP}/checkout"])
@pytest.mark.parametrize("token", [None, "unknown-token"])
async def test_without_a_good_token_there_is_a_challenge(path: str, token: str | None) -> None:
    answer = await Site().get(path, token)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
    assert answer.json().keys() == {"detail"}


@pytest.mark.parametrize(
    "path", [EVERYWHERE, IN_SHOP, f"{IN_SHOP}/checkout", "/", "/namespaces/shop/fastapitunings/odd"]
)
async def test_nobody_sees_anything_while_the_api_server_cannot_be_asked(path: str) -> None:
    site = Site()
    site.reviews.reachable = False
    answer = await site.get(path, ALL)
    assert answer.status_code == 503
    assert "checkout" not in answer.text


async def test_an_operator_that_knows_nothing_yet_does_not_say_that_there_is_nothing() -> None:
    assert (await Site(listed=False).get(EVERYWHERE, ALL)).status_code == 503


async def test_an_object_that_cannot_be_read_says_why() -> None:
    answer = (await Site().get(f"{IN_SHOP}/odd", SHOP)).json()
    assert (answer["spec"], answer["problem"]) == (None, "spec.mode: <b>not ours</b>")


async def test_a_long_list_comes_in_parts() -> None:
    site = Site()
    first = (await site.get(f"{EVERYWHERE}?limit=2", ALL)).json()
    second = (await site.get(f"{EVERYWHERE}?limit=2&after={first['following']}", ALL)).json()
    assert [each["name"] for each in first["items"] + second["items"]] == ["secret-project", "checkout", "odd"]
    assert second["following"] is None


async def test_an_answer_of_the_api_server_holds_for_half_a_minute() -> None:
    site = Site()
    async with site.client(SHOP) as client:
        assert (await client.get(IN_SHOP)).status_code == 200
        site.reviews.rights[SHOP] = set()
        site.clock.now = REMEMBERED_SECONDS - 1
        assert (await client.get(IN_SHOP)).status_code == 200
        assert len(site.reviews.asked) == 1
        site.clock.now = REMEMBERED_SECONDS + 1
        assert (await client.get(IN_SHOP)).status_code == 403


async def test_answers_are_remembered_for_one_token_only() -> None:
    site = Site()
    async with site.client() as client:
        statuses = [
            (await client.get(IN_SHOP, headers={"Authorization": f"Bearer {token}"})).status_code
            for token in (SHOP, NONE, SHOP)
        ]
    assert statuses == [200, 403, 200]


async def test_whoever_may_see_all_is_asked_about_once() -> None:
    site = Site()
    await site.get(EVERYWHERE, ALL)
    assert [each.namespace for each in site.reviews.asked] == [None]


async def test_the_api_takes_no_cookies() -> None:
    async with Site().client() as client:
        await client.post("/login", data={"token": SHOP})
        assert (await client.get("/")).status_code == 200
        assert (await client.get(EVERYWHERE)).status_code == 401


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "path", [EVERYWHERE, IN_SHOP, f"{IN_SHOP}/checkout", "/", "/namespaces/shop/fastapitunings/odd"]
)
async def test_nothing_can_be_changed(method: str, path: str) -> None:
    async with Site().client(ALL) as client:
        assert (await client.request(method, path)).status_code == 405


async def test_where_access_is_open_nobody_is_asked_for_a_token() -> None:
    site = Site(routers=lambda objects, _: pages_for_everybody(objects))
    assert len(await names(site, EVERYWHERE, None)) == 3
    assert (await site.get("/")).status_code == 200
    assert (await site.get("/login")).status_code == 404
    assert site.reviews.asked == []
