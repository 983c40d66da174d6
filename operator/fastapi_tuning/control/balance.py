"""How many connections clients are asked to open anew, so that load follows the pods after a scale-out. Pure.

Keep-alive connections stay where they were opened: a new pod gets new ones only. All pods are asked alike, not the hot
ones alone: what a pod serves is known a rate window late, so a hot pod would send clients away for a minute after it
has none too many, and be the idle one then. Asked alike, connections end up even however late that is seen.
"""

import math

from fastapi_tuning.control.observation import PodTraffic

BALANCED_RATIO = 1.2
"""Pods whose busiest has no more than this times the requests of the idlest count as balanced."""
_SIGNIFICANT_DEVIATIONS = 3.0
_LARGEST_SHARE = 0.2
_KEPT_SHARE = 0.1
"""Kept connections that lie on the pods by chance stay as uneven as chance left them: sixty on three pods, typically
1.4 times as many on one as on another. Where one answer in ten goes on closing its connection, chance is drawn anew all
the time and evens out. It costs a tenth of a new connection per request, some 15 µs of CPU."""


def share_to_close(pods: tuple[PodTraffic, ...], window_seconds: int, current: float) -> float:
    """Share of answers (0 to 0.2) that close their connection, in every pod.

    The largest while the rates of the pods differ by over 20 %, and by more than chance explains (Poisson, three
    standard deviations above the mean); half of it once they are even, for as long as there are several pods.

    Args:
        current: the share that is closed now.
    """
    rates = [pod.served_per_second for pod in pods]
    if len(rates) < 2:
        return 0.0
    mean = sum(rates) / len(rates)
    noise = _SIGNIFICANT_DEVIATIONS * math.sqrt(mean * window_seconds) / window_seconds
    if max(rates) > BALANCED_RATIO * min(rates) and max(rates) - mean > noise:
        return _LARGEST_SHARE
    return _KEPT_SHARE if current > 0 else 0.0
