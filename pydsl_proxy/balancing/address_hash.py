"""The same peer for the same client address: nginx's ``ip_hash``."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from functools import lru_cache
from random import Random
from socket import AF_INET, AF_INET6, inet_pton
from typing import TYPE_CHECKING, Final

from attrs import frozen

from pydsl_proxy.balancing.draws import by_weight, first_pickable
from pydsl_proxy.balancing.smooth_round_robin import RoundRobin, only
from pydsl_proxy.errors.not_text import NotText

if TYPE_CHECKING:
    from pydsl_proxy.interfaces import Exchange, PeerState, Pick

_SEED: Final = 89
_ADDRESSES_KEPT: Final = 1024  # a client's requests come in runs, and reading its address costs the most


def address_key(address: str) -> bytes:
    """The bytes of a client address that are hashed: three of IPv4, so that a /24 goes together, all 16 of IPv6.

    An IPv4 address mapped into IPv6 is an IPv6 address, as for nginx.  Clients without an IP address, on a UNIX
    socket, share one key.
    """
    try:
        if ":" in address:
            return inet_pton(AF_INET6, address.partition("%")[0])
        return inet_pton(AF_INET, address)[:3]
    except OSError:
        return b"\0\0\0"


def mix(hashed: int, key: bytes) -> int:
    """One round of nginx's hash over *key*, going on from *hashed*."""
    for byte in key:
        hashed = (hashed * 113 + byte) % 6271
    return hashed


@frozen(repr=False)
class IpHash(NotText):
    """A client's peer, by its address."""

    def compile(self, peers: Sequence[PeerState], random: Random) -> Pick:
        """The choice among *peers*."""
        if len(peers) == 1:
            return only(peers[0])
        at, total = by_weight(peers)
        in_turn = RoundRobin().compile(peers, random)

        def draws(address: str) -> Iterator[PeerState]:
            key = address_key(address)
            hashed = _SEED
            while True:
                hashed = mix(hashed, key)
                yield at(hashed % total)

        first = lru_cache(_ADDRESSES_KEPT)(lambda address: next(draws(address)))

        def pick(exchange: Exchange, tried: Container[PeerState], /) -> PeerState | None:
            peer = first(exchange.client_address)
            if peer.usable and peer not in tried:
                return peer
            return first_pickable(draws(exchange.client_address), tried) or in_turn(exchange, tried)

        return pick

    def __repr__(self) -> str:
        return "ip_hash()"


def ip_hash() -> IpHash:
    """The peer that the client's address hashes to, in proportion to weights; IPv4 clients of one /24 go together.

    While that peer cannot be picked its clients are spread over the others; a peer taken out for longer is best
    marked ``down=True``, which keeps the choice for all other clients.
    """
    return IpHash()
