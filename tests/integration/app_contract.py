"""What applications of each framework do inside the proxy, over sockets: one contract for WSGI and ASGI alike."""

from __future__ import annotations

import hashlib
import importlib.util
import socket
from signal import SIGTERM
from typing import ClassVar, cast

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.integration.clients import RawClient, fetch
from tests.integration.support import PATIENCE, STOPS_WITHIN, Program, free_port, memory, proxy, shared, wait_until

MB = 1_000_000
UPLOAD, DOWNLOAD = 20 * MB, 1600 * 64 * 1024
# Bytes by which a process may grow although it keeps nothing of what passes through: the buffers of a connection, and
# what the framework has imported with its first requests.
NOISE = 12 * MB


class AppContract:
    """Mixed into a test case; *verb* is the call that puts the application in the location ``/app/``."""

    verb: ClassVar[str]
    framework: ClassVar[str]

    def setUp(self) -> None:
        """A proxy with the application in it, one for all tests of the class."""
        if importlib.util.find_spec(self.framework) is None:
            raise SkipTest(f"{self.framework} is not installed: pip install {self.framework}")
        self.case = cast(SynchronousTestCase, self)
        self.proxy = shared(type(self).started)

    @classmethod
    def started(cls) -> Program:
        """Such a proxy."""
        port = free_port()
        config = f"""
from pydsl_proxy import http, server

web = server("tcp:{port}:interface=127.0.0.1").location("/app/").{cls.verb}
proxy = http(web, access_log=None, shutdown_grace=1)
"""
        return proxy(config, port)

    def own(self) -> Program:
        """One for this test alone, which ends it."""
        self.proxy = self.started()
        self.case.addCleanup(self.proxy.stop)
        return self.proxy

    def client(self) -> RawClient:
        """A client, whose kernel takes little ahead of it."""
        client = RawClient(self.proxy.address)
        self.case.addCleanup(client.close)
        return client

    def text(self, path: str) -> str:
        """The body of an answer to GET."""
        return fetch(self.proxy.port, path).body.decode()

    def test_where(self) -> None:
        """The application knows where it stands, and who asks."""
        self.case.assertEqual(self.text("/app/where?q=a%20b"), "/app /where a b 127.0.0.1 http")

    def test_keep_alive(self) -> None:
        """One connection carries one request after the other, HEAD and a missing page too."""
        client = self.client()
        for method, path, status in (("GET", "where", 200), ("HEAD", "where", 200), ("GET", "none", 404)) * 3:
            client.send(f"{method} /app/{path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            self.case.assertEqual(client.response(method).status, status)

    def test_form(self) -> None:
        """A form is read."""
        client = self.client()
        body = b"name=caf%C3%A9"
        fields = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n" % len(body)
        client.send(b"POST /app/form HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n" + body)
        self.case.assertEqual(client.response().body.decode(), "café")

    def test_upload(self) -> None:
        """20 MB arrive byte for byte, and are not kept by the proxy."""
        self.text("/app/where")
        start = memory(self.proxy.pid)
        client, digest = self.client(), hashlib.sha256()
        client.send(b"POST /app/echo HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % UPLOAD)
        for number in range(UPLOAD // 100_000):
            piece = number.to_bytes(4, "big") * 25_000
            digest.update(piece)
            client.send(piece)
        self.case.assertEqual(client.response().body.decode(), f"{UPLOAD} {digest.hexdigest()}")
        grown = memory(self.proxy.pid) - start
        print(f"{self.verb}: an upload of {UPLOAD / MB:g} MB, {grown / 1e3:,.0f} kB kept")
        self.case.assertLess(grown, NOISE)

    def test_download(self) -> None:
        """100 MB arrive; while the client does not read, next to nothing is made ahead."""
        self.text("/app/where")
        start = memory(self.proxy.pid)
        client = self.client()
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.send(f"GET /app/flood/{DOWNLOAD} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        for _ in range(20):
            self.case.assertEqual(len(client.socket.recv(1)), 1)
            self.text("/app/where")
        grown = memory(self.proxy.pid) - start
        print(f"{self.verb}: a slow reader of {DOWNLOAD / MB:g} MB, {grown / 1e3:,.0f} kB kept")
        self.case.assertLess(grown, NOISE)
        other = self.client()
        other.send(f"GET /app/flood/{DOWNLOAD} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        self.case.assertEqual(len(other.response().body), DOWNLOAD)
        self.case.assertLess(memory(self.proxy.pid) - start, NOISE)

    def test_leaves(self) -> None:
        """A client that leaves in the middle ends the application's work, and its generator is closed."""
        before, client = int(self.text("/app/closed")), self.client()
        client.send(f"GET /app/flood/{DOWNLOAD} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        self.case.assertTrue(client.socket.recv(1))
        client.close()
        wait_until(lambda: int(self.text("/app/closed")) > before, PATIENCE, "the application to hear of it")

    def test_flushed(self) -> None:
        """A piece is with the client before the next is made."""
        client = self.client()
        client.send(b"GET /app/ticks HTTP/1.1\r\nHost: a\r\n\r\n")
        received = b""
        while b"one " not in received:
            received += client.socket.recv(1000)
        self.case.assertNotIn(b"two", received)
        self.case.assertEqual(self.text("/app/go"), "gone")
        while b"two" not in received:
            received += client.socket.recv(1000)

    def test_raises(self) -> None:
        """An exception is 500 before the head is out, and a broken off response after it."""
        self.case.assertEqual(fetch(self.proxy.port, "/app/raise").status, 500)
        client = self.client()
        client.send(b"GET /app/raise/late HTTP/1.1\r\nHost: a\r\n\r\n")
        rest = client.rest()
        self.case.assertTrue(rest.startswith(b"HTTP/1.1 200 "))
        self.case.assertTrue(rest.endswith(b"4\r\nhalf\r\n"), rest)

    def test_stops(self) -> None:
        """The process ends with the proxy, though an application is still at work."""
        self.own()
        client = self.client()
        client.send(b"GET /app/ticks HTTP/1.1\r\nHost: a\r\n\r\n")
        self.case.assertTrue(client.socket.recv(1))
        self.proxy.signal(SIGTERM)
        self.case.assertEqual(self.proxy.wait(STOPS_WITHIN), 0)
