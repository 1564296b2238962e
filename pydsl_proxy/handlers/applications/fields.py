"""What applications of WSGI and of ASGI have in common: what they are shown of a request, and how they answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache

from twisted.logger import Logger

from pydsl_proxy.handlers.resource.handler import segments_above, segments_below
from pydsl_proxy.interfaces import CompileContext, Exchange
from pydsl_proxy.wire.http.grammar import CRLF, HEAD_END, Malformed, is_token, is_value
from pydsl_proxy.wire.http.head import Fields, ResponseHead, section
from pydsl_proxy.wire.http.statuses import has_no_body
from pydsl_proxy.wire.http1.reader import read_response_head
from pydsl_proxy.wire.http1.request_writer import RequestWriter

log = Logger()

# As much as twisted.web and asyncio queue before they pause who writes.
MAX_IN_FLIGHT = 64 * 1024

# Proxy is no field of HTTP, but as HTTP_PROXY it is what libraries take for the proxy that they are to use themselves
# (CVE-2016-5385, "httpoxy").  What is left of Transfer-Encoding frames nothing any more.
_HIDDEN = frozenset((b"proxy", b"transfer-encoding"))
# Written by the frontend; RFC 9112 6.1 forbids it beside Content-Length.
_CODING = b"transfer-encoding"


class ClientLeft(ConnectionAbortedError):
    """The client is gone, or was answered in another way: nobody takes what the application does."""

    def __init__(self) -> None:
        super().__init__("the client left before it was answered")


class Shown:
    """What an application is shown of exchanges at one location: the header fields and paths that a peer would get."""

    __slots__ = ("_above", "_write")

    def __init__(self, place: CompileContext) -> None:
        self._write: Callable[[Exchange], bytes] = RequestWriter(place.request_rules, b"").write
        self._above = [] if place.prefix is None else segments_above(place.prefix)

    def paths(self, exchange: Exchange) -> tuple[bytes, bytes] | None:
        """The decoded path up to the application, without a slash at its end, and what is below; None if nothing is.

        They are SCRIPT_NAME and PATH_INFO of RFC 3875, as a resource at ``.mount()`` finds them.
        """
        split = segments_below(exchange, self._above)
        if split is None:
            return None
        above, below = (b"".join([b"/" + segment for segment in each]) for each in split)
        return above, below

    def fields(self, exchange: Exchange) -> Iterator[tuple[bytes, bytes]]:
        """The header fields."""
        head = self._write(exchange)
        for name, value in Fields(head[head.find(CRLF) : -len(HEAD_END)]).items():
            lower = name.lower()
            # RequestWriter gives a request of HTTP/1.0 an empty Host; an application can tell an absent one.
            if lower not in _HIDDEN and (value or lower != b"host"):
                yield lower, value


def not_below(exchange: Exchange) -> None:
    """Answer a path that only begins like the location's, as ``/apple`` at ``/app``."""
    exchange.respond(404, b"404 Not Found\n", ((b"Content-Type", b"text/plain; charset=utf-8"),))


def made_head(status: int, reason: bytes, pairs: Sequence[tuple[bytes, bytes]]) -> ResponseHead:
    """The head that an application asks for; raises ValueError if it cannot be sent."""
    if not is_value(reason):
        raise ValueError(f"{reason!r} is no reason phrase")
    if not 200 <= status <= 599:
        raise ValueError(f"{status} is no status of a final response")
    for name, value in pairs:
        # Checked one by one: a line end in a value would begin another field.
        if not is_token(name):
            raise ValueError(f"{name!r} is no name of a header field")
        if not is_value(value):
            raise ValueError(f"{value!r} is no value of a header field ({name.decode()})")
    kept = tuple(pair for pair in pairs if pair[0].lower() != _CODING)
    try:
        head = read_response_head(b"HTTP/1.1 %d" % status + section(kept))
    except Malformed as error:
        raise ValueError(f"the head of the response cannot be sent: {error.detail}") from None
    head.reason = reason
    if head.marked and head.get(b"x-accel-redirect") is not None:
        _tell_unheeded()
    return head


@cache
def _tell_unheeded() -> None:
    """Once is enough, for an application that was behind nginx."""
    log.warn("an application in the proxy has answered with X-Accel-Redirect, which counts from peers only")


def with_length(head: ResponseHead, length: int) -> ResponseHead:
    """*head* for a body that is known as a whole, if it does not tell its length itself."""
    if head.length is not None or has_no_body(head.status):
        return head
    made = read_response_head(b"HTTP/1.1 %d%b\r\nContent-Length: %d" % (head.status, head.raw, length))
    made.reason = head.reason
    return made


def has_body(method: bytes, head: ResponseHead) -> bool:
    """Whether what the application writes is sent; not to HEAD, and not with a status that has no body."""
    return method != b"HEAD" and not has_no_body(head.status)
