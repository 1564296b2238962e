"""What holds of the proxy before any peer; ``test_peers.py`` has a class for each."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from http.client import HTTPConnection
from random import Random
from time import monotonic
from typing import ClassVar

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.clients import RawClient, curl, fetch, fetch_on
from tests.integration.support import PATIENCE, Program, folder, free_port, proxy, shared

LARGE = 30_000_000


@cache
def large() -> bytes:
    """A body that does not compress."""
    return Random(1).randbytes(LARGE)


def before(peer: Callable[[], Program], options: str = "", *, share: bool = True) -> Callable[[], Program]:
    """What starts a proxy before *peer*, which is started too, once for all tests unless it is not for them to *share*.

    *options* are those of its upstream, as code.
    """

    def start() -> Program:
        port = free_port()
        at = (shared(peer) if share else peer()).port
        config = f"""
from pydsl_proxy import http, http2, server, upstream, upstream_tls

app = upstream("app", "127.0.0.1:{at}"{options})
web = server("tcp:{port}:interface=127.0.0.1").location("/").proxy_to(app)
proxy = http(web, access_log=None, shutdown_grace=1)
"""
        return proxy(config, port)

    return start


class PeerTests(SynchronousTestCase):
    """Exchanges of every kind."""

    # Starts the proxy before the peer at hand.
    start: ClassVar[Callable[[], Program]]

    def setUp(self) -> None:
        """Proxy and peer are started by the first test of a class."""
        self.port = shared(type(self).start).port

    def test_get(self) -> None:
        """A response comes as it was sent."""
        response = fetch(self.port, "/hello")
        self.assertEqual((response.status, response.body), (200, b"hello\n"))
        self.assertEqual(response.fields["content-length"], "6")

    def test_post(self) -> None:
        """A body goes to the peer, and the answer to it comes back."""
        response = fetch(self.port, "/echo", "POST", b"a small body")
        self.assertEqual((response.status, response.body), (200, b"a small body"))

    def test_chunked_request(self) -> None:
        """A body that is sent in pieces, of a length that nobody knows before, arrives as one."""
        pieces = (b"a body ", b"in ", b"pieces")
        self.assertEqual(fetch(self.port, "/echo", "POST", iter(pieces)).body, b"".join(pieces))

    def test_chunked_response(self) -> None:
        """A response of unknown length is chunked for the client too, and its connection stays open."""
        with RawClient(self.port) as client:
            for _ in range(2):
                client.send(b"GET /chunked HTTP/1.1\r\nHost: a\r\n\r\n")
                response = client.response()
                self.assertEqual(response.fields.get("transfer-encoding"), "chunked")
                self.assertEqual(response.body, b"one two three")

    def test_chunked_for_http_1_0(self) -> None:
        """A client of HTTP/1.0 gets a response of unknown length as it is, ended by the close."""
        with RawClient(self.port) as client:
            client.send(b"GET /chunked HTTP/1.0\r\nHost: a\r\n\r\n")
            response = client.response()
            self.assertNotIn("transfer-encoding", response.fields)
            self.assertEqual(response.body, b"one two three")

    def test_head(self) -> None:
        """The answer to HEAD announces a length and has no body; the connection serves the next request."""
        fetch(self.port, "/kept/headed", "PUT", b"four score")
        with RawClient(self.port) as client:
            client.send(b"HEAD /kept/headed HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertEqual(client.response("HEAD").fields["content-length"], "10")
            client.send(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertEqual(client.response().body, b"hello\n")

    def test_not_modified(self) -> None:
        """304 has no body; the connection serves the next request."""
        with RawClient(self.port) as client:
            client.send(b'GET /tagged HTTP/1.1\r\nHost: a\r\nIf-None-Match: "v1"\r\n\r\n')
            response = client.response()
            self.assertEqual((response.status, response.fields["etag"]), (304, '"v1"'))
            client.send(b"GET /tagged HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertEqual(client.response().body, b"tagged\n")

    def test_error(self) -> None:
        """An error that the peer answers is the client's to see."""
        response = fetch(self.port, "/error")
        self.assertEqual((response.status, response.body), (503, b"out of order\n"))

    def test_slow(self) -> None:
        """A response that takes its time comes whole."""
        start = monotonic()
        self.assertEqual(fetch(self.port, "/slow").body, b"s" * 3000)
        self.assertGreater(monotonic() - start, 0.3)

    def test_reused(self) -> None:
        """A client that comes back on its connection is served over one connection to the peer."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        self.addCleanup(connection.close)
        used = {fetch_on(connection, "/hello").fields["x-peer-connection"] for _ in range(100)}
        self.assertEqual(len(used), 1)

    def test_large(self) -> None:
        """An upload and a download of 30 MB arrive byte for byte."""
        expected = sha256(large()).digest()
        self.assertIn(fetch(self.port, "/kept/large", "PUT", large()).status, (200, 201, 204))
        response = fetch(self.port, "/kept/large")
        self.assertEqual((len(response.body), sha256(response.body).digest()), (LARGE, expected))

    def test_large_chunked(self) -> None:
        """So does an upload whose length is not known."""
        size = 1 << 20
        pieces = (large()[at : at + size] for at in range(0, LARGE, size))
        self.assertIn(fetch(self.port, "/kept/pieces", "PUT", pieces).status, (200, 201, 204))
        received = sha256(fetch(self.port, "/kept/pieces").body).digest()
        self.assertEqual(received, sha256(large()).digest())

    def test_curl(self) -> None:
        """curl is served, two requests on one connection."""
        url = f"http://127.0.0.1:{self.port}/hello"
        self.assertEqual(curl(url, url).stdout, b"hello\nhello\n")

    def test_expect(self) -> None:
        """A client that waits for 100 (RFC 9110 10.1.1) gets it, and then its answer."""
        file = folder() / "upload"
        file.write_bytes(large()[: 1 << 20])
        url = f"http://127.0.0.1:{self.port}/kept/expected"
        run = curl("--verbose", "--header", "Expect: 100-continue", "--upload-file", str(file), url)
        self.assertIn(b"< HTTP/1.1 100 Continue\r\n", run.stderr)
        self.assertEqual(fetch(self.port, "/kept/expected").body, large()[: 1 << 20])
