"""Where load may go: this machine and private networks, never a public address."""

import socket
from collections.abc import Sequence
from ipaddress import ip_address, ip_network

from aiohttp.abc import AbstractResolver, ResolveResult

ALLOWED_NETWORKS = tuple(
    ip_network(network)
    for network in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")
)


class DestinationError(Exception):
    """The host has no address, or one that load must not be sent to; the message names it."""


def resolve(host: str) -> list[str]:
    """Returns the addresses of `host`. Raises DestinationError unless all of them are loopback or private."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as cause:
        raise DestinationError(f"{host!r} has no address: {cause}") from cause
    addresses = [str(sockaddr[0]) for *_, sockaddr in found]
    refuse_public(host, addresses)
    return addresses


def refuse_public(host: str, addresses: Sequence[str]) -> None:
    """Raises DestinationError unless every address is loopback or of a private network."""
    for address in addresses:
        if not any(ip_address(address) in network for network in ALLOWED_NETWORKS):
            raise DestinationError(f"{host!r} is {address}: load goes to loopback and private networks only")


class PinnedResolver(AbstractResolver):
    """Answers with the addresses that were checked, so that a later answer of the name service cannot differ."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        """Nothing is held open."""
