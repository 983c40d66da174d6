"""All that the operator's port serves: probes and metrics to anybody, objects to those who may read them."""

from datetime import UTC, datetime

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp

from fastapi_tuning import __version__
from fastapi_tuning.errors import AccessUnknown, FastAPITuningError, NotAllowed, NotFound, NotSignedIn
from fastapi_tuning.web.api import PREFIX, api
from fastapi_tuning.web.browser import COOKIE, LOGIN, browser, sign_in
from fastapi_tuning.web.catalogue import Catalogue, Objects
from fastapi_tuning.web.gate import OpenGate, TokenGate
from fastapi_tuning.web.headers import SecurityHeaders
from fastapi_tuning.web.html import page_of_refusal
from fastapi_tuning.web.reviews import Reviews
from fastapi_tuning.web.sessions import Sessions

_REFUSALS: dict[type[FastAPITuningError], tuple[int, str]] = {
    NotSignedIn: (401, "Sign in"),
    NotAllowed: (403, "Not allowed"),
    NotFound: (404, "Not found"),
    AccessUnknown: (503, "Not now"),
}


def web_app(*routers: APIRouter) -> ASGIApp:
    """The app that serves these routes."""
    app = FastAPI(
        title="fastapi-tuning-operator",
        version=__version__,
        description="What the operator knows of FastAPITunings. Read-only.",
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{PREFIX}/openapi.json",
    )
    for router in routers:
        app.include_router(router)
    for refusal in _REFUSALS:
        app.add_exception_handler(refusal, _refused)
    return SecurityHeaders(app)


def pages_by_token(objects: Objects, reviews: Reviews) -> tuple[APIRouter, ...]:
    """API and pages that show callers what their Kubernetes token may read."""
    sessions = Sessions()
    catalogue = Catalogue(gate=TokenGate(reviews), objects=objects)
    return api(catalogue), browser(catalogue, sessions, _now), sign_in(reviews, sessions)


def pages_for_everybody(objects: Objects) -> tuple[APIRouter, ...]:
    """API and pages that show everything to whoever reaches them."""
    catalogue = Catalogue(gate=OpenGate(), objects=objects)
    return api(catalogue), browser(catalogue, Sessions(), _now)


def _now() -> datetime:
    return datetime.now(UTC)


async def _refused(request: Request, error: Exception) -> Response:
    """To programs in JSON; people who are not signed in are sent to the form."""
    status, title = _REFUSALS[type(error)]  # type: ignore[index]  # the app asks for these only
    headers = {"WWW-Authenticate": 'Bearer realm="fastapi-tuning-operator"'} if status == 401 else {}
    if request.url.path.startswith(f"{PREFIX}/"):
        return JSONResponse({"detail": str(error)}, status_code=status, headers=headers)
    if status == 401 and "authorization" not in request.headers:
        answer = RedirectResponse(LOGIN, status_code=303)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return answer
    return HTMLResponse(page_of_refusal(title, str(error)), status_code=status, headers=headers)
