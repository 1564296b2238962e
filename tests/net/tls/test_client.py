"""TLS to peers: who they must be, and what is told when they are not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from OpenSSL import SSL
from OpenSSL.crypto import X509
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator, ITransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from twisted.test.iosim import FakeTransport, IOPump, connect
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from pydsl_proxy import upstream_tls
from pydsl_proxy.compiler.peer_tls import Files
from pydsl_proxy.config.tls.peers import UpstreamTls
from pydsl_proxy.errors import ProxyError
from pydsl_proxy.features.timeouts import Timeouts
from pydsl_proxy.interfaces import MissingCloseNotify
from pydsl_proxy.net.tls.client import SESSION_TIME, PeerTls, over_tls
from pydsl_proxy.net.tls.peer_certificates import note_problem
from tests.support.authorities import DAY, Authority, Issued, key_pem, pem

if TYPE_CHECKING:
    from pydsl_proxy.interfaces import ConnectRequest

TIMEOUTS = Timeouts()


class FakeAttempt:
    """As much of an attempt as a dial looks at."""

    timeouts = TIMEOUTS

    def __init__(self) -> None:
        self.errors: list[ProxyError] = []
        self.failed = self.errors.append


class Recorder(Protocol):
    """Keeps what it is given."""

    transport: ITransport

    def __init__(self) -> None:
        self.opened = 0
        self.received = b""
        self.lost: Failure | None = None

    def connectionMade(self) -> None:
        """Count."""
        self.opened += 1

    def dataReceived(self, data: bytes) -> None:
        """Keep."""
        self.received += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Keep why."""
        self.lost = reason


@implementer(IOpenSSLServerConnectionCreator)
class Server:
    """A peer with a certificate; it notes the names that it is asked for, and whether it met the session before."""

    def __init__(
        self,
        issued: Issued,
        *,
        version: int = SSL.TLS1_3_VERSION,
        clients: Authority | None = None,
        speaks: tuple[bytes, ...] = (b"http/1.1", b"h2"),
    ) -> None:
        self.speaks = speaks
        context = self.context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_max_proto_version(version)
        context.use_certificate(issued.certificate)
        context.use_privatekey(issued.key)
        context.set_session_id(b"test")
        self.names: list[bytes | None] = []
        self.protocols: list[list[bytes]] = []
        context.set_tlsext_servername_callback(lambda connection: self.names.append(connection.get_servername()))
        context.set_alpn_select_callback(self._choose)
        self.factory = TLSMemoryBIOFactory(self, False, Factory.forProtocol(Recorder), Clock())
        self.factory.protocol = TLSMemoryBIOProtocol
        if clients is not None:
            store = context.get_cert_store()
            assert store is not None
            store.add_cert(X509.from_cryptography(clients.certificate))
            context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)

    def _choose(self, connection: SSL.Connection, offered: list[bytes]) -> bytes | SSL._NoOverlappingProtocols:
        self.protocols.append(offered)
        for each in offered:
            if each in self.speaks:
                return each
        return SSL.NO_OVERLAPPING_PROTOCOLS

    def serverConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """A connection."""
        return SSL.Connection(self.context)


class Wire:
    """Connections in memory between the dial and a server, which may be one without TLS."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.answering: Callable[[], Protocol] | None = None
        self.cancelled = 0
        self.protocol: TLSMemoryBIOProtocol | None = None
        self.pump: IOPump | None = None
        self.peer: Protocol | None = None

    def dial(self, caller: ConnectRequest, build: Callable[[], Protocol]) -> Callable[[], None]:
        """Connect at once, or never if nobody answers."""
        if self.answering is not None:
            self.peer = self.answering()
            client = build()
            self.pump = connect(self.peer, FakeTransport(self.peer, True), client, FakeTransport(client, False))
            self.protocol = cast(TLSMemoryBIOProtocol, client)
        return self.cancel

    def cancel(self) -> None:
        """Count."""
        self.cancelled += 1

    def flush(self) -> None:
        """Let everything be sent and read."""
        if self.pump is not None:
            self.pump.flush()


class Case(SynchronousTestCase):
    """What the tests below have in common."""

    def setUp(self) -> None:
        """An authority, and a clock that the tests move."""
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.authority = Authority()
        self.ca = self.authority.save(self.folder)
        self.clock = Clock()
        self.wire = Wire(self.clock)
        self.attempt = FakeAttempt()
        self.made: list[Recorder] = []

    def build(self) -> Recorder:
        """The connector's protocol."""
        self.made.append(Recorder())
        return self.made[-1]

    def peer(self, terms: UpstreamTls, host: str | None = "app.test") -> PeerTls:
        """A peer, as an upstream on these terms has it."""
        return PeerTls("app.test:443", Files(terms).context(), terms.name or host, terms.verify, self.clock)

    def connect(self, server: Server | None, peer: PeerTls) -> Callable[[], None]:
        """Dial, and let the handshake be done."""
        if server is not None:
            self.wire.answering = lambda: cast(Protocol, server.factory.buildProtocol(None))
        dial = over_tls(self.wire.dial, peer, self.clock)
        cancel = dial(cast("ConnectRequest", self.attempt), self.build)
        self.wire.flush()
        return cancel


class DialTests(Case):
    """A dial over TLS."""

    def meet(self, issued: Issued, *, host: str = "app.test", **terms: str | bool) -> str | None:
        """The cause and the message with which a peer that has this certificate fails; None if it is accepted."""
        options = {"ca": self.ca, **terms}
        self.connect(Server(issued), self.peer(upstream_tls(**options), host))  # type: ignore[arg-type]  # they fit
        if self.attempt.errors:
            self.assertEqual(self.made, [])
            (error,) = self.attempt.errors
            self.assertEqual((error.status, error.retryable), (502, True))
            told = error.message.removeprefix("the certificate of peer app.test:443 is not accepted: ")
            return f"{error.cause}: {told}"
        return None

    def test_accepted(self) -> None:
        """The connector's protocol gets the connection when the handshake is done, with nothing between them."""
        server = Server(self.authority.issue("app.test"))
        self.connect(server, self.peer(upstream_tls(ca=self.ca)))
        (made,) = self.made
        assert self.wire.protocol is not None and isinstance(self.wire.peer, TLSMemoryBIOProtocol)
        self.assertIs(self.wire.protocol.wrappedProtocol, made)
        self.assertEqual((made.opened, server.names, server.protocols), (1, [b"app.test"], [[b"http/1.1"]]))
        made.transport.write(b"asked")
        self.wire.peer.write(b"answered")
        self.wire.flush()
        self.assertEqual(
            (cast(Recorder, self.wire.peer.wrappedProtocol).received, made.received), (b"asked", b"answered")
        )
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_names(self) -> None:
        """The certificate is for the host, by wildcard too, or for the name that is given; IP addresses are its own."""
        for names, host, sent in (
            (["*.app.test"], "a.app.test", b"a.app.test"),
            (["other.test", "app.test"], "APP.test.", b"APP.test"),
            (["10.0.0.1"], "10.0.0.1", None),
            (["2001:db8::1"], "2001:db8::1", None),
            (["fe80::1"], "fe80::1%eth0", None),
        ):
            server = Server(self.authority.issue(*names))
            self.connect(server, self.peer(upstream_tls(ca=self.ca), host))
            self.assertEqual((self.attempt.errors, server.names), ([], [sent] if sent else [None]), host)
        server = Server(self.authority.issue("app.test"))
        self.connect(server, self.peer(upstream_tls(ca=self.ca, name="app.test"), "10.0.0.1"))
        self.assertEqual((self.attempt.errors, server.names), ([], [b"app.test"]))

    def test_alpn(self) -> None:
        """Where the connector needs a protocol it is offered alone, and a peer that does not choose it is of no use."""
        terms = upstream_tls(ca=self.ca)
        issued = self.authority.issue("app.test")
        for speaks, told in (((b"h2",), None), ((), "nothing"), ((b"http/1.1",), "nothing")):
            self.attempt, self.made = FakeAttempt(), []
            server = Server(issued, speaks=speaks)
            context = Files(terms).context(b"h2")
            self.connect(server, PeerTls("app.test:443", context, "app.test", True, self.clock, b"h2"))
            self.assertEqual(server.protocols, [[b"h2"]])
            self.assertEqual(len(self.made), 1 if told is None else 0)
            if told is not None:
                (error,) = self.attempt.errors
                self.assertEqual((error.cause, error.status, error.retryable), ("alpn", 502, True))
                text = "peer app.test:443 does not speak 'h2' over TLS: by ALPN it chose "
                self.assertEqual(error.message, text + told)

    def test_another_name(self) -> None:
        """It is told for whom the certificate is."""
        many = [f"n{number}.test" for number in range(7)]
        for names, host, told in (
            (["other.test", "10.0.0.9"], "app.test", "it is for other.test, 10.0.0.9, not for app.test"),
            (["10.0.0.9"], "10.0.0.1", "it is for 10.0.0.9, not for 10.0.0.1"),
            (["10.0.0.1"], "app.test", "it is for 10.0.0.1, not for app.test"),
            (["app.test"], "10.0.0.1", "it is for app.test, not for 10.0.0.1"),
            (many[:5], "app.test", "it is for n0.test, n1.test, n2.test, n3.test, n4.test, not for app.test"),
            (many, "app.test", "it is for n0.test, n1.test, n2.test, n3.test, n4.test and 2 more, not for app.test"),
        ):
            self.attempt = FakeAttempt()
            self.assertEqual(self.meet(self.authority.issue(*names), host=host), f"tls_verify: {told}")

    def test_common_name(self) -> None:
        """A common name is no name (RFC 9525 2)."""
        self.assertRegex(str(self.meet(self.authority.issue())), "^tls_verify: its names are of no use: ")

    def test_times(self) -> None:
        """Expired, and not yet valid."""
        expired = self.authority.issue("app.test", ends=-timedelta(hours=1))
        self.assertRegex(
            str(self.meet(expired)), r"^tls_verify: that of 'CN=app\.test' has expired on \d{4}-\d\d-\d\d$"
        )
        self.attempt = FakeAttempt()
        early = self.authority.issue("app.test", begins=DAY, ends=2 * DAY)
        self.assertRegex(str(self.meet(early)), r"^tls_verify: that of 'CN=app\.test' is not valid before \d{4}-")

    def test_strangers(self) -> None:
        """Another authority's, none's, and one that the system would have to trust."""
        told = "tls_verify: its issuer 'CN=others' is not trusted"
        self.assertEqual(self.meet(Authority("others").issue("app.test")), told)
        self.attempt = FakeAttempt()
        itself = Authority("app.test")
        told = "tls_verify: it is signed by itself, 'CN=app.test', and not trusted"
        self.assertEqual(self.meet(Issued(itself.certificate, itself.key)), told)
        self.attempt = FakeAttempt()
        self.connect(Server(self.authority.issue("app.test")), self.peer(upstream_tls()))
        self.assertEqual([error.cause for error in self.attempt.errors], ["tls_verify"])

    def test_log_lines(self) -> None:
        """What stands in a certificate cannot end a line of a log."""
        told = str(self.meet(Authority("evil\n2026 [info] all is well\x1b[2J").issue("app.test")))
        self.assertTrue(told.isprintable(), told)

    def test_listed(self) -> None:
        """What the file lists is trusted, be it the certificate itself or one between."""
        between = Authority("between", above=Authority("far"))
        path = between.save(self.folder, "between")
        self.assertIsNone(self.meet(between.issue("app.test"), ca=path))
        self.made.clear()
        alone = Authority("app.test")
        own = self.folder / "own.pem"
        own.write_bytes(pem(alone.certificate))
        told = str(self.meet(Issued(alone.certificate, alone.key), ca=str(own)))
        self.assertRegex(told, "^tls_verify: its names are of no use")

    def test_no_verification(self) -> None:
        """Anybody is taken, and still told whom we want."""
        server = Server(Authority("others").issue("other.test", ends=-DAY))
        self.connect(server, self.peer(upstream_tls(verify=False)))
        self.connect(server, self.peer(upstream_tls(verify=False), None))
        self.assertEqual((self.attempt.errors, server.names, len(self.made)), ([], [b"app.test", None], 2))

    def test_versions(self) -> None:
        """TLS 1.2 at least, or what is told."""
        issued = self.authority.issue("app.test")
        old = Server(issued, version=SSL.TLS1_1_VERSION)
        old.context.set_cipher_list(b"ALL:@SECLEVEL=0")
        self.connect(old, self.peer(upstream_tls(ca=self.ca)))
        self.connect(Server(issued, version=SSL.TLS1_2_VERSION), self.peer(upstream_tls(ca=self.ca)))
        self.assertEqual(len(self.made), 1)
        self.connect(
            Server(issued, version=SSL.TLS1_2_VERSION), self.peer(upstream_tls(ca=self.ca, minimum_version="TLSv1.3"))
        )
        self.assertEqual([error.cause for error in self.attempt.errors], ["tls_handshake"] * 2)
        self.assertIn("alert protocol version", self.attempt.errors[0].message)

    def test_own_certificate(self) -> None:
        """A peer that asks for one is shown it, with those between; the key may be in the same file."""
        between = Authority("between", above=self.authority)
        issued = between.issue("client")
        cert, key = issued.save(self.folder, "client")
        both = self.folder / "both.pem"
        both.write_bytes(Path(cert).read_bytes() + key_pem(issued.key))
        server = Server(self.authority.issue("app.test"), clients=self.authority)
        for terms in (upstream_tls(ca=self.ca, cert=cert, key=key), upstream_tls(ca=self.ca, cert=both)):
            self.connect(server, self.peer(terms))
            assert isinstance(self.wire.peer, TLSMemoryBIOProtocol)
            shown = self.wire.peer.getPeerCertificate().to_cryptography()
            self.assertEqual(shown, issued.certificate)

    def test_certificate_wanted(self) -> None:
        """Whoever has none hears why: before the request in TLS 1.2, in 1.3 in the place of an answer."""
        for version in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
            server = Server(self.authority.issue("app.test"), clients=self.authority, version=version)
            self.connect(server, self.peer(upstream_tls(ca=self.ca)))
        (error,) = self.attempt.errors
        self.assertEqual(error.cause, "tls_handshake")
        self.assertRegex(error.message, "^the TLS handshake with peer app.test:443 failed: .*alert handshake failure")
        (made,) = self.made
        assert made.lost is not None
        self.assertIn("alert certificate required", made.lost.getErrorMessage())

    def test_no_tls(self) -> None:
        """Something else answers, or nothing."""
        for does, told in (
            (lambda peer: peer.transport.write(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "what it answers is not TLS"),
            (lambda peer: peer.transport.loseConnection(), "the peer closed the connection"),
        ):
            self.attempt = FakeAttempt()
            self.wire.answering = Recorder
            self.connect(None, self.peer(upstream_tls(ca=self.ca)))
            assert self.wire.peer is not None
            does(self.wire.peer)
            self.wire.flush()
            (error,) = self.attempt.errors
            self.assertEqual((error.cause, error.retryable), ("tls_handshake", True))
            self.assertEqual(error.message, f"the TLS handshake with peer app.test:443 failed: {told}")
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_time(self) -> None:
        """The handshake must be done within the time for connecting, counted from the dial."""
        self.wire.answering = Recorder
        self.connect(None, self.peer(upstream_tls(ca=self.ca)))
        self.clock.advance(TIMEOUTS.connect - 0.01)
        self.assertEqual(self.attempt.errors, [])
        self.clock.advance(0.01)
        (error,) = self.attempt.errors
        self.assertEqual((error.status, error.cause, error.retryable), (504, "connect_timeout", True))
        self.wire.flush()
        self.assertEqual((len(self.attempt.errors), self.made), (1, []))

    def test_cancel(self) -> None:
        """It ends the dial, or the handshake, and does nothing after it."""
        cancel = self.connect(None, self.peer(upstream_tls(ca=self.ca)))
        cancel()
        cancel()
        self.assertEqual(self.wire.cancelled, 1)
        self.wire.answering = Recorder
        cancel = self.connect(None, self.peer(upstream_tls(ca=self.ca)))
        cancel()
        self.wire.flush()
        assert isinstance(self.wire.peer, Recorder)
        self.assertIsNotNone(self.wire.peer.lost)
        self.assertEqual((self.attempt.errors, self.clock.getDelayedCalls(), self.wire.cancelled), ([], [], 1))
        cancel = self.connect(Server(self.authority.issue("app.test")), self.peer(upstream_tls(ca=self.ca)))
        cancel()
        self.wire.flush()
        self.assertIsNone(self.made[0].lost)

    def test_ends(self) -> None:
        """A close that TLS announced is an orderly one; one without it may have cut something off."""
        server = Server(self.authority.issue("app.test"))
        self.connect(server, self.peer(upstream_tls(ca=self.ca)))
        assert isinstance(self.wire.peer, TLSMemoryBIOProtocol)
        self.wire.peer.loseConnection()
        self.wire.flush()
        self.connect(server, self.peer(upstream_tls(ca=self.ca)))
        assert isinstance(self.wire.peer, TLSMemoryBIOProtocol)
        cast(FakeTransport, self.wire.peer.transport).loseConnection()
        self.wire.flush()
        orderly, cut = (made.lost for made in self.made)
        assert orderly is not None and cut is not None
        self.assertIsInstance(orderly.value, ConnectionDone)
        self.assertIsInstance(cut.value, MissingCloseNotify)

    def test_reset(self) -> None:
        """A reset is no end, announced or not."""
        self.connect(Server(self.authority.issue("app.test")), self.peer(upstream_tls(ca=self.ca)))
        assert self.wire.protocol is not None
        self.wire.protocol.connectionLost(Failure(ConnectionLost()))
        lost = self.made[0].lost
        assert lost is not None
        self.assertIsInstance(lost.value, ConnectionLost)
        self.assertNotIsInstance(lost.value, MissingCloseNotify)


class SessionTests(Case):
    """Sessions are resumed: a peer shows its certificates once, and is known from then on."""

    def setUp(self) -> None:
        """A peer, and a look at how often its chain of certificates is verified."""
        super().setUp()
        self.verified = 0
        self.server = Server(self.authority.issue("app.test"))
        context = Files(upstream_tls(ca=self.ca)).context()

        def verify(connection: SSL.Connection, certificate: X509, code: int, depth: int, valid: int) -> bool:
            self.verified += depth == 0
            return note_problem(connection, certificate, code, depth, valid)

        context.set_verify(SSL.VERIFY_PEER, verify)
        self.known = PeerTls("app.test:443", context, "app.test", True, self.clock)

    def meet_again(self, *, ends: bool) -> None:
        """One more connection, on which something is sent, as tickets come with that."""
        self.connect(self.server, self.known)
        assert isinstance(self.wire.peer, TLSMemoryBIOProtocol)
        self.wire.peer.write(b"answer")
        self.wire.flush()
        self.assertEqual(self.made[-1].received, b"answer")
        if ends:
            self.made[-1].transport.loseConnection()
            self.wire.flush()

    def test_resumed(self) -> None:
        """The session of a connection that is open, or was, with both versions."""
        for version in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
            self.server = Server(self.authority.issue("app.test"), version=version)
            for ends in (False, True, False, True):
                self.meet_again(ends=ends)
        self.assertEqual(self.verified, 1 + 1)

    def test_age(self) -> None:
        """After an hour the certificates are looked at again, however often the session was renewed."""
        for _ in range(4):
            self.meet_again(ends=True)
            self.clock.advance(SESSION_TIME / 3)
        self.assertEqual(self.verified, 2)

    def test_forgotten(self) -> None:
        """A peer that does not know the session is met anew."""
        self.meet_again(ends=True)
        self.server = Server(self.authority.issue("app.test"))
        self.meet_again(ends=True)
        self.assertEqual((self.verified, self.attempt.errors), (2, []))

    def test_not_accepted(self) -> None:
        """The session with a peer of another name is not kept."""
        self.server = Server(self.authority.issue("other.test"))
        for _ in range(2):
            self.connect(self.server, self.known)
        self.assertEqual((self.verified, len(self.attempt.errors)), (2, 2))


class UnreadableTests(SynchronousTestCase):
    """A certificate whose names make no sense."""

    def test_names(self) -> None:
        """It is not accepted, and the library's words are told."""
        issued = Authority().issue("app.test")
        made = issued.certificate
        builder = x509.CertificateBuilder(made.issuer, made.subject, issued.key.public_key(), made.serial_number)
        builder = builder.not_valid_before(made.not_valid_before_utc).not_valid_after(made.not_valid_after_utc)
        garbage = x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, b"garbage")
        shown = X509.from_cryptography(builder.add_extension(garbage, critical=False).sign(issued.key, SHA256()))

        class Shown:
            """A connection to the peer."""

            def get_peer_certificate(self) -> X509:
                """What the peer has shown."""
                return shown

        peer = PeerTls("app.test:443", SSL.Context(SSL.TLS_CLIENT_METHOD), "app.test", True, Clock())
        problem = peer.problem_with(cast("SSL.Connection", Shown()))
        self.assertTrue((problem or "").startswith("it cannot be read: "), problem)
