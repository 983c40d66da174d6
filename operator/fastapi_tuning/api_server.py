"""The one door to the Kubernetes API: JSON in, JSON out, errors of our tree.

Goes through the official client's asyncio side for configuration, authentication and transport, and past its typed
models, which cost memory and hide fields they do not know.
"""

import asyncio
import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Protocol
from urllib.parse import quote

import aiohttp
from kubernetes.aio.client import ApiClient

from fastapi_tuning.errors import Conflict, FieldConflict, NotFound, TargetUnavailable, WriteRejected

FIELD_MANAGER = "fastapi-tuning-operator"
_TIMEOUT_SECONDS = 10.0
_MESSAGE_LENGTH = 512

Json = dict[str, Any]


class PatchType(StrEnum):
    """How the API server reads a patch."""

    MERGE = "application/merge-patch+json"
    STRATEGIC = "application/strategic-merge-patch+json"
    """As MERGE, and lists of named things by name; only for the API server's own kinds."""
    APPLY = "application/apply-patch+yaml"


def resource_path(
    group_version: str, resource: str, *, namespace: str | None = None, name: str | None = None, subresource: str = ""
) -> str:
    """URL path of a collection, of an object in it, or of the object's subresource; "v1" is the core group.

    Every part stays one segment whatever is in it, so that no name leads into another namespace. The two names that
    mean another directory cannot be escaped; Kubernetes has no object of such a name either.

    Raises:
        NotFound: no object can have this name, or be in such a namespace.
    """
    root = "apis" if "/" in group_version else "api"
    parts = [resource] if namespace is None else ["namespaces", namespace, resource]
    parts += [] if name is None else [name]
    if not _NO_SEGMENTS.isdisjoint(parts):
        raise NotFound(f"{resource}: {name!r} in namespace {namespace!r} cannot exist")
    escaped = (quote(part, safe="") for part in (*parts, *([subresource] if subresource else [])))
    return "/".join(("", root, group_version, *escaped))


_NO_SEGMENTS = frozenset(("", ".", ".."))


def namespace_in(path: str) -> str:
    """Namespace of the object, of a group that has a name, at a path that resource_path made."""
    return path.split("/")[5]


class ApiServer(Protocol):
    """What the stages need of Kubernetes."""

    async def get(self, path: str, query: dict[str, str] | None = None) -> Json:
        """Read an object or a list.

        Raises:
            NotFound: it does not exist.
            TargetUnavailable: any other failure; the next cycle is the retry.
        """
        ...

    async def patch(self, path: str, body: Json, patch_type: PatchType) -> Json:
        """Change an object.

        Raises:
            NotFound, Conflict, FieldConflict, WriteRejected: nothing was changed.
        """
        ...

    async def post(self, path: str, body: Json) -> Json:
        """Create an object.

        Raises:
            WriteRejected: nothing was created.
        """
        ...


class Workbench(ApiServer, Protocol):
    """What commands of people need beyond that. The operator does neither, and has no right to."""

    async def delete(self, path: str) -> None:
        """Remove an object and all that belongs to it; one that is not there is removed.

        Raises:
            WriteRejected: it is still there, or may be.
        """
        ...

    async def text(self, path: str, query: dict[str, str] | None = None) -> str:
        """Read what is no JSON, such as a log. Bytes that are no UTF-8 are replaced.

        Raises:
            NotFound: it does not exist.
            TargetUnavailable: any other failure.
        """
        ...


class KubernetesApi:
    """An ApiServer, and a Workbench, over HTTP."""

    def __init__(self, client: ApiClient, field_manager: str = FIELD_MANAGER) -> None:
        """`field_manager` is who changes are owned by."""
        self._client = client
        self._field_manager = field_manager

    async def get(
        self, path: str, query: dict[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Json:
        """See ApiServer; `headers` reach the pod behind a path that ends in its proxy."""
        try:
            status, content = await self._exchange("GET", path, list((query or {}).items()), headers=headers)
            body = _json(status, content)
        except _TRANSPORT_ERRORS as error:
            raise TargetUnavailable(f"the API server is not reachable: {error}") from error
        _raise_unless_read(status, body)
        return body

    async def text(self, path: str, query: dict[str, str] | None = None) -> str:
        try:
            status, content = await self._exchange("GET", path, list((query or {}).items()))
            _raise_unless_read(status, _json(status, content) if status >= 300 else {})
        except _TRANSPORT_ERRORS as error:
            raise TargetUnavailable(f"the API server is not reachable: {error}") from error
        return content.decode(errors="replace")

    async def delete(self, path: str) -> None:
        try:
            status, content = await self._exchange("DELETE", path, [("propagationPolicy", "Foreground")])
            body = _json(status, content)
        except _TRANSPORT_ERRORS as error:
            raise WriteRejected(f"the API server is not reachable: {error}") from error
        if status >= 300 and status != 404:
            raise WriteRejected(f"the API server answered {status}: {_message(body)}")

    async def patch(self, path: str, body: Json, patch_type: PatchType) -> Json:
        return await self._write("PATCH", path, body, patch_type)

    async def post(self, path: str, body: Json) -> Json:
        return await self._write("POST", path, body, "application/json")

    async def _write(self, method: str, path: str, body: Json, content_type: str) -> Json:
        query = [("fieldManager", self._field_manager), ("fieldValidation", "Strict")]
        try:
            status, content = await self._exchange(method, path, query, body, content_type)
            answer = _json(status, content)
        except _TRANSPORT_ERRORS as error:
            raise WriteRejected(f"the API server is not reachable: {error}") from error
        if status < 300:
            return answer
        message = _message(answer)
        if status == 404:
            raise NotFound(message)
        if status == 409:
            raise (FieldConflict if content_type == PatchType.APPLY else Conflict)(message)
        raise WriteRejected(f"the API server answered {status}: {message}")

    async def _exchange(
        self,
        method: str,
        path: str,
        query: list[tuple[str, str]],
        body: Json | None = None,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes]:
        sent = {"Accept": "application/json", "Content-Type": content_type, **(headers or {})}
        request = await self._client.param_serialize(
            method, path, query_params=query, header_params=sent, body=body, auth_settings=["BearerToken"]
        )
        response = await self._client.call_api(*request, _request_timeout=_TIMEOUT_SECONDS)
        content: bytes = await response.read()  # type: ignore[no-untyped-call]  # the client ships it without types
        return response.status, content


def _json(status: int, content: bytes) -> Json:
    if status == 404 and content.strip() == _UNKNOWN_PATH:
        return {"message": "the API server has no such kind of object"}
    answer = json.loads(content) if content else {}
    if not isinstance(answer, dict):
        raise ValueError("its answer is no JSON object")
    return answer


def _raise_unless_read(status: int, body: Json) -> None:
    if status == 404:
        raise NotFound(_message(body))
    if status >= 300:
        raise TargetUnavailable(f"the API server answered {status}: {_message(body)}")


_UNKNOWN_PATH = b"404 page not found"
"""What the API server says, in plain text, about an API group that nobody serves."""
_TRANSPORT_ERRORS = (aiohttp.ClientError, asyncio.TimeoutError, OSError, ValueError, RecursionError)
"""The last two: the answer is not JSON, or nested deeper than we can read (managedFields may be)."""


def _message(body: Json) -> str:
    """The Status message, cut: it may quote a whole object."""
    return str(body.get("message", ""))[:_MESSAGE_LENGTH]
