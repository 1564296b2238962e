"""An exchange that a WSGI application answers, as the reactor sees it."""

from __future__ import annotations

from io import BufferedReader, BytesIO

from twisted.internet.interfaces import IReactorTime

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.handlers.applications.fields import MAX_IN_FLIGHT, ClientLeft
from pydsl_proxy.handlers.applications.silence import Silence
from pydsl_proxy.handlers.applications.thread_pool import Job, ThreadPool
from pydsl_proxy.handlers.wsgi.input import Incoming
from pydsl_proxy.interfaces import Exchange, Trailers
from pydsl_proxy.wire.http.head import ResponseHead


class Answer:
    """Stands between an exchange, in the reactor, and the application, in a thread.

    Neither side gets far ahead of the other: the client's body is not read on while the application does not read it,
    and :meth:`send` waits while the client does not take what was sent.
    """

    def __init__(self, exchange: Exchange, crew: ThreadPool, clock: IReactorTime, silence: float) -> None:
        self._exchange = exchange
        self._crew = crew
        self._threads = crew.threads
        self._changed = crew.threads.changed()
        self._incoming: Incoming | None = None
        self._job: Job | None = None
        self._over = False
        self._silence = Silence(clock, silence, self._expired)
        # Of the request's body: as much as may wait, or all of it.
        self._body_here = False
        # Guarded by the lock: what the reactor is to send, and what keeps the thread from sending more.
        self._head: ResponseHead | None = None
        self._pieces: list[bytes] = []
        self._size = 0
        self._ended = False
        self._called = False
        self._paused = False
        self._left = False

    # -- the thread ----------------------------------------------------------------------------------------------------

    def send(self, head: ResponseHead | None, data: bytes, end: bool) -> None:
        """Send the *head*, with the first call, and some of the body; *end* says that it is the last of it.

        Waits while much is on its way.  Raises :class:`ClientLeft`.
        """
        with self._changed:
            while (self._paused or self._size >= MAX_IN_FLIGHT) and not self._left:
                self._changed.wait()
            if self._left:
                raise ClientLeft
            self._head = head or self._head
            self._pieces.append(data)
            self._size += len(data)
            self._ended = end
            called, self._called = self._called, True
        if not called:
            self._threads.call(self._flush)

    def fail(self, cause: str, message: str) -> None:
        """The application cannot answer, or cannot go on."""
        self._threads.call(self._fail, ProxyError(Source.US, 500, cause, message))

    @property
    def is_over(self) -> bool:
        """Whether nobody takes any more what the application does."""
        return self._left

    # -- the reactor: the request --------------------------------------------------------------------------------------

    def begin(self, job: Job) -> None:
        """Await a thread; too many that wait are answered 503."""
        self._job = job
        self._exchange.running = self
        if not self._crew.ask(job):
            self._over = True
            self._exchange.running = None
            full = "all threads of the application are busy, and no more requests may wait"
            self._exchange.fail(ProxyError(Source.US, 503, "busy", full))
            return
        self._time()

    def _time(self) -> None:
        """The application has its time for what it sends next, unless it waits for the client."""
        if self._over:
            self._silence.stop()
        elif self._paused or (self._incoming is not None and self._incoming.is_asked and not self._body_here):
            self._silence.pause()
        else:
            self._silence.restart()

    def _expired(self) -> None:
        if self._job is not None:
            self._crew.forget(self._job)
        text = f"the application sent nothing for {self._silence.seconds:g} s"
        self._fail(ProxyError(Source.US, 504, "read_timeout", text))

    def input(self) -> BytesIO | BufferedReader:
        """The request's body as a file."""
        if not self._exchange.has_body:
            return BytesIO()
        incoming = self._incoming = Incoming(self._threads, self._wanted, self._emptied)
        return BufferedReader(incoming)

    def begun(self) -> None:
        """A thread has it: what has come of the body may be there when it is read.

        A client that waits for a word before it sends the body (RFC 9110 10.1.1) gets it when the application reads.
        """
        if not self._exchange.fields.expect:
            self._wanted()

    def _wanted(self) -> None:
        incoming = self._incoming
        if incoming is not None and not self._over and not incoming.is_asked:
            incoming.is_asked = True
            self._time()
            self._exchange.read_body(self)

    def _emptied(self) -> None:
        if not self._over:
            self._body_here = False
            self._time()
            self._exchange.resume_body()

    def request_body(self, data: bytes) -> None:
        """Some of the body has come."""
        if self._incoming is not None and self._incoming.feed(data) and not self._over:
            self._body_here = True
            self._time()
            self._exchange.pause_body()

    def request_end(self, trailers: Trailers) -> None:
        """The body is complete; WSGI knows no trailers."""
        if self._incoming is not None:
            self._incoming.end()
            self._body_here = True
            self._time()

    def cancel(self, error: ProxyError) -> None:
        """The client is gone: what the application reads or sends next raises."""
        if self._job is not None:
            self._crew.forget(self._job)
        self._end()

    def _end(self) -> None:
        self._over = True
        self._silence.stop()
        if self._incoming is not None:
            self._incoming.leave()
        # Both know this object.
        self._incoming = self._job = None
        with self._changed:
            self._left = True
            self._pieces.clear()
            self._changed.notify_all()

    # -- the reactor: the response -------------------------------------------------------------------------------------

    def _flush(self) -> None:
        with self._changed:
            head, self._head = self._head, None
            data, end = b"".join(self._pieces), self._ended
            self._pieces.clear()
            self._size = 0
            self._called = False
            self._changed.notify_all()
        if not self._over:
            self._exchange.go_on(lambda exchange: self._send(head, data, end))
            self._time()

    def _send(self, head: ResponseHead | None, data: bytes, end: bool) -> None:
        exchange = self._exchange
        if end:
            # Nobody reads what the client may still send: an application that does would wait for ever.
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

    def _fail(self, error: ProxyError) -> None:
        if not self._over:
            self._end()
            self._exchange.running = None
            self._exchange.fail(error)

    def pauseProducing(self) -> None:
        """The client is slower than the application."""
        with self._changed:
            self._paused = True
        self._time()

    def resumeProducing(self) -> None:
        """The client has taken all there was."""
        with self._changed:
            self._paused = False
            self._changed.notify_all()
        self._time()

    def stopProducing(self) -> None:
        """The client is gone; the exchange tells."""
