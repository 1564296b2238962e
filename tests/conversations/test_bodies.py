"""Conversations: bodies of either direction, their framing, their limits, and who waits for whom."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import KiB, MiB, clients, http, server, upstream
from pydsl_proxy.testing import run
from tests.support.messages import GET, OK, get, post

APP = upstream("app", "a:1")
TWO = upstream("app", "a:1", "b:1")
LIMITED = server(80).location("/").limit_body(10).proxy_to(APP)

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def chunks(*parts: bytes) -> bytes:
    """Parts of a body, each as a chunk."""
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)


def upload(size: int) -> bytes:
    """The head of a request with a body of so many bytes."""
    return get("/", f"Content-Length: {size}", method="POST")


def chunked_upload(*fields: str) -> bytes:
    """The head of a request with a chunked body."""
    return get("/", *fields, "Transfer-Encoding: chunked", method="POST")


class ResponseTests(SynchronousTestCase):
    """Response bodies stream through, whatever tells their end."""

    def test_length(self) -> None:
        """What has come is passed on at once."""
        client, peers = run(APP)
        client.sends(GET)
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nab")
        client.expects(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nab")
        peers["a:1"].sends(b"cd")
        client.expects(b"cd")
        peers["a:1"].sends(b"ef")
        client.expects(b"ef")
        client.sends(GET)
        self.assertEqual(len(peers["a:1"].connections), 1)

    def test_chunks(self) -> None:
        """Chunks are taken apart and made anew: an extension means nothing to the next hop."""
        client, peers = run(APP)
        client.sends(GET)
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n3;x=y\r\nabc\r\n")
        client.expects(CHUNKED + chunks(b"abc"))
        peers["a:1"].sends(b"2\r\nd")
        client.expects(chunks(b"d"))
        peers["a:1"].sends(b"e\r\n0\r\n\r\n")
        client.expects(chunks(b"e") + b"0\r\n\r\n")
        client.sends(GET)
        self.assertEqual(len(peers["a:1"].connections), 1)

    def test_trailers(self) -> None:
        """Trailers pass, but for those that RFC 9110 6.5.1 forbids."""
        client, peers = run(APP)
        client.sends(GET)
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunks(b"abc"))
        peers["a:1"].sends(b"0\r\nx-sum: 1\r\nset-cookie: a=b\r\n\r\n")
        client.expects(CHUNKED + chunks(b"abc") + b"0\r\nx-sum: 1\r\n\r\n")

    def test_trailers_at_once(self) -> None:
        """So do those that come with the head."""
        client, peers = run(APP)
        client.sends(GET + GET)
        peers["a:1"].sends(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunks(b"abc") + b"0\r\nx-sum: 1\r\n\r\n"
        )
        client.expects(CHUNKED + chunks(b"abc") + b"0\r\nx-sum: 1\r\n\r\n")
        peers["a:1"].sends(OK)
        client.expects(OK)
        self.assertEqual(len(peers["a:1"].connections), 1)

    def test_until_close(self) -> None:
        """A body that ends with the close is chunked for a client of HTTP/1.1, whose connection goes on."""
        client, peers = run(APP)
        client.sends(GET)
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\n\r\nabc")
        client.expects(CHUNKED + chunks(b"abc"))
        peers["a:1"].sends(b"de")
        client.expects(chunks(b"de"))
        peers["a:1"].closes()
        client.expects(b"0\r\n\r\n")
        self.assertFalse(client.is_closed)

    def test_until_close_for_old_clients(self) -> None:
        """One of HTTP/1.0 is closed too."""
        client, peers = run(APP)
        client.sends(b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
        peers["a:1"].sends(b"HTTP/1.0 200 OK\r\n\r\nabc")
        client.expects(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc")
        peers["a:1"].closes()
        self.assertTrue(client.is_closed)
        self.assertFalse(client.was_reset)

    def test_until_reset(self) -> None:
        """A reset is no end: the client must not take the body for complete, so it is not given its last chunk."""
        client, peers = running = run(APP)
        client.sends(GET)
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\n\r\nabc")
        client.takes()
        peers["a:1"].resets()
        client.expects(b"")
        self.assertTrue(client.is_closed)
        self.assertEqual(running.exchanges[0].cause, "reset")

    def test_until_reset_for_old_clients(self) -> None:
        """One of HTTP/1.0, for which the close is the end, sees a reset too."""
        client, peers = run(APP)
        client.sends(b"GET / HTTP/1.0\r\n\r\n")
        peers["a:1"].sends(b"HTTP/1.0 200 OK\r\n\r\nabc")
        peers["a:1"].resets()
        self.assertTrue(client.was_reset)

    def test_malformed(self) -> None:
        """A chunk that cannot be read breaks the response off."""
        client, peers = running = run(APP)
        client.sends(GET)
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")
        client.takes()
        peers["a:1"].sends(b"xyz\r\n")
        client.expects(b"")
        self.assertTrue(client.is_closed)
        self.assertEqual(running.exchanges[0].cause, "bad_body")
        self.assertTrue(peers["a:1"].was_reset)

    def test_slow_client(self) -> None:
        """A client that does not read stops the peer; the proxy keeps little, and all comes in the end."""
        client, peers = run(APP)
        client.stops_reading()
        client.sends(GET)
        size = 2 * MiB
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        for _ in range(32):
            peers["a:1"].sends(b"x" * (size // 32))
            self.assertLess(client.unsent, 200 * KiB)
        self.assertGreater(peers["a:1"].unread, size - 400 * KiB)
        client.reads()
        self.assertEqual(len(client.responses[0].body), size)
        self.assertEqual(peers["a:1"].unread, 0)

    def test_stuck_client(self) -> None:
        """A client that takes nothing for send_timeout is cut off, and the peer's connection with it."""
        client, peers = running = run(http(server(80).location("/").proxy_to(APP), clients=clients(send_timeout=10)))
        client.stops_reading()
        client.sends(GET)
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n" + b"x" * 500000)
        running.clock.advance(9)
        client.reads(1000)
        running.clock.advance(9)
        self.assertFalse(client.is_gone)
        running.clock.advance(10)
        self.assertTrue(client.was_reset)
        self.assertTrue(peers["a:1"].was_reset)
        self.assertEqual(running.exchanges[0].cause, "client_closed")


class RequestTests(SynchronousTestCase):
    """Request bodies stream through."""

    def test_with_head(self) -> None:
        """A body that came with its head goes with it."""
        client, peers = run(APP)
        client.sends(post(b"body"))
        peers["a:1"].expects(post(b"body"))

    def test_length(self) -> None:
        """The head does not wait for the body."""
        client, peers = run(APP)
        client.sends(upload(6))
        peers["a:1"].expects(upload(6))
        client.sends(b"abc")
        peers["a:1"].expects(b"abc")
        client.sends(b"def")
        peers["a:1"].expects(b"def")
        peers["a:1"].sends(OK)
        client.expects(OK)
        client.sends(GET)
        peers["a:1"].expects(GET)
        self.assertEqual(len(peers["a:1"].connections), 1)

    def test_empty(self) -> None:
        """A length of nothing is passed on: it says that there is no body."""
        client, peers = run(APP)
        client.sends(post(b"") + GET)
        peers["a:1"].expects(post(b""))
        peers["a:1"].sends(OK)
        peers["a:1"].expects(GET)

    def test_chunks(self) -> None:
        """Chunks are made anew, trailers pass."""
        client, peers = run(APP)
        client.sends(chunked_upload() + b"3;x\r\nabc\r\n")
        peers["a:1"].expects(chunked_upload() + chunks(b"abc"))
        client.sends(b"1\r\nd\r\n0\r\nx-sum: 1\r\nhost: y\r\n\r\n" + GET)
        peers["a:1"].expects(chunks(b"d") + b"0\r\nx-sum: 1\r\n\r\n")
        peers["a:1"].sends(OK)
        client.expects(OK)
        peers["a:1"].expects(GET)

    def test_malformed(self) -> None:
        """A chunk that cannot be read is the client's error; the peer's connection is of no use any more."""
        client, peers = running = run(APP)
        client.sends(chunked_upload() + b"3\r\nabc\r\n")
        client.sends(b"xyz\r\n")
        self.assertEqual(client.responses[0].status, 400)
        self.assertTrue(client.is_closed)
        self.assertTrue(peers["a:1"].was_reset)
        self.assertEqual(running.exchanges[0].cause, "bad_body")

    def test_slow_peer(self) -> None:
        """A peer that does not read stops the client; the proxy keeps little, and all comes in the end."""
        client, peers = run(APP)
        size = 2 * MiB
        client.sends(upload(size))
        peers["a:1"].stops_reading()
        for _ in range(32):
            client.sends(b"x" * (size // 32))
            self.assertLess(peers["a:1"].unsent, 200 * KiB)
        self.assertGreater(client.unread, size - 400 * KiB)
        peers["a:1"].reads()
        self.assertEqual(len(peers["a:1"].requests[0].body), size)
        peers["a:1"].sends(OK)
        client.expects(OK)

    def test_peer_not_connected(self) -> None:
        """Until the peer is connected the client is hardly read."""
        client, peers = run(APP)
        peers["a:1"].times_out()
        client.sends(upload(MiB))
        for _ in range(16):
            client.sends(b"x" * 64 * KiB)
        self.assertGreater(client.unread, 800 * KiB)
        peers["a:1"].accepts()
        self.assertEqual(len(peers["a:1"].requests[0].body), MiB)

    def test_client_stops(self) -> None:
        """A client that stops in the middle is told 408 after its time, and the attempt ended."""
        client, peers = running = run(http(server(80).location("/").proxy_to(APP), clients=clients(body_timeout=10)))
        client.sends(upload(10) + b"abc")
        running.clock.advance(9)
        client.sends(b"d")
        running.clock.advance(9)
        self.assertFalse(client.is_closed)
        running.clock.advance(1)
        self.assertEqual(client.responses[0].status, 408)
        self.assertTrue(peers["a:1"].was_reset)
        self.assertEqual(running.exchanges[0].cause, "body_timeout")

    def test_retried(self) -> None:
        """A body that is still here as a whole goes to the next peer, with what follows of it."""
        client, peers = run(TWO)
        peers["a:1"].times_out()
        client.sends(upload(6) + b"abc")
        peers["a:1"].refuses()
        peers["b:1"].expects(upload(6) + b"abc")
        client.sends(b"def")
        peers["b:1"].expects(b"def")

    def test_not_kept(self) -> None:
        """One of which too much was sent is not: nobody keeps large bodies in memory."""
        config = server(80).location("/").retry(non_idempotent=True).proxy_to(TWO)
        for size, status in ((60 * KiB, 200), (70 * KiB, 502)):
            client, peers = run(config)
            peers["b:1"].answers(200, b"ok")
            client.sends(upload(size))
            client.sends(b"x" * size)
            peers["a:1"].closes()
            self.assertEqual(client.responses[0].status, status)
