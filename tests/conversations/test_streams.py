"""Conversations through streams: bytes pass as they are, and so do their ends."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import (
    Request,
    access_log,
    bytes_received,
    bytes_sent,
    cause,
    client_address,
    clients,
    duration,
    hash_by,
    header,
    http,
    ip_hash,
    least_conn,
    peer,
    protocol,
    server,
    server_name_indication,
    server_port,
    status,
    stream,
    tls,
    upstream,
    upstream_addr,
    upstream_status,
)
from pydsl_proxy.testing import Handshake, Running, run
from tests.support.hellos import openssl_hello

DB = upstream("db", "a:1", "b:1")


def causes(running: Running) -> list[tuple[int, str]]:
    """Status and cause of every stream that is over."""
    return [(each.status, each.cause) for each in running.exchanges]


class PassingTests(SynchronousTestCase):
    """Bytes in both directions."""

    def test_bytes(self) -> None:
        """What either side sends reaches the other, whatever it is; who speaks first does not matter."""
        client, peers = run(stream(5432).proxy_to(DB))
        peers["a:1"].sends(b"+OK hello\r\n")
        client.expects(b"+OK hello\r\n")
        client.sends(b"GET / HTTP/1.1\r\nx-real-ip: 1\r\n\r\n")
        peers["a:1"].expects(b"GET / HTTP/1.1\r\nx-real-ip: 1\r\n\r\n")
        peers["a:1"].sends(bytes(range(256)))
        client.expects(bytes(range(256)))
        self.assertEqual(peers["a:1"].requests, [])

    def test_bytes_before_the_peer(self) -> None:
        """What a client sends before there is a peer comes through in order; not more is read than a chunk or two."""
        running = run(stream(5432).proxy_to("a:1"))
        peer = running.peers["a:1"]
        peer.times_out()
        late = running.client()
        late.sends(b"one ")
        for _ in range(50):
            late.sends(bytes(10_000))
        self.assertGreater(late.unread, 250_000)
        peer.accepts()
        peer.expects(b"one " + bytes(500_000))

    def test_end_before_the_peer(self) -> None:
        """A client that has sent all before there is a peer hears the answer."""
        running = run(stream(5432).proxy_to("a:1"))
        peer = running.peers["a:1"]
        peer.times_out()
        late = running.client()
        late.sends(b"question")
        late.half_closes()
        peer.accepts()
        peer.expects(b"question")
        self.assertTrue(peer.is_closed)
        peer.sends(b"answer")
        peer.closes()
        late.expects(b"answer")
        self.assertTrue(late.is_gone)

    def test_half_close(self) -> None:
        """Who has said all still hears the answer; when both have, it is over."""
        running = run(stream(5432).proxy_to(DB))
        client, peers = running
        client.sends(b"question")
        client.half_closes()
        self.assertTrue(peers["a:1"].is_closed)
        self.assertFalse(peers["a:1"].connection.is_gone)
        peers["a:1"].expects(b"question")
        peers["a:1"].sends(b"answer")
        peers["a:1"].closes()
        client.expects(b"answer")
        self.assertTrue(client.is_gone and peers["a:1"].connection.is_gone)
        self.assertFalse(client.was_reset or peers["a:1"].was_reset)
        self.assertEqual(causes(running), [(200, "")])

    def test_half_close_unix(self) -> None:
        """The end reaches a peer at a UNIX socket too, and what it says then the client."""
        running = run(stream("unix:/run/db.sock").proxy_to("unix:/run/peer.sock"))
        client, peer = running[0], running.peers["unix:/run/peer.sock"]
        client.sends(b"question")
        client.half_closes()
        peer.expects(b"question")
        self.assertTrue(peer.is_closed)
        self.assertFalse(client.is_closed)
        peer.sends(b"answer")
        peer.closes()
        client.expects(b"answer")
        self.assertTrue(client.is_gone and peer.connection.is_gone)
        self.assertEqual(causes(running), [(200, "")])

    def test_half_close_of_the_peer(self) -> None:
        """The same the other way round."""
        client, peers = run(stream(5432).proxy_to(DB))
        peers["a:1"].half_closes()
        self.assertTrue(client.is_closed)
        client.sends(b"still here")
        peers["a:1"].expects(b"still here")
        client.half_closes()
        self.assertTrue(client.is_gone and peers["a:1"].connection.is_gone)

    def test_half_close_behind_a_queue(self) -> None:
        """The end of one side waits for what is queued before it, also if its reads were paused for that."""
        client, peers = run(stream(5432).proxy_to(DB))
        peers["a:1"].stops_reading()
        client.sends(bytes(400_000))
        client.half_closes()
        self.assertFalse(peers["a:1"].is_closed)
        peers["a:1"].reads()
        self.assertEqual(len(peers["a:1"].takes()), 400_000)
        self.assertTrue(peers["a:1"].is_closed)
        peers["a:1"].sends(b"done")
        client.expects(b"done")

    def test_reset(self) -> None:
        """A connection that breaks off breaks off the other one."""
        for breaks in ("client", "peer"):
            running = run(stream(5432).proxy_to(DB))
            client, peers = running
            client.sends(b"x")
            if breaks == "client":
                client.resets()
                self.assertTrue(peers["a:1"].was_reset)
            else:
                peers["a:1"].resets()
                self.assertTrue(client.was_reset)
            self.assertEqual(causes(running), [(200, "client_closed" if breaks == "client" else "reset")])

    def test_back_pressure(self) -> None:
        """Of what one side does not read little is kept, and the other is not read meanwhile."""
        client, peers = run(stream(5432).proxy_to(DB))
        for slow, fast in ((client, peers["a:1"].connection), (peers["a:1"].connection, client)):
            slow.stops_reading()
            for _ in range(50):
                fast.sends(bytes(100_000))
            self.assertLess(slow.unsent, 700_000)
            self.assertGreater(fast.unread, 4_000_000)
            slow.reads()
            self.assertEqual(len(slow.takes()), 5_000_000)
            self.assertEqual(fast.unread, 0)

    def test_one_write_a_read(self) -> None:
        """A read is one write, whatever is in it: its cost is bounded by construction, and others have their turn."""
        running = run(stream(5432).proxy_to(DB))
        client, peers = running
        flood = b"\x82\x81\0\0\0\0b" * 150_000
        other = running.client()
        at: list[int] = []
        running.clock.callLater(0, other.sends, b"one")
        written = peers["b:1"].connection
        take = written.take

        def note(data: memoryview) -> int:
            at.append(len(peers["a:1"].received))
            return take(data)

        written.take = note  # type: ignore[method-assign]  # sees when it comes
        client.sends(flood)
        self.assertLess(at[0], len(flood) / 2)
        self.assertEqual(peers["b:1"].received, b"one")
        self.assertEqual(len(peers["a:1"].received), len(flood))

    def test_closed_peer_with_answers_queued(self) -> None:
        """What a peer said before it went is given to a slow client yet."""
        client, peers = run(stream(5432).proxy_to(DB))
        client.stops_reading()
        peers["a:1"].sends(bytes(50_000))
        peers["a:1"].half_closes()
        peers["a:1"].resets()
        client.reads()
        self.assertEqual(len(client.takes()), 50_000)
        self.assertTrue(client.is_gone)
        self.assertFalse(client.was_reset)


class TimeTests(SynchronousTestCase):
    """Deadlines."""

    def test_idle(self) -> None:
        """A stream on which nothing comes for ten minutes, unless told, is closed; any byte counts."""
        for opened, idle in ((stream(5432), 600), (stream(5432).timeouts(idle=10), 10)):
            running = run(opened.proxy_to(DB))
            client, peers = running
            running.clock.advance(idle - 1)
            peers["a:1"].sends(b".")
            running.clock.advance(idle - 1)
            client.sends(b".")
            running.clock.advance(idle - 1)
            self.assertFalse(client.is_closed)
            running.clock.advance(1)
            self.assertTrue(client.is_gone and peers["a:1"].connection.is_gone)
            self.assertEqual(causes(running), [(200, "idle_timeout")])

    def test_slow_reader(self) -> None:
        """A side that takes what is queued is not idle; one that takes nothing is cut off."""
        running = run(stream(5432).timeouts(idle=10).proxy_to(DB))
        client, peers = running
        client.stops_reading()
        peers["a:1"].sends(bytes(200_000))
        for _ in range(5):
            running.clock.advance(9)
            client.reads(1000)
        self.assertFalse(client.is_gone)
        running.clock.advance(21)
        self.assertTrue(client.was_reset)
        self.assertEqual(causes(running), [(200, "idle_timeout")])

    def test_slow_reader_alone(self) -> None:
        """So is one whose other side has left already."""
        running = run(stream(5432).timeouts(idle=10).proxy_to("a:1"))
        client, peers = running
        peers["a:1"].stops_reading()
        client.sends(bytes(200_000))
        client.closes()
        self.assertTrue(client.is_gone)
        running.clock.advance(9)
        self.assertFalse(peers["a:1"].connection.is_gone)
        running.clock.advance(200)
        self.assertTrue(peers["a:1"].was_reset)
        self.assertEqual(causes(running), [(200, "idle_timeout")])

    def test_connect(self) -> None:
        """A peer that is not reached within five seconds, unless told, is passed over; the whole may say, too."""
        whole = http(stream(5432).proxy_to(DB)).timeouts(connect=1)
        for config, seconds in (
            (stream(5432).proxy_to(DB), 5),
            (stream(1).timeouts(connect=2).proxy_to(DB), 2),
            (whole, 1),
        ):
            running = run(config)
            running.peers["b:1"].times_out()
            client = running.client()
            client.sends(b"x")
            running.clock.advance(seconds - 0.1)
            self.assertEqual(running.peers["a:1"].received, b"")
            running.clock.advance(0.1)
            running.peers["a:1"].expects(b"x")

    def test_flush(self) -> None:
        """Of a stream that is closed what waits must be taken, or it is cut off."""
        running = run(stream(5432).timeouts(idle=10).proxy_to(DB))
        client, peers = running
        client.half_closes()
        client.stops_reading()
        peers["a:1"].sends(bytes(100_000))
        peers["a:1"].closes()
        running.clock.advance(30)
        self.assertTrue(client.was_reset)


class ChoosingTests(SynchronousTestCase):
    """Peers: the strategies and passive checks of servers."""

    def test_retry(self) -> None:
        """A peer that refuses is passed over, for later clients too; the last error counts if all do."""
        running = run(stream(5432).proxy_to(DB))
        client, peers = running
        client.closes()
        peers["b:1"].refuses()
        running.client().sends(b"x")
        peers["a:1"].expects(b"x")
        running.client().sends(b"y")
        peers["a:1"].expects(b"y")
        self.assertEqual(len(peers["b:1"].connections), 0)
        peers["a:1"].refuses()
        last = running.client()
        self.assertTrue(last.is_gone)
        self.assertEqual(running.exchanges[-1].status, 502)
        self.assertEqual(running.exchanges[-1].cause, "connect_refused")

    def test_retry_once(self) -> None:
        """``.retry(1)`` is for no second try, ``timeout`` for none after so long."""
        for opened in (stream(5432).retry(1), stream(5432).retry(timeout=4).timeouts(connect=4)):
            running = run(opened.proxy_to(upstream("db", "b:1", "a:1")), seed=2)
            running.peers["a:1"].times_out()
            client = running.client()
            running.clock.advance(5)
            self.assertTrue(client.is_gone)
            self.assertEqual(running.exchanges[-1].peers, (("a:1", 504),))

    def test_in_flight(self) -> None:
        """A stream counts for its peer as long as it lasts: for ``least_conn`` and ``max_conns``."""
        running = run(stream(5432).proxy_to(upstream("db", least_conn(), "a:1", "b:1")))
        first, peers = running
        second = running.client()
        self.assertEqual([len(peers[name].connections) for name in ("a:1", "b:1")], [1, 1])
        second.closes()
        running.client()
        self.assertEqual([len(peers[name].connections) for name in ("a:1", "b:1")], [1, 2])
        first.closes()
        full = run(stream(5432).proxy_to(upstream("db", peer("a:1", max_conns=1))))
        refused = full.client()
        self.assertTrue(refused.is_gone)
        self.assertEqual(causes(full), [(502, "no_live_peers")])
        full[0].closes()
        self.assertFalse(full.client().is_gone)

    def test_hashes(self) -> None:
        """``ip_hash``, and ``hash_by`` of a value that needs no HTTP, or of a function."""

        def who(request: Request) -> str:
            return request.client_address

        for strategy in (ip_hash(), hash_by(client_address), hash_by(client_address, consistent=True), hash_by(who)):
            running = run(stream(5432).proxy_to(upstream("db", strategy, "a:1", "b:1", "c:1")))
            for number in range(20):
                address = f"203.{number}.113.9"
                running.client(address), running.client(address)
            counts = [len(each.connections) for each in running.peers.values()]
            self.assertGreater(len(counts), 1)
            self.assertEqual([count % 2 for count in counts if count % 2], [1])

    def test_back_again(self) -> None:
        """A peer that is connected again has no failures any more."""
        running = run(stream(5432).proxy_to(upstream("db", peer("a:1", max_fails=2), peer("b:1", backup=True))))
        peers = running.peers
        for _ in range(2):
            peers["a:1"].refuses()
            running.client()
            peers["a:1"].accepts()
            running.client().sends(b"x")
            peers["a:1"].expects(b"x")
            # Only what comes after its fail_timeout says that it is well again, as in nginx.
            running.clock.advance(11)
            running.client().sends(b"y")
            peers["a:1"].expects(b"y")
        self.assertEqual(len(peers["b:1"].connections), 2)

    def test_function_raises_later(self) -> None:
        """The same when it is asked for a second peer."""
        asked: list[str] = []

        def fails(request: Request) -> str:
            asked.append(request.client_address)
            return "" if len(asked) == 1 else str(1 // 0)

        running = run(stream(5432).proxy_to(upstream("db", hash_by(fails), "a:1", "b:1")), address="192.0.2.1")
        self.assertEqual(asked, ["192.0.2.1"])
        asked.clear()
        for each in ("a:1", "b:1"):
            running.peers[each].refuses()
        self.assertTrue(running.client().is_gone)
        self.assertEqual(running.exchanges[-1].cause, "internal_error")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_function_raises(self) -> None:
        """A function of the configuration that raises costs its client the stream, and nobody else."""

        def fails(request: Request) -> str:
            raise ZeroDivisionError

        running = run(stream(5432).proxy_to(upstream("db", hash_by(fails), "a:1", "b:1")))
        self.assertTrue(running[0].is_gone)
        self.assertEqual(causes(running), [(500, "internal_error")])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_unix(self) -> None:
        """Clients at a UNIX socket, and peers at one."""
        running = run(stream("unix:/run/db.sock").allow("unix:").deny("all").proxy_to("unix:/run/peer.sock"))
        running[0].sends(b"x")
        running.peers["unix:/run/peer.sock"].expects(b"x")

    def test_names_of_peers(self) -> None:
        """A peer whose name cannot be found is passed over."""
        running = run(stream(5432).proxy_to(upstream("db", "known.test:1", "unknown.test:1")))
        running.peers["unknown.test:1"].is_not_found()
        for _ in range(2):
            running.client().sends(b"x")
        self.assertEqual(len(running.peers["known.test:1"].connections), 3)

    def test_shared_with_a_server(self) -> None:
        """A server and a stream that say the same upstream have the same peers, with their health."""
        app = upstream("app", "a:1", "b:1")
        running = run(http(server(80).location("/").proxy_to(app), stream(81).proxy_to(app)))
        client, peers = running
        peers["a:1"].refuses()
        peers["b:1"].answers(200, b"ok")
        self.assertEqual(client.request("GET").body, b"ok")
        passed = running.client(listen=81)
        passed.sends(b"raw")
        peers["b:1"].expects(b"raw")
        self.assertEqual(len(running.exchanges), 1)


class ClientsTests(SynchronousTestCase):
    """Who may come."""

    def test_access(self) -> None:
        """``allow`` and ``deny`` of the stream, then those of the whole; who is refused is closed at once."""
        inner = stream(5432).allow("10.0.0.1").deny("10.0.0.0/8").proxy_to(DB)
        running = run(http(inner).deny("192.0.2.0/24"))
        for address, passes in (("10.0.0.1", True), ("10.0.0.2", False), ("192.0.2.1", False), ("203.0.113.9", True)):
            self.assertEqual(running.client(address).is_gone, not passes, address)
        self.assertEqual(causes(running), [(403, "access_denied")] * 2)

    def test_limit_connections(self) -> None:
        """So many at once with one key."""
        running = run(stream(5432).limit_connections(2).proxy_to(DB))
        first = running[0]
        self.assertFalse(running.client().is_gone)
        self.assertTrue(running.client().is_gone)
        self.assertFalse(running.client("192.0.2.1").is_gone)
        self.assertEqual(causes(running), [(503, "limit_connections")])
        first.closes()
        self.assertFalse(running.client().is_gone)

    def test_clients(self) -> None:
        """The limits of ``clients(…)`` count streams and servers together."""
        both = http(
            server(80).location("/").respond(200, "ok"), stream(81).proxy_to(DB), clients=clients(connections=2)
        )
        running = run(both)
        self.assertFalse(running.client(listen=81).is_gone)
        self.assertTrue(running.client(listen=81).is_gone)
        self.assertTrue(running.client(listen=80).is_gone)

    def test_left_before_the_peer(self) -> None:
        """A client that goes while a peer is being reached is told in the log, and leaves nothing behind."""
        running = run(stream(5432).proxy_to(upstream("db", peer("a:1", max_conns=2))))
        running.peers["a:1"].times_out()
        second = running.client()
        second.resets()
        self.assertEqual(causes(running), [(499, "client_closed")])
        running.peers["a:1"].accepts()
        self.assertEqual(len(running.peers["a:1"].connections), 1)
        self.assertFalse(running.client().is_gone)


class NameTests(SynchronousTestCase):
    """Streams that are chosen by the name in the ClientHello, which is passed on unopened."""

    def setUp(self) -> None:
        """Three streams at one listener."""
        first = stream(443, names=["a.example.com"]).proxy_to("a:1")
        second = stream(443, names=["*.example.org"]).timeouts(idle=5).proxy_to("b:1")
        third = stream(443, names=["example.org"]).proxy_to(
            upstream("c", hash_by(server_name_indication), "c:1", "d:1")
        )
        self.running = run(http(first, second, third))

    def test_names(self) -> None:
        """Exact names, those that end so, and the first stream for all others and for clients that name none."""
        for name, address in (
            ("a.example.com", "a:1"),
            ("x.y.example.org", "b:1"),
            ("EXAMPLE.org", "c:1"),
            ("other.test", "a:1"),
            (None, "a:1"),
        ):
            hello = openssl_hello(name)
            client = self.running.client()
            client.sends(hello)
            taken = [each for each in self.running.peers.values() if each.received]
            self.assertEqual([each.takes() for each in taken], [hello], name)
            if address != "c:1":
                self.assertEqual(taken, [self.running.peers[address]], name)
            taken[0].sends(b"\x16server hello")
            client.expects(b"\x16server hello")

    def test_pieces(self) -> None:
        """A hello that comes in pieces reaches its peer as a whole, with what the client sent after it."""
        hello = openssl_hello("x.example.org")
        client = self.running.client()
        for at in range(0, len(hello), 100):
            self.assertEqual(self.running.peers["b:1"].received, b"")
            client.sends(hello[at : at + 100] + (b"early data" if at + 100 >= len(hello) else b""))
        self.running.peers["b:1"].expects(hello + b"early data")

    def test_small_records(self) -> None:
        """A hello in records of one byte, in one read or byte by byte, reaches its peer; what is too long does not."""
        hello = openssl_hello("x.example.org")
        tiny = b"".join(hello[:3] + b"\x00\x01" + bytes([octet]) for octet in hello[5:])
        client = self.running.client()
        client.sends(tiny)
        self.running.peers["b:1"].expects(tiny)
        slow = self.running.client()
        for octet in tiny:
            slow.sends(bytes([octet]))
        self.running.peers["b:1"].expects(tiny)
        # Ten thousand records in one read, of which the first 16 KiB are looked at.
        long = self.running.client()
        long.sends(hello[:3] + b"\x00\x01\x01" + (hello[:3] + b"\x00\x01\x00") * 10_900)
        self.assertTrue(long.is_gone)
        self.assertEqual(causes(self.running), [(400, "bad_hello")])

    def test_not_tls(self) -> None:
        """What is no hello is not passed to anybody."""
        client = self.running.client()
        client.sends(b"GET / HTTP/1.1\r\n\r\n")
        self.assertTrue(client.is_gone)
        self.assertEqual(causes(self.running), [(400, "bad_hello")])
        self.assertEqual([len(each.connections) for each in self.running.peers.values()], [])

    def test_too_late(self) -> None:
        """A hello must come within thirty seconds, as nginx's preread_timeout has it."""
        client = self.running.client()
        client.sends(openssl_hello("a.example.com")[:50])
        self.running.clock.advance(29.9)
        self.assertFalse(client.is_closed)
        self.running.clock.advance(0.1)
        self.assertTrue(client.is_gone)
        self.assertEqual(causes(self.running), [(408, "client_timeout")] * 2)

    def test_ends_early(self) -> None:
        """A client that ends within its hello is let go."""
        client = self.running.client()
        client.sends(b"\x16\x03")
        client.half_closes()
        self.assertTrue(client.is_gone)


class TlsTests(SynchronousTestCase):
    """TLS that ends at the stream."""

    def test_names(self) -> None:
        """The name of the handshake chooses."""
        pair = tls("cert.pem", "key.pem")
        config = http(
            stream(443, names=["a.test"], tls=pair).proxy_to("a:1"),
            stream(443, names=["b.test"], tls=pair).proxy_to("b:1"),
        )
        running = run(config)
        running.client(handshake=Handshake(server_name="b.test")).sends(b"x")
        running.peers["b:1"].expects(b"x")

    def test_client_certificate(self) -> None:
        """Who has none where one is demanded is not passed on, unless it is optional."""
        for optional in (False, True):
            pair = tls("cert.pem", "key.pem", client_ca="ca.pem", optional=optional)
            running = run(stream(443, tls=pair).proxy_to("a:1"))
            self.assertEqual(running[0].is_gone, not optional)
            verified = running.client(handshake=Handshake(client_certificate_subject="CN=me"))
            verified.sends(b"x")
            running.peers["a:1"].expects(b"x")
            self.assertEqual(causes(running), [] if optional else [(403, "no_client_certificate")])


class LivingTests(SynchronousTestCase):
    """Reloads and the end."""

    def test_reload(self) -> None:
        """Streams that are open go on; what is new holds for later ones, and an equal upstream is kept."""
        running = run(http(stream(5432).proxy_to(DB), stream(6379).proxy_to("r:1")))
        old, peers = running
        other = running.client(listen=6379)
        running.reload(stream(5432).timeouts(idle=3).proxy_to(DB))
        old.sends(b"goes on")
        peers["a:1"].expects(b"goes on")
        other.sends(b"this too")
        peers["r:1"].expects(b"this too")
        with self.assertRaises(ValueError):
            running.client(listen=6379)
        running.client().sends(b"next")
        peers["b:1"].expects(b"next")
        running.clock.advance(3)
        self.assertFalse(old.is_closed)
        self.assertTrue(peers["b:1"].is_closed)

    def test_another_kind(self) -> None:
        """A listener may become one of streams, and one of servers again; its clients go on with what they know."""
        web = server(80).location("/").respond(200, "ok")
        running = run(web)
        asks = running[0]
        self.assertEqual(asks.request("GET").body, b"ok")
        running.reload(stream(80).proxy_to("a:1"))
        self.assertTrue(asks.is_closed)
        passed = running.client()
        passed.sends(b"x")
        running.peers["a:1"].expects(b"x")
        running.reload(web)
        passed.sends(b"y")
        running.peers["a:1"].expects(b"y")
        self.assertEqual(running.client().request("GET").body, b"ok")

    def test_stop(self) -> None:
        """Open streams have ``shutdown_grace`` seconds to end; those that say nothing yet go at once."""
        named = stream(443, names=["a.test"]).proxy_to("a:1")
        running = run(http(stream(5432).proxy_to(DB), named, shutdown_grace=20))
        client, peers = running
        silent = running.client(listen=443)
        running.stop()
        self.assertTrue(silent.is_gone)
        client.sends(b"last words")
        peers["a:1"].expects(b"last words")
        running.clock.advance(19)
        self.assertFalse(running.is_stopped)
        running.clock.advance(1)
        self.assertTrue(client.was_reset and peers["a:1"].was_reset and running.is_stopped)

    def test_stop_early(self) -> None:
        """When the last stream has ended the proxy has stopped."""
        running = run(stream(5432).proxy_to(DB))
        running.stop()
        running[0].closes()
        self.assertTrue(running.is_stopped)

    def test_stop_while_connecting(self) -> None:
        """A peer that is being reached is reached yet, or not waited for longer than the grace."""
        running = run(http(stream(5432).timeouts(connect=60).proxy_to(DB), shutdown_grace=3))
        running.peers["b:1"].times_out()
        waiting = running.client()
        running[0].closes()
        running.stop()
        self.assertFalse(waiting.is_gone)
        running.clock.advance(3)
        self.assertTrue(waiting.is_gone and running.is_stopped)


class LogTests(SynchronousTestCase):
    """One line a stream, when both sides are gone."""

    def test_format(self) -> None:
        """A format has the values that a stream has, of its TLS too; those of requests are empty."""
        line = f"{protocol} {status} {bytes_sent} {bytes_received} {duration} {upstream_addr} {upstream_status}"
        line += f" {server_name_indication} {header('x')} {cause} {server_port}"
        config = http(stream(443, names=["a.test"]).proxy_to("a:1"), access_log=access_log(format=line))
        running = run(config)
        client, peers = running
        hello = openssl_hello("a.test")
        client.sends(hello)
        peers["a:1"].sends(b"12345678")
        running.clock.advance(2)
        client.resets()
        self.assertEqual(running.log, [f"TCP 200 8 {len(hello)} 2.000 a:1 200 a.test - client_closed 443"])

    def test_nothing_passed(self) -> None:
        """A client that is denied has sent nothing and received nothing, and there was no peer."""
        line = f"{status} {bytes_sent} {bytes_received} {duration} {upstream_addr} {upstream_status}"
        config = http(stream(5432).deny("all").proxy_to("a:1"), access_log=access_log(format=line))
        self.assertEqual(run(config).log, ["403 0 0 0.000 - -"])
        # Nor has one whose stream could not be found: what it sent went nowhere.
        running = run(http(stream(443, names=["a.test"]).proxy_to("a:1"), access_log=access_log(format=line)))
        running[0].sends(b"no hello")
        self.assertEqual(running.log, ["400 0 0 0.000 - -"])

    def test_json(self) -> None:
        """The keys are those of requests."""
        running = run(http(stream(5432).proxy_to("a:1"), access_log=access_log(format="json")))
        running[0].closes()
        told = json.loads(running.log[0])
        self.assertEqual((told["protocol"], told["method"], told["status"]), ("TCP", "", 200))
        self.assertEqual((told["bytes_sent"], told["upstream_addr"]), (0, "a:1"))

    def test_combined(self) -> None:
        """``TCP`` stands for the request, the bytes sent to the client for those of the body."""
        running = run(stream(5432).proxy_to("a:1"))
        client, peers = running
        client.sends(b"1234")
        peers["a:1"].sends(b"12345678")
        self.assertEqual(running.log, [])
        client.closes()
        self.assertEqual(running.log, ['127.0.0.1 - - [09/Sep/2001:01:46:40 +0000] "TCP" 200 8 "-" "-"'])
        self.assertEqual(running.exchanges[0].peers, (("a:1", 200),))
