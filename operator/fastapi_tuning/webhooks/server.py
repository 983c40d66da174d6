"""The HTTPS endpoint that the API server asks about new pods. What goes wrong ends in a yes, without a patch."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from fastapi_tuning.api.tuning import FastAPITuning
from fastapi_tuning.api_server import Json
from fastapi_tuning.errors import ContainerNotFound
from fastapi_tuning.observe.workloads import app_container
from fastapi_tuning.report.metrics import OperatorMetrics
from fastapi_tuning.webhooks.injection import AgentSource, Operation, Refusal, inject
from fastapi_tuning.webhooks.review import PodReview, answer, deployment_of, eldest, review_of

logger = logging.getLogger(__name__)

INJECT_PATH = "/inject-agent"
_LONGEST_BYTES = 8 * 2**20
"""The API server takes requests of 3 MiB; whoever else may reach the port must not fill our memory."""


class ReviewResult(StrEnum):
    """What became of a pod, as the metric counts it."""

    INJECTED = "Injected"
    NOT_WANTED = "NotWanted"
    REFUSED = "Refused"
    FAILED = "Failed"


@dataclass(slots=True)
class Injector:
    """Decides on pods from what the operator knows already: no request to the API server, so no time lost."""

    naming: Callable[[str, str], Iterable[FastAPITuning]]
    """(namespace, Deployment) → objects that name it."""
    wanted: Callable[[FastAPITuning], bool]
    """Whether the agent is to be in new pods of the object's target."""
    settings: Callable[[FastAPITuning], str]
    """What a new pod of the object's target starts with."""
    source: AgentSource
    metrics: OperatorMetrics
    refused: Callable[[FastAPITuning, str], Awaitable[None]]
    """Told when a pod leaves no room for the agent."""
    _telling: set[asyncio.Task[None]] = field(default_factory=set)

    def patch_for(self, review: PodReview) -> tuple[Operation, ...]:
        """The patch; empty for a pod that is nobody's, or none of ours."""
        tuning = self._tuning_of(review)
        if tuning is None:
            self._count(ReviewResult.NOT_WANTED)
            return ()
        result = self._inject(tuning, review.pod)
        if not isinstance(result, Refusal):
            self._count(ReviewResult.INJECTED)
            return result
        self._count(ReviewResult.NOT_WANTED if result.asked_for else ReviewResult.REFUSED)
        if not result.asked_for and not review.dry_run:
            self._tell(tuning, result.message)
        return ()

    def count_failure(self) -> None:
        self._count(ReviewResult.FAILED)

    def _tuning_of(self, review: PodReview) -> FastAPITuning | None:
        deployment = deployment_of(review.pod)
        tuning = None if deployment is None else eldest(self.naming(review.namespace, deployment))
        return tuning if tuning is not None and self.wanted(tuning) else None

    def _inject(self, tuning: FastAPITuning, pod: Json) -> tuple[Operation, ...] | Refusal:
        try:
            container = app_container(pod["spec"]["containers"], tuning.spec.target_ref.container_name)
        except ContainerNotFound as error:
            return Refusal(message=str(error))
        return inject(pod, container["name"], self.settings(tuning), self.source)

    def _count(self, result: ReviewResult) -> None:
        self.metrics.reviews.labels(result).inc()

    def _tell(self, tuning: FastAPITuning, message: str) -> None:
        """Beside the answer, which does not wait for it."""
        task = asyncio.ensure_future(self.refused(tuning, message))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)


def webhook(injector: Injector) -> FastAPI:
    """The app. Any other answer than an AdmissionReview is a failed call: `failurePolicy: Ignore` lets the pod be."""
    app = FastAPI(title="fastapi-tuning-webhook", docs_url=None, redoc_url=None, openapi_url=None)

    @app.post(INJECT_PATH)
    async def inject_agent(request: Request) -> JSONResponse:
        with injector.metrics.review_seconds.time():
            uid = ""
            try:
                review = review_of(json.loads(await _body(request)))
                uid = review.uid
                return JSONResponse(answer(uid, injector.patch_for(review)))
            except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
                # A pod made in a way that we did not foresee is created as it is.
                logger.error("pod left as it is", extra={"error": repr(error)})
                injector.count_failure()
                return JSONResponse(answer(uid), status_code=200 if uid else 400)

    return app


async def _body(request: Request) -> bytes:
    """What was sent.

    Raises:
        ValueError: no question about a pod is that long.
    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _LONGEST_BYTES:
            raise ValueError(f"longer than {_LONGEST_BYTES} bytes")
    return bytes(body)
