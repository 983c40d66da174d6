"""Runs the steps of a load test as Jobs, one at a time, and leaves none behind."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi_tuning.api_server import Json, Workbench, resource_path
from fastapi_tuning.cli.to_the_end import to_the_end
from fastapi_tuning.errors import Conflict, LoadTestFailed, NotFound, TargetUnavailable, WriteRejected
from fastapi_tuning.load.tally import Summary
from fastapi_tuning.load_test.jobs import (
    RUN_LABEL,
    Judgement,
    Load,
    Locust,
    Target,
    config_map,
    deadline_seconds,
    job,
    name_of,
)
from fastapi_tuning.load_test.search import Trial

_POLL_SECONDS = 1.0
_MOST_SILENCE = 10
"""Failed looks in a row after which the API server is taken for gone."""
_REMOVAL_SECONDS = 30.0
_SLACK_SECONDS = 30.0
"""Over the Job's own deadline, for its controller to act on it."""
_IN_VAIN = re.compile("Err.*|.*BackOff|.*Error|InvalidImageName")
"""The kubelet's reasons that do not pass by waiting."""
_TOLD_LINES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadJobs:
    """The Jobs of one run of the command; `run` names it. `clock` gives monotonic seconds."""

    api: Workbench
    target: Target
    load: Load
    judgement: Judgement
    image: str
    run: str
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    clock: Callable[[], float] = time.monotonic

    async def offer(self, trial: Trial, seed: int) -> tuple[Summary, ...]:
        """Offer one trial, and read what the generator says of it: a line for each part that was begun.

        Whatever happens, Job and ConfigMap are removed before this returns or raises; that includes cancellation.

        Raises:
            LoadTestFailed: no load could be offered, nothing can be read of it, or the Job could not be removed.
        """
        try:
            await self._create(trial, seed)
            problem = await self._until_ended(deadline_seconds(trial, self.judgement) + _SLACK_SECONDS)
            return self._summaries(await self._log(), problem)
        except (WriteRejected, TargetUnavailable, NotFound) as error:
            raise LoadTestFailed(f"the load's Job: {error}") from error
        finally:
            await to_the_end(self._remove())

    async def _create(self, trial: Trial, seed: int) -> None:
        body = job(trial, self.load, self.target, self.judgement, image=self.image, run=self.run, seed=seed)
        try:
            created = await self.api.post(self._path("batch/v1", "jobs"), body)
        except Conflict as error:
            raise LoadTestFailed(
                f"another load test of {self.target.deployment} runs, or was killed lately (its Job goes by itself in "
                f"minutes): {error}"
            ) from error
        if isinstance(self.load, Locust):
            uid = created["metadata"]["uid"]
            scenario = config_map(self.load, self.target, run=self.run, owner_uid=uid)
            await self.api.post(self._path("v1", "configmaps"), scenario)

    async def _until_ended(self, most_seconds: float) -> str | None:
        """Waits for the Job; what went wrong with it, None if nothing did.

        Raises:
            LoadTestFailed: its pod cannot start, or it does not end, or nobody answers.
        """
        until, silent = self.clock() + most_seconds, 0
        while self.clock() < until:
            try:
                ended, problem = _end_of(await self.api.get(self._job_path))
                if ended:
                    return problem
                await self._check_start()
                silent = 0
            except TargetUnavailable as error:
                silent += 1
                if silent >= _MOST_SILENCE:
                    raise LoadTestFailed(f"the load's Job cannot be watched: {error}") from error
            await self.sleep(_POLL_SECONDS)
        raise LoadTestFailed(f"the load's Job did not end within {most_seconds:.0f} s")

    async def _check_start(self) -> None:
        for pod in await self._pods():
            for status in (pod.get("status") or {}).get("containerStatuses") or ():
                waiting = (status.get("state") or {}).get("waiting") or {}
                if _IN_VAIN.fullmatch(waiting.get("reason") or ""):
                    told = f"{waiting['reason']}: {waiting.get('message', '')}".strip(": ")
                    raise LoadTestFailed(f"the load's pod does not start with image {self.image}: {told}")

    async def _pods(self) -> list[Json]:
        found = await self.api.get(self._path("v1", "pods"), {"labelSelector": f"{RUN_LABEL}={self.run}"})
        return list(found["items"])

    async def _log(self) -> str:
        pods = await self._pods()
        if not pods:
            return ""
        name = pods[-1]["metadata"]["name"]
        path = resource_path("v1", "pods", namespace=self.target.namespace, name=name, subresource="log")
        return await self.api.text(path, {"container": "load"})

    def _summaries(self, log: str, problem: str | None) -> tuple[Summary, ...]:
        try:
            found = tuple(Summary.of_line(line) for line in log.splitlines() if line.startswith("{"))
        except (ValueError, TypeError) as error:
            raise LoadTestFailed(f"the generator of image {self.image} speaks another language: {error}") from error
        if not found:
            told = "\n".join(log.splitlines()[-_TOLD_LINES:]) or "its log is empty"
            raise LoadTestFailed(f"the generator offered nothing ({problem or 'it ended well'}): {told}")
        return found

    async def _remove(self) -> None:
        """Both objects if they are of this run. A name that somebody else's run holds is left alone."""
        if isinstance(self.load, Locust):
            await self._remove_one(self._path("v1", "configmaps", name_of(self.target.deployment)))
        await self._remove_one(self._job_path)

    async def _remove_one(self, path: str) -> None:
        until = self.clock() + _REMOVAL_SECONDS
        while True:
            try:
                found = await self.api.get(path)
                if (found["metadata"].get("labels") or {}).get(RUN_LABEL) != self.run:
                    return
                await self.api.delete(path)
                problem = "it is still there"
            except NotFound:
                return
            except (WriteRejected, TargetUnavailable) as error:
                problem = str(error)
            if self.clock() >= until:
                raise LoadTestFailed(f"{path} could not be removed ({problem}); it ends by itself in minutes")
            await self.sleep(_POLL_SECONDS)

    @property
    def _job_path(self) -> str:
        return self._path("batch/v1", "jobs", name_of(self.target.deployment))

    def _path(self, group_version: str, resource: str, name: str | None = None) -> str:
        return resource_path(group_version, resource, namespace=self.target.namespace, name=name)


def _end_of(body: Json) -> tuple[bool, str | None]:
    """Whether the Job has ended, and what went wrong."""
    for condition in (body.get("status") or {}).get("conditions") or ():
        if condition.get("status") == "True" and condition["type"] == "Complete":
            return True, None
        if condition.get("status") == "True" and condition["type"] == "Failed":
            return True, f"{condition.get('reason', 'Failed')}: {condition.get('message', '')}".strip(": ")
    return False, None
