"""An exchange that an ASGI application answers, as the reactor sees it."""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen
from twisted.internet.interfaces import IReactorTime

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.handlers.applications.event_loops import Tasks
from pydsl_proxy.handlers.applications.fields import MAX_IN_FLIGHT
from pydsl_proxy.handlers.applications.outbox import Inbox
from pydsl_proxy.handlers.applications.silence import Silence
from pydsl_proxy.handlers.asgi.call import Call, cost_of
from pydsl_proxy.handlers.asgi.types import Application
from pydsl_proxy.interfaces import EventLoop, Exchange, Later, Trailers
from pydsl_proxy.wire.http.head import ResponseHead


@frozen
class Terms:
    """What the exchanges of one location have in common: *later* calls in a later turn, *silence* is in seconds."""

    clock: IReactorTime
    later: Later
    silence: float


class Answer:
    """Stands between an exchange, in the reactor, and the application, in its loop.

    What is on its way is bounded in both directions: the client's body is not read on while the application does not
    receive it, and what was sent counts as taken only when the client keeps up.
    """

    def __init__(
        self, terms: Terms, exchange: Exchange, loop: EventLoop, tasks: Tasks, returned: Callable[[], None]
    ) -> None:
        self.loop = loop
        self._within = Inbox(loop.within).put
        self.later = terms.later
        self._silence = Silence(terms.clock, terms.silence, self._expired)
        self._tasks = tasks
        self._tell_returned = returned
        self._exchange = exchange
        self._call: Call | None = None
        self._over = False
        # The request's body: what came before the application was called, and how much it has not received.
        self._early: list[bytes] | None = []
        self._ended = False
        self._asked = False
        self._ahead = 0
        self._full = False
        # The response: what the client has as good as taken, unless it is slow.
        self._paused = False
        self._taken = 0

    def begin(self, application: Application, scope: dict[str, object]) -> None:
        """Have *application* called, with what has come of the body."""
        exchange = self._exchange
        exchange.running = self
        # A client that waits for a word before it sends the body (RFC 9110 10.1.1) gets it when it is received.
        if not exchange.fields.expect:
            self.wanted()
        if self._over:
            self._tell_returned()
            return
        early, self._early = self._early, None
        call = self._call = Call(application, scope, self)
        self._within(self._run, call, early, self._ended)
        self._time()

    def _run(self, call: Call, early: list[bytes], ended: bool) -> None:
        """In the loop."""
        call.fed(early, ended)
        self._tasks.spawn(call.run())

    def returned(self) -> None:
        """The application has done; without the cycle both are freed at once."""
        self._call = None
        self._tell_returned()

    def worked(self) -> None:
        """The reactor has done some of what the application has asked for."""
        taken = self._taken
        if taken and not self._paused and self._call is not None:
            self._taken = 0
            self._within(self._call.taken, taken)

    def _time(self) -> None:
        """The application has its time for what it sends next, unless it waits for the client."""
        if self._over:
            self._silence.stop()
        elif self._paused or (self._asked and not (self._ended or self._full)):
            self._silence.pause()
        else:
            self._silence.restart()

    def _expired(self) -> None:
        text = f"the application sent nothing for {self._silence.seconds:g} s"
        self._break_off(ProxyError(Source.US, 504, "read_timeout", text))
        if self._call is not None:
            self._within(self._call.left)

    # -- the request ---------------------------------------------------------------------------------------------------

    def wanted(self) -> None:
        """The application receives, or may soon."""
        if not self._asked and not self._over:
            self._asked = True
            self._exchange.read_body(self)

    def consumed(self, size: int) -> None:
        """It has received so much."""
        self._ahead -= size
        if self._full and self._ahead <= MAX_IN_FLIGHT // 2 and not self._over:
            self._full = False
            self._exchange.resume_body()
            self._time()

    def request_body(self, data: bytes) -> None:
        """Some of the body has come."""
        self._ahead += len(data)
        if self._early is not None:
            self._early.append(data)
        elif self._call is not None:
            self._within(self._call.fed, (data,), False)
        if self._ahead >= MAX_IN_FLIGHT and not self._full and not self._over:
            self._full = True
            self._exchange.pause_body()
            self._time()

    def request_end(self, trailers: Trailers) -> None:
        """The body is complete; ASGI knows no trailers of requests."""
        self._ended = True
        if self._early is None and self._call is not None:
            self._within(self._call.fed, (), True)
            self._time()

    def cancel(self, error: ProxyError) -> None:
        """The client is gone: the application receives ``http.disconnect``, and what it sends raises."""
        self._end()
        if self._call is not None:
            self._within(self._call.left)

    def _end(self) -> None:
        self._over = True
        self._silence.stop()

    # -- the response --------------------------------------------------------------------------------------------------

    def send(self, head: ResponseHead | None, data: bytes, end: bool) -> None:
        """Send the *head*, with the first call, and some of the body; *end* says that it is the last of it."""
        if not self._over:
            self._exchange.go_on(lambda exchange: self._send(head, data, end))
            self._time()
        self._taken += cost_of(data)

    def _send(self, head: ResponseHead | None, data: bytes, end: bool) -> None:
        exchange = self._exchange
        if end:
            self._end()
        if head is not None:
            exchange.start(head, data, end)
            if not end and not self._over:
                exchange.stream_from(self)
            return
        if data:
            exchange.write(data)
        if end:
            exchange.finish()

    def finish(self, trailers: Trailers) -> None:
        """The response is complete, with *trailers*."""
        if not self._over:
            self._end()
            self._exchange.go_on(lambda exchange: exchange.finish(trailers))

    def fail(self, cause: str, message: str) -> None:
        """The application cannot answer, or cannot go on."""
        self._break_off(ProxyError(Source.US, 500, cause, message))

    def _break_off(self, error: ProxyError) -> None:
        if not self._over:
            self._end()
            self._exchange.running = None
            self._exchange.fail(error)

    def pauseProducing(self) -> None:
        """The client is slower than the application."""
        self._paused = True
        self._time()

    def resumeProducing(self) -> None:
        """The client has taken all there was."""
        self._paused = False
        self._time()
        self.worked()

    def stopProducing(self) -> None:
        """The client is gone; the exchange tells."""
