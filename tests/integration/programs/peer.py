"""A peer of Python's own ``http.server``: ``peer.py NAME PORT-OR-PATH``.

Beside what every peer of these tests answers (see ``tests/integration/peers.py``), it has what tests of failure and of
memory ask for: ``/name``, ``/wait/SECONDS``, ``/waiting`` (how many do), ``/flood/BYTES``,
``/flooded`` (how many bytes of that were sent) and ``/stuck``, which never reads the request's body.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from itertools import count
from pathlib import Path
from socketserver import BaseServer, TCPServer, ThreadingMixIn, UnixStreamServer
from threading import Event
from time import sleep

PIECE = bytes(64 * 1024)


class Peer(BaseHTTPRequestHandler):
    """One connection of a client, which is the proxy."""

    protocol_version = "HTTP/1.1"
    # Head and body leave in one piece.
    wbufsize = -1
    disable_nagle_algorithm = True
    timeout = 120

    numbers = count(1)
    kept: dict[str, bytes] = {}  # noqa: RUF012  # shared on purpose
    waiting: list[str] = []  # noqa: RUF012  # shared on purpose
    flooded: list[int] = []  # noqa: RUF012  # shared on purpose
    name = ""

    def setup(self) -> None:
        """A connection was made."""
        super().setup()
        self._number = next(self.numbers)

    def answer(self, status: int, body: bytes = b"", *fields: tuple[str, str]) -> None:
        """Send a response as a whole."""
        self.send_response(status)
        self.send_header("X-Peer-Connection", str(self._number))
        for name, value in fields:
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and status != 304:
            self.wfile.write(body)

    def body(self) -> bytes:
        """The request's body, however it is framed."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline() not in (b"\r\n", b""):
            pass
        return b"".join(pieces)

    def do_GET(self) -> None:
        """GET and HEAD."""
        _, first, *rest = self.path.split("/")
        paths: dict[str, Callable[..., None]] = {
            "hello": lambda: self.answer(200, b"hello\n"),
            "kept": lambda name: self.answer(200, self.kept[name]),
            "chunked": self.chunked,
            "tagged": self.tagged,
            "slow": self.slow,
            "error": lambda: self.answer(503, b"out of order\n"),
            "name": lambda: self.answer(200, self.name.encode()),
            "wait": self.wait,
            "waiting": lambda: self.answer(200, str(len(self.waiting)).encode()),
            "flood": self.flood,
            "flooded": lambda: self.answer(200, str(sum(self.flooded)).encode()),
        }
        paths.get(first, lambda *_: self.answer(404))(*rest)

    do_HEAD = do_GET

    def do_POST(self) -> None:
        """``/echo`` and ``/stuck``."""
        if self.path == "/stuck":
            Event().wait()
        self.answer(200, self.body())

    def do_PUT(self) -> None:
        """``/kept/NAME``."""
        self.kept[self.path.rpartition("/")[2]] = self.body()
        self.answer(201)

    def chunked(self) -> None:
        """A body in three pieces."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in (b"one ", b"two ", b"three", b""):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))

    def tagged(self) -> None:
        """304 for a client that has it."""
        known = self.headers.get("If-None-Match") == '"v1"'
        self.answer(304 if known else 200, b"tagged\n", ("ETag", '"v1"'))

    def slow(self) -> None:
        """Half of it late."""
        self.send_response(200)
        self.send_header("Content-Length", "3000")
        self.end_headers()
        self.wfile.write(b"s" * 1500)
        self.wfile.flush()
        sleep(0.4)
        self.wfile.write(b"s" * 1500)

    def wait(self, seconds: str) -> None:
        """Answer late."""
        self.waiting.append(seconds)
        sleep(float(seconds))
        self.waiting.remove(seconds)
        self.answer(200, b"waited\n")

    def flood(self, size: str) -> None:
        """A body of so many bytes, which is a multiple of a piece."""
        self.send_response(200)
        self.send_header("Content-Length", size)
        self.end_headers()
        for _ in range(int(size) // len(PIECE)):
            self.wfile.write(PIECE)
            self.flooded.append(len(PIECE))

    def log_message(self, format: str, *arguments: object) -> None:
        """Nobody reads it."""


class Quiet(ThreadingMixIn, BaseServer):
    """A thread for each connection; those that end in an error are not told of."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 512

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is not an error here."""


class OverTCP(Quiet, TCPServer):
    """Listens on a port."""


class OverUNIX(Quiet, UnixStreamServer):
    """Listens on a UNIX socket."""


class UNIXPeer(Peer):
    """A UNIX socket has no Nagle algorithm to be disabled."""

    disable_nagle_algorithm = False


def main(name: str, address: str) -> None:
    """Serve until the process is ended."""
    Peer.name = name
    if address.isdecimal():
        OverTCP(("127.0.0.1", int(address)), Peer).serve_forever()
    else:
        Path(address).unlink(missing_ok=True)
        OverUNIX(address, UNIXPeer).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
