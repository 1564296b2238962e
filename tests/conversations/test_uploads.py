"""Conversations: answers that come before the end of a request, clients that ask first, and limits."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import MiB, server, upstream
from pydsl_proxy.testing import run
from tests.support.messages import OK, answer, get, post

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


class EarlyAnswerTests(SynchronousTestCase):
    """A peer that answers before it has read the request."""

    def test_complete(self) -> None:
        """The answer is passed at once; both connections end, as nobody knows what of the body was read."""
        client, peers = running = run(APP)
        client.sends(upload(100) + b"abc")
        peers["a:1"].sends(answer(b"no", "413 Content Too Large"))
        client.expects(b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 2\r\nConnection: close\r\n\r\nno")
        self.assertTrue(client.is_closed)
        self.assertTrue(peers["a:1"].is_closed)
        self.assertEqual(running.exchanges[0].status, 413)

    def test_lingering(self) -> None:
        """What the client still sends is read and dropped, so that no reset destroys the answer on its way."""
        client, peers = running = run(APP)
        client.sends(upload(100) + b"abc")
        peers["a:1"].sends(answer(b"no", "413 Content Too Large"))
        client.sends(b"x" * 97)
        self.assertFalse(client.is_gone)
        running.clock.advance(4)
        client.sends(b"y")
        running.clock.advance(5)
        self.assertTrue(client.is_gone)

    def test_streaming(self) -> None:
        """While the answer still comes, the body goes on to the peer."""
        client, peers = run(APP)
        client.sends(upload(6) + b"abc")
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab")
        self.assertTrue(client.received.endswith(b"\r\n\r\nab"))
        client.sends(b"def")
        peers["a:1"].expects(upload(6) + b"abcdef")
        peers["a:1"].sends(b"cd")
        self.assertEqual(client.responses[0].body, b"abcd")

    def test_and_closed(self) -> None:
        """A peer that answers and closes is taken at its word."""
        client, peers = run(APP)
        client.sends(upload(MiB) + b"abc")
        peers["a:1"].sends(answer(b"no", "413 Content Too Large", "connection: close"))
        peers["a:1"].closes()
        self.assertEqual(client.responses[0].status, 413)

    def test_never_read(self) -> None:
        """A peer that answers and never reads what was queued for it does not keep its connection for ever."""
        client, peers = running = run(APP)
        client.sends(upload(MiB))
        peers["a:1"].stops_reading()
        client.sends(b"x" * 500_000)
        peers["a:1"].sends(answer(b"no", "413 Content Too Large"))
        self.assertEqual(client.responses[0].status, 413)
        running.clock.advance(59)
        self.assertFalse(peers["a:1"].is_closed)
        running.clock.advance(1)
        self.assertTrue(peers["a:1"].was_reset)


class ExpectTests(SynchronousTestCase):
    """RFC 9110 10.1.1: a client that waits to be told to send its body."""

    def test_told(self) -> None:
        """It is told when there is a peer to send it to; the peer is not asked."""
        client, peers = run(APP)
        peers["a:1"].times_out()
        client.sends(get("/", "Expect: 100-continue", "Content-Length: 4", method="POST"))
        client.expects(b"")
        peers["a:1"].accepts()
        client.expects(CONTINUE)
        peers["a:1"].expects(upload(4))
        client.sends(b"body")
        peers["a:1"].expects(b"body")
        peers["a:1"].sends(OK)
        client.expects(OK)

    def test_once(self) -> None:
        """It is told once, however many peers are tried."""
        client, peers = run(server(80).location("/").retry(non_idempotent=True).proxy_to(TWO))
        client.sends(get("/", "Expect: 100-continue", "Content-Length: 4", method="POST"))
        client.expects(CONTINUE)
        peers["a:1"].closes()
        peers["b:1"].expects(upload(4))
        client.expects(b"")
        client.sends(b"body")
        peers["b:1"].expects(b"body")

    def test_sent_anyway(self) -> None:
        """One that did not wait is not told."""
        client, peers = run(APP)
        client.sends(get("/", "Expect: 100-continue", "Content-Length: 4", method="POST") + b"body")
        client.expects(b"")
        peers["a:1"].expects(post(b"body"))

    def test_answered(self) -> None:
        """One that is answered at once is not told either, and need not send its body."""
        client, _ = run(server(80).location("/").respond(403, "no"))
        client.sends(get("/", "Expect: 100-continue", "Content-Length: 4", method="POST"))
        self.assertTrue(client.received.startswith(b"HTTP/1.1 403 Forbidden\r\n"))
        self.assertTrue(client.is_closed)

    def test_no_peer(self) -> None:
        """Nor one whose request reaches no peer."""
        client, peers = run(APP)
        peers["a:1"].refuses()
        client.sends(get("/", "Expect: 100-continue", "Content-Length: 4", method="POST"))
        self.assertTrue(client.received.startswith(b"HTTP/1.1 502 Bad Gateway\r\n"))

    def test_old_client(self) -> None:
        """A client of HTTP/1.0 knows no 100."""
        client, peers = run(APP)
        client.sends(b"POST / HTTP/1.0\r\nhost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        client.expects(b"")
        client.sends(b"body")
        peers["a:1"].expects(post(b"body"))

    def test_peer_says_continue(self) -> None:
        """A peer's own 100 is not passed on."""
        client, peers = run(APP)
        client.sends(upload(4))
        peers["a:1"].sends(CONTINUE)
        client.expects(b"")
        client.sends(b"body")
        peers["a:1"].sends(OK)
        client.expects(OK)

    def test_something_else(self) -> None:
        """Any other expectation is answered with 417."""
        client, _ = run(APP)
        client.sends(get("/", "Expect: 200-maybe"))
        self.assertEqual(client.responses[0].status, 417)


class LimitTests(SynchronousTestCase):
    """``limit_body``."""

    def test_declared(self) -> None:
        """A body that is declared too large is refused before any of it is read, and no peer hears of it."""
        client, peers = running = run(LIMITED)
        client.sends(upload(11))
        self.assertEqual(client.responses[0].status, 413)
        self.assertTrue(client.is_closed)
        self.assertFalse(client.is_gone)
        client.sends(b"x" * 11)
        running.clock.advance(5)
        self.assertTrue(client.is_gone)
        self.assertFalse(client.was_reset)
        self.assertEqual((len(peers), running.exchanges[0].cause), (0, "body_too_large"))

    def test_lingering_ends(self) -> None:
        """A client that goes on sending is not read for ever."""
        client, _ = running = run(LIMITED)
        client.sends(upload(1000))
        for _ in range(29):
            running.clock.advance(1)
            client.sends(b"x")
        self.assertFalse(client.is_gone)
        running.clock.advance(1)
        self.assertTrue(client.is_gone)

    def test_unknown_length(self) -> None:
        """One that turns out too large is refused there, and the peer never sees its end."""
        client, peers = running = run(LIMITED)
        client.sends(chunked_upload() + chunks(b"12345"))
        peers["a:1"].expects(chunked_upload() + chunks(b"12345"))
        client.sends(chunks(b"678901"))
        peers["a:1"].expects(b"")
        self.assertTrue(peers["a:1"].was_reset)
        self.assertEqual(client.responses[0].status, 413)
        self.assertTrue(client.is_closed)
        self.assertEqual(running.exchanges[0].cause, "body_too_large")

    def test_just_enough(self) -> None:
        """The limit itself is not too large."""
        client, peers = run(LIMITED)
        client.sends(post(b"x" * 10))
        peers["a:1"].expects(post(b"x" * 10))
        peers["a:1"].sends(OK)
        client.sends(chunked_upload() + chunks(b"12345", b"67890") + b"0\r\n\r\n")
        self.assertEqual(peers["a:1"].requests[1].body, b"1234567890")

    def test_inner_wins(self) -> None:
        """A location's own limit replaces its server's, in either direction."""
        config = (
            server(80).limit_body(10)
            .location("/more").limit_body(20).respond(200, "ok")
            .location("/any").limit_body(None).respond(200, "ok")
            .location("/").respond(200, "ok")
        )  # fmt: skip
        for path, size, status in (("/", 11, 413), ("/more", 11, 200), ("/more", 21, 413), ("/any", 1000, 200)):
            client, _ = run(config)
            self.assertEqual(client.request("POST", path, body=b"x" * size).status, status, (path, size))
