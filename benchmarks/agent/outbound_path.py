"""Makes CALLS calls with a library, without sockets, counted by the agent or (FASTAPI_TUNING_OUTBOUND=off) not.

`python -m benchmarks.agent.outbound_path LIBRARY CALLS`, for `benchmarks.agent.outbound` to measure. Without the
kernel's share and the network a call is far cheaper than a real one, and the agent's share of it far larger.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

from fastapi_tuning_agent.finder import watch_imports


def httpx_call() -> Callable[[], object]:
    import httpx

    client = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200)), trust_env=False)
    return lambda: client.get("http://api.shop:8080/prices")


def sqlalchemy_call() -> Callable[[], object]:
    from sqlalchemy import create_engine, text

    connection, statement = create_engine("sqlite://").connect(), text("SELECT 1")
    return lambda: connection.execute(statement).scalar()


def bare_call() -> Callable[[], object]:
    """A method that does nothing: what is left is the agent's own."""
    from fastapi_tuning_agent.outbound import count_calls

    class Client:
        def send(self) -> None:
            pass

    count_calls(Client, "send", lambda client: ("HTTP", "api.shop:8080"))
    return Client().send


def bare_async_call() -> Callable[[], object]:
    from fastapi_tuning_agent.outbound import count_calls

    class Client:
        async def send(self) -> None:
            pass

    count_calls(Client, "send", lambda client: ("HTTP", "api.shop:8080"))
    client, loop = Client(), asyncio.new_event_loop()

    async def thousand() -> None:
        for _ in range(1000):
            await client.send()

    return lambda: loop.run_until_complete(thousand())


CALLS: dict[str, tuple[Callable[[], Callable[[], object]], int]] = {
    "bare": (bare_call, 1),
    "bare_async": (bare_async_call, 1000),
    "httpx": (httpx_call, 1),
    "sqlalchemy": (sqlalchemy_call, 1),
}
"""How to make the call, and how many it makes at a time."""

if __name__ == "__main__":
    watch_imports()
    make, at_a_time = CALLS[sys.argv[1]]
    call = make()
    for _ in range(int(sys.argv[2]) // at_a_time):
        call()
