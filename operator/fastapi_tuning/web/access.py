"""Who may see what: whoever may read the objects by kubectl. The question to the API server, and its answer. Pure.

The API server is asked with the caller's own token (SelfSubjectAccessReview), so the operator needs no right to ask
about others, and shows nothing that the token itself could not read (docs/design/20261124-who-may-look.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from fastapi_tuning.api.tuning import GROUP, PLURAL
from fastapi_tuning.errors import AccessUnknown

REVIEW_PATH = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
IDENTITY_PATH = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
IDENTITY_QUESTION = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}

Json = dict[str, Any]


class Verb(StrEnum):
    """What the pages and the API do; there is nothing else they can."""

    GET = "get"
    LIST = "list"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """May the caller read this? Without a namespace: in all of them. Without a name: every object."""

    verb: Verb
    namespace: str | None
    name: str | None = None

    def __str__(self) -> str:
        """As a role would have to say it."""
        what = f"{PLURAL}.{GROUP}" + ("" if self.name is None else f' "{self.name}"')
        where = "in all namespaces" if self.namespace is None else f'in the namespace "{self.namespace}"'
        return f"{self.verb} {what} {where}"


def review_of(question: Question) -> Json:
    """The SelfSubjectAccessReview to create; an empty namespace means all of them there."""
    attributes = {
        "group": GROUP,
        "resource": PLURAL,
        "verb": question.verb.value,
        "namespace": question.namespace or "",
        "name": question.name or "",
    }
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }


def allowed_by(review: Mapping[str, Any]) -> bool:
    """Whether the answered review says yes; every answer that does not say so is a no.

    Raises:
        AccessUnknown: it is no answer.
    """
    status = review.get("status")
    if not isinstance(status, Mapping):
        raise AccessUnknown("the API server's answer says neither yes nor no")
    return status.get("allowed") is True and status.get("denied", False) is False


def user_in(review: Mapping[str, Any]) -> str:
    """The name in an answered SelfSubjectReview.

    Raises:
        AccessUnknown: there is none.
    """
    match review:
        case {"status": {"userInfo": {"username": str(name)}}}:
            return name
        case _:
            raise AccessUnknown("the API server's answer names no user")
