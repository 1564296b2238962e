"""A location for redirects inside the proxy."""

from __future__ import annotations

from attrs import field, frozen

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.interfaces import CompileContext, Exchange, Handle
from pydsl_proxy.origin import Origin, here


@frozen
class InternalOnly:
    """What ``.internal()`` asks for: clients are answered 404 (nginx's ``internal``)."""

    origin: Origin = field(eq=False, repr=False, factory=here, kw_only=True)

    def as_verb(self) -> str:
        """The call that made this."""
        return "internal()"

    def compile(self, inner: Handle, place: CompileContext) -> Handle:
        """Let through what was redirected."""

        def internal_only(exchange: Exchange) -> None:
            if exchange.redirects:
                inner(exchange)
            else:
                text = f"the location of {exchange.path.decode('latin-1')} is internal"
                exchange.fail(ProxyError(Source.CLIENT, 404, "internal", text))

        return internal_only
