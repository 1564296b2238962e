"""WebSockets that end here and begin anew at the peer, message by message."""

from __future__ import annotations

from pydsl_proxy.handlers.websocket.bridge import Bridge
from pydsl_proxy.handlers.websocket.settings import Kit
from pydsl_proxy.interfaces import Call, Exchange, Frontend, Handle
from pydsl_proxy.wire.edits.replacing import Replacing

# The client's subprotocols are offered to the peer; all else is agreed on with each side by itself.
_ANEW = Replacing(frozenset((b"sec-websocket-extensions", b"sec-websocket-key", b"sec-websocket-version")))


def bridging(kit: Kit, call: Call) -> Handle:
    """A handle that puts a bridge between each exchange and the peer that *call* finds."""

    def bridge(exchange: Exchange) -> None:
        made = Bridge(kit, exchange)

        def between(inner: Exchange) -> Frontend:
            made.stand_between(inner)
            return made

        call(exchange, between, _ANEW.replaced(exchange.fields, made.ask()))

    return bridge
