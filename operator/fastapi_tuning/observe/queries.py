"""PromQL, one query per signal for all targets at once; grouped by pod, since only Kubernetes knows whose a pod is.

A pod may be scraped more than once: on two ports, or by two jobs. Series are summed within a page (`job` and `instance`
tell pages apart), and of the pages of a pod the largest counts, so that nothing is counted twice.
"""

import re
from collections.abc import Iterable

from fastapi_tuning.observe.presets import PRESETS, Preset

GAUGES = (
    "fastapi_tuning_thread_pool_limit",
    "fastapi_tuning_thread_pool_busy",
    "fastapi_tuning_thread_pool_waiting",
    "fastapi_tuning_requests_in_flight",
    "fastapi_tuning_connections",
    "fastapi_tuning_process_resident_memory_bytes",
    "process_resident_memory_bytes",
)
"""The last one is not the agent's: client libraries export it."""

_SAFE = "[bcdfghjklmnpqrstvwxz2456789]"

_HOUR_SECONDS = 3600

UP = "up"
"""What Prometheus itself says about a scrape; it carries the labels of the target, hence of the pod."""


MEASURE = "measure"
"""The label that tells the parts of one query apart where these have no metric's name."""
COPIES = "copies"


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
    return f"max by ({by}) (sum by ({by}, job, instance) (rate({metric}{{{where}}}[{window_seconds}s])))"


def buckets(preset: Preset, where: str, window_seconds: int) -> str:
    return _rate(f"{preset.histogram}_bucket", _answered(preset, where), window_seconds, "namespace, pod, le")


def latency_sum(preset: Preset, where: str, window_seconds: int) -> str:
    return _rate(f"{preset.histogram}_sum", _answered(preset, where), window_seconds)


def served(preset: Preset, where: str, window_seconds: int) -> str:
    return _rate(f"{preset.histogram}_count", _answered(preset, where), window_seconds)


def _answered(preset: Preset, where: str) -> str:
    return f"{where},{preset.answered_matcher}" if preset.answered_matcher else where


def failed(preset: Preset, where: str, window_seconds: int) -> str:
    return _rate(preset.counter, f"{where},{preset.failed_matcher}", window_seconds)


def cpu(where: str, window_seconds: int) -> str:
    """Seconds of CPU per second: the agent's, which counts all workers of the pod, or any Python client library's."""
    agent = _rate("fastapi_tuning_process_cpu_seconds_total", where, window_seconds)
    return f"{agent} or {_rate('process_cpu_seconds_total', where, window_seconds)}"


def started(where: str, window_seconds: int) -> str:
    return _rate("fastapi_tuning_requests_started_total", where, window_seconds)


def shed(where: str, window_seconds: int) -> str:
    return _rate("fastapi_tuning_requests_shed_total", where, window_seconds)


def thread_seconds(where: str, window_seconds: int) -> str:
    return _rate("fastapi_tuning_thread_pool_busy_seconds_total", where, window_seconds)


def gauges(where: str) -> str:
    return f'max by (namespace, pod, __name__) ({{__name__=~"{"|".join(GAUGES)}",{where}}})'


def presence(where: str, seconds: int) -> str:
    """Which presets' histograms a pod exported within the last `seconds`, and `up` if its last scrape then succeeded.

    A pod exports some of the histograms only once it has served a request; `up` tells those pods from unscraped ones,
    and is as old as they may be: an instant selector would find one of five minutes ago.

    A pod of which Prometheus holds one page several times comes a second time, as the measure `COPIES`.
    """
    names = "|".join(f"{preset.histogram}_count" for preset in PRESETS)
    exported = f'last_over_time({{__name__=~"{names}",{where}}}[{seconds}s])'
    seen = f"count by (namespace, pod, __name__) ({exported} or {_scraped(where, seconds)} == 1)"
    pages = f"max by (namespace, pod) (count by (namespace, pod, job, instance) ({UP}{{{where}}}))"
    return f'{seen} or label_replace({pages} > 1, "{MEASURE}", "{COPIES}", "", "")'


def scrapes(where: str, seconds: int) -> str:
    """1 for each pod whose last scrape within the last `seconds` succeeded, 0 for one whose scrapes fail."""
    return f"max by (namespace, pod) ({_scraped(where, seconds)})"


def _scraped(where: str, seconds: int) -> str:
    return f"last_over_time({UP}{{{where}}}[{seconds}s])"


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
    return f"avg({GAUGES[0]}{{{where}}})"


def exported(where: str) -> str:
    """Which presets' histograms, and `up`, there are samples of."""
    names = "|".join(f"{preset.histogram}_count" for preset in PRESETS)
    return f'count by (__name__) ({{__name__=~"{names}|{UP}",{where}}})'


def blocked_loop(where: str, window_seconds: int) -> str:
    """Seconds per second for which each pod's worst line of code kept its event loop from running."""
    named = f'{where},where=~".+:[0-9]+ .+"'
    return f"topk by (namespace, pod) (1, {_blocked(named, window_seconds)})"


def _blocked(where: str, window_seconds: int) -> str:
    return _rate("fastapi_tuning_loop_blocked_seconds_total", where, window_seconds, "namespace, pod, where")


SETTINGS_GENERATION = "fastapi_tuning_agent_settings_generation"
WORKERS = "fastapi_tuning_workers"
WORKERS_ASKED = "fastapi_tuning_workers_asked"


def agents(where: str) -> str:
    """What agents say of their pods; the least, since a pod may show it on two ports, scraped at different times."""
    names = "|".join((SETTINGS_GENERATION, WORKERS, WORKERS_ASKED))
    return f'min by (namespace, pod, __name__) ({{__name__=~"{names}",{where}}})'


def dependencies(where: str, window_seconds: int) -> str:
    """Connection pools and calls to others, by pod and peer: rates of the counters, and the highest of each gauge."""
    pool, peer = "namespace, pod, peer", "namespace, pod, kind, peer"
    parts = {
        "calls": _rate("fastapi_tuning_outbound_calls_total", where, window_seconds, f"{peer}, outcome"),
        "seconds": _rate("fastapi_tuning_outbound_seconds_total", where, window_seconds, peer),
        "in_flight": _highest("fastapi_tuning_outbound_in_flight", where, window_seconds, peer),
        "size": _highest("fastapi_tuning_database_pool_connections_max", where, window_seconds, pool),
        "checked_out": _highest("fastapi_tuning_database_pool_connections_in_use", where, window_seconds, pool),
        "waiting": _highest("fastapi_tuning_database_pool_waiting", where, window_seconds, pool),
        "wait_seconds": _rate("fastapi_tuning_database_pool_wait_seconds_total", where, window_seconds, pool),
    }
    return " or ".join(f'label_replace({part}, "{MEASURE}", "{name}", "", "")' for name, part in parts.items())


def _highest(metric: str, where: str, window_seconds: int, by: str) -> str:
    return f"max by ({by}) (max_over_time({metric}{{{where}}}[{window_seconds}s]))"


def servers_in_force(where: str) -> str:
    """What the agents report of their servers, the largest value of each; `workers` is there wherever an agent is."""
    names = "workers|limit_concurrency|timeout_keep_alive_seconds"
    return f'max by (__name__) ({{__name__=~"fastapi_tuning_({names})",{where}}})'


def blocked_seconds(where: str) -> str:
    """Time for which event loops stood still in the last hour, by place in the code."""
    return f"{total(_blocked(where, _HOUR_SECONDS), 'where')} * {_HOUR_SECONDS}"


def throttled_ratio(where: str, container: str) -> str:
    """Share of the periods of the CFS scheduler in which the CPU limit was used up, in the last hour (cAdvisor)."""
    which = f'{where},container="{container}"'
    throttled, periods = (
        f"sum(increase(container_cpu_cfs_{name}periods_total{{{which}}}[1h]))" for name in ("throttled_", "")
    )
    return f"{throttled} / {periods}"


def path_latency(where: str, path: str) -> str:
    """Mean latency of a path in the last hour, by any library that counts paths apart; seconds."""
    text = path.replace("\\", "\\\\").replace('"', '\\"')
    libraries = (
        ("http_request_duration_seconds", "handler"),
        ("starlette_request_duration_seconds", "path"),
        ("http_server_request_duration_seconds", "http_route"),
    )
    means = []
    for name, label in libraries:
        which = f'{where},{label}="{text}"'
        means.append(f"sum(rate({name}_sum{{{which}}}[1h])) / sum(rate({name}_count{{{which}}}[1h]))")
    return " or ".join(means)
