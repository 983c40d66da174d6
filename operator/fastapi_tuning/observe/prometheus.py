"""The one door to Prometheus: a query in, samples out, every failure a MetricsUnavailable.

prometheus-api-client sends what our session lets through: queries in a POST body (a batch outgrows a URL), no
redirects (they would carry our headers elsewhere), no proxies from the environment, and the token file re-read, since
projected tokens rotate. There are no retries: the next cycle is the retry.
"""

import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import requests
from prometheus_api_client import PrometheusConnect
from prometheus_api_client.exceptions import PrometheusApiClientException
from urllib3.util.retry import Retry

from fastapi_tuning.errors import ClocksDiffer, MetricsUnavailable, PrometheusSilent, QueryBudgetSpent

_MESSAGE_LENGTH = 200
_NO_VECTOR = "Prometheus answered JSON that is not the kind of vector asked for"
LARGEST_CLOCK_DIFFERENCE_SECONDS = 15.0
"""A scrape period, and half of the least age that a sample may have: what is asked for as of now must be of now."""
_EVALUATION_SHARE = 0.8
"""Of the read timeout: Prometheus gives up on a slow query, and says so, before we take it for dead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One series of an instant vector; the value may be NaN or infinite, as Prometheus sent it."""

    labels: dict[str, str]
    value: float

    @property
    def pod(self) -> tuple[str, str]:
        """(namespace, pod); empty where the sample carries no such label."""
        return self.labels.get("namespace", ""), self.labels.get("pod", "")

    @property
    def metric(self) -> str:
        """Its name; empty where the query left it out."""
        return self.labels.get("__name__", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One series of a range: Unix time → value. A time without a sample is absent; values as in `Sample`."""

    labels: dict[str, str]
    values: dict[int, float]


class PrometheusReader(Protocol):
    """What the metrics reader needs of Prometheus."""

    def query(self, promql: str, at: datetime) -> tuple[Sample, ...]:
        """Evaluate at one moment.

        Raises:
            PrometheusSilent: no answer at all.
            MetricsUnavailable: no usable answer.
        """
        ...


class PrometheusRangeReader(Protocol):
    """What the reader of the past needs of Prometheus."""

    def query_range(
        self, promql: str, *, first_seconds: int, last_seconds: int, step_seconds: int
    ) -> tuple[Series, ...]:
        """Evaluate at each step between two Unix times, both included; Prometheus refuses more than 11,000 of them.

        Raises:
            PrometheusSilent: no answer at all.
            MetricsUnavailable: no usable answer.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusEndpoint:
    """Where Prometheus is and how it lets us in. `url` may hold a user and password (basic authentication).

    Files are read at each query, since what they hold is renewed. At most one of token, user in the URL, and user file.
    """

    url: str = field(repr=False)
    token_file: Path | None = None
    username_file: Path | None = None
    password_file: Path | None = None
    certificate_file: Path | None = None
    """Our own, for mutual TLS; with `key_file`."""
    key_file: Path | None = None
    ca_file: Path | None = None
    tenant: str | None = None
    connect_timeout_seconds: float = 2.0
    read_timeout_seconds: float = 5.0

    @property
    def address(self) -> str:
        """The URL without user, password and trailing slash: the only form that is sent, shown or logged."""
        parts = urlsplit(self.url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().rstrip("/")

    @property
    def credentials(self) -> tuple[bytes, bytes] | None:
        """User and password as UTF-8 (RFC 7617), or None if the URL holds none."""
        parts = urlsplit(self.url)
        if parts.username is None:
            return None
        return unquote(parts.username).encode(), unquote(parts.password or "").encode()


class PrometheusSession(requests.Session):
    """Moves the parameters of a POST from the URL into the body and adds what the endpoint asks for."""

    def __init__(self, endpoint: PrometheusEndpoint, clock: Callable[[], float]) -> None:
        super().__init__()
        self._endpoint = endpoint
        self._clock = clock
        self.trust_env = False
        self.clock_difference_seconds = 0.0
        """How far the last answer's own time lay outside of the time in which we waited for it."""
        self.warnings: tuple[str, ...] = ()
        """Warnings of the last answer; a partial response of Thanos or Mimir says so here."""
        if endpoint.ca_file is not None:
            self.verify = str(endpoint.ca_file)
        if endpoint.certificate_file is not None:
            self.cert = (str(endpoint.certificate_file), str(endpoint.key_file))

    def request(  # type: ignore[override]  # narrower on purpose: the library passes keywords only
        self, method: str, url: str, params: Any = None, data: Any = None, headers: Any = None, **options: Any
    ) -> requests.Response:
        if method.upper() == "POST" and params:
            params, data = None, params
        headers = {**(headers or {}), **self._endpoint_headers()}
        options["allow_redirects"] = False
        _require("CA", self._endpoint.ca_file)
        _require("certificate", self._endpoint.certificate_file)
        _require("key", self._endpoint.key_file)
        sent = self._clock()
        response = super().request(method, url, params=params, data=data, headers=headers, **options)
        self.clock_difference_seconds = _outside(_date(response), sent, self._clock())
        self.warnings = _warnings(response)
        return response

    def _endpoint_headers(self) -> dict[str, str]:
        headers = {}
        if self._endpoint.token_file is not None:
            headers["Authorization"] = f"Bearer {_secret(self._endpoint.token_file, 'token')}"
        if self._endpoint.username_file is not None and self._endpoint.password_file is not None:
            user, password = (
                _secret(file, "credentials") for file in (self._endpoint.username_file, self._endpoint.password_file)
            )
            headers["Authorization"] = f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"
        if self._endpoint.tenant is not None:
            headers["X-Scope-OrgID"] = self._endpoint.tenant
        return headers


def _secret(file: Path, what: str) -> str:
    try:
        return file.read_text("utf-8").strip()
    except (OSError, UnicodeError) as error:
        raise MetricsUnavailable(f"the {what} file cannot be read: {type(error).__name__} at {file}") from error


def _require(what: str, file: Path | None) -> None:
    """Said by its name; requests would only say that something is amiss with TLS."""
    if file is None:
        return
    try:
        file.open("rb").close()
    except OSError as error:
        raise MetricsUnavailable(f"the {what} file cannot be read: {type(error).__name__} at {file}") from error


def _warnings(response: requests.Response) -> tuple[str, ...]:
    try:
        body = response.json()
    except requests.exceptions.JSONDecodeError:
        return ()
    warnings = body.get("warnings") if isinstance(body, dict) else None
    return tuple(map(str, warnings)) if isinstance(warnings, list) else (str(warnings),) if warnings else ()


def _date(response: requests.Response) -> float | None:
    """When the answer was made by the clock of who made it (Unix time); None where it does not tell."""
    try:
        return parsedate_to_datetime(response.headers.get("Date", "")).timestamp()
    except (ValueError, OverflowError):
        return None


def _outside(date: float | None, sent: float, received: float) -> float:
    """Seconds by which the date lies before the question or after its answer; 0 between them."""
    if date is None:
        return 0.0
    return min(0.0, date - sent) + max(0.0, date - received)


class PrometheusClient:
    """A PrometheusReader over HTTP; not for use from two threads at once, since warnings belong to the last answer.

    `clock` gives Unix time, which the answers' own time is held against.
    """

    def __init__(self, endpoint: PrometheusEndpoint, clock: Callable[[], float] = time.time) -> None:
        self._session = PrometheusSession(endpoint, clock)
        self._address = endpoint.address
        # Whole milliseconds: Prometheus reads no fractions of a duration.
        self._evaluation_timeout = f"{round(endpoint.read_timeout_seconds * _EVALUATION_SHARE * 1000)}ms"
        self._client = PrometheusConnect(
            url=endpoint.address,
            auth=endpoint.credentials,
            session=self._session,
            method="POST",
            retry=Retry(total=0),
            timeout=(endpoint.connect_timeout_seconds, endpoint.read_timeout_seconds),
        )

    def query(self, promql: str, at: datetime) -> tuple[Sample, ...]:
        params = {"time": at.timestamp(), "timeout": self._evaluation_timeout}
        return _samples(self._answer(lambda: self._client.custom_query(promql, params=params)))

    def query_range(
        self, promql: str, *, first_seconds: int, last_seconds: int, step_seconds: int
    ) -> tuple[Series, ...]:
        first, last = (datetime.fromtimestamp(seconds, tz=UTC) for seconds in (first_seconds, last_seconds))
        params = {"timeout": self._evaluation_timeout}
        return _series(
            self._answer(lambda: self._client.custom_query_range(promql, first, last, str(step_seconds), params=params))
        )

    def _answer(self, ask: Callable[[], Any]) -> Any:
        """What the library gives, its errors as ours; a partial answer is none."""
        try:
            rows = ask()
        except PrometheusApiClientException as error:
            raise MetricsUnavailable(f"Prometheus refused the query: {_short(error)}") from error
        except requests.exceptions.JSONDecodeError as error:
            raise MetricsUnavailable("Prometheus answered something that is not JSON (a login page?)") from error
        except (requests.exceptions.ConnectionError, requests.exceptions.Timeout) as error:
            raise PrometheusSilent(self._not_reachable(error)) from error
        except requests.exceptions.RequestException as error:
            raise MetricsUnavailable(self._not_reachable(error)) from error
        except (TypeError, KeyError, RecursionError) as error:
            raise MetricsUnavailable(_NO_VECTOR) from error
        except (OSError, ValueError) as error:  # a file of TLS, a URL that cannot be one
            raise MetricsUnavailable(self._not_reachable(error)) from error
        if self._session.warnings:
            raise MetricsUnavailable(
                f"Prometheus warns of a partial answer: {self._session.warnings[0][:_MESSAGE_LENGTH]}"
            )
        if abs(self._session.clock_difference_seconds) > LARGEST_CLOCK_DIFFERENCE_SECONDS:
            raise ClocksDiffer(
                f"the clock of {self._address} is {self._session.clock_difference_seconds:+.0f} s off the operator's"
            )
        return rows

    def _not_reachable(self, error: Exception) -> str:
        """Names the class alone: the text of these errors repeats the request."""
        return f"Prometheus is not reachable: {type(error).__name__} at {self._address}"


class UntilSilent:
    """A PrometheusReader for one cycle: after the first silence nothing more is asked, and all hear of that one.

    Without it a Prometheus that is down would cost one timeout for every custom query in the cluster.
    """

    def __init__(self, reader: PrometheusReader) -> None:
        self._reader = reader
        self._silence: str | None = None

    def query(self, promql: str, at: datetime) -> tuple[Sample, ...]:
        if self._silence is not None:
            raise PrometheusSilent(self._silence)
        try:
            return self._reader.query(promql, at)
        except PrometheusSilent as error:
            self._silence = str(error)
            raise


class WithinBudget:
    """A PrometheusReader that has `seconds` for all its queries; one that has begun is let end, the next is not sent.

    `clock` gives monotonic seconds.
    """

    def __init__(self, reader: PrometheusReader, seconds: float, clock: Callable[[], float]) -> None:
        self._reader = reader
        self._seconds = self._left = seconds
        self._clock = clock

    def query(self, promql: str, at: datetime) -> tuple[Sample, ...]:
        """Evaluate at one moment.

        Raises:
            QueryBudgetSpent: the time is over.
            MetricsUnavailable: no usable answer.
        """
        if self._left <= 0:
            raise QueryBudgetSpent(f"custom queries took the {self._seconds:.1f} s that they have in a cycle")
        began = self._clock()
        try:
            return self._reader.query(promql, at)
        finally:
            self._left -= self._clock() - began


def _labels(row: Any) -> dict[str, str]:
    """Names and values are text, and become keys.

    Raises:
        KeyError, TypeError, ValueError: they are something else.
    """
    labels = dict(row["metric"])
    if not all(isinstance(text, str) for pair in labels.items() for text in pair):
        raise TypeError
    return labels


def _samples(rows: Any) -> tuple[Sample, ...]:
    try:
        return tuple(Sample(labels=_labels(row), value=float(row["value"][1])) for row in rows)
    except (TypeError, KeyError, IndexError, ValueError, OverflowError) as error:
        raise MetricsUnavailable(_NO_VECTOR) from error


def _series(rows: Any) -> tuple[Series, ...]:
    try:
        return tuple(
            Series(
                labels=_labels(row),
                values={round(float(moment)): float(value) for moment, value in row["values"]},
            )
            for row in rows
        )
    except (TypeError, KeyError, ValueError, OverflowError) as error:
        raise MetricsUnavailable(_NO_VECTOR) from error


def _short(error: Exception) -> str:
    return str(error)[:_MESSAGE_LENGTH]
