"""Scripted clients."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from pydsl_proxy.testing.endpoint import End
from pydsl_proxy.testing.messages import Fields, Response, written_request
from pydsl_proxy.testing.reactor import MemoryLoop, MemoryPort
from pydsl_proxy.testing.streams import RawStream, RequestStream, ResponseStream, Stream
from pydsl_proxy.testing.transport import Address
from pydsl_proxy.wire.connection.tls_info import TlsInfo


class Client(End):
    """One connection of a client to the proxy."""

    added = ((b"date",),)

    def __init__(self, loop: MemoryLoop, name: str, unanswered: Callable[[], str]) -> None:
        #: Every complete response received, the first one first; interim ones (1xx) are not among them.
        self.responses: list[Response] = []
        super().__init__(loop, name, ResponseStream(self._next_method, self.responses.append))
        self._unanswered = unanswered
        self._requests: Stream = RequestStream(lambda request: None)
        self._begun = 0

    def connect(
        self, port: MemoryPort, host: Address, address: Address, security: TlsInfo | None = None, *, raw: bool = False
    ) -> None:
        """Connect; the maker of the client does it once.  At a stream bytes are *raw*: not messages."""
        if raw:
            self._stream, self._requests = RawStream(), RawStream()
        self._transport = port.accept(self, host, address, security)
        self._loop.settle()

    def request(self, method: str, target: str = "/", headers: Fields = (), body: bytes = b"") -> Response:
        """Send a request and take its response, which must come while the clock stands.

        ``Host: localhost`` is added where *headers* have none, and a Content-Length for the *body*.
        """
        if self.is_closed:
            raise AssertionError(f"{self._name} cannot ask: it was closed; take another one, running.client()")
        before = len(self.responses)
        self.sends(written_request(method, target, headers, body))
        if len(self.responses) == before:
            told = "; ".join(filter(None, (self._state(), self._unanswered()))) or "nothing was received"
            raise AssertionError(f"{self._name} has no response to {method} {target}: {told}")
        self.takes()
        return self.responses[before]

    def closes(self) -> None:
        """Leave; the proxy learns of it at once.

        What a real proxy first sees of a client that closes is :meth:`half_closes`; that nobody is there any more shows
        when it sends something.
        """
        self._sent.clear()
        self._half_closed = True
        if self._transport is not None and not self.is_gone:
            self._transport.connectionLost(Failure(ConnectionDone()))
        self._loop.settle()

    def _told(self, data: bytes) -> None:
        self._requests.feed(data)

    def _next_method(self) -> str:
        """What the next response answers: one to HEAD has no body, whatever it says."""
        lines = self._requests.lines
        self._begun += 1
        return lines[self._begun - 1].partition(" ")[0] if self._begun <= len(lines) else "GET"
