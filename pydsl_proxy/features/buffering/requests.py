"""Buffered requests: a peer is chosen when the body is here as a whole, and has it at the speed of the disk."""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.features.buffering.spooled_body import SpooledBody, spool_error
from pydsl_proxy.interfaces import CompileContext, Exchange, Handle, Trailers
from pydsl_proxy.origin import Origin, here
from pydsl_proxy.origin.spelling import call, options
from pydsl_proxy.spooling import MEMORY, SIZE, Spool
from pydsl_proxy.wire.edits.reframed import with_length


@frozen
class BufferRequest:
    """What ``.buffer_request()`` asks for; *size* is None where an outer one is lifted."""

    overrides: ClassVar[bool] = True

    size: int | None = SIZE
    memory: int = field(default=MEMORY, kw_only=True)
    spool: Spool = field(default=True, kw_only=True)
    origin: Origin = field(eq=False, repr=False, factory=here, kw_only=True)

    def as_verb(self) -> str:
        """The call that made this."""
        size = [] if self.size == SIZE else [repr(self.size)]
        return call("buffer_request", size, options(self, "memory", "spool"))

    def compile(self, inner: Handle, place: CompileContext) -> Handle:
        """Read the body, then go on; a request without one goes on at once."""
        if self.size is None:
            return inner
        clock, memory, spool = place.clock, self.memory, self.spool
        size = self.size if spool else min(self.size, memory)

        def buffer_request(exchange: Exchange) -> None:
            # After a redirect inside the proxy it is here already.
            if not exchange.has_body or exchange.kept_body is not None:
                inner(exchange)
                return
            length = exchange.fields.content_length
            if length is not None and length > size:
                text = f"the request's body of {length} bytes is larger than the {size} that are buffered"
                exchange.fail(ProxyError(Source.CLIENT, 413, "body_too_large", text))
                return
            limit = exchange.body_limit
            exchange.body_limit = size if limit is None else min(size, limit)
            _Reading(exchange, SpooledBody(exchange, memory, spool, clock), inner).begin()

        return buffer_request


def measured(inner: Handle, place: CompileContext) -> Handle:
    """*inner* for applications that read as much as the declared length: a body without one is buffered first."""
    buffered = BufferRequest().compile(inner, place)

    def measure(exchange: Exchange) -> None:
        if exchange.fields.chunked:
            buffered(exchange)
        else:
            inner(exchange)

    return measure


class _Reading:
    """Takes the body from the client; it runs the exchange meanwhile."""

    __slots__ = ("_body", "_exchange", "_inner", "_over")

    def __init__(self, exchange: Exchange, body: SpooledBody, inner: Handle) -> None:
        self._exchange = exchange
        self._body = body
        self._inner = inner
        self._over = False

    def begin(self) -> None:
        """Ask for the body: now a client that expects 100 is told to send it."""
        exchange = self._exchange
        exchange.running = self
        exchange.when_over(self._body.close)
        exchange.read_body(self)

    def request_body(self, data: bytes) -> None:
        """Keep some of it."""
        if self._over:
            return
        try:
            self._body.add(data)
        except OSError as error:
            self._over = True
            self._exchange.running = None
            self._exchange.fail(spool_error(error))

    def request_end(self, trailers: Trailers) -> None:
        """It is complete: go on.  Trailers are dropped, as by nginx: a peer gets a length, and so no chunks."""
        if self._over:
            return
        self._over = True
        exchange, body = self._exchange, self._body
        exchange.running = None
        if exchange.fields.content_length != body.size:
            exchange.fields = with_length(exchange.fields, body.size)
        if body.size:
            exchange.keep_body(body)
        exchange.go_on(self._inner)

    def cancel(self, error: ProxyError) -> None:
        """The client has left, or what it sends cannot be used."""
        self._over = True
        self._body.close()
