"""The peer under load, lean so that it is not what is measured: ``peer.py PORT``."""

from __future__ import annotations

import asyncio
import re
import sys
from base64 import b64encode
from hashlib import sha1

FIELDS = b"Content-Type: application/json\r\nCache-Control: private, max-age=0\r\nVary: Accept-Encoding, Cookie\r\n"
PIECE = bytes(1 << 16)
LARGE = 10_000_000


def response(length: int) -> bytes:
    """The head of a response."""
    return b"HTTP/1.1 200 OK\r\nServer: peer\r\n%bContent-Length: %d\r\n\r\n" % (FIELDS, length)


SMALL = response(200) + b'{"filler":"' + b"x" * 187 + b'"}'
CLOSING = SMALL.replace(b"Server: peer", b"Connection: close")
SWITCHING = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %b\r\n\r\n"
)
# RFC 6455 1.3.
MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
# Not empty: ReverseProxyResource waits for the end of the connection then.
STORED = response(3) + b"ok\n"


class Peer(asyncio.Protocol):
    """One connection; requests on it come one at a time."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The proxy has connected."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.held = b""
        self.left = 0
        self.writable = asyncio.Event()
        self.sending: asyncio.Task[None] | None = None

    def pause_writing(self) -> None:
        """The proxy is slower."""
        self.writable.clear()

    def resume_writing(self) -> None:
        """It has caught up."""
        self.writable.set()

    def data_received(self, data: bytes) -> None:
        """A request, or some of its body, which is dropped."""
        if self.left:
            self.receive(data)
            return
        data = self.held + data
        head, found, body = data.partition(b"\r\n\r\n")
        if not found:
            self.held = data
            return
        self.held = b""
        if data.startswith(b"GET /large"):
            self.writable.set()
            self.sending = asyncio.ensure_future(self.send_large())
        elif (key := re.search(rb"(?i)\r\nsec-websocket-key: *([^\r]+)", head)) is not None:
            self.transport.write(SWITCHING % b64encode(sha1(key[1] + MAGIC, usedforsecurity=False).digest()))
            self.transport.set_protocol(Echo(self.transport))
        elif data.startswith(b"POST"):
            match = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
            assert match is not None, "an upload has a length"
            self.left = int(match[1])
            self.receive(body)
        elif b" HTTP/1.0\r\n" in data or b"\r\nconnection: close" in data.lower():
            self.transport.write(CLOSING)
            self.transport.close()
        else:
            self.transport.write(SMALL)

    def receive(self, data: bytes) -> None:
        """Some of a request's body."""
        self.left -= len(data)
        if not self.left:
            self.transport.write(STORED)

    async def send_large(self) -> None:
        """A large body, as fast as the proxy takes it."""
        self.transport.write(response(LARGE))
        for start in range(0, LARGE, len(PIECE)):
            self.transport.write(PIECE[: LARGE - start])
            await self.writable.wait()


class Echo(asyncio.Protocol):
    """A connection that has become a WebSocket; its messages are frames of 128 bytes, and come back as they are."""

    HEAD, FRAME = b"\x82\x7e\x00\x80", 136

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.held = b""

    def data_received(self, data: bytes) -> None:
        """One frame, most of the time."""
        data = self.held + data
        while len(data) >= self.FRAME:
            key, payload = int.from_bytes(data[4:8] * 32, "big"), int.from_bytes(data[8 : self.FRAME], "big")
            self.transport.write(self.HEAD + (key ^ payload).to_bytes(128, "big"))
            data = data[self.FRAME :]
        self.held = data


async def main(port: int) -> None:
    """Serve until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Peer, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
