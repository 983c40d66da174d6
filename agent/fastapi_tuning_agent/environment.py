"""What the environment says about the agent itself. Pure: the environment is an argument."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

OFF = frozenset({"off", "false", "no", "0"})

SWITCH_VARIABLE = "FASTAPI_TUNING_AGENT"
SETTINGS_FILE_VARIABLE = "FASTAPI_TUNING_SETTINGS_FILE"
PROFILE_FILE_VARIABLE = "FASTAPI_TUNING_PROFILE_FILE"
METRICS_PORT_VARIABLE = "FASTAPI_TUNING_METRICS_PORT"
METRICS_HOST_VARIABLE = "FASTAPI_TUNING_METRICS_HOST"
PROBE_PATHS_VARIABLE = "FASTAPI_TUNING_PROBE_PATHS"
READINESS_PATHS_VARIABLE = "FASTAPI_TUNING_READINESS_PATHS"
WORKERS_MODE_VARIABLE = "FASTAPI_TUNING_WORKERS_MODE"
OUTBOUND_VARIABLE = "FASTAPI_TUNING_OUTBOUND"

ALWAYS_EXEMPT_PATHS = frozenset({"/healthz", "/livez", "/readyz", "/metrics"})


class Options(NamedTuple):
    """How the agent is to work in this process."""

    settings_file: str | None
    profile_file: str | None
    """Where requests for a profile come in; None: there are no profiles."""
    metrics_port: int | None
    """None: no port of its own; the metrics go to `prometheus_client` where the app has it."""
    metrics_host: str
    """Empty: all addresses."""
    exempt_paths: frozenset[str]
    """Probes and scrapes: they come with the pod, not with the load. Neither counted nor refused."""
    readiness_paths: frozenset[str]
    """Those of them that answer 503 while the process drains."""


def is_off(environment: Mapping[str, str]) -> bool:
    """The kill switch."""
    return environment.get(SWITCH_VARIABLE, "").strip().lower() in OFF


def outbound_is_off(environment: Mapping[str, str]) -> bool:
    """Whether the libraries that call others are to be left as they are."""
    return environment.get(OUTBOUND_VARIABLE, "").strip().lower() in OFF


def enforces_one_worker(environment: Mapping[str, str]) -> bool:
    return environment.get(WORKERS_MODE_VARIABLE, "").strip().lower() == "enforce"


def options_from(environment: Mapping[str, str]) -> Options:
    """Never raises: a port that is none is no port."""
    readiness = _paths(environment, READINESS_PATHS_VARIABLE) or frozenset({"/readyz"})
    return Options(
        settings_file=environment.get(SETTINGS_FILE_VARIABLE, "").strip() or None,
        profile_file=environment.get(PROFILE_FILE_VARIABLE, "").strip() or None,
        metrics_port=_port(environment.get(METRICS_PORT_VARIABLE, "").strip()),
        metrics_host=environment.get(METRICS_HOST_VARIABLE, "").strip(),
        exempt_paths=ALWAYS_EXEMPT_PATHS | readiness | _paths(environment, PROBE_PATHS_VARIABLE),
        readiness_paths=readiness,
    )


def _port(text: str) -> int | None:
    return int(text) if text.isdecimal() and 0 < int(text[:6]) < 65536 else None


def _paths(environment: Mapping[str, str], variable: str) -> frozenset[str]:
    """A list of paths with commas between them."""
    return frozenset(path.strip() for path in environment.get(variable, "").split(",") if path.strip().startswith("/"))
