"""Whatever Prometheus or something in front of it answers, the reader gives samples or MetricsUnavailable."""

import base64
import json
import logging
import math
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote

import pytest

from fastapi_tuning.errors import MetricsUnavailable, PrometheusSilent
from fastapi_tuning.observe.prometheus import PrometheusClient, PrometheusEndpoint

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class FakePrometheus:
    """Answers every request with what the test wants, and keeps what was asked."""

    def __init__(self) -> None:
        self.status, self.body, self.location = 200, "{}", ""
        self.forms: list[dict[str, list[str]]] = []
        self.paths: list[str] = []
        self.tokens: list[str | None] = []
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                fake.forms.append(parse_qs(self.rfile.read(length).decode()))
                fake.paths.append(self.path)
                fake.tokens.append(self.headers.get("Authorization"))
                self.send_response(fake.status)
                if fake.location:
                    self.send_header("Location", fake.location)
                self.end_headers()
                self.wfile.write(fake.body.encode())

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def answer(self, *rows: tuple[dict[str, str], str], warnings: tuple[str, ...] = ()) -> None:
        result = [{"metric": labels, "value": [0, value]} for labels, value in rows]
        self.body = json.dumps(
            {"status": "success", "data": {"resultType": "vector", "result": result}, "warnings": list(warnings)}
        )

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def prometheus() -> Iterator[FakePrometheus]:
    fake = FakePrometheus()
    yield fake
    fake.close()


def client(fake: FakePrometheus, token_file: Path | None = None) -> PrometheusClient:
    return PrometheusClient(PrometheusEndpoint(url=fake.url, token_file=token_file, read_timeout_seconds=2))


def test_sends_the_query_in_the_body_since_a_batch_outgrows_a_url(prometheus: FakePrometheus) -> None:
    prometheus.answer()

    client(prometheus).query("up", NOW)

    assert prometheus.forms[0]["query"] == ["up"]
    assert float(prometheus.forms[0]["time"][0]) == NOW.timestamp()
    assert prometheus.paths == ["/api/v1/query"]


def test_user_and_password_are_read_from_their_files_at_each_query(prometheus: FakePrometheus, tmp_path: Path) -> None:
    prometheus.answer()
    user, password = tmp_path / "username", tmp_path / "password"
    user.write_text("reader\n")
    endpoint = PrometheusEndpoint(url=prometheus.url, username_file=user, password_file=password)
    asking = PrometheusClient(endpoint)

    for secret in ("first", "seçond"):
        password.write_text(secret)
        asking.query("x", NOW)
        assert prometheus.tokens[-1] == f"Basic {base64.b64encode(f'reader:{secret}'.encode()).decode()}"


@pytest.mark.parametrize("missing", ["certificate", "key"])
def test_a_missing_file_of_mutual_tls_is_said_by_its_name(tmp_path: Path, missing: str) -> None:
    files = {name: tmp_path / name for name in ("certificate", "key")}
    for name, file in files.items():
        if name != missing:
            file.touch()
    endpoint = PrometheusEndpoint(
        url="https://127.0.0.1:1", certificate_file=files["certificate"], key_file=files["key"]
    )

    with pytest.raises(MetricsUnavailable, match=f"the {missing} file"):
        PrometheusClient(endpoint).query("x", NOW)


def test_gives_samples_with_their_labels_and_leaves_nan_to_the_caller(prometheus: FakePrometheus) -> None:
    prometheus.answer(({"pod": "a"}, "1.5"), ({"pod": "b"}, "NaN"), ({"pod": "c"}, "+Inf"))

    samples = client(prometheus).query("x", NOW)

    assert [sample.labels["pod"] for sample in samples] == ["a", "b", "c"]
    assert samples[0].value == 1.5
    assert [math.isfinite(sample.value) for sample in samples] == [True, False, False]


def test_an_empty_answer_is_no_samples_and_no_error(prometheus: FakePrometheus) -> None:
    prometheus.answer()

    assert client(prometheus).query("x", NOW) == ()


def test_a_range_is_asked_for_in_the_body_and_gives_values_by_unix_time(prometheus: FakePrometheus) -> None:
    result = [{"metric": {"le": "0.5"}, "values": [[1_700_000_000, "1.5"], [1_700_000_060.0, "NaN"]]}]
    prometheus.body = json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}})

    (series,) = client(prometheus).query_range(
        "x", first_seconds=1_700_000_000, last_seconds=1_700_000_120, step_seconds=60
    )

    assert prometheus.paths == ["/api/v1/query_range"]
    sent = {name: values[0] for name, values in prometheus.forms[0].items() if name != "timeout"}
    assert sent == {"query": "x", "start": "1700000000", "end": "1700000120", "step": "60"}
    assert series.labels == {"le": "0.5"}
    assert series.values.keys() == {1_700_000_000, 1_700_000_060}
    assert series.values[1_700_000_000] == 1.5


@pytest.mark.parametrize("body", ["[]", '{"data": {"result": [{"metric": {}, "value": [0, "1"]}]}}'])
def test_a_range_of_another_shape_is_metrics_unavailable(prometheus: FakePrometheus, body: str) -> None:
    prometheus.body = body

    with pytest.raises(MetricsUnavailable):
        client(prometheus).query_range("x", first_seconds=0, last_seconds=60, step_seconds=60)


@pytest.mark.parametrize("status", [401, 403, 404, 422, 500, 503])
def test_a_refusal_is_metrics_unavailable(prometheus: FakePrometheus, status: int) -> None:
    prometheus.status = status

    with pytest.raises(MetricsUnavailable):
        client(prometheus).query("x", NOW)


def test_an_empty_answer_body_is_metrics_unavailable(prometheus: FakePrometheus) -> None:
    prometheus.body = ""

    with pytest.raises(MetricsUnavailable, match="not JSON"):
        client(prometheus).query("x", NOW)


def test_a_login_page_instead_of_json_is_metrics_unavailable(prometheus: FakePrometheus) -> None:
    prometheus.body = "<html>please log in</html>"

    with pytest.raises(MetricsUnavailable, match="not JSON"):
        client(prometheus).query("x", NOW)


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        '{"data": {"result": [{"metric": {}}]}}',
        '{"data": {"result": [["a"]]}}',
        '{"data": {"result": [{"metric": 5, "value": [0, "1"]}]}}',
        '{"data": {"result": [{"metric": {}, "value": [0, "many"]}]}}',
        '{"data": {"result": 5}}',
        '{"data": "' + "x" * 100 + '"}',
        "[" * 100_000,
    ],
)
def test_json_of_another_shape_is_metrics_unavailable(prometheus: FakePrometheus, body: str) -> None:
    prometheus.body = body

    with pytest.raises(MetricsUnavailable):
        client(prometheus).query("x", NOW)


def test_a_partial_answer_is_metrics_unavailable(prometheus: FakePrometheus) -> None:
    prometheus.answer(({"pod": "a"}, "1"), warnings=("store down: partial response",))

    with pytest.raises(MetricsUnavailable, match="partial"):
        client(prometheus).query("x", NOW)


def test_a_redirect_is_not_followed_since_it_would_carry_the_token_elsewhere(prometheus: FakePrometheus) -> None:
    prometheus.status, prometheus.location = 302, f"{prometheus.url}/elsewhere"

    with pytest.raises(MetricsUnavailable):
        client(prometheus).query("x", NOW)

    assert len(prometheus.paths) == 1


def test_a_closed_port_is_metrics_unavailable() -> None:
    gone = FakePrometheus()
    gone.close()

    with pytest.raises(PrometheusSilent, match="not reachable"):
        client(gone).query("x", NOW)


def test_a_port_that_takes_the_connection_and_never_answers_is_a_silence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        endpoint = PrometheusEndpoint(url=f"http://127.0.0.1:{deaf.getsockname()[1]}", read_timeout_seconds=0.1)

        with pytest.raises(PrometheusSilent, match="ReadTimeout"):
            PrometheusClient(endpoint).query("x", NOW)


def test_a_refusal_is_an_answer_and_no_silence(prometheus: FakePrometheus) -> None:
    prometheus.status = 503

    with pytest.raises(MetricsUnavailable) as refusal:
        client(prometheus).query("x", NOW)

    assert not isinstance(refusal.value, PrometheusSilent)


def test_prometheus_gives_a_slow_query_up_before_we_give_prometheus_up(prometheus: FakePrometheus) -> None:
    prometheus.answer()

    client(prometheus).query("x", NOW)

    assert prometheus.forms[0]["timeout"] == ["1600ms"]


def test_a_rotated_token_is_read_again(prometheus: FakePrometheus, tmp_path: Path) -> None:
    prometheus.answer()
    token = tmp_path / "token"
    reader = client(prometheus, token)

    for content in ("first", "second"):
        token.write_text(content + "\n")
        reader.query("x", NOW)

    assert prometheus.tokens == ["Bearer first", "Bearer second"]


def test_a_missing_token_file_is_metrics_unavailable(prometheus: FakePrometheus, tmp_path: Path) -> None:
    with pytest.raises(MetricsUnavailable, match="token file"):
        client(prometheus, tmp_path / "absent").query("x", NOW)


@pytest.mark.parametrize("content", [b"\xff\xfe", "schlüssel".encode(), b"two\nlines"])
def test_a_token_that_is_no_header_value_is_metrics_unavailable(
    prometheus: FakePrometheus, tmp_path: Path, content: bytes
) -> None:
    token = tmp_path / "token"
    token.write_bytes(content)

    with pytest.raises(MetricsUnavailable):
        client(prometheus, token).query("x", NOW)


def test_an_expired_token_is_said_to_be_refused(prometheus: FakePrometheus, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("expired")
    prometheus.status, prometheus.body = 401, "token is expired"

    with pytest.raises(MetricsUnavailable, match=r"401.*token is expired"):
        client(prometheus, token).query("x", NOW)

    assert prometheus.tokens == ["Bearer expired"]


def test_a_missing_ca_file_is_named(prometheus: FakePrometheus, tmp_path: Path) -> None:
    endpoint = PrometheusEndpoint(url=prometheus.url, ca_file=tmp_path / "absent.crt")

    with pytest.raises(MetricsUnavailable, match=r"CA file.*absent\.crt"):
        PrometheusClient(endpoint).query("x", NOW)

    assert prometheus.forms == []


def test_a_ca_file_that_holds_no_certificate_is_metrics_unavailable(prometheus: FakePrometheus, tmp_path: Path) -> None:
    file = tmp_path / "ca.crt"
    file.write_text("no certificate")
    endpoint = PrometheusEndpoint(url=prometheus.url.replace("http://", "https://"), ca_file=file)

    with pytest.raises(MetricsUnavailable):
        PrometheusClient(endpoint).query("x", NOW)


@pytest.mark.parametrize("url", [f"http://{'a' * 64}.test:9090", "http://prometheus:99999", "prometheus"])
def test_a_url_that_can_be_none_is_metrics_unavailable(url: str) -> None:
    with pytest.raises(MetricsUnavailable):
        PrometheusClient(PrometheusEndpoint(url=url)).query("x", NOW)


SECRET = "p%40ss/wörd"


def with_credentials(fake: FakePrometheus) -> PrometheusEndpoint:
    url = fake.url.replace("http://", f"http://reader:{quote(SECRET, safe='')}@")
    return PrometheusEndpoint(url=f"{url}/", read_timeout_seconds=2)


def test_user_and_password_in_the_url_are_basic_authentication(prometheus: FakePrometheus) -> None:
    prometheus.answer()

    PrometheusClient(with_credentials(prometheus)).query("x", NOW)

    assert prometheus.tokens == ["Basic " + base64.b64encode(f"reader:{SECRET}".encode()).decode()]
    assert prometheus.paths == ["/api/v1/query"]


def closed(fake: FakePrometheus) -> None:
    fake.close()


def refusing(fake: FakePrometheus) -> None:
    fake.status, fake.body = 401, "who are you?"


def redirecting(fake: FakePrometheus) -> None:
    fake.status, fake.location = 302, f"{fake.url}/login"


def logging_in(fake: FakePrometheus) -> None:
    fake.body = "<html>please log in</html>"


@pytest.mark.parametrize("failing", [closed, refusing, redirecting, logging_in])
def test_no_error_and_no_log_line_shows_the_credentials(
    failing: Callable[[FakePrometheus], None], caplog: pytest.LogCaptureFixture
) -> None:
    fake = FakePrometheus()
    endpoint = with_credentials(fake)
    failing(fake)
    caplog.set_level(logging.DEBUG)

    with pytest.raises(MetricsUnavailable) as failure:
        PrometheusClient(endpoint).query("x", NOW)

    if failing is not closed:
        fake.close()
    shown = "\n".join([str(failure.value), repr(endpoint), endpoint.address, caplog.text])
    assert "127.0.0.1" in shown
    assert not any(word in shown for word in ("reader", SECRET, quote(SECRET, safe="")))
