"""One call of an ASGI application, in its loop: what it receives and sends, and what of that it may."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from twisted.logger import Logger

from pydsl_proxy.handlers.applications.fields import MAX_IN_FLIGHT, ClientLeft, made_head
from pydsl_proxy.handlers.applications.outbox import Outbox
from pydsl_proxy.handlers.asgi.response import Message, Pairs, Response, pairs_of
from pydsl_proxy.handlers.asgi.types import Application

if TYPE_CHECKING:
    from pydsl_proxy.handlers.asgi.answer import Answer

log = Logger()

# After so many messages without a wait other tasks of the loop have their turn; it may be the reactor's own.
MESSAGES_IN_A_TURN = 64


def cost_of(data: str | bytes) -> int:
    """What counts of a message that waits; an empty one takes some room, too."""
    return len(data) + 64


class Call:
    """What has come for the application and what it has sent; *answer* is the exchange, in the reactor."""

    def __init__(self, application: Application, scope: dict[str, object], answer: Answer) -> None:
        self._application = application
        self._scope = scope
        self._answer = answer
        self._outside = Outbox(answer.loop.outside, answer.later, answer.worked).put
        # Something of what follows has changed.
        self._changed = asyncio.Event()
        # The request: what has come, whether that is all of it, and whether the application knows.
        self._pieces: list[bytes] = []
        self._ended = False
        self._told = False
        self._asked = False
        self._left = False
        # The response, and what of it is on its way.
        self._response = Response(str(scope["method"]).encode("latin-1"))
        self._in_flight = 0
        self._trailers: Pairs | None = None
        self._body_sent = False
        self._complete = False
        self._refused = False
        self._messages = 0

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

    async def _give_way(self) -> None:
        """Let others have their turn now and then, which an application that never waits would not."""
        self._messages += 1
        if not self._messages % MESSAGES_IN_A_TURN:
            await asyncio.sleep(0)

    # -- what the application receives ---------------------------------------------------------------------------------

    async def _receive(self) -> dict[str, object]:
        if not self._asked:
            self._asked = True
            self._outside(self._answer.wanted)
        await self._give_way()
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

    async def _send(self, message: Message) -> None:
        await self._give_way()
        while self._in_flight >= MAX_IN_FLIGHT and not self._left:
            await self._wait()
        if self._left:
            raise ClientLeft
        # Of another protocol than is spoken here, or in another order.
        taker = self._takers().get(str(message["type"]))
        if taker is None:
            raise RuntimeError(f"{message['type']!r} is not what the application may send now")
        taker(message)

    def _takers(self) -> dict[str, Callable[[Message], None]]:
        if not self._response.is_begun:
            return {"http.response.start": self._start}
        if not self._body_sent:
            return {"http.response.body": self._body}
        if not self._complete:
            return {"http.response.trailers": self._more_trailers}
        if not self._response.has_body:
            # It goes on with a body that nobody wants.
            self._refused = True
            raise ClientLeft
        return {}

    def _start(self, message: Message) -> None:
        self._response.start(message)
        self._trailers = [] if message.get("trailers") else None

    def _body(self, message: Message) -> None:
        response = self._response
        head, data, end = response.take(message, trailers=self._trailers is not None)
        self._body_sent = end or not message.get("more_body", False)
        if end:
            self._complete = True
            self._changed.set()
        if head is not None or data or end:
            self._in_flight += cost_of(data)
            self._outside(self._answer.send, head, data, end)
        response.check_end()

    def _more_trailers(self, message: Message) -> None:
        trailers = self._trailers
        assert trailers is not None
        trailers += pairs_of(message)
        if not message.get("more_trailers", False):
            # Whether they can be sent is seen as for a head.
            made_head(200, b"", trailers)
            self._complete = True
            self._changed.set()
            self._outside(self._answer.finish, tuple(trailers))
