"""Clients: one that writes bytes and reads responses one by one, one of the standard library, and curl."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterable, Mapping
from http.client import HTTPConnection
from types import TracebackType

from attrs import frozen

from tests.integration.support import PATIENCE, reach, require


@frozen
class Response:
    """What came; *fields* by their names in lower case, the last of a name counts."""

    status: int
    fields: Mapping[str, str]
    body: bytes


class RawClient:
    """A connection on which any bytes may be sent; a context manager."""

    def __init__(self, address: int | str | socket.socket) -> None:
        self.socket = address if isinstance(address, socket.socket) else reach(address)
        self._file = self.socket.makefile("rb")

    def send(self, data: bytes) -> None:
        """Send *data* as it is."""
        self.socket.sendall(data)

    def response(self, method: str = "GET") -> Response:
        """The next response, as a whole; an interim one counts as one."""
        line = self._file.readline()
        if not line:
            raise EOFError("the connection was closed instead of an answer")
        status = int(line.split()[1])
        fields = {}
        while (line := self._file.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            fields[name.lower()] = value.strip()
        if method == "HEAD" or status in (204, 304) or status < 200:
            body = b""
        elif fields.get("transfer-encoding") == "chunked":
            body = self._chunks()
        elif "content-length" in fields:
            body = self._file.read(int(fields["content-length"]))
        else:
            body = self._file.read()
        return Response(status, fields, body)

    def head(self) -> bytes:
        """The head of the next response, and nothing behind it."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self._file.readline()
            if not line:
                raise EOFError(f"the connection was closed after {head!r}")
            head += line
        return head

    def chunk(self) -> bytes:
        """The next chunk of a body; nothing at its end, before the trailers."""
        size = int(self._file.readline(), 16)
        return self._file.read(size + 2)[:-2] if size else b""

    def _chunks(self) -> bytes:
        pieces = []
        while piece := self.chunk():
            pieces.append(piece)
        self._file.readline()
        return b"".join(pieces)

    def some(self, size: int) -> bytes:
        """So many bytes."""
        return self._file.read(size)

    def rest(self) -> bytes:
        """All that still comes until the other side closes."""
        return self._file.read()

    def close(self) -> None:
        """Close the connection."""
        self._file.close()
        self.socket.close()

    def __enter__(self) -> RawClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def fetch(
    port: int,
    path: str,
    method: str = "GET",
    body: bytes | Iterable[bytes] | None = None,
    fields: Mapping[str, str] | None = None,
) -> Response:
    """One exchange on a connection of its own; an iterable body is sent chunked."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        return fetch_on(connection, path, method, body, fields)
    finally:
        connection.close()


def fetch_on(
    connection: HTTPConnection,
    path: str,
    method: str = "GET",
    body: bytes | Iterable[bytes] | None = None,
    fields: Mapping[str, str] | None = None,
) -> Response:
    """One exchange on a connection that stays open."""
    connection.request(method, path, body, dict(fields or {}))
    response = connection.getresponse()
    return Response(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())


def curl(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run curl; skips the test where it is not installed."""
    command = [
        require("curl", "apt-get install curl"),
        "--silent",
        "--show-error",
        "--max-time",
        "30",
        "--noproxy",
        "*",
    ]
    return subprocess.run([*command, *arguments], capture_output=True, check=True, timeout=60)
