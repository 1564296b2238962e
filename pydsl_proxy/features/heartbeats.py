"""Comments in event streams while there is nothing else to send, so that nobody on the way takes them for dead."""

from __future__ import annotations

from typing import ClassVar, Final

from attrs import field, frozen
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from pydsl_proxy.errors import ConfigError, ProxyError
from pydsl_proxy.errors.numbers import seconds as checked
from pydsl_proxy.features.pass_through import Passing
from pydsl_proxy.interfaces import AttachedFilter, CompileContext, Exchange, FilterOrder, Producer, Sink, Trailers
from pydsl_proxy.origin import Origin, here
from pydsl_proxy.origin.spelling import call, options
from pydsl_proxy.wire.edits.encoded_head import DIGESTS
from pydsl_proxy.wire.edits.event_stream import BEGINNING, BYTE_ORDER_MARK, comment, tail_of, takes_comments
from pydsl_proxy.wire.http.head import ResponseHead

# Seconds.  The HTML standard (9.2.7): "a comment line every 15 seconds or so", for proxies that drop idle connections.
EVERY: Final = 15.0
# Seconds; HAProxy's documentation has ``timeout tunnel 1h``, and so much is what people write for nginx's
# proxy_read_timeout before event streams.
SILENCE: Final = 3600.0
# Seconds: a clock is a float since 1970, and its last figure is not to cost another timer.
CLOSE_ENOUGH: Final = 1e-3


@frozen
class Heartbeat:
    """What ``.heartbeat()`` asks for; *seconds* is None where an outer one is lifted."""

    nearness: ClassVar[FilterOrder] = FilterOrder.FILL
    overrides: ClassVar[bool] = True

    seconds: float | None = EVERY
    silence: float = field(default=SILENCE, kw_only=True)
    origin: Origin = field(eq=False, repr=False, factory=here, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.seconds is None:
            if self.silence != SILENCE:
                text = "heartbeat(None, …): None lifts an outer heartbeat(), and nothing else can be told"
                raise ConfigError(text, hint=f"write heartbeat(silence={self.silence!r})")
            return
        checked("heartbeat(seconds)", self.seconds)
        if checked("heartbeat(silence=…)", self.silence) <= self.seconds:
            raise ConfigError(
                f"heartbeat({self.seconds:g}, silence={self.silence:g}): the peer is given up before the first comment",
                hint=f"write silence={SILENCE:g}, or leave it out" if self.seconds < SILENCE else None,
            )

    def as_verb(self) -> str:
        """The call that made this."""
        given = [] if self.seconds == EVERY else [repr(self.seconds)]
        return call("heartbeat", given, options(self, "silence"))

    def attach(self, place: CompileContext) -> AttachedFilter | None:
        """A sink with a clock, for whatever answers: a peer, or a resource."""
        every, silence, clock = self.seconds, self.silence, place.clock
        if every is None:
            return None

        def attach(exchange: Exchange, sink: Sink) -> Sink:
            return HeartbeatSink(sink, exchange, clock, every, silence)

        return attach


class HeartbeatSink(Passing):
    """Sends a comment whenever *every* seconds have passed in which the client could have been sent something.

    That the client is there the comments show, so the peer may be silent for *silence* seconds.
    """

    # No slots: most responses are no event streams, and for them nothing but this is set.
    _beats = False
    _tail = BEGINNING
    # Nothing of the stream was passed on yet, but comments.
    _empty = True
    _commented = False
    # When something was sent, or there was room for it again.
    _since = 0.0
    _call: IDelayedCall | None = None
    _producer: Producer | None = None
    _client_is_full = False

    def __init__(self, next: Sink, exchange: Exchange, clock: IReactorTime, every: float, silence: float) -> None:
        self.next = next
        self._exchange = exchange
        self._clock = clock
        self._every = every
        self._silence = silence

    def start(self, response: ResponseHead, data: bytes, end: bool) -> None:
        """Pass the head on; if events follow, time runs."""
        if end or self._exchange.method == b"HEAD" or not takes_comments(response):
            self.next.start(response, data, end)
            return
        self._beats = True
        self._exchange.allow_silence(self._silence)
        if data:
            self._note(data)
        self._since = self._clock.seconds()
        self._call = self._clock.callLater(self._every, self._look)
        self.next.start(response, data, False)

    def write(self, data: bytes) -> None:
        """Pass it on, and note where it ends."""
        if self._beats:
            if self._empty and self._commented:
                data = data.removeprefix(BYTE_ORDER_MARK)
            if not data:
                return
            self._note(data)
            self._since = self._clock.seconds()
        self.next.write(data)

    def _note(self, data: bytes) -> None:
        self._empty = False
        self._tail = tail_of(self._tail, data)

    def _look(self) -> None:
        """The timer is not moved with each event: when it fires it looks how much time is left."""
        now = self._clock.seconds()
        idle = now - self._since
        # A clock may be set back.
        if 0 <= idle < self._every - CLOSE_ENOUGH:
            self._call = self._clock.callLater(self._every - idle, self._look)
            return
        self._call = self._clock.callLater(self._every, self._look)
        self._since = now
        data = b"" if self._client_is_full else comment(self._tail)
        if data:
            self._commented = True
            self.next.write(data)

    def finish(self, trailers: Trailers = ()) -> None:
        """The stream is complete; a digest of what the peer has sent is none of what the client got."""
        if self._commented and trailers:
            trailers = [each for each in trailers if each[0].lower() not in DIGESTS]
        self._let_go()
        self.next.finish(trailers)

    def fail(self, error: ProxyError) -> None:
        """The stream breaks off."""
        self._let_go()
        self.next.fail(error)

    def stop(self) -> None:
        """The exchange is over."""
        self._let_go()
        self.next.stop()

    def _let_go(self) -> None:
        self._beats = False
        self._producer = None
        if self._call is not None:
            self._call.cancel()
            self._call = None

    # -- whether the client reads ------------------------------------------------------------------------------------

    def stream_from(self, producer: Producer) -> None:
        """Pause and resume *producer* as the client reads, and hear of it."""
        if self._beats:
            self._producer = producer
            self.next.stream_from(self)
        else:
            self.next.stream_from(producer)

    def pauseProducing(self) -> None:
        """The client does not read."""
        self._client_is_full = True
        if self._producer is not None:
            self._producer.pauseProducing()

    def resumeProducing(self) -> None:
        """The client has taken all there was."""
        self._client_is_full = False
        self._since = self._clock.seconds()
        if self._producer is not None:
            self._producer.resumeProducing()

    def stopProducing(self) -> None:
        """The client is gone; :meth:`stop` tells."""
