"""The pages in memory, and callers whose tokens may read some of what they show."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
from fastapi import APIRouter
from pydantic import SecretStr

from fastapi_tuning.api.tuning import FastAPITuning, UnreadableTuning
from fastapi_tuning.errors import AccessUnknown, InvalidTuning, NotSignedIn
from fastapi_tuning.web.access import Question
from fastapi_tuning.web.app import pages_by_token, web_app
from fastapi_tuning.web.catalogue import Objects
from fastapi_tuning.web.reviews import RememberedReviews, Reviews
from fastapi_tuning.web.views import Shown
from tests.unit.fakes.world import tuning

SHOP = "shop-token"
"""May read the namespace shop."""
ALL = "all-token"
"""May read every namespace."""
NONE = "none-token"
"""Is of somebody, who may read nothing of ours."""


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class FakeReviews:
    """An API server that knows three tokens; `asked` are the questions that reached it."""

    asked: list[Question] = field(default_factory=list)
    rights: dict[str, set[str | None]] = field(default_factory=lambda: {SHOP: {"shop"}, ALL: {None}, NONE: set()})
    reachable: bool = True

    async def user(self, token: SecretStr) -> str:
        self._rights_of(token)
        return f"user of {token.get_secret_value()[:4]}"

    async def allowed(self, token: SecretStr, question: Question) -> bool:
        self.asked.append(question)
        rights = self._rights_of(token)
        return None in rights or question.namespace in rights

    def _rights_of(self, token: SecretStr) -> set[str | None]:
        if not self.reachable:
            raise AccessUnknown("the API server is away")
        if token.get_secret_value() not in self.rights:
            raise NotSignedIn("nobody's token")
        return self.rights[token.get_secret_value()]


def elsewhere(name: str, namespace: str) -> FastAPITuning:
    return tuning(name).model_copy(update={"namespace": namespace})


def unreadable(name: str) -> UnreadableTuning:
    known = tuning(name)
    return UnreadableTuning(
        namespace=known.namespace,
        name=name,
        uid=known.uid,
        generation=1,
        status=known.status,
        problem=InvalidTuning("spec.mode: <b>not ours</b>"),
    )


@dataclass
class Site:
    """The app and what it was given."""

    reviews: FakeReviews = field(default_factory=FakeReviews)
    clock: Clock = field(default_factory=Clock)
    shown: tuple[Shown, ...] = (tuning("checkout"), elsewhere("secret-project", "bank"), unreadable("odd"))
    listed: bool = True
    routers: Callable[[Objects, Reviews], tuple[APIRouter, ...]] = pages_by_token

    @asynccontextmanager
    async def client(self, token: str | None = None) -> AsyncIterator[httpx.AsyncClient]:
        """With a token in the header, or as a browser."""
        objects = Objects(known=lambda: self.shown, listed=lambda: self.listed)
        app = web_app(*self.routers(objects, RememberedReviews(self.reviews, self.clock)))
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://operator", headers=headers) as client:
            yield client

    async def get(self, path: str, token: str | None = None) -> httpx.Response:
        async with self.client(token) as client:
            return await client.get(path)
