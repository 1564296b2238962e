"""The same peer for the same value of the request: nginx's ``hash`` and ``hash … consistent``."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Container, Iterator, Sequence
from random import Random
from typing import TYPE_CHECKING
from zlib import crc32

from attrs import field, frozen

from pydsl_proxy.balancing.draws import MISSES_ALLOWED, by_weight, first_pickable
from pydsl_proxy.balancing.ketama import ring
from pydsl_proxy.balancing.smooth_round_robin import RoundRobin, in_turn, only
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.errors.not_text import NotText
from pydsl_proxy.values.value import ValueFunction, ValueSource, as_bytes, code_of, constant, value_for

if TYPE_CHECKING:
    from attrs import Attribute

    from pydsl_proxy.interfaces import Exchange, PeerState, Pick


def _value(source: ValueSource) -> ValueFunction:
    return value_for("hash_by()", source)


def _must_vary(strategy: HashBy, attribute: Attribute[ValueFunction], value: ValueFunction) -> None:
    text = constant(value)
    if text is not None:
        raise ConfigError(
            f"hash_by({text!r}): this key is the same for every request, so one peer would get them all",
            hint='write a value, as hash_by(header("x-tenant"))',
        )


@frozen(repr=False)
class HashBy(NotText):
    """A peer by the hash of a value; requests for which the value is empty go round robin."""

    value: ValueFunction = field(converter=_value, validator=_must_vary)
    consistent: bool = field(default=False, kw_only=True)

    def compile(self, peers: Sequence[PeerState], random: Random) -> Pick:
        """The choice among *peers*."""
        if len(peers) == 1:
            return only(peers[0])
        key_of = as_bytes(self.value)
        find = _on_ring(peers) if self.consistent else _by_remainder(peers)
        round_robin = RoundRobin().compile(peers, random)

        def pick(exchange: Exchange, tried: Container[PeerState], /) -> PeerState | None:
            key = key_of(exchange.request)
            return (find(key, tried) if key else None) or round_robin(exchange, tried)

        return pick

    def __repr__(self) -> str:
        return f"hash_by({code_of(self.value)}{', consistent=True' if self.consistent else ''})"


def hash_by(value: ValueSource, *, consistent: bool = False) -> HashBy:
    """The peer that *value* hashes to, in proportion to weights, as in ``hash_by(header("x-tenant"))``.

    With *consistent*, adding or removing a peer moves only the keys that it gains or loses; without, most keys.

    :class:`ConfigError` is raised if *value* is no value, or is the same for every request.
    """
    return HashBy(value, consistent=consistent)


_Find = Callable[[bytes, Container["PeerState"]], "PeerState | None"]


def _by_remainder(peers: Sequence[PeerState]) -> _Find:
    """The choice by the remainder of a hash, compatible with Cache::Memcached.

    ``hash += crc32([rehash] key) >> 16 & 0x7fff``; a rehash, with its number in front of the key, follows when the
    peer cannot be picked.
    """
    at, total = by_weight(peers)

    def draws(key: bytes) -> Iterator[PeerState]:
        hashed = number = 0
        while True:
            prefix = b"%d" % number if number else b""
            hashed += crc32(prefix + key) >> 16 & 0x7FFF
            number += 1
            yield at(hashed % total)

    def find(key: bytes, tried: Container[PeerState]) -> PeerState | None:
        peer = at((crc32(key) >> 16 & 0x7FFF) % total)
        return peer if peer.usable and peer not in tried else first_pickable(draws(key), tried)

    return find


def _on_ring(peers: Sequence[PeerState]) -> _Find:
    """The choice by the first point at or after the key's hash, and by the points that follow it."""
    points, owners = ring(peers)
    count = len(points)

    def find(key: bytes, tried: Container[PeerState]) -> PeerState | None:
        at = bisect_left(points, crc32(key))
        for place in range(at, at + MISSES_ALLOWED + 1):
            peer = in_turn(owners[place % count], tried)
            if peer is not None:
                return peer
        return None

    return find
