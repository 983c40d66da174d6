"""The objects that are shown, behind the gate: no route reaches them past it."""

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import SecretStr

from fastapi_tuning.errors import AccessUnknown, NotFound
from fastapi_tuning.web.access import Question, Verb
from fastapi_tuning.web.gate import Gate
from fastapi_tuning.web.views import Part, Shown, Summaries, summaries


@dataclass(frozen=True, slots=True, kw_only=True)
class Objects:
    """Where the objects come from."""

    known: Callable[[], tuple[Shown, ...]]
    listed: Callable[[], bool]
    """Whether that is all there is."""

    def all(self) -> tuple[Shown, ...]:
        """Raises AccessUnknown: they are not known yet."""
        if not self.listed():
            raise AccessUnknown("this operator has just started, and has not seen the FastAPITunings yet")
        return self.known()


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """What the watch has shown so far.

    Every method raises NotSignedIn, NotAllowed or AccessUnknown where the caller may not see it, or not for now.
    """

    gate: Gate
    objects: Objects

    async def everywhere(self, token: SecretStr | None, part: Part) -> Summaries:
        """Of all namespaces that the caller may list; the others are not mentioned."""
        known = self.objects.all()
        namespaces = await self.gate.listable(token, {each.namespace for each in known})
        return summaries(known, namespaces, part)

    async def of_namespace(self, token: SecretStr | None, namespace: str, part: Part) -> Summaries:
        """Of one namespace; whether there is such a namespace is not said."""
        await self.gate.admit(token, Question(verb=Verb.LIST, namespace=namespace))
        return summaries(self.objects.all(), frozenset((namespace,)), part)

    async def one(self, token: SecretStr | None, namespace: str, name: str) -> Shown:
        """One object.

        Raises:
            NotFound: there is none; said to those only who may read it.
        """
        await self.gate.admit(token, Question(verb=Verb.GET, namespace=namespace, name=name))
        for each in self.objects.all():
            if (each.namespace, each.name) == (namespace, name):
                return each
        raise NotFound(f"no FastAPITuning {name} in the namespace {namespace}")
