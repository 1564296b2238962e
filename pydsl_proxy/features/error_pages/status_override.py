"""The response of an error's page, on its way to a client that is to see the error's status."""

from __future__ import annotations

from pydsl_proxy.features.error_pages.error_responses import is_plain, kept_fields, page, restated
from pydsl_proxy.features.error_pages.missed_pages import MissedPages
from pydsl_proxy.features.pass_through import Passing
from pydsl_proxy.interfaces import Exchange, Sink
from pydsl_proxy.wire.http.head import ResponseHead
from pydsl_proxy.wire.http1.response_writer import error_page


class StatusOverride:
    """What an exchange was before it went for an error's page, and what status its response is to have.

    *status* is None for that of the response replaced, a number, or ``"target"`` for the page's own.  *missed* notes
    that the page cannot be had.
    """

    __slots__ = ("_error", "_exchange", "_fields", "_kept", "_method", "_missed", "_original", "status", "target")

    def __init__(
        self, exchange: Exchange, response: ResponseHead, status: int | str | None, missed: MissedPages
    ) -> None:
        self._exchange = exchange
        self._method = exchange.method
        self._fields = exchange.fields
        self._error = exchange.error
        self._original = response.status
        self._kept = kept_fields(response)
        self._missed: MissedPages | None = missed
        #: Of the page, or its name; empty until it is known.
        self.target = b""
        #: None is the page's own.
        self.status: int | None = response.status if status is None else status if isinstance(status, int) else None

    def attach(self, exchange: Exchange, sink: Sink) -> Sink:
        """The sink that does it."""
        return _Sink(self, sink)

    def missed(self, why: str) -> None:
        """The page cannot be had; the first reason is noted."""
        missed, self._missed = self._missed, None
        if missed is not None:
            missed.note(self.target, why)

    def seen(self, response: ResponseHead, data: bytes, end: bool) -> tuple[ResponseHead, bytes, bool]:
        """The response for the client.

        If the page cannot be had either, it is the plain one of the first error: nginx tells the second instead.
        """
        exchange = self._exchange
        # What is logged and computed is the client's own request.
        exchange.method = self._method
        exchange.fields = self._fields
        failed = exchange.error is not self._error
        if response.status >= 400 and end and is_plain(response, data, failed=failed):
            error = exchange.error
            self.missed(error.message if failed and error is not None else f"it was answered with {response.status}")
            exchange.error = self._error or error
            body, fields = error_page(self._original)
            return page(self._original, body, (*fields, *self._kept)), b"" if self._method == b"HEAD" else body, True
        if self.status is None or self.status == response.status:
            return response, data, end
        return restated(response, self.status, self._kept), data, end


class _Sink(Passing):
    """Hands on what is seen."""

    __slots__ = ("_restating",)

    def __init__(self, restating: StatusOverride, next: Sink) -> None:
        super().__init__(next)
        self._restating = restating

    def start(self, response: ResponseHead, data: bytes, end: bool) -> None:
        """Pass the response on as the client is to see it."""
        self.next.start(*self._restating.seen(response, data, end))
