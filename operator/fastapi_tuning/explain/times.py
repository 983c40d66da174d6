"""Times as people tell them. Pure."""

from datetime import datetime, timedelta

_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"))


def length(duration: timedelta) -> str:
    """ "84 s", "5 min", "3 h": the largest unit of which there are at least two."""
    seconds = duration.total_seconds()
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def clock(time: datetime, now: datetime) -> str:
    """Time of day, with the date if it is another one; UTC, as everything in the status is."""
    return f"{time:%H:%M:%S}" if time.date() == now.date() else f"{time:%Y-%m-%d %H:%M:%S}"


def since(time: datetime, now: datetime) -> str:
    return f"{clock(time, now)} ({length(max(timedelta(0), now - time))} ago)"


def until(time: datetime, now: datetime) -> str:
    if time.year >= _FOR_EVER:
        return "somebody ends it"
    return f"{clock(time, now)} (in {length(time - now)})" if time > now else f"{clock(time, now)} (now past)"


_FOR_EVER = 9999
