"""Tests of a stream's TLS with real handshakes, in memory: when its peer is reached, and who is not let so far."""

from __future__ import annotations

from pathlib import Path

from OpenSSL import SSL
from twisted.internet.address import IPv4Address
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import access_log, cause, http, status, stream, tls
from pydsl_proxy.config.streams.stream import Stream
from pydsl_proxy.service import ProxyService
from pydsl_proxy.testing import Client, MemoryLoop, Peers
from tests.support.authorities import Authority
from tests.support.hellos import openssl_hello


class HandshakeTests(SynchronousTestCase):
    """A listener whose TLS ends at the stream."""

    def setUp(self) -> None:
        """A certificate."""
        self.files = Path(self.mktemp())
        self.files.mkdir()
        authority = Authority()
        self.ca = authority.save(self.files)
        self.pair = authority.issue("localhost").save(self.files, "good")

    def serve(self, *passed: Stream, address: str = "127.0.0.1") -> None:
        """Run it, and let a client connect."""
        self.log = self.files / "access.log"
        self.peers = Peers()
        self.loop = MemoryLoop(self.peers)
        self.peers.belong_to(self.loop)
        self.peers.configure(["a:1"])
        self.peers.speak_raw(["a:1"])
        written = access_log(self.log, format=f"{status} {cause}")
        self.service = ProxyService(http(*passed, access_log=written, shutdown_grace=1), self.loop)
        self.service.startService()
        self.loop.settle()
        self.client = self.another(address)

    def another(self, address: str = "127.0.0.1") -> Client:
        """A client that connects."""
        (port,) = self.loop.ports.values()
        client = Client(self.loop, "the client", str)
        here, there = IPv4Address("TCP", "192.0.2.1", 443), IPv4Address("TCP", address, 50001)
        client.connect(port, here, there, raw=True)
        return client

    def told(self) -> list[str]:
        """The lines of the log."""
        self.loop.advance(2)
        return self.log.read_text().splitlines()

    def greet(self, connection: SSL.Connection) -> None:
        """Shake hands as far as it goes."""
        for _ in range(3):
            try:
                connection.do_handshake()
            except SSL.WantReadError:
                pass
            self.exchange(connection)

    def exchange(self, connection: SSL.Connection) -> None:
        """Let the bytes of both sides go to the other."""
        try:
            self.client.sends(connection.bio_read(1 << 16))
        except SSL.WantReadError:
            pass
        if data := self.client.takes():
            connection.bio_write(data)

    def connection(self) -> SSL.Connection:
        """A client's TLS."""
        made = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), None)
        made.set_connect_state()
        return made

    def test_peer_after_handshake(self) -> None:
        """A peer is reached when the handshake is done, whoever speaks first then."""
        self.serve(stream(443, tls=tls(*self.pair)).proxy_to("a:1"))
        connection = self.connection()
        self.assertEqual(len(self.peers["a:1"].connections), 0)
        self.greet(connection)
        self.assertEqual(len(self.peers["a:1"].connections), 1)
        self.peers["a:1"].sends(b"220 hello")
        self.exchange(connection)
        self.assertEqual(connection.recv(100), b"220 hello")
        connection.send(b"EHLO")
        self.exchange(connection)
        self.peers["a:1"].expects(b"EHLO")

    def test_no_application_protocol(self) -> None:
        """What is spoken inside is not known: nothing is chosen of what a client offers by ALPN, nor is it refused."""
        self.serve(stream(443, tls=tls(*self.pair)).proxy_to("a:1"))
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_alpn_protos([b"postgresql"])
        connection = SSL.Connection(context, None)
        connection.set_connect_state()
        self.greet(connection)
        self.assertEqual(connection.get_alpn_proto_negotiated(), b"")
        self.assertEqual(len(self.peers["a:1"].connections), 1)

    def test_handshake_timeout(self) -> None:
        """A handshake has sixty seconds, as nginx's ``ssl_handshake_timeout``, and reaches no peer."""
        self.serve(stream(443, tls=tls(*self.pair)).proxy_to("a:1"))
        self.loop.advance(59.9)
        self.assertFalse(self.client.is_closed)
        self.loop.advance(0.2)
        self.assertTrue(self.client.is_gone)
        self.assertEqual(len(self.peers["a:1"].connections), 0)
        self.assertEqual(self.told(), ["408 client_timeout"])

    def test_refused(self) -> None:
        """Who has no certificate where one is demanded is closed after the handshake."""
        self.serve(stream(443, tls=tls(*self.pair, client_ca=self.ca)).proxy_to("a:1"))
        self.greet(self.connection())
        self.assertTrue(self.client.is_closed)
        self.assertEqual(len(self.peers["a:1"].connections), 0)
        self.assertEqual(self.told()[-1], "403 no_client_certificate")

    def test_denied(self) -> None:
        """Who is not allowed by address is closed before the handshake, as with nginx."""
        for passed in (stream(443, tls=tls(*self.pair)), stream(443, names=["a.test"])):
            self.serve(passed.deny("all").proxy_to("a:1"))
            self.assertTrue(self.client.is_closed)
            self.assertEqual(self.client.takes(), b"")
            self.assertEqual(self.told()[-1], "403 access_denied")

    def test_denied_by_name(self) -> None:
        """Of several streams it is who none of them lets in."""
        inner = stream(443, names=["a.test"]).allow("10.0.0.1").deny("all").proxy_to("a:1")
        outer = stream(443, names=["b.test"]).allow("10.0.0.2").deny("all").proxy_to("a:1")
        for address, closed in (("10.0.0.1", False), ("10.0.0.2", False), ("10.0.0.3", True)):
            self.serve(inner, outer, address=address)
            self.assertEqual(self.client.is_closed, closed, address)
        self.serve(inner, outer, address="10.0.0.1")
        self.client.sends(openssl_hello("b.test"))
        self.assertTrue(self.client.is_closed)
        self.assertEqual(self.told()[-1], "403 access_denied")

    def test_counted(self) -> None:
        """Connections are counted from the beginning, and no more once they are gone, begun or not."""
        self.serve(stream(443, tls=tls(*self.pair)).limit_connections(2).proxy_to("a:1"))
        first, second, third = self.client, self.another(), self.another()
        self.assertEqual([each.is_closed for each in (first, second, third)], [False, False, True])
        self.assertEqual(self.told(), ["503 limit_connections"])
        second.closes()
        self.greet(self.connection())
        self.assertEqual(len(self.peers["a:1"].connections), 1)
        self.assertFalse(self.another().is_closed)
        self.assertTrue(self.another().is_closed)
        first.closes()
        self.assertFalse(self.another().is_closed)

    def test_told_client(self) -> None:
        """A header of the PROXY protocol comes before the ClientHello, and tells whose stream it is."""
        named = stream(443, names=["a.test"], proxy_protocol=["10.0.0.1"]).allow("203.0.113.0/24").deny("all")
        for source, line in (("203.0.113.9", None), ("198.51.100.1", "403 access_denied")):
            self.serve(named.proxy_to("a:1"), address="10.0.0.1")
            hello = openssl_hello("a.test")
            self.client.sends(f"PROXY TCP4 {source} 192.0.2.1 40000 443\r\n".encode() + hello)
            if line is None:
                self.peers["a:1"].expects(hello)
            else:
                self.assertTrue(self.client.is_closed)
                self.assertEqual(self.told()[-1], line)
        self.serve(named.proxy_to("a:1"), address="203.0.113.9")
        self.assertTrue(self.client.is_closed)

    def test_counted_through_a_reload(self) -> None:
        """Who has not begun yet begins with the new stream, and counts once."""
        self.serve(stream(443, tls=tls(*self.pair)).limit_connections(1).proxy_to("b:1"))
        self.service.reload(http(stream(443, tls=tls(*self.pair)).limit_connections(1).proxy_to("a:1")))
        self.loop.settle()
        self.greet(self.connection())
        self.assertEqual(len(self.peers["a:1"].connections), 1)
        self.assertTrue(self.another().is_closed)
        self.client.closes()
        self.assertFalse(self.another().is_closed)

    def leave_with_words(self) -> None:
        """Shake hands and say something while the peer is being reached, and end without a close_notify."""
        self.serve(stream(443, tls=tls(*self.pair)).timeouts(connect=5).proxy_to("a:1"))
        self.peers["a:1"].times_out()
        connection = self.connection()
        self.greet(connection)
        connection.send(b"last words")
        self.exchange(connection)
        self.client.closes()

    def test_last_words(self) -> None:
        """The peer gets them, as with nginx, and its connection ends."""
        self.leave_with_words()
        self.peers["a:1"].accepts()
        self.peers["a:1"].expects(b"last words")
        self.assertTrue(self.peers["a:1"].is_closed)
        self.assertEqual(self.told(), ["200 -"])

    def test_last_words_to_nobody(self) -> None:
        """The stream ends also if no peer is reached, or the proxy stops meanwhile."""
        self.leave_with_words()
        self.loop.advance(6)
        self.assertEqual(self.told(), ["504 connect_timeout"])
        self.leave_with_words()
        stopped: list[object] = []
        self.service.stopService().addBoth(stopped.append)
        self.loop.advance(2)
        self.assertEqual(len(stopped), 1)

    def test_end_without_notice(self) -> None:
        """Also once there is a peer: a FIN is an end, and what was said is not cut off."""
        self.serve(stream(443, tls=tls(*self.pair)).proxy_to("a:1"))
        connection = self.connection()
        self.greet(connection)
        self.peers["a:1"].stops_reading()
        connection.send(bytes(10_000))
        self.exchange(connection)
        self.client.closes()
        self.peers["a:1"].reads()
        self.assertEqual(len(self.peers["a:1"].takes()), 10_000)
        self.assertFalse(self.peers["a:1"].was_reset)

    def test_answer_after_an_end_without_notice(self) -> None:
        """Such a FIN ends the client's half alone, as one without TLS does: the answer is delivered, as by nginx."""
        self.serve(stream(443, tls=tls(*self.pair)).proxy_to("a:1"))
        connection = self.connection()
        self.greet(connection)
        connection.send(b"question")
        self.exchange(connection)
        self.client.half_closes()
        self.peers["a:1"].expects(b"question")
        self.assertTrue(self.peers["a:1"].is_closed)
        self.peers["a:1"].sends(b"answer")
        connection.bio_write(self.client.takes())
        self.assertEqual(connection.recv(100), b"answer")
        self.peers["a:1"].closes()
        connection.bio_write(self.client.takes())
        self.assertRaises(SSL.ZeroReturnError, connection.recv, 100)
        self.assertTrue(self.client.is_closed)
        self.assertEqual(self.told(), ["200 -"])

    def test_client_leaves(self) -> None:
        """A client that goes within its handshake leaves nothing behind, and the proxy can stop."""
        self.serve(stream(443, tls=tls(*self.pair)).proxy_to("a:1"))
        self.client.sends(b"\x16\x03\x01")
        self.client.closes()
        stopped: list[object] = []
        self.service.stopService().addBoth(stopped.append)
        self.loop.settle()
        self.assertEqual(len(stopped), 1)
