"""Signing in with a token, looking around, signing out; and what a browser is told to refuse."""

import base64
import hashlib
import re

import httpx
import pytest
from prometheus_client import CollectorRegistry

from fastapi_tuning.web.app import web_app
from fastapi_tuning.web.browser import COOKIE
from fastapi_tuning.web.headers import SECURITY_HEADERS
from fastapi_tuning.web.probes import probes
from tests.unit.web.callers import NONE, SHOP, Site

LIST = "/api/v1/fastapitunings"


async def signed_in(client: httpx.AsyncClient, token: str = SHOP) -> httpx.Response:
    return await client.post("/login", data={"token": token})


async def test_a_browser_without_a_session_is_sent_to_the_form() -> None:
    answer = await Site().get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")


async def test_after_signing_in_the_list_shows_what_the_token_may_read() -> None:
    async with Site().client() as client:
        assert (await signed_in(client)).headers["location"] == "/"
        page = (await client.get("/")).text
    assert "checkout" in page
    assert "secret-project" not in page
    assert "user of shop" in page


async def test_the_cookie_holds_a_number_and_nothing_else() -> None:
    async with Site().client() as client:
        cookie = (await signed_in(client)).headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert SHOP not in cookie
    assert re.match(rf"{COOKIE}=[\w-]{{43}};", cookie)


async def test_over_https_the_cookie_stays_there() -> None:
    async with Site().client() as client:
        answer = await client.post("https://operator/login", data={"token": SHOP})
    assert "Secure" in answer.headers["set-cookie"].split("; ")


async def test_a_page_that_the_token_may_not_see_says_what_is_missing() -> None:
    async with Site().client() as client:
        await signed_in(client)
        answer = await client.get("/namespaces/bank/fastapitunings/secret-project")
    assert answer.status_code == 403
    assert "get fastapitunings.fastapituning.io &quot;secret-project&quot;" in answer.text


async def test_one_object_is_told_as_explain_tells_it() -> None:
    async with Site().client() as client:
        await signed_in(client)
        page = (await client.get("/namespaces/shop/fastapitunings/checkout")).text
    assert "FastAPITuning checkout in shop: Deployment checkout, mode Auto" in page


async def test_text_of_others_is_never_markup() -> None:
    async with Site().client() as client:
        await signed_in(client)
        page = (await client.get("/namespaces/shop/fastapitunings/odd")).text
    assert "&lt;b&gt;not ours" in page
    assert "<b>" not in page


async def test_signing_out_ends_the_session_and_not_only_the_cookie() -> None:
    async with Site().client() as client:
        await signed_in(client)
        number = client.cookies[COOKIE]
        await client.post("/logout")
        client.cookies.set(COOKIE, number)
        assert (await client.get("/")).status_code == 303


async def test_a_session_whose_token_is_over_leads_back_to_the_form() -> None:
    site = Site()
    async with site.client() as client:
        await signed_in(client)
        del site.reviews.rights[SHOP]
        answer = await client.get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")


@pytest.mark.parametrize("token", ["unknown", "not a token", ""])
async def test_a_wrong_token_leaves_one_at_the_form(token: str) -> None:
    async with Site().client() as client:
        answer = await signed_in(client, token)
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert "<form" in answer.text


async def test_somebody_without_rights_may_sign_in_and_sees_nothing() -> None:
    async with Site().client() as client:
        await signed_in(client, NONE)
        assert "None that you may list" in (await client.get("/")).text


async def test_a_form_without_end_is_not_read_to_its_end() -> None:
    async with Site().client() as client:
        answer = await client.post("/login", content=b"token=" + b"a" * 1_000_000)
    assert answer.status_code == 401


@pytest.mark.parametrize("path", ["/login", "/logout"])
async def test_forms_of_other_sites_are_refused(path: str) -> None:
    async with Site().client() as client:
        answer = await client.post(path, data={"token": SHOP}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


async def test_a_proxy_may_bring_the_token_in_the_header() -> None:
    assert "checkout" in (await Site().get("/", SHOP)).text
    assert (await Site().get("/", "unknown")).status_code == 401


@pytest.mark.parametrize(
    "path", ["/", "/login", "/api/v1/fastapitunings", "/missing", "/healthz", "/api/v1/openapi.json"]
)
async def test_every_answer_tells_browsers_to_load_embed_and_keep_nothing(path: str) -> None:
    answer = await Site().get(path)
    assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
    policy = answer.headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"} <= set(policy)


async def test_pages_need_nothing_that_the_policy_forbids() -> None:
    async with Site().client() as client:
        pages = [(await client.get("/login")).text, (await signed_in(client)).text]
        pages += [(await client.get(path)).text for path in ("/", "/namespaces/shop/fastapitunings/checkout")]
    for page in pages:
        assert not re.search(r"<(script|img|link|iframe)|\sstyle=|\son\w+=", page)
        for style in re.findall("<style>(.*?)</style>", page, re.DOTALL):
            digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
            assert f"style-src 'sha256-{digest}';" in SECURITY_HEADERS["Content-Security-Policy"]


async def test_without_pages_only_probes_and_metrics_are_there() -> None:
    app = web_app(probes(CollectorRegistry(), lambda: 0.0, lambda: True))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://operator") as client:
        statuses = [
            (await client.get(path)).status_code for path in ("/metrics", "/", "/login", "/api/v1/fastapitunings")
        ]
    assert statuses == [200, 404, 404, 404]
