"""TLS on the sockets of lean transports that were dialled keeps the rules of connections."""

from __future__ import annotations

import contextlib
import socket
import ssl
from pathlib import Path
from select import select
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from OpenSSL import SSL
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Protocol
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from pydsl_proxy import upstream_tls
from pydsl_proxy.compiler.peer_tls import Files
from pydsl_proxy.errors import ProxyError
from pydsl_proxy.features.timeouts import Timeouts
from pydsl_proxy.net.connect import dial_tcp
from pydsl_proxy.net.tls.client import Encrypted, PeerTls, over_tls
from pydsl_proxy.net.tls.tcp_connect import SecureDialled
from tests.net.loopback import Building, Talker, number
from tests.net.tls import secure_rules

if TYPE_CHECKING:
    from pydsl_proxy.interfaces import Attempt


class Patient:
    """TLS that waits for the peer within a call, as if that had answered before there was a look."""

    def __init__(self, connection: SSL.Connection) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> object:
        return getattr(self._connection, name)

    def do_handshake(self) -> None:
        """All of it."""
        while True:
            try:
                self._connection.do_handshake()
                return
            except SSL.WantReadError:
                select([self._connection], [], [], 10)


class PatientPeer(PeerTls):
    """A peer that is quicker than the dial."""

    def connection(self, encrypted: Encrypted, sock: socket.socket | None = None) -> SSL.Connection:
        return cast(SSL.Connection, Patient(super().connection(encrypted, sock)))


class AtOnceTests(secure_rules.SecureCase):
    """Handshakes that are over when the dial returns, on a busy machine."""

    async def dialled(self, host: str) -> tuple[Building, list[ProxyError], list[bool]]:
        """What comes of such a dial; whether it was known already when that returned."""
        folder = Path(self.mktemp())
        folder.mkdir()
        cert, key = secure_rules.AUTHORITY.issue("localhost").save(folder, "server")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        listening = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listening.close)

        def serve() -> None:
            with contextlib.suppress(OSError), context.wrap_socket(listening.accept()[0], server_side=True) as server:
                server.settimeout(60)
                server.sendall(b"answer to " + server.recv(100))

        serving = deferToThread(serve)
        clients, failed = Building(Talker), list[ProxyError]()
        ca = secure_rules.AUTHORITY.save(folder)
        peer = PatientPeer("peer", Files(upstream_tls(ca=ca)).context(), host, True, self.path)
        dial = over_tls(dial_tcp(self.path, "peer", "127.0.0.1", listening.getsockname()[1]), peer, self.path)
        attempt = SimpleNamespace(timeouts=Timeouts(), failed=failed.append)
        dial(cast("Attempt", attempt), lambda: cast(Protocol, clients.buildProtocol(None)))
        at_once = [bool(failed or clients.talkers)]
        while not (failed or clients.talkers):
            await deferLater(self.plain, 0.01)
        if clients.talkers:
            clients.talkers[0].link.write(b"question")
            await clients.talkers[0].has(18)
            self.assertEqual(clients.talkers[0].received, b"answer to question")
            await clients.talkers[0].ends()
        await serving
        return clients, failed, at_once

    async def test_accepted(self) -> None:
        """The connection is used."""
        clients, failed, at_once = await self.dialled("localhost")
        self.assertEqual((len(clients.talkers), failed, at_once), (1, [], [False]))

    async def test_refused(self) -> None:
        """The attempt is told, but not before the dial has returned."""
        clients, failed, at_once = await self.dialled("other.test")
        self.assertEqual((clients.talkers, [each.cause for each in failed], at_once), ([], ["tls_verify"], [False]))


class DialledTests(secure_rules.SecureRules):
    """The lean client keeps all rules of transports."""

    def connect(self, port: IListeningPort, factory: Building) -> None:
        """Dial as attempts do."""
        context = Files(upstream_tls(verify=False)).context()
        peer = PeerTls("peer", context, "localhost", False, self.path)
        dial = over_tls(dial_tcp(self.path, "peer", "127.0.0.1", number(port)), peer, self.path)
        attempt = SimpleNamespace(timeouts=Timeouts(), failed=self.fail)
        dial(cast("Attempt", attempt), lambda: cast(Protocol, factory.buildProtocol(None)))

    async def test_is_lean(self) -> None:
        """On the data path OpenSSL has the socket."""
        _, client = await self.pair(Talker, Talker)
        self.assertIsInstance(client.transport, SecureDialled)

    async def test_much_at_once(self) -> None:
        """Of a large response several records are given at once, whole and in order."""
        server, client = await self.pair(Talker, Talker)
        data = bytes(range(256)) * 4096
        server.link.write(data)
        await client.has(len(data))
        self.assertEqual(client.received, data)
