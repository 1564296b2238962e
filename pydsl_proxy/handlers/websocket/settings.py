"""What all bridged WebSockets of one location have in common, compiled."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from attrs import frozen
from twisted.internet.interfaces import IReactorTime

from pydsl_proxy.errors.rates import Rate
from pydsl_proxy.handlers.websocket.autobahn_legs import ClientLeg, PeerLeg, factories
from pydsl_proxy.handlers.websocket.leg_transport import Ends
from pydsl_proxy.handlers.websocket.messages import OnMessage
from pydsl_proxy.interfaces import Later


@frozen
class Kit:
    """What a bridge is made with; times in seconds.

    *later* calls in a later turn of the loop.  *most* bounds a message in bytes, 0 does not; a client may be *burst*
    messages ahead of *rate*.  *deflate* and *deflate_to_peer* offer permessage-deflate.
    """

    clock: IReactorTime
    later: Later
    random: Random
    idle: float
    ping: float | None
    most: int
    rate: Rate | None
    burst: int
    deflate: bool
    deflate_to_peer: bool
    on_message: OnMessage | None
    _client: Callable[[], ClientLeg]
    _peer: Callable[[], PeerLeg]

    def client_leg(self, ends: Ends) -> ClientLeg:
        """A leg with a client, not yet open."""
        leg = self._client()
        leg.begin(ends, self.most, self.on_message is not None, self.deflate, self.rate is not None)
        return leg

    def peer_leg(self, ends: Ends) -> PeerLeg:
        """A leg with a peer, not yet open."""
        leg = self._peer()
        leg.begin(ends, self.most, self.on_message is not None, self.deflate_to_peer)
        return leg


def leg_makers(clock: IReactorTime) -> tuple[Callable[[], ClientLeg], Callable[[], PeerLeg]]:
    """What makes the legs of one location."""
    server, client = factories(clock)

    def client_leg() -> ClientLeg:
        leg = ClientLeg()
        leg.factory = server
        return leg

    def peer_leg() -> PeerLeg:
        leg = PeerLeg()
        leg.factory = client
        return leg

    return client_leg, peer_leg
