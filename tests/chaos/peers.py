"""The peers: ``python -m tests.chaos.peers PORT KIND``.

- ``good``: answers with 1,000 bytes; what asks for a WebSocket gets one whose messages are dropped;
- ``slow``: the same, 0.3 s later;
- ``reset``: half of the answer, and a reset;
- ``closes``: closes each connection once it is accepted;
- ``garbage``: answers as a server of SSH, and waits;
- ``deaf``: accepts, and never reads.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from base64 import b64encode
from hashlib import sha1

# Nothing else is imported: a peer that is restarted has to be back at once.
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000
DEAF: list[asyncio.Protocol] = []


class Peer(asyncio.Protocol):
    """A connection."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._data = b""
        self._upgraded = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is accepted."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self._kind == "closes":
            transport.close()
        elif self._kind == "deaf":
            transport.pause_reading()
            # What is not read is held by nobody else, and the garbage collector would close it.
            DEAF.append(self)

    def data_received(self, data: bytes) -> None:
        """Answer each request that is whole."""
        if self._upgraded:
            return
        self._data += data
        while (size := self._whole()) and not self._upgraded:
            request, self._data = self._data[:size], self._data[size:]
            self._answer(request)

    def _whole(self) -> int:
        """How many bytes the first request has, if it is all here."""
        head, found, rest = self._data.partition(b"\r\n\r\n")
        if not found:
            return 0
        fields = head.lower()
        if b"\r\ntransfer-encoding: chunked" in fields:
            end = 0 if rest.startswith(b"0\r\n\r\n") else rest.find(b"\r\n0\r\n\r\n") + 2
            return len(head) + 4 + end + 5 if end != 1 else 0
        length = fields.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
        size = len(head) + 4 + int(length or 0)
        return size if len(self._data) >= size else 0

    def _answer(self, request: bytes) -> None:
        if b"\r\nupgrade: websocket" in request.lower():
            self._upgraded = True
            key = request.lower().index(b"\r\nsec-websocket-key:") + 20
            digest = sha1(request[key:].partition(b"\r\n")[0].strip() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
            head = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            self._transport.write(head + b"Sec-WebSocket-Accept: " + b64encode(digest.digest()) + b"\r\n\r\n")
        elif self._kind == "slow":
            asyncio.get_running_loop().call_later(0.3, self._transport.write, ANSWER)
        elif self._kind == "garbage":
            self._transport.write(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n" + bytes(range(256)))
        elif self._kind == "reset":
            self._transport.write(ANSWER[: len(ANSWER) // 2])
            sock = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()
        else:
            self._transport.write(ANSWER)


async def serve(port: int, kind: str) -> None:
    """Serve for ever."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Peer(kind), "127.0.0.1", port, backlog=511, reuse_address=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2]))
