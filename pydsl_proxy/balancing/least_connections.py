"""The peer with the fewest exchanges in flight for its weight: nginx's ``least_conn``."""

from __future__ import annotations

from collections.abc import Container, Sequence
from random import Random
from typing import TYPE_CHECKING

from attrs import frozen

from pydsl_proxy.balancing.smooth_round_robin import in_turn, only
from pydsl_proxy.errors.not_text import NotText

if TYPE_CHECKING:
    from pydsl_proxy.interfaces import Exchange, PeerState, Pick


@frozen(repr=False)
class LeastConn(NotText):
    """The least busy peer; those equally busy take turns."""

    def compile(self, peers: Sequence[PeerState], random: Random) -> Pick:
        """The choice among *peers*."""
        if len(peers) == 1:
            return only(peers[0])

        def pick(exchange: Exchange, tried: Container[PeerState], /) -> PeerState | None:
            tied: list[PeerState] = []
            least, least_weight = 1, 0  # busier than any peer can be: its load is infinite
            for peer in peers:
                if not peer.usable or peer in tried:
                    continue
                # in_flight / weight, compared without division
                here, best = peer.in_flight * least_weight, least * peer.weight
                if here < best:
                    tied = [peer]
                    least, least_weight = peer.in_flight, peer.weight
                elif here == best:
                    tied.append(peer)
            # A peer that wins alone has no turn: its weights stay, as in nginx.
            return tied[0] if len(tied) == 1 else in_turn(tied, ())

        return pick

    def __repr__(self) -> str:
        return "least_conn()"


def least_conn() -> LeastConn:
    """The peer with the fewest exchanges in flight in proportion to its weight; round robin among equals.

    What is counted are exchanges that wait for or receive an answer, not idle connections kept open.
    """
    return LeastConn()
