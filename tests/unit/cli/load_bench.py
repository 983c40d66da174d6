"""A namespace in memory that runs the Jobs of a load test in virtual time, against a service that one can work out."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi_tuning.api_server import Json, PatchType
from fastapi_tuning.errors import Conflict, NotFound, WriteRejected
from fastapi_tuning.load.profile import parse_profile
from fastapi_tuning.load_test.search import Trial
from tests.unit.cli.clusters import DEPLOYMENT, objects, tuning
from tests.unit.load_test.builders import overloaded_parts

SHOP = "/namespaces/shop"
NAMESPACE = "/api/v1/namespaces/shop"
JOBS, CONFIG_MAPS = f"/apis/batch/v1{SHOP}/jobs", f"/api/v1{SHOP}/configmaps"
JOB, CONFIG_MAP = f"{JOBS}/load-test-checkout", f"{CONFIG_MAPS}/load-test-checkout"
PODS = f"/api/v1{SHOP}/pods"
LOG = f"{PODS}/generator/log"
TUNING = f"/apis/fastapituning.io/v1alpha1{SHOP}/fastapitunings/checkout"
AUTOSCALERS = f"/apis/autoscaling/v2{SHOP}/horizontalpodautoscalers"
START = datetime(2026, 1, 1, 12, tzinfo=UTC)
_RUN_SECONDS = 3.0
"""From the creation of a Job to its first request, and from the last to its end."""


def namespace_objects() -> dict[str, Any]:
    """Two pods with the agent behind one Service, a FastAPITuning, and no autoscaler."""
    found = objects()
    found[NAMESPACE] = {"metadata": {"name": "shop", "labels": {"environment": "staging"}}}
    service = {"selector": {"app": "checkout"}, "ports": [{"port": 80}], "clusterIP": "10.0.0.1"}
    found[f"/api/v1{SHOP}/services"]["items"] = [{"metadata": {"name": "web"}, "spec": service}]
    found[AUTOSCALERS]["items"] = []
    for pod in found[PODS]["items"]:
        pod["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"
        pod["spec"]["initContainers"] = [{"name": "fastapi-tuning-agent", "image": "operator:1"}]
    found[TUNING] = tuning()
    found[DEPLOYMENT]["status"] = {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2}
    return found


@dataclass
class Bench:
    """A Workbench; `capacity` is what the two pods carry together. Time passes only while somebody sleeps."""

    capacity: float = 100.0
    objects: dict[str, Any] = field(default_factory=namespace_objects)
    seconds: float = 0.0
    levels: list[float] = field(default_factory=list)
    annotations: list[str | None] = field(default_factory=list)
    log: Callable[["Bench"], str] | None = None
    """What the generator says; by default what the service makes of the load."""
    waiting: str | None = None
    """Why the generator's container does not start."""
    undeletable: bool = False
    refused: tuple[str, ...] = ()
    """Ends of paths that may not be written to."""
    on_step: Callable[["Bench"], None] = lambda bench: None
    _ends: float = 0.0

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def clock(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    async def get(self, path: str, query: dict[str, str] | None = None) -> Json:
        if path == PODS and "load-test-run" in (query or {}).get("labelSelector", ""):
            return {"items": [self._generator()] if JOB in self.objects else []}
        if path not in self.objects:
            raise NotFound(f"{path} not found")
        if path == JOB and self.seconds >= self._ends and self.waiting is None:
            self.objects[JOB]["status"] = {"conditions": [{"type": "Complete", "status": "True"}]}
        found: Json = self.objects[path]
        return found

    async def text(self, path: str, query: dict[str, str] | None = None) -> str:
        assert path == LOG
        if self.log is not None:
            return self.log(self)
        return "a line of no interest\n" + "\n".join(
            json.dumps(part.as_json()) for part in overloaded_parts(self._trial(), self.capacity)
        )

    async def post(self, path: str, body: Json) -> Json:
        self._check_right(path)
        full = f"{path}/{body['metadata']['name']}"
        if full in self.objects:
            raise Conflict(f"{full} already exists")
        self.objects[full] = {**body, "metadata": {**body["metadata"], "uid": "u"}}
        if path == JOBS:
            self.levels.append(self._trial().level)
            self._ends = self.seconds + self._trial().load_seconds + _RUN_SECONDS
            self.on_step(self)
        return dict(self.objects[full])

    async def patch(self, path: str, body: Json, patch_type: PatchType) -> Json:
        assert (path, patch_type) == (TUNING, PatchType.MERGE)
        self._check_right(path)
        present = self.objects[TUNING]["metadata"].setdefault("annotations", {})
        for key, value in body["metadata"]["annotations"].items():
            self.annotations.append(value)
            if value is None:
                present.pop(key, None)
            else:
                present[key] = value
        return body

    async def delete(self, path: str) -> None:
        if self.undeletable:
            raise WriteRejected("the API server answered 403: jobs are forbidden")
        self.objects.pop(path, None)

    def left_behind(self) -> set[str]:
        """Objects of load tests that are still there."""
        return {path for path in (JOB, CONFIG_MAP) if path in self.objects}

    def paused(self) -> bool:
        return "fastapituning.io/paused-until" in self.objects[TUNING]["metadata"].get("annotations", {})

    def _check_right(self, path: str) -> None:
        if path.endswith(self.refused):
            raise WriteRejected(f"the API server answered 403: {path} is forbidden")

    def _generator(self) -> Json:
        state = {"waiting": {"reason": self.waiting}} if self.waiting else {"running": {}}
        status = {"containerStatuses": [{"name": "load", "state": state}]}
        return {"metadata": {"name": "generator"}, "spec": {}, "status": status}

    def _trial(self) -> Trial:
        (container,) = self.objects[JOB]["spec"]["template"]["spec"]["containers"]
        options = dict(each.removeprefix("--").split("=", 1) for each in container["args"] if "=" in each)
        if "users" in options:
            settling, judged, level = 5.0, 30.0, float(options["users"])
        else:
            first, second = parse_profile(options["profile"]).phases
            settling, judged, level = first.duration_seconds, second.duration_seconds, second.start_rate
        return Trial(level=level, rest_seconds=0, settle_seconds=settling, seconds=judged, most_bad_requests=1)
