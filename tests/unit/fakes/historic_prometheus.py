"""A Prometheus with a past, over real HTTP: it answers the range queries of the back-test from given samples."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from fastapi_tuning.observe.history import RangeSamples, Values
from fastapi_tuning.observe.presets import PRESETS

MOST_POINTS = 11_000
"""What Prometheus refuses to exceed."""


@dataclass(slots=True, kw_only=True)
class HistoricPrometheus:
    """`asked` keeps each query with its number of points."""

    samples: RangeSamples
    histogram: str = PRESETS[0].histogram
    url: str = field(default="", init=False)
    asked: list[tuple[str, int]] = field(default_factory=list, init=False)

    def answer(self, promql: str, first: int, last: int, step: int) -> list[tuple[dict[str, str], Values]]:
        """Series with their samples at the asked times."""
        times = range(first, last + 1, step)
        self.asked.append((promql, len(times)))
        found = [
            (labels, {time: values[time] for time in times if time in values})
            for labels, values in self._series(promql, times)
        ]
        return [(labels, values) for labels, values in found if values]

    def _series(self, promql: str, times: range) -> list[tuple[dict[str, str], Values]]:
        samples = self.samples
        if promql.startswith("count by (__name__)"):
            seen = dict.fromkeys(times, 1.0) if samples.pods else {}
            return [({"__name__": name}, seen) for name in ("up", f"{self.histogram}_count")]
        if "_bucket" in promql:
            return [({"le": "+Inf" if edge == float("inf") else str(edge)}, v) for edge, v in samples.buckets.items()]
        by_part: Mapping[str, Values] = {
            "requests_started": samples.queue_growth,
            "_sum{": samples.latency_sum,
            "process_cpu": samples.cpu,
            "thread_pool_limit": samples.threads,
            "up{": samples.pods,
            "status": samples.failed,
        }
        return [({}, next(values for part, values in by_part.items() if part in promql))]


@contextmanager
def historic_prometheus(fake: HistoricPrometheus) -> Iterator[HistoricPrometheus]:
    """Serve until the block ends; `url` is where."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            first, last, step = (int(float(form[name][0])) for name in ("start", "end", "step"))
            assert self.path == "/api/v1/query_range"
            refused = (last - first) // step > MOST_POINTS
            result = [
                {"metric": labels, "values": [[time, str(value)] for time, value in values.items()]}
                for labels, values in fake.answer(form["query"][0], first, last, step)
            ]
            body = json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()
            self.send_response(400 if refused else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
