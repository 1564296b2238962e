"""Tests of the legs of bridged WebSockets."""

from __future__ import annotations

from autobahn.websocket.protocol import WebSocketProtocol
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.handlers.websocket.autobahn_legs import ClientLeg, PeerLeg


class OptionTests(SynchronousTestCase):
    """Autobahn's options, which are not copied from a factory."""

    def test_all(self) -> None:
        """Each option that this Autobahn knows is told by the leg's class; the limit of a message by each leg."""
        common = WebSocketProtocol.CONFIG_ATTRS_COMMON
        for leg, own in (
            (ClientLeg, WebSocketProtocol.CONFIG_ATTRS_SERVER),
            (PeerLeg, WebSocketProtocol.CONFIG_ATTRS_CLIENT),
        ):
            missing = [name for name in (*common, *own) if not hasattr(leg, name)]
            self.assertEqual(missing, ["maxMessagePayloadSize"])
