"""What a client sends after its connection has switched to another protocol, on its way to the peer."""

from __future__ import annotations

from collections.abc import Callable

from pydsl_proxy.interfaces import PeerConnection, Trailers


class TunnelBody:
    """Takes the raw body from the client and gives it to the peer's connection, as it comes."""

    __slots__ = ("request_body", "request_end")

    def __init__(self, connection: PeerConnection) -> None:
        # The connection's methods themselves: one call less for each piece.
        self.request_body: Callable[[bytes], None] = connection.send_body
        self.request_end: Callable[[Trailers], None] = connection.send_end
