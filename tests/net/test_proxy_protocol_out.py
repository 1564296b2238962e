"""Peers that are told of the client by the PROXY protocol."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from twisted.internet.protocol import Protocol
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.net.proxy_protocol_out import announcing
from pydsl_proxy.wire.connection.forwarded import Identity

if TYPE_CHECKING:
    from pydsl_proxy.interfaces import ConnectRequest

OWN = Identity("203.0.113.9", 40000, "https", 443, server_address="192.0.2.1")
TOLD = Identity("203.0.113.9", 5000, "https", 443, b"203.0.113.9, 10.0.0.1", b"a", "192.0.2.1")


class Asking(Protocol):
    """Writes as soon as it can."""

    def connectionMade(self) -> None:
        """Ask."""
        assert self.transport is not None
        self.transport.write(b"GET /")


class AnnouncingTests(SynchronousTestCase):
    """A dial with a header."""

    def sent(self, identity: Identity, version: int) -> bytes:
        """What a peer reads first, when the connection is a protocol's that asks at once."""
        transport = StringTransport()

        def dial(caller: ConnectRequest, build: Callable[[], Protocol]) -> Callable[[], None]:
            build().makeConnection(transport)
            return lambda: None

        made: list[Asking] = []

        def build() -> Protocol:
            made.append(Asking())
            return made[-1]

        attempt = SimpleNamespace(exchange=SimpleNamespace(identity=identity))
        announcing(dial, version)(cast("ConnectRequest", attempt), build)
        self.assertIs(transport.protocol, made[0])  # type: ignore[attr-defined]  # as those of sockets have it
        sent: bytes = transport.value()
        return sent

    def test_own(self) -> None:
        """The client's end of its connection, and ours, before all else."""
        line = b"PROXY TCP4 203.0.113.9 192.0.2.1 40000 443\r\n"
        self.assertEqual(self.sent(OWN, 1), line + b"GET /")
        header = b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + bytes.fromhex("cb007109 c0000201 9c40 01bb")
        self.assertEqual(self.sent(OWN, 2), header + b"GET /")

    def test_behind(self) -> None:
        """Of a client behind a trusted proxy the port is not known."""
        self.assertEqual(self.sent(TOLD, 1), b"PROXY TCP4 203.0.113.9 192.0.2.1 0 443\r\nGET /")

    def test_unix(self) -> None:
        """A client at a UNIX socket is nobody that could be told of."""
        self.assertEqual(self.sent(Identity("unix:", 0, "http", 0), 1), b"PROXY UNKNOWN\r\nGET /")
