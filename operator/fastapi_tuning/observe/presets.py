"""The metric names of the libraries that FastAPI services use, each checked against the library, and the agent's."""

from dataclasses import dataclass

from fastapi_tuning.api.spec import MetricsSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """Where a library counts requests: a latency histogram and a counter that tells failed requests by a label."""

    source: MetricsSource
    histogram: str
    """Base name; `_bucket`, `_sum` and `_count` follow."""
    seconds_per_unit: float
    counter: str
    failed_matcher: str
    """Label matcher that selects server errors in `counter`."""
    answered_matcher: str = ""
    """Label matcher that selects what the app answered in the histogram; empty: it holds nothing else."""


PRESETS: tuple[Preset, ...] = (
    # The high-resolution histogram: the other one has the edges 0.1, 0.5 and 1 only. Statuses are grouped ("5xx").
    Preset(
        source=MetricsSource.FASTAPI_INSTRUMENTATOR,
        histogram="http_request_duration_highr_seconds",
        seconds_per_unit=1.0,
        counter="http_requests_total",
        failed_matcher='status=~"5.."',
    ),
    Preset(
        source=MetricsSource.STARLETTE_EXPORTER,
        histogram="starlette_request_duration_seconds",
        seconds_per_unit=1.0,
        counter="starlette_requests_total",
        failed_matcher='status_code=~"5.."',
    ),
    Preset(
        source=MetricsSource.OPENTELEMETRY,
        histogram="http_server_request_duration_seconds",
        seconds_per_unit=1.0,
        counter="http_server_request_duration_seconds_count",
        failed_matcher='http_response_status_code=~"5.."',
    ),
    Preset(
        source=MetricsSource.OPENTELEMETRY_LEGACY,
        histogram="http_server_duration_milliseconds",
        seconds_per_unit=0.001,
        counter="http_server_duration_milliseconds_count",
        failed_matcher='http_status_code=~"5.."',
    ),
    # Last: a library may leave out what its users do not call requests. What was shed never reached the app.
    Preset(
        source=MetricsSource.AGENT,
        histogram="fastapi_tuning_request_duration_seconds",
        seconds_per_unit=1.0,
        counter="fastapi_tuning_request_duration_seconds_count",
        failed_matcher='outcome="5xx"',
        answered_matcher='outcome!="shed"',
    ),
)
"""In the order in which Auto prefers them."""


def preset_of(source: MetricsSource) -> Preset:
    """The preset of a source.

    Raises:
        KeyError: Auto and Custom have none.
    """
    return {preset.source: preset for preset in PRESETS}[source]
