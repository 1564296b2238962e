"""What scripted peers understand, told apart by what they receive first: HTTP/1.1, HTTP/2, FastCGI, uwsgi, SCGI."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Protocol

from pydsl_proxy.testing.cgi_streams import FastCgiStream, ScgiStream, UwsgiStream
from pydsl_proxy.testing.messages import ReceivedRequest, Response
from pydsl_proxy.testing.streams import RequestStream, Stream
from pydsl_proxy.wire.cgi.fastcgi_records import END_REQUEST, MAX_CONTENT, STDOUT, record

Complete = Callable[[ReceivedRequest], None]


class Language(Protocol):
    """One protocol; ``greeting`` is what a peer says that means to answer, before all else."""

    ends_by_close: ClassVar[bool]
    greeting: ClassVar[bytes]

    def stream(self, complete: Complete) -> Stream:
        """What reads requests, and gives them to *complete*."""

    def written(self, response: Response, request: ReceivedRequest) -> bytes:
        """The bytes that answer *request*."""


class Http:
    """HTTP/1.1."""

    ends_by_close: ClassVar[bool] = False
    greeting: ClassVar[bytes] = b""

    def stream(self, complete: Complete) -> Stream:
        """Requests with a head."""
        return RequestStream(complete)

    def written(self, response: Response, request: ReceivedRequest) -> bytes:
        """A response with a status line."""
        return response.written(request.method)


class FastCgi:
    """FastCGI, as PHP-FPM speaks it."""

    ends_by_close: ClassVar[bool] = False
    greeting: ClassVar[bytes] = b""

    def stream(self, complete: Complete) -> Stream:
        """Requests in records."""
        return FastCgiStream(complete)

    def written(self, response: Response, request: ReceivedRequest) -> bytes:
        """A response in records."""
        data = as_cgi(response.written(request.method))
        pieces = [data[at : at + MAX_CONTENT] for at in range(0, len(data), MAX_CONTENT)]
        return b"".join([record(STDOUT, piece) for piece in pieces]) + record(END_REQUEST, bytes(8))


class Scgi:
    """SCGI."""

    ends_by_close: ClassVar[bool] = True
    greeting: ClassVar[bytes] = b""

    def stream(self, complete: Complete) -> Stream:
        """Requests behind a netstring."""
        return ScgiStream(complete)

    def written(self, response: Response, request: ReceivedRequest) -> bytes:
        """A response with a field Status."""
        return as_cgi(response.written(request.method))


class Uwsgi:
    """uwsgi, as uWSGI speaks it."""

    ends_by_close: ClassVar[bool] = True
    greeting: ClassVar[bytes] = b""

    def stream(self, complete: Complete) -> Stream:
        """Requests behind a packet."""
        return UwsgiStream(complete)

    def written(self, response: Response, request: ReceivedRequest) -> bytes:
        """A response with a status line."""
        return response.written(request.method)


def as_cgi(response: bytes) -> bytes:
    """A response of HTTP/1.1 with a field Status in place of its first line."""
    return b"Status: " + response.partition(b" ")[2]


def language_of(data: bytes) -> Language:
    """What a peer is spoken to in, by the first octets."""
    if data.startswith(b"PRI * HTTP/2.0"):
        # Most tests speak none.
        from pydsl_proxy.testing.h2_streams import Http2

        return Http2()
    first = data[0]
    if first == 1:
        return FastCgi()
    if first == 0:
        return Uwsgi()
    return Scgi() if chr(first).isdigit() else Http()
