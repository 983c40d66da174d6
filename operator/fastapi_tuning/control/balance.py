"""Which pods should send clients away, so that load follows the pods after a scale-out. Pure.

Keep-alive connections stay where they were opened: a new pod gets new ones only. A pod that asks for a share of its
connections to be opened anew gives them to the Service, which spreads them evenly.
"""

import math
from collections.abc import Mapping

from fastapi_tuning.control.observation import PodTraffic

BALANCED_RATIO = 1.2
"""Pods whose busiest has no more than this times the requests of the idlest count as balanced."""
_SIGNIFICANT_DEVIATIONS = 3.0
_LARGEST_SHARE = 0.2
_STEP = 0.05
"""Shares are multiples of this, so that noise does not write to pods."""


def shares_to_close(pods: tuple[PodTraffic, ...], window_seconds: int) -> Mapping[str, float]:
    """Share of answers (0 to 0.2) that close their connection, by pod; pods that keep theirs are left out.

    A pod with rate r above the mean m should lose (r − m)/r of its connections. Nothing is asked for while the rates
    are within 20 % of each other, nor where the excess may be chance (Poisson, three standard deviations).
    """
    rates = [pod.served_per_second for pod in pods]
    if len(rates) < 2 or max(rates) <= BALANCED_RATIO * min(rates):
        return {}
    mean = sum(rates) / len(rates)
    noise = _SIGNIFICANT_DEVIATIONS * math.sqrt(mean * window_seconds) / window_seconds
    return {
        pod.pod: min(_LARGEST_SHARE, _STEP * math.ceil((1 - mean / pod.served_per_second) / _STEP))
        for pod in pods
        if pod.served_per_second - mean > noise
    }
