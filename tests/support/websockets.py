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
