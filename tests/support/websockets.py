"""Handshakes of WebSockets as bytes."""

from __future__ import annotations

from pydsl_proxy.wire.websocket import accept_of
from tests.support.messages import get

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ASKED = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {KEY}")
#: A request for a WebSocket, and what grants it.
ASK = get("/ws", *ASKED)
GRANTED = (
    "HTTP/1.1 101 Switching Protocols",
    f"Sec-WebSocket-Accept: {accept_of(KEY.encode()).decode()}",
    "Connection: Upgrade",
    "Upgrade: websocket",
)
GRANT = "\r\n".join([*GRANTED, "", ""]).encode()

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
MASK = b"\x01\x02\x03\x04"


def frame(opcode: int, payload: bytes = b"", *, masked: bool = False, fin: bool = True, rsv: int = 0) -> bytes:
    """A frame of RFC 6455 5.2; those of clients are *masked*."""
    size = len(payload)
    head = bytes([fin << 7 | rsv << 4 | opcode])
    bit = masked << 7
    if size < 126:
        head += bytes([bit | size])
    elif size < 65536:
        head += bytes([bit | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([bit | 127]) + size.to_bytes(8, "big")
    return head + MASK + unmasked(MASK, payload) if masked else head + payload


def unmasked(mask: bytes, payload: bytes) -> bytes:
    """RFC 6455 5.3."""
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")


def closing(code: int, reason: bytes = b"", *, masked: bool = False) -> bytes:
    """A close frame."""
    return frame(CLOSE, code.to_bytes(2, "big") + reason, masked=masked)


def frames_in(data: bytes) -> list[tuple[int, bytes, bool]]:
    """Opcode, payload and FIN of the frames in *data*, which must be whole."""
    frames = []
    while data:
        opcode, size, at = data[0] & 15, data[1] & 127, 2
        if size > 125:
            length = 2 if size == 126 else 8
            size, at = int.from_bytes(data[2 : 2 + length], "big"), 2 + length
        mask = data[at : at + 4] if data[1] & 128 else b""
        at += len(mask)
        payload = data[at : at + size]
        assert len(payload) == size, f"a frame is not whole: {data!r}"
        frames.append((opcode, unmasked(mask, payload) if mask else payload, bool(data[0] & 128)))
        data = data[at + size :]
    return frames
