"""Requests and responses that conversations are made of."""

from __future__ import annotations

#: The plainest request, and what answers it.
GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"

#: What the proxy answers by itself when a peer cannot.
BAD_GATEWAY = (
    b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain; charset=utf-8\r\nServer: pydsl_proxy\r\n"
    b"Content-Length: 16\r\n\r\n502 Bad Gateway\n"
)
GATEWAY_TIMEOUT = (
    b"HTTP/1.1 504 Gateway Timeout\r\nContent-Type: text/plain; charset=utf-8\r\nServer: pydsl_proxy\r\n"
    b"Content-Length: 20\r\n\r\n504 Gateway Timeout\n"
)


def get(target: str, *fields: str, method: str = "GET") -> bytes:
    """A request for *target* with further fields."""
    return "\r\n".join([f"{method} {target} HTTP/1.1", "host: x", *fields, "", ""]).encode()


def post(body: bytes, *fields: str, method: str = "POST") -> bytes:
    """A request with a body of declared length."""
    return get("/", *fields, f"Content-Length: {len(body)}", method=method) + body


def answer(body: bytes = b"", status: str = "200 OK", *fields: str) -> bytes:
    """A response with a body of declared length."""
    return "\r\n".join([f"HTTP/1.1 {status}", f"content-length: {len(body)}", *fields, "", ""]).encode() + body
