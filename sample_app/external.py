"""Calls to another service: the way to do it, and the way that gets a service into trouble."""

import httpx


def reusable_client() -> httpx.AsyncClient:
    """Returns the client that the app keeps for its whole life: pooled connections, each wait bounded."""
    return httpx.AsyncClient(
        timeout=httpx.Timeout(connect=5, read=10, write=10, pool=5),
        transport=httpx.AsyncHTTPTransport(retries=2, limits=httpx.Limits(max_connections=100)),
    )


async def call(client: httpx.AsyncClient, url: str) -> int:
    """Returns the status of `url`. Raises httpx.HTTPError when there is no good answer in time."""
    response = await client.get(url)
    response.raise_for_status()
    return response.status_code


async def call_with_a_new_client(url: str) -> int:
    """Bad on purpose: a client (TLS context, pool, connection) for each call, and no timeout at all."""
    async with httpx.AsyncClient(timeout=None) as client:
        return await call(client, url)
