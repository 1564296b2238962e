"""What holds for TLS on every transport, the lean ones and Twisted's."""

from __future__ import annotations

import shutil
import socket
import ssl
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from OpenSSL import SSL
from twisted.internet import error
from twisted.internet.interfaces import IListeningPort, IOpenSSLClientConnectionCreator, IReactorTime
from twisted.internet.threads import deferToThread
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from zope.interface import implementer

from pydsl_proxy.net.data_path import unsent
from pydsl_proxy.net.tls.contexts import Contexts
from pydsl_proxy.net.tls.openssl_contexts import Terms
from pydsl_proxy.net.tls.server import SecureFactory, SecureProtocol
from pydsl_proxy.net.tls.server_files import Pair, Secure
from pydsl_proxy.origin import NO_ORIGIN
from tests.net import end_rules, write_rules
from tests.net.loopback import Building, C, HalfTalker, LoopbackCase, S, Talker, number
from tests.net.write_rules import MUCH
from tests.support.authorities import Authority

AUTHORITY = Authority()


@implementer(IOpenSSLClientConnectionCreator)
class Creator:
    """Makes the client's TLS, which trusts anybody."""

    def clientConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        return SSL.Connection(context, None)


class ClientFactory(TLSMemoryBIOFactory):
    """Makes clients that half close as our servers do."""

    protocol = SecureProtocol

    def __init__(self, wrapped: Building, clock: IReactorTime, contexts: Contexts) -> None:
        super().__init__(Creator(), True, wrapped, clock)
        self.contexts = contexts


class SecureCase(LoopbackCase):
    """A test over TLS."""

    #: Whether the first of a pair, of which the rules ask less, is the client: then they are asked of the server.
    swapped = False

    def setUp(self) -> None:
        super().setUp()
        folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        files = Pair(*AUTHORITY.issue("localhost").save(folder, "server"), NO_ORIGIN)
        self.contexts = Contexts([Secure((files,))], lambda name: 0, Terms(), (b"http/1.1",))

    def listen(self, factory: Building) -> IListeningPort:
        wrapped = SecureFactory(self.contexts, factory, self.plain)
        port: IListeningPort = self.path.listenTCP(0, wrapped, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        return port

    def connect(self, port: IListeningPort, factory: Building) -> None:
        wrapped = ClientFactory(factory, cast(IReactorTime, self.plain), self.contexts)
        self.plain.connectTCP("127.0.0.1", number(port), wrapped)

    async def pairs(self, count: int, server: Callable[[], S], client: Callable[[], C]) -> list[tuple[S, C]]:
        if self.swapped:
            made: Any = [pair[::-1] for pair in await super().pairs(count, client, server)]
        else:
            made = await super().pairs(count, server, client)
        for pair in made:
            await shaken(*pair)
        return cast("list[tuple[S, C]]", made)


async def shaken(one: Talker, other: Talker) -> None:
    """Let both sides finish the handshake, and forget what was said for it."""
    for talker, to in ((one, other), (other, one)):
        keeping, to.dataReceived = to.dataReceived, Talker.dataReceived.__get__(to)  # type: ignore[method-assign]  # some raise
        talker.link.write(b"!")
        await to.has(1)
        to.received = b""
        to.dataReceived = keeping  # type: ignore[method-assign]  # as it was


class SecureRules(SecureCase, write_rules.WriteRules, write_rules.ProducerRules, end_rules.EndRules):
    """Those of all transports, but for one: nothing can be said after a close_notify."""

    async def test_error_in_a_protocol(self) -> None:
        """This one is about the server's side."""
        self.swapped = False
        await super().test_error_in_a_protocol()

    async def test_write_while_closing(self) -> None:
        """What is written after ``loseConnection`` is dropped."""
        server, client = await self.pair(Talker, Talker)
        client.link.write(b"all")
        client.link.loseConnection()
        client.link.write(b"late")
        client.link.writeSequence([b"r", b"!"])
        await server.ends()
        self.assertEqual(server.received, b"all")
        self.assertIsInstance(server.lost, error.ConnectionDone)


class OwnRules(SecureCase):
    """What only TLS knows."""

    async def test_unsent(self) -> None:
        """What a client does not read is counted."""
        server, client = await self.pair(Talker, Talker)
        client.link.pauseProducing()
        server.link.write(b"x" * MUCH)
        self.assertGreater(unsent(server.transport), MUCH // 4)
        client.link.resumeProducing()
        await client.has(MUCH)
        self.assertEqual(unsent(server.transport), 0)

    async def test_before_the_handshake(self) -> None:
        """What is written before the handshake is done is sent after it, and so is the end."""
        servers, clients = Building(Talker), Building(Talker)
        port = self.listen(servers)

        class Early(Talker):
            def connectionMade(self) -> None:
                super().connectionMade()
                self.link.write(b"early ")
                self.link.writeSequence([b"b", b"ird"])
                self.link.loseConnection()

        servers.make = Early
        self.connect(port, clients)
        await clients.connected()
        await clients.talkers[0].ends()
        self.assertEqual(clients.talkers[0].received, b"early bird")
        await servers.talkers[0].ends()

    async def test_close_before_the_handshake(self) -> None:
        """A client that never shakes hands is cut off when it is given up."""
        servers = Building(Talker)
        port = self.listen(servers)
        plain = Building(Talker)
        self.plain.connectTCP("127.0.0.1", number(port), plain)
        await servers.connected()
        servers.talkers[0].link.loseConnection()
        await servers.talkers[0].ends()
        await plain.talkers[0].ends()
        self.assertEqual(plain.talkers[0].received, b"")

    async def test_plain_http(self) -> None:
        """A request without TLS is told so (nginx's 497), and the operator in one line with OpenSSL's reason."""
        lines, refused = self.lines(), []

        class Http(Talker):
            def refused_plain_http(self, sent: int) -> None:
                refused.append(sent)

        servers, plain = Building(Http), Building(Talker)
        port = self.listen(servers)
        self.plain.connectTCP("127.0.0.1", number(port), plain)
        await plain.connected()
        plain.talkers[0].link.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await plain.talkers[0].ends()
        self.assertTrue(plain.talkers[0].received.startswith(b"HTTP/1.1 400 Bad Request\r\n"))
        self.assertIn(b"sent to HTTPS port", plain.talkers[0].received)
        await servers.talkers[0].ends()
        self.assertEqual(lines, ["a TLS handshake of 127.0.0.1 failed: http request"])
        # The frontend writes the line of the access log, and is given the size of the body.
        self.assertEqual(refused, [len(plain.talkers[0].received.partition(b"\r\n\r\n")[2])])

    def lines(self) -> list[str]:
        """What operators are told of handshakes from now on."""
        lines: list[str] = []

        def told(event: LogEvent) -> None:
            text = formatEvent(event)
            if "handshake" in text:
                lines.append(text)

        observer = cast(ILogObserver, told)
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        return lines

    async def test_left_before_the_handshake(self) -> None:
        """A client that connects and leaves is not told of: load balancers look so whether a port is open."""
        lines = self.lines()
        servers, plain = Building(Talker), Building(Talker)
        port = self.listen(servers)
        self.plain.connectTCP("127.0.0.1", number(port), plain)
        await plain.connected()
        plain.talkers[0].link.loseConnection()
        await servers.connected()
        await servers.talkers[0].ends()
        self.assertEqual(lines, [])

    async def test_noise(self) -> None:
        """What is neither TLS nor HTTP ends the connection, and nothing is logged as an error."""
        servers, plain = Building(Talker), Building(Talker)
        port = self.listen(servers)
        self.plain.connectTCP("127.0.0.1", number(port), plain)
        await plain.connected()
        plain.talkers[0].link.write(b"\x00" * 100)
        await servers.connected()
        await servers.talkers[0].ends()
        self.assertEqual(servers.talkers[0].received, b"")

    async def test_truncation(self) -> None:
        """A FIN without a close_notify is no orderly end, though the protocol knows half closes."""
        server, client = await self.pair(HalfTalker, Talker)
        cast(SecureProtocol, client.transport).transport.loseConnection()  # type: ignore[union-attr]  # it has one
        await server.ends()
        self.assertEqual(server.halves, [])
        self.assertIsInstance(server.lost, error.ConnectionLost)

    async def test_abort_is_no_orderly_end(self) -> None:
        """What is aborted sends no close_notify: a client must see that it was cut off."""
        server, client = await self.pair(Talker, HalfTalker)
        server.link.abortConnection()
        await client.ends()
        self.assertEqual(client.halves, [])
        self.assertIsInstance(client.lost, error.ConnectionLost)

    async def test_nothing_after_an_abort(self) -> None:
        """Of what came together a protocol that aborts gets no more."""

        class Aborting(Talker):
            calls = 0

            def dataReceived(self, data: bytes) -> None:
                self.calls += 1
                self.link.abortConnection()

        server, client = await self.pair(Aborting, Talker)
        # Three records.
        client.link.write(bytes(48 * 1024))
        await server.ends()
        self.assertEqual(server.calls, 1)
        await client.ends()

    async def test_end_of_the_client(self) -> None:
        """A close_notify, and the FIN after it, leave the other half open for the answer."""
        server, client = await self.pair(HalfTalker, HalfTalker)
        client.link.loseWriteConnection()
        await server.when(lambda: server.halves == ["read"])
        server.link.write(b"answer")
        server.link.loseConnection()
        await client.when(lambda: client.halves == ["write", "read"])
        self.assertEqual(client.received, b"answer")
        await server.ends()

    async def test_not_awaited(self) -> None:
        """The answer to a close_notify is not waited for: a client that sends none does not hold the connection."""
        servers = Building(Talker)
        port = self.listen(servers)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

        def client() -> tuple[bytes, ssl.SSLSocket]:
            raw = context.wrap_socket(socket.create_connection(("127.0.0.1", number(port)), 10))
            raw.sendall(b"x")
            return raw.recv(1), raw

        asked = deferToThread(client)
        await servers.connected()
        await servers.talkers[0].has(1)
        servers.talkers[0].link.write(b"y")
        received, raw = await asked
        self.addCleanup(raw.close)
        servers.talkers[0].link.loseConnection()
        await servers.talkers[0].ends()
        self.assertEqual(received, b"y")
        self.assertIsInstance(servers.talkers[0].lost, error.ConnectionDone)

    async def test_facts(self) -> None:
        """A transport tells what is known of the client's TLS."""
        server, _ = await self.pair(Talker, Talker)
        security = server.link.security  # type: ignore[attr-defined]  # of these transports
        self.assertEqual((security.protocol, security.server_name, security.client_verified), ("TLSv1.3", "", "NONE"))
        self.assertTrue(security.cipher.startswith("TLS_"))
