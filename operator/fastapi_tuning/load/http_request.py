"""One HTTP request and what came of it.

Unless told otherwise each request has a connection of its own. kube-proxy chooses a pod for each connection, so kept
connections stay on the pods that were there first: new pods get no load, and old ones too much. It costs the generator
little: about a fifth of a core at 500 requests a second.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector

from fastapi_tuning.load.destination import PinnedResolver
from fastapi_tuning.load.tally import Outcome

_SERVICE_UNAVAILABLE = 503


@asynccontextmanager
async def getter(
    url: str, addresses: Sequence[str], timeout_seconds: float, *, kept_connections: int = 0
) -> AsyncIterator[Callable[[], Awaitable[Outcome]]]:
    """Yields a function that gets `url` once from one of the `addresses` of its host. It does not raise.

    It keeps at most `kept_connections` and waits for one of them to be free; 0: each request opens its own.
    """
    connector = TCPConnector(
        limit=kept_connections, force_close=kept_connections == 0, resolver=PinnedResolver(addresses)
    )
    async with ClientSession(connector=connector, timeout=ClientTimeout(total=timeout_seconds)) as session:

        async def get() -> Outcome:
            try:
                # A redirect could lead to an address that was not checked.
                async with session.get(url, allow_redirects=False) as response:
                    await response.read()
            except TimeoutError:
                return Outcome.TIMEOUT
            except (ClientError, OSError):
                return Outcome.ERROR
            if response.status == _SERVICE_UNAVAILABLE:
                return Outcome.SHED
            return Outcome.OK if response.status < 400 else Outcome.ERROR

        yield get
