"""What a redirect inside the proxy does to the request's body: the new location gets all of it, or none."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pydsl_proxy.interfaces import BodyReceiver
from pydsl_proxy.wire.edits.reframed import with_length

if TYPE_CHECKING:
    from pydsl_proxy.runtime.exchange import Exchange


def bring_body(exchange: Exchange) -> None:
    """Let the body be read anew; if what was read of it is gone, there is none, and the request is a GET."""
    fields = exchange.fields
    if (fields.content_length or fields.chunked) and not exchange.rewind_body():
        ask_as_get(exchange)


def ask_as_get(exchange: Exchange) -> None:
    """From here on the request is a GET without a body, or the HEAD that it was; the log tells what the client sent."""
    method = exchange.method
    if method not in (b"GET", b"HEAD"):
        exchange.method = b"GET"
        exchange.when_over(partial(setattr, exchange, "method", method))
    fields = exchange.fields
    if fields.content_length is not None or fields.chunked:
        # A peer that was told of a body would wait for it.
        exchange.fields = with_length(fields, None)
        exchange.keep_body(_Nothing())
        exchange.has_body = False


class _Nothing:
    """The body of a request that had one for somebody else."""

    __slots__ = ()

    def read_body(self, receiver: BodyReceiver) -> None:
        """Deliver its end."""
        receiver.request_end(())

    def pause_body(self) -> None:
        """There is nothing to pause."""

    def resume_body(self) -> None:
        """There is nothing to come."""
