"""A load test as it is kept and compared. Pure."""

from datetime import datetime

from fastapi_tuning.api.model import ApiModel
from fastapi_tuning.load_test.findings import Findings
from fastapi_tuning.load_test.search import End
from fastapi_tuning.load_test.step import Step


class Recommended(ApiModel):
    """An object, or a part of one to patch it with."""

    what: str
    """ "FastAPITuning checkout" """
    use: str
    """What to do with it, in a sentence."""
    manifest: str
    """YAML."""


class Report(ApiModel):
    """One test of one service."""

    namespace: str
    deployment: str
    tuning: str | None
    time: datetime
    """Of the end, UTC."""
    load: str
    """What was offered, for people: the URL, or the scenario."""
    unit: str
    """Of the levels: "requests/s" or "users"."""
    objective: str
    """For people: "99 % within 500 ms, at most 0.1 % errors"."""
    threshold_seconds: float
    pods: int
    """Ready ones at the start."""
    end: End
    steps: tuple[Step, ...]
    findings: Findings
    peak_per_second: float | None = None
    """Load that the service is to be sized for."""
    peak_pods: int | None = None
    objects: tuple[Recommended, ...] = ()
