"""The steps of a profile at the cluster: ask, wait, fetch, and leave the pod as it was."""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from kubernetes.aio.client import ApiClient

from fastapi_tuning.act.profile import ask, withdraw
from fastapi_tuning.api.profile import PATIENCE, Profile, ProfileRequest, Worker, printable
from fastapi_tuning.api_server import KubernetesApi, resource_path
from fastapi_tuning.cli.cluster import configure_client
from fastapi_tuning.errors import FastAPITuningError, ProfileUnavailable, TargetUnavailable
from fastapi_tuning.observe.profile import profile_path, read_profile

FIELD_MANAGER = "fastapi-tuning-profile"
POLL_SECONDS = 1.0
FETCH_SECONDS = 30.0
"""How long after its end a profile may take to arrive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a person wants to see."""

    pod: str
    namespace: str
    seconds: int
    samples_per_second: int


async def profiles_of(wish: Wish, tell: Callable[[str], None]) -> tuple[Profile, ...]:
    """One for each process of the pod. `tell` gets what a person who waits wants to know.

    Raises:
        FastAPITuningError: why there is none; the pod is as it was, or the message says what is left in it.
    """
    await configure_client()
    async with ApiClient() as client:
        api = KubernetesApi(client, FIELD_MANAGER)
        pod_path = resource_path("v1", "pods", namespace=wish.namespace, name=wish.pod)
        path = profile_path(await api.get(pod_path), wish.namespace)
        request = _request(wish, datetime.now(UTC))
        # Before anything is written: may this person fetch a profile, and is an agent there that would give one?
        await read_profile(api, path, request.token)
        await ask(api, pod_path, request, datetime.now(UTC))
        try:
            workers = await _result(api, path, request, tell)
        finally:
            await _leave(api, pod_path, request, tell)
    return _profiles(workers, tell)


def _request(wish: Wish, now: datetime) -> ProfileRequest:
    return ProfileRequest(
        token=secrets.token_urlsafe(32),
        seconds=wish.seconds,
        samples_per_second=wish.samples_per_second,
        expires_at=now + PATIENCE,
    )


async def _result(
    api: KubernetesApi, path: str, request: ProfileRequest, tell: Callable[[str], None]
) -> tuple[Worker, ...]:
    """Asks until all processes have ended sampling. A pod that cannot be reached now may be in a moment."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE.total_seconds()
    began, problem = False, ""
    while loop.time() < deadline:
        workers: tuple[Worker, ...] = ()
        try:
            workers = await read_profile(api, path, request.token)
        except TargetUnavailable as error:
            problem = f": {error}"
        if workers and not began:
            began = True
            deadline = loop.time() + request.seconds + FETCH_SECONDS
            tell(f"sampling for {request.seconds} s")
        if workers and not any(worker.is_sampling for worker in workers):
            return workers
        await asyncio.sleep(POLL_SECONDS)
    if began:
        raise ProfileUnavailable(f"the agent began and gave no profile{problem}")
    raise ProfileUnavailable(
        "the agent did not begin within two minutes: it is switched off, the node's clock is wrong, or the kubelet does"
        f" not show the annotation{problem}"
    )


async def _leave(api: KubernetesApi, pod_path: str, request: ProfileRequest, tell: Callable[[str], None]) -> None:
    """Also when interrupted. A request that stays behind ends by itself."""
    try:
        await withdraw(api, pod_path, request)
    except FastAPITuningError as error:
        tell(f"the request could not be taken out of the pod: {error}")


def _profiles(workers: tuple[Worker, ...], tell: Callable[[str], None]) -> tuple[Profile, ...]:
    for worker in workers:
        if worker.profile is None:
            tell(f"process {worker.pid} gave no profile: {printable(worker.message)}")
    found = tuple(worker.profile for worker in workers if worker.profile is not None)
    if not found:
        raise ProfileUnavailable("no process of the pod gave a profile")
    return found
