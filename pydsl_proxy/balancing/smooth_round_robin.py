"""Smooth weighted round robin: peers in turn by weight, evenly mixed, as nginx does by default."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from random import Random
from typing import TYPE_CHECKING

from attrs import frozen

from pydsl_proxy.errors.not_text import NotText

if TYPE_CHECKING:
    from pydsl_proxy.interfaces import Exchange, PeerState, Pick


def in_turn(peers: Iterable[PeerState], tried: Container[PeerState]) -> PeerState | None:
    """The peer whose turn it is among those that can be picked; None if there are none.

    Weights 5, 1, 1 give a a b a c a a, not five times a in a row.  Each peer considered moves on by one turn, by
    which one whose ``effective_weight`` was lowered by failures regains 1 (nginx, ``ngx_http_upstream_get_peer``).
    """
    best = None
    highest = total = 0
    for peer in peers:  # one loop, without a list of candidates: this runs for most requests
        if peer.usable and peer not in tried:
            effective = peer.effective_weight
            total += effective
            peer.current_weight = current = peer.current_weight + effective
            if effective < peer.weight:
                peer.effective_weight = effective + 1
            if best is None or current > highest:
                best, highest = peer, current
    if best is not None:
        best.current_weight = highest - total
    return best


def only(peer: PeerState) -> Pick:
    """The choice among one peer."""

    def pick(exchange: Exchange, tried: Container[PeerState], /) -> PeerState | None:
        return peer if peer.usable and peer not in tried else None

    return pick


@frozen(repr=False)
class RoundRobin(NotText):
    """Peers in turn by weight."""

    def compile(self, peers: Sequence[PeerState], random: Random) -> Pick:
        """The choice among *peers*."""
        if len(peers) == 1:
            return only(peers[0])

        def pick(exchange: Exchange, tried: Container[PeerState], /) -> PeerState | None:
            return in_turn(peers, tried)

        return pick

    def __repr__(self) -> str:
        return "round_robin()"


def round_robin() -> RoundRobin:
    """Peers in turn, in proportion to their weights; what an upstream does by default."""
    return RoundRobin()
