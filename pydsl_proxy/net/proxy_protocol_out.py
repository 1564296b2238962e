"""Telling a peer who the client is before all else: the PROXY protocol."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from twisted.internet.interfaces import ITransport
from twisted.internet.protocol import Protocol

from pydsl_proxy.interfaces import ConnectRequest, Dial, Identified, StreamTransport
from pydsl_proxy.wire.connection.proxy_protocol import write_proxy_header


class _Announced(Protocol):
    """What stands on a new connection until the header is written."""

    def __init__(self, header: bytes, build: Callable[[], Protocol]) -> None:
        self._header = header
        self._build = build

    def makeConnection(self, transport: ITransport) -> None:
        """Write the header, and leave the connection to whom it is for."""
        stream = cast(StreamTransport, transport)
        stream.write(self._header)
        protocol = self._build()
        # Every transport that dials finds its protocol there, Twisted's and ours.
        transport.protocol = protocol  # type: ignore[attr-defined]  # of tcp.Connection, not of ITransport
        protocol.makeConnection(transport)


def announcing(dial: Dial, version: int) -> Dial:
    """Reach a peer as *dial* does, and tell it of the client of each attempt, in *version* 1 or 2."""

    def dial_and_announce(caller: ConnectRequest, build: Callable[[], Protocol]) -> Callable[[], None]:
        header = header_for(caller.exchange, version)
        return dial(caller, lambda: _Announced(header, build))

    return dial_and_announce


def header_for(exchange: Identified, version: int) -> bytes:
    """The header for the client of *exchange*."""
    identity = exchange.identity
    # Of a client that a trusted proxy told of, the port that is known is the proxy's.
    port = 0 if identity.believed else identity.port
    return write_proxy_header(version, (identity.address, port), (identity.server_address, identity.server_port))
