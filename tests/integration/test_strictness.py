"""Clients that are slow, ahead of themselves or out of order, on a real socket."""

from __future__ import annotations

from time import monotonic

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.clients import RawClient, fetch
from tests.integration.support import Program, free_port, proxy, python_peer, shared


def strict() -> Program:
    """A proxy with little patience."""
    port = free_port()
    config = f"""
from pydsl_proxy import clients, http, server, upstream

app = upstream("app", "127.0.0.1:{shared(python_peer).port}")
web = server("tcp:{port}:interface=127.0.0.1").location("/").limit_body(1000).proxy_to(app)
proxy = http(web, access_log=None, shutdown_grace=0, clients=clients(head_timeout=1, body_timeout=1))
"""
    return proxy(config, port)


class StrictnessTests(SynchronousTestCase):
    """Each client on a connection of its own."""

    def setUp(self) -> None:
        """Connect."""
        self.port = shared(strict).port
        self.client = RawClient(self.port)
        self.addCleanup(self.client.close)

    def test_slow_head(self) -> None:
        """A head that is not complete in its time is cut off, though a byte of it comes now and then."""
        start = monotonic()
        self.client.socket.settimeout(0.2)
        received = b""
        for byte in b"GET /hello HTTP/1.1\r\nHost: a\r\nX-Slow: " + b"s" * 100:
            try:
                self.client.send(bytes((byte,)))
                received = self.client.socket.recv(4096)
            except TimeoutError:
                continue
            except ConnectionError:
                pass
            break
        self.assertGreater(monotonic() - start, 0.9)
        self.assertTrue(received.startswith(b"HTTP/1.1 408 "), received)

    def test_silent(self) -> None:
        """A client that says nothing is closed without a word."""
        self.assertEqual(self.client.rest(), b"")

    def test_slow_body(self) -> None:
        """A body that stops coming is given up."""
        self.client.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nsome of it")
        self.assertEqual(self.client.response().status, 408)
        self.assertEqual(self.client.rest(), b"")

    def test_pipelined(self) -> None:
        """Requests that come all at once are answered in their order (RFC 9112 9.3.2), those with a body too."""
        bodies = [f"body {number}".encode() for number in range(50)]
        self.client.send(
            b"".join(
                b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body) for body in bodies
            )
        )
        self.assertEqual([self.client.response().body for _ in bodies], bodies)

    def test_pipelined_behind_a_slow_one(self) -> None:
        """A quick answer waits for the slow one before it."""
        self.client.send(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual([len(self.client.response().body) for _ in range(2)], [3000, 6])

    def test_early_answer(self) -> None:
        """A body that is too large is refused before it is sent, and the answer can be read by one who sends it all."""
        size = 5_000_000
        self.client.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
        self.client.send(bytes(size))
        response = self.client.response()
        self.assertEqual((response.status, response.fields["connection"]), (413, "close"))
        self.assertEqual(self.client.rest(), b"")

    def test_early_answer_to_expect(self) -> None:
        """A client that asks first is told without having sent the body."""
        head = b"POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5000000\r\n\r\n"
        self.client.send(head)
        self.assertEqual(self.client.response().status, 413)

    def test_chunked_too_large(self) -> None:
        """A body of unknown length is refused once it is too long."""
        response = fetch(self.port, "/echo", "POST", iter([bytes(600), bytes(600)]))
        self.assertEqual(response.status, 413)

    def test_smuggling(self) -> None:
        """A request that could be read in two ways is refused, and nothing after it is taken for a request."""
        self.client.send(
            b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"0\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
        )
        self.assertEqual(self.client.response().status, 400)
        self.assertEqual(self.client.rest(), b"")

    def test_bare_newlines(self) -> None:
        """A line that ends without CR is refused at once."""
        self.client.send(b"GET /hello HTTP/1.1\nHost: a\n\n")
        self.assertEqual(self.client.response().status, 400)
