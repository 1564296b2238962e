"""What hashing and chance have in common: draws that may fall on a peer that cannot be picked."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Container, Iterator, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pydsl_proxy.interfaces import PeerState

MISSES_ALLOWED: Final = 20
"""Draws that may miss; one more, and the choice is made by round robin, as in nginx."""


def by_weight(peers: Sequence[PeerState]) -> tuple[Callable[[int], PeerState], int]:
    """Peers side by side, each as wide as its weight: the peer at a number, and the width of all."""
    ends = list(accumulate(peer.weight for peer in peers))
    return lambda number: peers[bisect_right(ends, number)], ends[-1]


def first_pickable(draws: Iterator[PeerState], tried: Container[PeerState]) -> PeerState | None:
    """The first of *draws*, which never end, that can be picked; None after too many misses.

    nginx goes on drawing where the attempt before stopped.  Here each attempt draws from the beginning, so the first
    draw of a tried peer is no miss: it is the one by which that peer was picked.
    """
    picked: list[PeerState] = []
    misses = 0
    while True:
        peer = next(draws)
        if peer in tried and peer not in picked:
            picked.append(peer)
        elif peer.usable and peer not in tried:
            return peer
        else:
            misses += 1
            if misses > MISSES_ALLOWED:
                return None
