"""PromQL, one query per signal for all targets at once; grouped by pod, since only Kubernetes knows whose a pod is."""

import re
from collections.abc import Iterable

from fastapi_tuning.observe.presets import PRESETS, Preset

AGENT_GAUGES = (
    "fastapi_tuning_thread_pool_limit",
    "fastapi_tuning_thread_pool_busy",
    "fastapi_tuning_thread_pool_waiting",
)

_SAFE = "[bcdfghjklmnpqrstvwxz2456789]"

UP = "up"
"""What Prometheus itself says about a scrape; it carries the labels of the target, hence of the pod."""


def selector(namespaces: Iterable[str]) -> str:
    """Label matcher for a set of namespaces; names are RFC 1123 labels, escaped all the same."""
    return 'namespace=~"' + "|".join(re.escape(name).replace("\\", "\\\\") for name in sorted(set(namespaces))) + '"'


def deployment_selector(namespace: str, deployment: str) -> str:
    """Label matcher for all pods that a Deployment ever had: its name, the hash of a ReplicaSet, five characters.

    Both are written in the 27 letters and digits of Kubernetes' SafeEncodeString, which leaves out vowels: the pods of
    `checkout-worker` do not look like pods of `checkout`. Names over 46 characters are cut, and not found.
    """
    name = re.escape(deployment).replace("\\", "\\\\")
    return f'{selector([namespace])},pod=~"{name}-{_SAFE}{{1,10}}-{_SAFE}{{5}}"'


def _rate(metric: str, where: str, window_seconds: int, by: str = "namespace, pod") -> str:
    return f"sum by ({by}) (rate({metric}{{{where}}}[{window_seconds}s]))"


def buckets(preset: Preset, where: str, window_seconds: int) -> str:
    return _rate(f"{preset.histogram}_bucket", where, window_seconds, "namespace, pod, le")


def latency_sum(preset: Preset, where: str, window_seconds: int) -> str:
    return _rate(f"{preset.histogram}_sum", where, window_seconds)


def failed(preset: Preset, where: str, window_seconds: int) -> str:
    return _rate(preset.counter, f"{where},{preset.failed_matcher}", window_seconds)


def cpu(where: str, window_seconds: int) -> str:
    """Seconds of CPU per second; every Python client library exports it."""
    return _rate("process_cpu_seconds_total", where, window_seconds)


def started(where: str, window_seconds: int) -> str:
    return _rate("fastapi_tuning_requests_started_total", where, window_seconds)


def thread_seconds(where: str, window_seconds: int) -> str:
    return _rate("fastapi_tuning_thread_pool_busy_seconds_total", where, window_seconds)


def agent_gauges(where: str) -> str:
    return f'{{__name__=~"{"|".join(AGENT_GAUGES)}",{where}}}'


def presence(where: str, seconds: int) -> str:
    """Which presets' histograms a pod exported within the last `seconds`, and `up` if its last scrape succeeded.

    A pod exports some of the histograms only once it has served a request; `up` tells those pods from unscraped ones.
    """
    names = "|".join(f"{preset.histogram}_count" for preset in PRESETS)
    exported = f'last_over_time({{__name__=~"{names}",{where}}}[{seconds}s])'
    return f"count by (namespace, pod, __name__) ({exported} or {UP}{{{where}}} == 1)"


def total(query: str, by: str = "") -> str:
    """The sum of a query over the pods; `by` keeps labels apart."""
    return f"sum by ({by}) ({query})"


def queue_growth(preset: Preset, where: str, window_seconds: int) -> str:
    """Arrivals less completions, summed over the pods that count arrivals."""
    return total(f"{started(where, window_seconds)} - {_rate(f'{preset.histogram}_count', where, window_seconds)}")


def seen_pods(preset: Preset, where: str) -> str:
    """How many pods answered their last scrape, or still have a sample of the histogram."""
    return f"count(count by (namespace, pod) ({UP}{{{where}}} == 1 or {preset.histogram}_count{{{where}}}))"


def threads_per_pod(where: str) -> str:
    return f"avg({AGENT_GAUGES[0]}{{{where}}})"


def exported(where: str) -> str:
    """Which presets' histograms, and `up`, there are samples of."""
    names = "|".join(f"{preset.histogram}_count" for preset in PRESETS)
    return f'count by (__name__) ({{__name__=~"{names}|{UP}",{where}}})'
