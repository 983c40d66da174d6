"""What stands before every page and answer that shows an object."""

import asyncio
from collections.abc import Iterable
from typing import Protocol

from pydantic import SecretStr

from fastapi_tuning.errors import NotAllowed, NotSignedIn
from fastapi_tuning.web.access import Question, Verb
from fastapi_tuning.web.reviews import Reviews


class Gate(Protocol):
    """Lets callers through, or does not."""

    async def admit(self, token: SecretStr | None, question: Question) -> None:
        """Return if they may.

        Raises:
            NotSignedIn, NotAllowed, AccessUnknown: they may not, or not for now.
        """
        ...

    async def listable(self, token: SecretStr | None, namespaces: Iterable[str]) -> frozenset[str]:
        """Those of the namespaces whose objects they may list; maybe none.

        Raises:
            NotSignedIn, NotAllowed, AccessUnknown: nothing can be said about any of them.
        """
        ...


class TokenGate:
    """Callers see what their Kubernetes token may read."""

    def __init__(self, reviews: Reviews) -> None:
        self._reviews = reviews

    async def admit(self, token: SecretStr | None, question: Question) -> None:
        if not await self._reviews.allowed(_given(token), question):
            raise NotAllowed(f"your token may not {question}")

    async def listable(self, token: SecretStr | None, namespaces: Iterable[str]) -> frozenset[str]:
        """Asks about all namespaces at once first, which is enough for whoever may see the whole cluster."""
        given, wanted = _given(token), frozenset(namespaces)
        if await self._reviews.allowed(given, Question(verb=Verb.LIST, namespace=None)):
            return wanted
        asked = sorted(wanted)
        answers = await asyncio.gather(
            *(self._reviews.allowed(given, Question(verb=Verb.LIST, namespace=each)) for each in asked)
        )
        return frozenset(each for each, may in zip(asked, answers, strict=True) if may)


class OpenGate:
    """Everybody who reaches the port sees everything: for clusters where something before it asks who they are."""

    async def admit(self, token: SecretStr | None, question: Question) -> None:
        return

    async def listable(self, token: SecretStr | None, namespaces: Iterable[str]) -> frozenset[str]:
        return frozenset(namespaces)


def _given(token: SecretStr | None) -> SecretStr:
    if token is None:
        raise NotSignedIn("a Kubernetes token is needed: Authorization: Bearer …")
    return token
