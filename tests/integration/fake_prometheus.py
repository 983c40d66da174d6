"""A Prometheus that answers our queries from numbers that a test sets, over real HTTP."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

_HISTOGRAM = "http_request_duration_highr_seconds"


@dataclass(slots=True)
class Service:
    """What the pods of one workload report; all pods alike. `down` makes Prometheus answer 503."""

    namespace: str = "shop"
    pods: tuple[str, ...] = ()
    requests_per_second: float = 0.0
    offered_per_second: float = 0.0
    fast_ratio: float = 1.0
    threads: int = 40
    service_seconds: float = 0.25
    cpu_seconds_per_request: float = 0.001
    down: bool = False
    generation: int | None = None
    """What the agents say is in force; None: they say nothing."""
    url: str = field(default="", init=False)

    def answer(self, promql: str) -> list[tuple[dict[str, str], float]]:
        """Samples of each pod for one of the queries of the operator."""
        rows = []
        for pod in self.pods:
            labels = {"namespace": self.namespace, "pod": pod}
            rows += [({**labels, **extra}, value) for extra, value in self._of_pod(promql)]
        return rows

    def _of_pod(self, promql: str) -> list[tuple[dict[str, str], float]]:
        served = self.requests_per_second / len(self.pods)
        if "settings_generation" in promql:
            return [] if self.generation is None else [({}, float(self.generation))]
        if promql.startswith("count by"):
            return [({"__name__": f"{_HISTOGRAM}_count"}, 1.0)]
        if f"{_HISTOGRAM}_bucket" in promql:
            return [({"le": "0.5"}, served * self.fast_ratio), ({"le": "5.0"}, served), ({"le": "+Inf"}, served)]
        if f"{_HISTOGRAM}_sum" in promql:
            return [({}, served * self.service_seconds)]
        if "process_cpu" in promql:
            return [({}, served * self.cpu_seconds_per_request)]
        if "requests_started" in promql:
            return [({}, self.offered_per_second / len(self.pods))]
        if "busy_seconds" in promql:
            return [({}, served * self.service_seconds)]
        if "thread_pool_limit" in promql:
            return [({"__name__": "fastapi_tuning_thread_pool_limit"}, float(self.threads))]
        return []


@contextmanager
def prometheus_of(service: Service) -> Iterator[Service]:
    """Serve until the block ends; `service.url` is where."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            result = [
                {"metric": labels, "value": [0, str(value)]} for labels, value in service.answer(form["query"][0])
            ]
            body = json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode()
            self.send_response(503 if service.down else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
