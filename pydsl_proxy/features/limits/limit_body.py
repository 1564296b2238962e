"""A limit for the size of request bodies."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from attrs import field, frozen

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.interfaces import CompileContext, Exchange, Handle
from pydsl_proxy.origin import Origin, here


@frozen
class LimitBody:
    """What ``.limit_body()`` asks for: at most *size* bytes (nginx's ``client_max_body_size``); None is no limit.

    A body that is declared larger is refused with 413 before any of it is read; one that turns out larger is cut there.
    """

    overrides: ClassVar[bool] = True

    size: int | None
    origin: Origin = field(eq=False, repr=False, factory=here, kw_only=True)

    def as_verb(self) -> str:
        """The call that made this."""
        return f"limit_body({self.size})"

    def compile(self, inner: Handle, place: CompileContext) -> Handle:
        """Look at the declared length, and leave the limit with the exchange for a body of unknown length."""
        size = self.size
        if size is None:
            return partial(_unlimited, inner)

        def limit_body(exchange: Exchange) -> None:
            length = exchange.fields.content_length
            if length is not None and length > size:
                text = f"the request's body of {length} bytes is larger than the limit of {size}"
                exchange.fail(ProxyError(Source.CLIENT, 413, "body_too_large", text))
                return
            exchange.body_limit = size
            inner(exchange)

        return limit_body


def _unlimited(inner: Handle, exchange: Exchange) -> None:
    """It may have been redirected from a location with a limit."""
    exchange.body_limit = None
    inner(exchange)
