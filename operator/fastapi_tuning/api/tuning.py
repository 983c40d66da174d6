"""The FastAPITuning object as a whole: names of its API and the parsed form that the operator works with."""

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from fastapi_tuning.api.spec import FastAPITuningSpec
from fastapi_tuning.api.status import FastAPITuningStatus

GROUP = "fastapituning.io"
VERSION = "v1alpha1"
KIND = "FastAPITuning"
PLURAL = "fastapitunings"
PAUSED_UNTIL_ANNOTATION = f"{GROUP}/paused-until"


class FastAPITuning(BaseModel):
    """One object, reduced to what decisions need; `managedFields` and the like are never kept."""

    model_config = ConfigDict(frozen=True)

    namespace: str
    name: str
    uid: str
    generation: int = Field(ge=0)
    creation_time: datetime
    annotations: dict[str, str]
    spec: FastAPITuningSpec
    status: FastAPITuningStatus

    @classmethod
    def from_body(cls, body: dict[str, Any]) -> Self:
        """Parse the API server's JSON.

        Raises:
            pydantic.ValidationError: the spec breaks a rule, or the status is not one of ours.
        """
        metadata = body["metadata"]
        return cls(
            namespace=metadata["namespace"],
            name=metadata["name"],
            uid=metadata["uid"],
            generation=metadata.get("generation", 0),
            creation_time=metadata["creationTimestamp"],
            annotations=metadata.get("annotations") or {},
            spec=FastAPITuningSpec.model_validate(body["spec"]),
            status=FastAPITuningStatus.model_validate(body.get("status") or {}),
        )
