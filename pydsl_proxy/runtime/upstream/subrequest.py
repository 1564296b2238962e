"""Requests of our own, on behalf of an exchange: to ask who may pass, or to copy traffic."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from pydsl_proxy import interfaces
from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.interfaces import Asked, BodyReceiver, Handle, Producer, Running, Trailers
from pydsl_proxy.runtime.exchange import Exchange
from pydsl_proxy.runtime.exchange_host import APART
from pydsl_proxy.wire.http.field_rules import FieldRules
from pydsl_proxy.wire.http.head import ResponseHead
from pydsl_proxy.wire.http.uri import visible
from pydsl_proxy.wire.http1.reader import read_request_fields

# Those of the request that it is made for were within the limit; these have a few more.
MAX_FIELDS = 1000


class Subrequest:
    """A request of our own to one upstream, and the frontend that collects its response."""

    def __init__(self, asked: Asked, body: bytes, most: int | None) -> None:
        self._asked: Asked | None = asked
        self._body = body
        self._most = most
        self._response: ResponseHead | None = None
        self._pieces: list[bytes] = []
        self._size = 0
        self._exchange: Exchange | None = None

    def begin(
        self, relay: Handle, parent: interfaces.Exchange, method: bytes, target: bytes, section: bytes, now: float
    ) -> None:
        """Send it through *relay*."""
        length = b"\r\nContent-Length: %d" % len(self._body) if self._body else b""
        fields = read_request_fields(section + length, MAX_FIELDS)
        exchange = self._exchange = Exchange(APART, self, method, visible(target), 1, fields, parent.identity, now)
        exchange.path = parent.path
        exchange.has_body = bool(self._body)
        relay(cast(interfaces.Exchange, exchange))

    def cancel(self, error: ProxyError) -> None:
        """Nobody waits for the answer."""
        self._asked = None
        if self._exchange is not None and self._exchange.running is not None:
            self._exchange.leave(error)

    # -- the frontend of that exchange ---------------------------------------------------------------------------------

    def read_body(self, receiver: BodyReceiver) -> None:
        """Deliver the body, whole."""
        if self._body:
            receiver.request_body(self._body)
        receiver.request_end(())

    @property
    def body_untouched(self) -> bool:
        """Always True: the body is in memory and can be read again."""
        return True

    def pause_body(self) -> None:
        """It was delivered whole."""

    def resume_body(self) -> None:
        """It was delivered whole."""

    def send_interim(self, response: ResponseHead, rules: FieldRules) -> None:
        """Only the response is an answer."""

    def send_head(self, response: ResponseHead, rules: FieldRules, data: bytes, end: bool) -> None:
        """Take the response's head."""
        self._response = response
        # The page of an error of our own is nobody's answer.
        if self._exchange is not None and self._exchange.error is None:
            self._take(data)
        if end:
            self.send_end(())

    def send_body(self, data: bytes) -> None:
        """Take some of its body."""
        self._take(data)

    def send_file(self, fd: int, offset: int, count: int) -> int | None:
        """What is collected has to be read."""
        return None

    def send_end(self, trailers: Trailers) -> None:
        """It is complete."""
        error = self._exchange.error if self._exchange is not None else None
        self._tell(None if error is not None else self._response, error)

    def cut(self) -> None:
        """It broke off."""
        self._tell(None, self._exchange.error if self._exchange is not None else None)

    def stream_from(self, producer: Producer) -> None:
        """What is collected is bounded: there is nobody to wait for."""

    def _take(self, data: bytes) -> None:
        if self._most is None:
            return
        self._size += len(data)
        if self._size <= self._most:
            self._pieces.append(data)
        elif self._asked is not None:
            text = f"the answer to a subrequest has more than {self._most} bytes"
            error = ProxyError(Source.PEER, 502, "subrequest_too_large", text)
            asked = self._asked
            self.cancel(error)
            asked(None, b"", error)

    def _tell(self, response: ResponseHead | None, error: ProxyError | None) -> None:
        asked, self._asked = self._asked, None
        if asked is not None:
            asked(response, b"".join(self._pieces), error)


def asker(relay: Handle, seconds: Callable[[], float]) -> interfaces.Ask:
    """See :meth:`pydsl_proxy.interfaces.CompileContext.asker`."""

    def ask(
        exchange: interfaces.Exchange,
        asked: Asked,
        /,
        *,
        method: bytes,
        target: bytes,
        fields: bytes,
        body: bytes = b"",
        most: int | None = 64 * 1024,
    ) -> Running:
        subrequest = Subrequest(asked, body, most)
        subrequest.begin(relay, exchange, method, target, fields, seconds())
        return subrequest

    return ask
