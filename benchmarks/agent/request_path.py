"""Serves REQUESTS minimal requests without sockets, with or without the agent in their way.

`python -m benchmarks.agent.request_path VARIANT REQUESTS`, for `benchmarks.agent.instructions` to count. Without the
kernel's share a request is cheaper than a real one, and the agent's share of it larger.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from benchmarks.agent.minimal_app import app
from fastapi_tuning_agent.admission import App, admission
from fastapi_tuning_agent.environment import options_from
from fastapi_tuning_agent.settings import Settings
from fastapi_tuning_agent.traffic import Traffic

SETTINGS = {
    "counted": Settings(objective_seconds=0.3),
    "limited": Settings(objective_seconds=0.3, in_flight_limit=1000, loop_lag_limit_seconds=1.0),
}
REQUEST = b"GET /async HTTP/1.1\r\nHost: app\r\nAccept: */*\r\n\r\n"


class Sink(asyncio.Transport):
    """Takes the answers; says nothing to anyone."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = 0

    def write(self, data: Any) -> None:
        self.answers += bytes(data).endswith(b"{}")

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 1) if name in ("peername", "sockname") else default

    def is_closing(self) -> bool:
        return False


async def serve(variant: str, requests: int) -> None:
    config, sink = uvicorn.Config(app, http="httptools", access_log=False, timeout_keep_alive=3600), Sink()
    config.load()
    config.loaded_app = _with_agent(config.loaded_app, variant)
    protocol = HttpToolsProtocol(config=config, server_state=ServerState(), app_state={})
    protocol.connection_made(sink)
    while sink.answers < requests:
        wanted = sink.answers + 1
        protocol.data_received(REQUEST)
        while sink.answers < wanted:  # noqa: ASYNC110 - one step of the loop at a time is what is counted
            await asyncio.sleep(0)


def _with_agent(served: App, variant: str) -> App:
    if variant == "plain":
        return served
    traffic = Traffic()
    traffic.hold_to(SETTINGS[variant])
    return admission(served, traffic, options_from({}))


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
