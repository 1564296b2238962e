"""A strategy of one's own: the first peer that can be used, in the order of the file.

twist pydsl-proxy --config examples/custom_strategy/proxy.py
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from random import Random

from attrs import frozen

from pydsl_proxy import http, server, upstream
from pydsl_proxy.interfaces import Exchange, PeerState, Pick


@frozen
class InOrder:
    """The first usable peer; the others stand by."""

    def compile(self, peers: Sequence[PeerState], random: Random) -> Pick:
        """The choice among *peers*, which are all of the upstream's, usable or not."""

        def pick(exchange: Exchange, tried: Container[PeerState], /) -> PeerState | None:
            for peer in peers:
                if peer.usable and peer not in tried:
                    return peer
            return None

        return pick


app = upstream("app", InOrder(), "10.0.0.1:9000", "10.0.0.2:9000", "10.0.0.3:9000")

proxy = http(server(8080).location("/").proxy_to(app))
