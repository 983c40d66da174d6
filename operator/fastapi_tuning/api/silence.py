"""Has nobody decided on an object for longer than a cycle can take? Pure."""

from datetime import datetime, timedelta

from fastapi_tuning.api.tuning import FastAPITuning

_LEAST = timedelta(minutes=5)
_INTERVALS = 10


def silent_for(tuning: FastAPITuning, now: datetime) -> timedelta | None:
    """Time since the last decision, if it is over five minutes and ten intervals; None if it is not, or was none."""
    last = tuning.status.history.last_observation_time
    if last is None:
        return None
    age = now - last
    return age if age > max(_LEAST, _INTERVALS * timedelta(seconds=tuning.spec.interval_seconds)) else None
