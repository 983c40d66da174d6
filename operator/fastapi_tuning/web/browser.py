"""The pages for people: a list, a story, and the form that takes a token where no proxy brings one.

A browser cannot send a header of its own, so the form gives it a cookie with a random number; the token stays here.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from fastapi_tuning.api.model import Label, Name
from fastapi_tuning.api.tuning import FastAPITuning
from fastapi_tuning.errors import AccessUnknown, NotAllowed, NotSignedIn
from fastapi_tuning.explain.story import story
from fastapi_tuning.web.catalogue import Catalogue
from fastapi_tuning.web.credentials import LONGEST_TOKEN, token_in_form, token_in_header
from fastapi_tuning.web.html import page_of_list, page_of_one, page_of_sign_in
from fastapi_tuning.web.reviews import Reviews
from fastapi_tuning.web.sessions import Session, Sessions
from fastapi_tuning.web.views import Part, Shown

COOKIE = "fastapi-tuning-session"
LOGIN = "/login"


class Visitor:
    """Whose token a request of a browser comes with: a proxy's in the header, else that of the session."""

    def __init__(self, request: Request, sessions: Sessions) -> None:
        """Raises NotSignedIn: the header holds no token."""
        self.session = sessions.of(request.cookies.get(COOKIE))
        self.token = token_in_header(request.headers.get("authorization"))
        if self.token is None and self.session is not None:
            self.token = self.session.token

    @property
    def user(self) -> str | None:
        """Who can sign out."""
        return None if self.session is None else self.session.user


def browser(catalogue: Catalogue, sessions: Sessions, now: Callable[[], datetime]) -> APIRouter:
    """The pages that show objects."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def overview(request: Request, part: Annotated[Part, Query()]) -> Response:
        visitor = Visitor(request, sessions)
        found = await catalogue.everywhere(visitor.token, part)
        return HTMLResponse(page_of_list(found, visitor.user))

    @router.get("/namespaces/{namespace}/fastapitunings/{name}")
    async def one(request: Request, namespace: Annotated[Label, Path()], name: Annotated[Name, Path()]) -> Response:
        visitor = Visitor(request, sessions)
        tuning = await catalogue.one(visitor.token, namespace, name)
        return HTMLResponse(page_of_one(namespace, name, _told(tuning, now()), visitor.user))

    return router


def _told(tuning: Shown, now: datetime) -> str:
    return story(tuning, now) if isinstance(tuning, FastAPITuning) else f"It cannot be read: {tuning.problem}"


def sign_in(reviews: Reviews, sessions: Sessions) -> APIRouter:
    """The form, and what it posts to. Nothing here changes anything outside this process."""
    router = APIRouter(include_in_schema=False)

    @router.get(LOGIN)
    async def form() -> Response:
        return HTMLResponse(page_of_sign_in(""))

    @router.post(LOGIN)
    async def login(request: Request) -> Response:
        try:
            _from_our_page(request)
            token = token_in_form(await _body(request))
            session = Session(token=token, user=await reviews.user(token))
        except NotSignedIn as error:
            return HTMLResponse(page_of_sign_in(str(error)), status_code=401)
        except NotAllowed as error:
            return HTMLResponse(page_of_sign_in(str(error)), status_code=403)
        except AccessUnknown as error:
            return HTMLResponse(page_of_sign_in(str(error)), status_code=503)
        sessions.end(request.cookies.get(COOKIE))
        answer = RedirectResponse("/", status_code=303)
        secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, sessions.begin(session), httponly=True, samesite="strict", secure=secure)
        return answer

    @router.post("/logout")
    async def logout(request: Request) -> Response:
        _from_our_page(request)
        sessions.end(request.cookies.get(COOKIE))
        answer = RedirectResponse(LOGIN, status_code=303)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return answer

    return router


def _from_our_page(request: Request) -> None:
    """Another site must not sign its visitors in as somebody else. Browsers say where a form was; others need not.

    Raises:
        NotAllowed: it was another site's.
    """
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise NotAllowed("this form was sent by another site")


async def _body(request: Request) -> bytes:
    """As much as a form with one token can be.

    Raises:
        NotSignedIn: it is longer.
    """
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > 4 * LONGEST_TOKEN:
            raise NotSignedIn("that is no token")
    return body
