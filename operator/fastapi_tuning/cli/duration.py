"""Lengths of time as people write them on a command line. Pure."""

import re
from datetime import timedelta

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_LONGEST = timedelta(days=366)


def duration_of(text: str) -> timedelta:
    """ "90m", "2h", "1h30m", "2d": at most a year.

    Raises:
        ValueError: it is no such length, or none at all.
    """
    if not re.fullmatch(r"(\d{1,6}[smhd])+", text, re.ASCII):
        raise ValueError(f"{text!r} is no length of time: write 90m, 2h, 1h30m or 2d")
    length = timedelta(0)
    for number, unit in re.findall(r"(\d+)([smhd])", text, re.ASCII):
        length += timedelta(**{_UNITS[unit]: int(number)})
    if not timedelta(0) < length <= _LONGEST:
        raise ValueError(f"{text!r} is not between a second and a year")
    return length
