"""What a client is told that speaks HTTP without TLS to a listener with TLS."""

from __future__ import annotations

from OpenSSL.SSL import Error

_BODY = b"The plain HTTP request was sent to HTTPS port\n"

#: nginx's 497, which it sends as 400: a readable answer costs nothing, and TLS alerts are noise to such a client.
PLAIN_HTTP = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n"
    b"Connection: close\r\n\r\n%b" % (len(_BODY), _BODY)
)


def refused_plain_http(protocol: object) -> None:
    """Let *protocol*, which stands on the TLS and may be one of HTTP, write a line to the access log."""
    refused = getattr(protocol, "refused_plain_http", None)
    if refused is not None:
        refused(len(_BODY))


def is_plain_http(error: Error) -> bool:
    """Whether a handshake failed because what came was a request."""
    queue = error.args[0] if error.args else ()
    return isinstance(queue, list) and any("http request" in str(entry[-1]) for entry in queue)
