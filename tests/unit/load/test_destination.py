"""Load stays on this machine and in private networks."""

import pytest

from fastapi_tuning.load.destination import DestinationError, PinnedResolver, refuse_public, resolve


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "127.9.9.9", "10.96.0.10", "172.16.0.1", "172.31.255.255", "192.168.1.1", "::1", "fd00::1"]
)
def test_allows_loopback_and_private_addresses(address: str) -> None:
    refuse_public("host", [address])


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "172.32.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "224.0.0.1",
        "2001:4860::8888",
        "::ffff:8.8.8.8",
        "fe80::1",
    ],
)
def test_refuses_every_other_address(address: str) -> None:
    with pytest.raises(DestinationError, match="loopback and private networks only"):
        refuse_public("host", [address])


def test_refuses_a_host_with_one_public_address_among_private_ones() -> None:
    with pytest.raises(DestinationError):
        refuse_public("host", ["10.0.0.1", "8.8.8.8"])


def test_resolves_this_machine() -> None:
    assert set(resolve("localhost")) <= {"127.0.0.1", "::1"}


def test_a_host_without_address_is_named() -> None:
    with pytest.raises(DestinationError, match="no-such-host"):
        resolve("no-such-host.invalid")


async def test_the_pinned_resolver_asks_nobody() -> None:
    resolver = PinnedResolver(["10.0.0.1", "fd00::1"])
    assert [result["host"] for result in await resolver.resolve("checkout.shop", 80)] == ["10.0.0.1", "fd00::1"]
