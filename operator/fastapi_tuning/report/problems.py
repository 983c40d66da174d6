"""What to call an error that ended an object's cycle. Pure."""

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.errors import (
    ContainerNotFound,
    FastAPITuningError,
    InternalError,
    InvalidTuning,
    NotFound,
    TargetNotUnderstood,
    WriteRejected,
)


def reason_of(error: FastAPITuningError) -> tuple[Reason, bool]:
    """(reason, whether a person must act)"""
    if isinstance(error, NotFound):
        return Reason.TARGET_NOT_FOUND, True
    if isinstance(error, ContainerNotFound):
        return Reason.CONTAINER_NOT_FOUND, True
    if isinstance(error, TargetNotUnderstood):
        return Reason.TARGET_NOT_UNDERSTOOD, True
    if isinstance(error, InvalidTuning):
        return Reason.INVALID_SPEC, True
    if isinstance(error, InternalError):
        return Reason.INTERNAL_ERROR, False
    return Reason.WRITE_FAILED if isinstance(error, WriteRejected) else Reason.TARGET_NOT_READY, False
