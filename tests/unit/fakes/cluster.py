"""A cluster over HTTP: an API server that knows some objects, and a kubeconfig that leads to it."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml


@dataclass
class Cluster:
    """Objects by path; `forbidden` are ends of paths that may not be read."""

    objects: dict[str, Any]
    forbidden: tuple[str, ...] = ()
    asked: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    address: str = ""

    def kubeconfig(self, folder: Path) -> Path:
        """Written into the folder."""
        file = folder / "kubeconfig"
        context = {"name": "fake", "context": {"cluster": "fake", "user": "fake"}}
        body = {
            "current-context": "fake",
            "contexts": [context],
            "clusters": [{"name": "fake", "cluster": {"server": self.address}}],
            "users": [{"name": "fake", "user": {"token": "none"}}],
        }
        file.write_text(yaml.safe_dump(body))
        return file

    def answer(self, path: str, headers: Mapping[str, str]) -> tuple[int, Any]:
        """What is got; `headers` are for whoever is behind a proxy."""
        self.asked.append(path)
        if path.endswith(self.forbidden):
            return 403, {"message": f"{path.rsplit('/', 1)[-1]} is forbidden: User cannot list it"}
        if path in self.objects:
            return 200, self.objects[path]
        return 404, {"message": "the server could not find the requested resource"}

    def patch(self, path: str, body: Any) -> tuple[int, Any]:
        """A merge patch of an object's annotations, by compare-and-set if it says of which version."""
        if path not in self.objects:
            return 404, {"message": f"{path} not found"}
        metadata, patch = self.objects[path]["metadata"], body["metadata"]
        if patch.get("resourceVersion", metadata.get("resourceVersion")) != metadata.get("resourceVersion"):
            return 409, {"message": "the object has been modified"}
        annotations = {**metadata.get("annotations", {}), **patch["annotations"]}
        metadata["annotations"] = {name: value for name, value in annotations.items() if value is not None}
        if "resourceVersion" in metadata:
            metadata["resourceVersion"] += "1"
        return 200, self.objects[path]

    def write(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """What POST, PATCH and DELETE do."""
        self.written.append(f"{method} {path}")
        if method == "PATCH":
            return self.patch(path, body)
        if method == "POST":
            self.objects[f"{path}/{body['metadata']['name']}"] = body
        else:
            self.objects.pop(path, None)
        return 200, body or {}


@contextmanager
def cluster(served: Cluster) -> Iterator[Cluster]:
    """Serve it on a free port of the loopback interface."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply(*served.answer(unquote(urlsplit(self.path).path), dict(self.headers.items())))

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.loads(content) if content else {}
            self._reply(*served.write(self.command, urlsplit(self.path).path, body))

        def do_PATCH(self) -> None:
            self.do_POST()

        def do_DELETE(self) -> None:
            self.do_POST()

        def _reply(self, status: int, body: Any) -> None:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()
