"""Peers by chance in proportion to weight, one draw or the better of two: nginx's ``random``."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Container, Sequence
from itertools import accumulate
from random import Random
from typing import TYPE_CHECKING

from attrs import frozen

from pydsl_proxy.balancing.draws import MISSES_ALLOWED
from pydsl_proxy.balancing.smooth_round_robin import RoundRobin, only
from pydsl_proxy.errors.not_text import NotText

if TYPE_CHECKING:
    from pydsl_proxy.interfaces import Exchange, PeerState, Pick


def weighted_draw(peers: Sequence[PeerState], random: Random) -> Callable[[], PeerState]:
    """A draw of one of *peers*, each in proportion to its weight, whether it can be picked or not."""
    ends = list(accumulate(peer.weight for peer in peers))
    total, last, uniform = ends[-1], len(ends) - 1, random.random
    return lambda: peers[bisect_right(ends, uniform() * total, 0, last)]


@frozen(repr=False)
class RandomOne(NotText):
    """A peer by chance."""

    def compile(self, peers: Sequence[PeerState], random: Random) -> Pick:
        """The choice among *peers*."""
        if len(peers) == 1:
            return only(peers[0])
        draw = weighted_draw(peers, random)
        in_turn = RoundRobin().compile(peers, random)

        def pick(exchange: Exchange, tried: Container[PeerState], /) -> PeerState | None:
            for _ in range(MISSES_ALLOWED + 1):
                peer = draw()
                if peer.usable and peer not in tried:
                    return peer
            return in_turn(exchange, tried)

        return pick

    def __repr__(self) -> str:
        return "random_one()"


@frozen(repr=False)
class RandomTwo(NotText):
    """The less busy of two peers by chance."""

    def compile(self, peers: Sequence[PeerState], random: Random) -> Pick:
        """The choice among *peers*."""
        if len(peers) == 1:
            return only(peers[0])
        draw = weighted_draw(peers, random)
        in_turn = RoundRobin().compile(peers, random)

        def pick(exchange: Exchange, tried: Container[PeerState], /) -> PeerState | None:
            first = None
            misses = 0
            while misses <= MISSES_ALLOWED:
                peer = draw()
                if peer is first or not peer.usable or peer in tried:
                    misses += 1
                elif first is None:
                    first = peer
                elif peer.in_flight * first.weight > first.in_flight * peer.weight:
                    return first
                else:
                    return peer
            return in_turn(exchange, tried)

        return pick

    def __repr__(self) -> str:
        return "random_two()"


def random_one() -> RandomOne:
    """A peer by chance, in proportion to weights: nginx's ``random``."""
    return RandomOne()


def random_two() -> RandomTwo:
    """Of two different peers drawn by chance the one with fewer exchanges in flight for its weight.

    nginx's ``random two least_conn``.  Where several proxies serve the same peers, each knowing only its own
    exchanges, it spreads load better than ``least_conn()``, with which all would turn to the same peer at once.
    """
    return RandomTwo()
