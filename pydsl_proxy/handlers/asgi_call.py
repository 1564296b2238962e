"""One call of an ASGI application, in its loop: what it receives and sends, and what of that it may."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, MutableMapping
from typing import TYPE_CHECKING, cast

from twisted.logger import Logger

from pydsl_proxy.handlers.applications import MOST_IN_FLIGHT, ClientLeft, has_body, made_head, with_length
from pydsl_proxy.handlers.asgi_types import Application
from pydsl_proxy.wire.head import ResponseHead

if TYPE_CHECKING:
    from pydsl_proxy.handlers.asgi_answer import Answer

log = Logger()

Pairs = list[tuple[bytes, bytes]]


class Call:
    """What has come for the application and what it has sent; *answer* is the exchange, in the reactor."""

    def __init__(self, application: Application, scope: dict[str, object], answer: Answer) -> None:
        self._application = application
        self._scope = scope
        self._answer = answer
        self._outside = answer.loop.outside
        self._method = str(scope["method"]).encode("latin-1")
        # Something of what follows has changed.
        self._changed = asyncio.Event()
        # The request: what has come, whether that is all of it, and whether the application knows.
        self._pieces: list[bytes] = []
        self._ended = False
        self._told = False
        self._asked = False
        self._left = False
        # The response: its head until that is sent, bytes on their way, and of the declared length what is left.
        self._head: ResponseHead | None = None
        self._sent = False
        self._in_flight = 0
        self._length: int | None = None
        self._trailers: Pairs | None = None
        self._body_sent = False
        self._complete = False
        self._refused = False

    async def run(self) -> None:
        """Call the application; raises nothing but the end of the loop."""
        try:
            await self._application(self._scope, self._receive, self._send)
            if not self._complete and not self._left:
                raise RuntimeError("the application has returned before its response was complete")
        except asyncio.CancelledError:
            self._outside(self._answer.fail, "broken_off", "the application was cancelled")
            raise
        except GeneratorExit:
            # The loop is no more.
            raise
        except BaseException as error:
            self._failed(error)
        finally:
            self._outside(self._answer.returned)

    def _failed(self, error: BaseException) -> None:
        if self._refused or (self._left and not self._complete):
            # What comes of a client that left is nobody's mistake.
            log.debug("the client left before the application was done: {error!r}", error=error)
            return
        log.failure("{application!r} raised an exception", application=self._application)
        self._outside(self._answer.fail, "internal_error", "an ASGI application raised an exception")

    # -- what the reactor tells ----------------------------------------------------------------------------------------

    def fed(self, pieces: Iterable[bytes], ended: bool) -> None:
        """Some of the request's body has come."""
        self._pieces += pieces
        self._ended = ended
        self._changed.set()

    def left(self) -> None:
        """The client is gone."""
        self._left = True
        self._pieces.clear()
        self._changed.set()

    def taken(self, size: int) -> None:
        """So much of what was sent is with the client, or as good as."""
        self._in_flight -= size
        self._changed.set()

    async def _wait(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    # -- what the application receives ---------------------------------------------------------------------------------

    async def _receive(self) -> dict[str, object]:
        if not self._asked:
            self._asked = True
            self._outside(self._answer.wanted)
        while True:
            if self._left or self._complete:
                return {"type": "http.disconnect"}
            if self._pieces or (self._ended and not self._told):
                body = b"".join(self._pieces)
                self._pieces.clear()
                self._told = self._ended
                if body:
                    self._outside(self._answer.consumed, len(body))
                return {"type": "http.request", "body": body, "more_body": not self._ended}
            await self._wait()

    # -- what it sends -------------------------------------------------------------------------------------------------

    async def _send(self, message: MutableMapping[str, object]) -> None:
        # Of another protocol than is spoken here, or in another order.
        while self._in_flight >= MOST_IN_FLIGHT and not self._left:
            await self._wait()
        if self._left:
            raise ClientLeft
        taker = self._takers().get(str(message["type"]))
        if taker is None:
            raise RuntimeError(f"{message['type']!r} is not what the application may send now")
        taker(message)

    def _takers(self) -> dict[str, Callable[[MutableMapping[str, object]], None]]:
        if self._head is None:
            return {"http.response.start": self._start}
        if not self._body_sent:
            return {"http.response.body": self._body}
        if not self._complete:
            return {"http.response.trailers": self._more_trailers}
        if not has_body(self._method, self._head):
            # It goes on with a body that nobody wants.
            self._refused = True
            raise ClientLeft
        return {}

    def _start(self, message: MutableMapping[str, object]) -> None:
        status = message["status"]
        if not isinstance(status, int):
            raise TypeError(f"{status!r} is no status")
        head = self._head = made_head(status, b"", pairs_of(message))
        self._length = head.length if has_body(self._method, head) else None
        self._trailers = [] if message.get("trailers") else None

    def _body(self, message: MutableMapping[str, object]) -> None:
        head = cast(ResponseHead, self._head)
        data = message.get("body", b"")
        if not isinstance(data, bytes):
            data = bytes(memoryview(data))  # type: ignore[arg-type]  # it raises TypeError
        more = bool(message.get("more_body", False))
        if not has_body(self._method, head):
            self._pass_on(head, b"", True)
            return
        if not self._sent and not more and self._trailers is None:
            head = with_length(head, len(data))
            self._length = head.length
        if self._length is not None:
            if len(data) > self._length:
                raise ValueError(f"the body is {len(data) - self._length} bytes longer than Content-Length says")
            self._length -= len(data)
            if self._length and not more:
                raise ValueError(f"the body is {self._length} bytes shorter than Content-Length says")
        self._body_sent = not more
        if data or not more or not self._sent:
            self._pass_on(None if self._sent else head, data, not more and self._trailers is None)

    def _pass_on(self, head: ResponseHead | None, data: bytes, end: bool) -> None:
        self._sent = True
        if end:
            self._body_sent = self._complete = True
            self._changed.set()
        self._in_flight += len(data)
        self._outside(self._answer.send, head, data, end)

    def _more_trailers(self, message: MutableMapping[str, object]) -> None:
        trailers = cast(Pairs, self._trailers)
        trailers += pairs_of(message)
        if not message.get("more_trailers", False):
            # Whether they can be sent is seen as for a head.
            made_head(200, b"", trailers)
            self._complete = True
            self._changed.set()
            self._outside(self._answer.finish, tuple(trailers))


def pairs_of(message: MutableMapping[str, object]) -> Pairs:
    """The header fields of a message."""
    pairs = [tuple(pair) for pair in cast("Iterable[Iterable[bytes]]", message.get("headers", ()))]
    for pair in pairs:
        if len(pair) != 2 or not all(isinstance(each, bytes) for each in pair):
            raise TypeError(f"{pair!r} is no header field: it is made of a name and a value, both bytes")
    return cast(Pairs, pairs)
