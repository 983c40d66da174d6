"""The API: what `kubectl get` shows, as JSON, to bearers of a token that may read it. GET only, and no cookies."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query
from fastapi.security import HTTPBearer
from pydantic import SecretStr

from fastapi_tuning.api.model import Label, Name
from fastapi_tuning.web.catalogue import Catalogue
from fastapi_tuning.web.credentials import token_in_header
from fastapi_tuning.web.views import Document, Part, Problem, Summaries, document

PREFIX = "/api/v1"

_TOKEN = HTTPBearer(auto_error=False, description="A Kubernetes token: `kubectl create token ACCOUNT`.")
_Answers = dict[int | str, dict[str, Any]]
_REFUSALS: _Answers = {
    401: {"model": Problem, "description": "No token, or none that the API server accepts."},
    403: {"model": Problem, "description": "The token may not read this; says what a role would have to allow."},
    503: {"model": Problem, "description": "The API server could not be asked, or the operator has just started."},
}
_MISSING: _Answers = {404: {"model": Problem, "description": "There is no such object."}}


def _token(authorization: Annotated[str | None, Header(include_in_schema=False)] = None) -> SecretStr | None:
    return token_in_header(authorization)


_Token = Annotated[SecretStr | None, Depends(_token)]


def api(catalogue: Catalogue) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix=PREFIX, dependencies=[Depends(_TOKEN)], responses=_REFUSALS)

    @router.get("/fastapitunings")
    async def list_everywhere(token: _Token, part: Annotated[Part, Query()]) -> Summaries:
        """FastAPITunings of every namespace that you may list them in."""
        return await catalogue.everywhere(token, part)

    @router.get("/namespaces/{namespace}/fastapitunings")
    async def list_in_namespace(
        token: _Token, namespace: Annotated[Label, Path()], part: Annotated[Part, Query()]
    ) -> Summaries:
        """FastAPITunings of one namespace."""
        return await catalogue.of_namespace(token, namespace, part)

    @router.get("/namespaces/{namespace}/fastapitunings/{name}", responses=_MISSING)
    async def read(token: _Token, namespace: Annotated[Label, Path()], name: Annotated[Name, Path()]) -> Document:
        """One FastAPITuning whole."""
        return document(await catalogue.one(token, namespace, name))

    return router
