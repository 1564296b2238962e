"""Rules for the reactor of the data path."""

from __future__ import annotations

import shutil
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from socket import SO_LINGER, SOL_SOCKET
from struct import pack
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from OpenSSL import SSL
from twisted.internet.endpoints import HostnameEndpoint, clientFromString, serverFromString, wrapClientTLS
from twisted.internet.interfaces import IListeningPort, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.selectreactor import SelectReactor
from twisted.internet.ssl import ClientContextFactory, ContextFactory, PrivateCertificate, optionsForClientTLS
from twisted.internet.tcp import Connection
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import providedBy

from pydsl_proxy.net.data_path import after_batch, cut_data_path, data_path, peek, unsent
from pydsl_proxy.net.tcp_transport import TCPClient, TCPConnector, TCPServer, UNIXClient, UNIXServer
from tests.net.loopback import Building, LoopbackCase, Talker, number
from tests.support.authorities import key_usage


def certificate() -> bytes:
    """A key and a certificate for ``localhost``, signed by itself, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    start = datetime(2020, 1, 1)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(key_usage(authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + made.public_bytes(serialization.Encoding.PEM)


class ServerContext(ContextFactory):
    """Speaks TLS with a new certificate."""

    def __init__(self) -> None:
        self.pem = certificate()

    def getContext(self) -> SSL.Context:
        context = SSL.Context(SSL.TLS_METHOD)
        context.use_certificate(x509.load_pem_x509_certificate(self.pem))
        context.use_privatekey(
            cast(ec.EllipticCurvePrivateKey, serialization.load_pem_private_key(self.pem, password=None))
        )
        return context


def below(talker: Talker) -> Connection:
    """The transport under the TLS of *talker*."""
    return cast(Connection, talker.transport.transport)  # type: ignore[union-attr]  # TLSMemoryBIOProtocol's


class OtherReactorTests(SynchronousTestCase):
    """Reactors without an epoll."""

    def test_they_stand_for_themselves(self) -> None:
        """A reactor that is not Twisted's for epoll is used as it is; cutting leaves it alone."""
        for reactor in (MemoryReactorClock(), SelectReactor()):
            self.assertIs(data_path(reactor), reactor)
            cut_data_path(reactor)


class UnsentTests(SynchronousTestCase):
    """Transports whose queue is not known."""

    def test_unknown(self) -> None:
        """What has no known queue counts as sent."""
        self.assertEqual(unsent(StringTransport()), 0)
        self.assertIsNone(peek(StringTransport()))
        self.assertEqual(unsent(None), 0)

    def test_no_batches(self) -> None:
        """Nor does anything come after what comes alone."""
        self.assertIsNone(after_batch(StringTransport()))


class DataPathTests(LoopbackCase):
    """The stand-in for the reactor that runs the tests."""

    async def serve(self, description: str) -> tuple[Building, IListeningPort]:
        """Listen on an endpoint."""
        servers = Building(Talker)
        port = await serverFromString(self.path, description).listen(servers)
        self.addCleanup(self.close, servers)
        self.addCleanup(port.stopListening)
        return servers, port

    async def speak(self, servers: Building, client: Talker) -> Talker:
        """Say something both ways; the answer is the server's end."""
        self.addCleanup(self.close, client.factory)
        client.transport.write(b"there")  # type: ignore[union-attr]  # connected
        await servers.connected()
        server = servers.talkers[0]
        await server.has(5)
        server.transport.write(b"back")  # type: ignore[union-attr]  # connected
        await client.has(4)
        return server

    async def ask(self, endpoint: IStreamClientEndpoint) -> Talker:
        """Connect to an endpoint."""
        return cast(Talker, await endpoint.connect(cast("Factory[Protocol]", Building(Talker))))

    def test_all_else_is_the_reactor(self) -> None:
        """It provides what the reactor provides; time and threads are the reactor's."""
        self.assertEqual(list(providedBy(self.path)), list(providedBy(self.plain)))
        self.assertEqual(self.path.callLater, self.plain.callLater)
        self.assertIs(data_path(self.path), self.path)
        with self.assertRaises(AttributeError):
            self.path.no_such_thing  # type: ignore[attr-defined]  # noqa: B018  # see the rule

    async def test_tcp_endpoints(self) -> None:
        """Endpoint strings for TCP make lean connections."""
        servers, port = await self.serve("tcp:0:interface=127.0.0.1:backlog=4096")
        endpoint = clientFromString(self.path, f"tcp:127.0.0.1:{number(port)}")
        client = await self.ask(endpoint)
        server = await self.speak(servers, client)
        self.assertEqual((type(server.transport), type(client.transport)), (TCPServer, TCPClient))

    async def test_host_names(self) -> None:
        """Names are resolved by the reactor, and connected to by the data path."""
        servers, port = await self.serve("tcp:0:interface=127.0.0.1")
        client = await self.ask(HostnameEndpoint(self.path, "localhost", number(port)))
        await self.speak(servers, client)
        self.assertIsInstance(client.transport, TCPClient)

    async def test_unix_endpoints(self) -> None:
        """Endpoint strings for UNIX sockets make lean connections."""
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        servers, _ = await self.serve(f"unix:{folder}/socket")
        client = await self.ask(clientFromString(self.path, f"unix:{folder}/socket"))
        server = await self.speak(servers, client)
        self.assertEqual((type(server.transport), type(client.transport)), (UNIXServer, UNIXClient))

    async def test_tls_endpoints(self) -> None:
        """TLS runs over lean connections, whichever way an endpoint asks for it."""
        pem = Path(self.mktemp())
        pem.write_bytes(certificate())
        servers, port = await self.serve(f"ssl:0:interface=127.0.0.1:privateKey={pem}")
        options = optionsForClientTLS("localhost", PrivateCertificate.loadPEM(pem.read_bytes()))
        plain = clientFromString(self.path, f"tcp:127.0.0.1:{number(port)}")
        client = await self.ask(wrapClientTLS(options, plain))
        server = await self.speak(servers, client)
        self.assertEqual((type(below(server)), type(below(client))), (TCPServer, TCPClient))
        # Twisted passes pyOpenSSL what pyOpenSSL no longer likes.
        self.flushWarnings()

    async def test_ssl_methods(self) -> None:
        """``listenSSL`` and ``connectSSL`` make lean connections; what waits for the handshake counts as unsent."""
        servers, clients = Building(Talker), Building(Talker)
        port = self.path.listenSSL(0, servers, ServerContext(), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.path.connectSSL("127.0.0.1", number(port), clients, ClientContextFactory())
        await clients.connected()
        client = clients.talkers[0]
        client.link.write(b"x" * 100_000)
        self.assertGreaterEqual(unsent(client.transport), 100_000)
        await servers.connected()
        server = servers.talkers[0]
        self.addCleanup(self.close, clients)
        self.addCleanup(self.close, servers)
        await server.has(100_000)
        self.assertEqual(unsent(client.transport), 0)
        self.assertEqual((type(below(server)), type(below(client))), (TCPServer, TCPClient))

    async def test_peek(self) -> None:
        """What has come is seen before it is read: a byte, or the end; nothing while the other side is silent."""
        for sent in (b"", b"xy"):
            server, client = await self.pair(Talker, Talker)
            client.link.pauseProducing()
            self.assertIsNone(peek(client))
            server.link.write(sent)
            self.assertEqual(peek(client), sent[:1] or None)
            server.link.loseConnection()
            await server.ends()
            self.assertEqual(peek(client), sent[:1])
            client.link.resumeProducing()
            await client.has(len(sent))
            self.assertEqual(client.received, sent)

    async def test_peek_at_a_reset(self) -> None:
        """A connection that was reset is at its end."""
        server, client = await self.pair(Talker, Talker)
        client.link.pauseProducing()
        server.link.getHandle().setsockopt(SOL_SOCKET, SO_LINGER, pack("ii", 1, 0))
        server.link.abortConnection()
        await server.ends()
        self.assertEqual(peek(client), b"")

    async def test_peek_at_tls(self) -> None:
        """The end of a connection with TLS is seen too, as the record that announces it."""
        servers, clients = Building(Talker), Building(Talker)
        port = self.path.listenSSL(0, servers, ServerContext(), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.path.connectSSL("127.0.0.1", number(port), clients, ClientContextFactory())
        await clients.connected()
        client = clients.talkers[0]
        client.link.write(b"hello")
        await servers.connected()
        server = servers.talkers[0]
        self.addCleanup(self.close, clients)
        self.addCleanup(self.close, servers)
        await server.has(5)
        server.link.write(b"hello")
        await client.has(5)
        client.link.pauseProducing()
        self.assertIsNone(peek(client))
        server.link.loseConnection()
        self.assertIsNotNone(peek(client))
        client.link.resumeProducing()
        await client.ends()

    async def test_start_tls(self) -> None:
        """A connection may change to TLS: what was written before goes in the clear, the rest encrypted."""
        server, client = await self.pair(Talker, Talker)
        client.link.write(b"clear")
        await server.has(5)
        server.link.startTLS(ServerContext())
        client.link.startTLS(ClientContextFactory())
        client.link.write(b"secret")
        await server.has(11)
        client.link.unregisterProducer()
        client.link.writeSequence([b" ", b"words"])
        await server.has(17)
        server.link.write(b"answer")
        await client.has(6)
        self.assertEqual((server.received, client.received), (b"clearsecret words", b"answer"))
        client.link.loseConnection()
        await server.ends()
        await client.ends()

    async def test_cut(self) -> None:
        """All connections of the data path can be cut, and no others; it works again after that."""
        server, client = await self.pair(Talker, Talker)
        cut_data_path(self.path)
        self.assertTrue(server.lost)
        self.assertTrue(client.lost)
        again, client = await self.pair(Talker, Talker)
        client.link.write(b"again")
        await again.has(5)

    async def test_clean_reactor(self) -> None:
        """When all connections are over, the reactor watches nothing for the data path."""
        server, client = await self.pair(Talker, Talker)
        client.link.loseConnection()
        await client.ends()
        await server.ends()
        watched = [type(each).__name__ for each in self.plain.getReaders()]
        self.assertNotIn("InnerPoll", watched)

    async def test_connect_again(self) -> None:
        """A connector may be asked to connect again."""
        servers, clients = Building(Talker), Building(Talker)
        port = self.listen(servers)
        connector = self.path.connectTCP("127.0.0.1", number(port), clients)
        await clients.connected()
        clients.talkers[0].link.loseConnection()
        await clients.when(lambda: cast(TCPConnector, connector).state == "disconnected")
        connector.connect()
        await clients.connected(2)
        await servers.connected(2)
        self.addCleanup(self.close, servers)
        self.addCleanup(self.close, clients)
        self.assertIsInstance(clients.talkers[1].transport, TCPClient)
