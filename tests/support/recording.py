"""Doubles of what handlers and steps see: an exchange and a place that record what is asked of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

from pydsl_proxy.errors import ProxyError
from pydsl_proxy.values.request import Request
from pydsl_proxy.wire.http.head import RequestFields

if TYPE_CHECKING:
    from pydsl_proxy.interfaces import CompileContext, Exchange, Handle, Handler


class RecordedExchange:
    """As much of an exchange as handlers and steps look at, and what they answered."""

    def __init__(self, target: bytes = b"/", *, path: bytes | None = None, length: int | None = None) -> None:
        self.method = b"GET"
        self.target = self.peer_target = target
        self.minor = 1
        self.path = target.partition(b"?")[0] if path is None else path
        self.fields = RequestFields(b"", b"")
        self.fields.content_length = length
        self.body_limit: int | None = None
        self.request = Request(self, "192.0.2.1", 40000, "http", "example.com", self.path, 80)
        self.answer: tuple[int, bytes, tuple[tuple[bytes, bytes], ...]] | None = None
        self.failure: ProxyError | None = None

    def respond(self, status: int, body: bytes = b"", fields: Sequence[tuple[bytes, bytes]] = ()) -> None:
        """Keep the answer."""
        self.answer = (status, body, tuple(fields))

    def fail(self, error: ProxyError) -> None:
        """Keep the error."""
        self.failure = error

    def through(self, handle: Handle) -> RecordedExchange:
        """This exchange after *handle*."""
        # The rest of an exchange is not for handlers that answer by themselves.
        handle(cast("Exchange", self))
        return self


class RecordedPlace:
    """A place whose relay keeps what it was asked for."""

    def __init__(self, prefix: bytes | None = b"/") -> None:
        self.prefix = prefix
        self.relayed: tuple[object, bytes | None] | None = None

    def relay(self, upstream: object, replaced: bytes | None = None) -> Callable[[Exchange], None]:
        """Keep the arguments."""
        self.relayed = (upstream, replaced)
        return lambda exchange: None

    def compile(self, handler: Handler) -> Handle:
        """*handler*, compiled for this place."""
        return handler.compile(cast("CompileContext", self))
