"""The metrics page of a pod: one worker holds the port and adds up what all of them tell."""

from __future__ import annotations

import logging
import os
import threading
import uuid
from collections.abc import Callable, Iterator

from fastapi_tuning_agent.catalogue import Snapshot
from fastapi_tuning_agent.exposition import from_json, text_of, to_json
from fastapi_tuning_agent.ledger import Ledger
from fastapi_tuning_agent.metrics_server import MetricsServer
from fastapi_tuning_agent.peers import Place

_log = logging.getLogger("fastapi_tuning_agent")


class Page:
    """This worker's part in the page: its place among the workers, and the port whenever nobody else has it."""

    def __init__(
        self, host: str, port: int, own: Callable[[], Snapshot], profile: Callable[[str], bytes | None]
    ) -> None:
        self._host, self._port, self._own, self._profile = host, port, own, profile
        self._source = f"{os.getpid()}-{uuid.uuid4().hex}"
        self._place = Place(str(port), lambda: to_json(self._source, own()))
        self._server: MetricsServer | None = None
        self._ledger = Ledger()
        self._one_at_a_time = threading.Lock()
        self._tried = False

    def open(self) -> None:
        self._place.take()
        self.take_port_if_free()

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        self._place.leave()

    def drop(self) -> None:
        """In a forked child: lets go of the sockets that are the parent's."""
        if self._server is not None:
            self._server.drop()
        self._place.drop()

    def take_port_if_free(self) -> None:
        """Another worker may have it, and may end: so this is called again and again."""
        if self._server is not None:
            return
        with self._one_at_a_time:  # no scrape is answered before the sums start
            try:
                self._server = MetricsServer(self._host, self._port, self.text, self._profile)
            except OSError as error:
                if not self._tried:
                    _log.info("port %d is not free (%s): another worker shows this one's metrics", self._port, error)
                self._tried = True
                return
            # A worker that has just started may be faster than those that were there, and have counted.
            self._ledger.start_at_zero(dict(self._sources()))

    def workers(self) -> int:
        return sum(1 for _ in self._sources())

    def text(self) -> str:
        with self._one_at_a_time:
            return text_of(self._ledger.total(dict(self._sources())))

    def _sources(self) -> Iterator[tuple[str, Snapshot]]:
        yield self._source, self._own()
        for told in self._place.others():
            try:
                yield from_json(told)
            except ValueError:  # cut off: it has just ended
                continue
