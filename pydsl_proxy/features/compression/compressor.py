"""The response of one exchange on its way through a compressor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydsl_proxy.errors import ProxyError
from pydsl_proxy.features.compression.codecs import Coder, Encoding
from pydsl_proxy.features.compression.policy import Choices, Heads
from pydsl_proxy.features.pass_through import Passing
from pydsl_proxy.interfaces import Exchange, Producer, Sink, Trailers
from pydsl_proxy.wire.edits.encoded_head import DIGESTS, sized
from pydsl_proxy.wire.http.head import ResponseHead

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall, IReactorTime

# Seconds that bytes of the peer wait in a compressor for more of them, at most: a coding gains by that, and a person
# does not see it.  Observed on nginx 1.22.1: with its buffers on, the lines of a slow stream come together at its end;
# with proxy_buffering off, each of them at once.
MAX_HELD_BACK: Final = 0.05
# Bytes of the peer that are compressed before others have their turn: 1 to 3 ms of zlib.  A client's pace is no bound
# here: what compresses a thousandfold hardly fills its connection.
TURN: Final = 256 * 1024


class Compressing(Passing):
    """Compresses a body, or hands it on.

    It stands between the producer of the body and the client, as the producer that the client pauses: it pauses the
    other one also to let other exchanges have their turn.
    """

    # No slots: most bodies come as a whole, and for them nothing but this is set.
    _encoding: Encoding | None = None
    _sync = False
    # Bytes that were taken since others had their turn.
    _taken = 0
    _producer: Producer | None = None
    _client_is_full = False
    _flushing: IDelayedCall | None = None
    _resting: IDelayedCall | None = None

    def __init__(self, next: Sink, exchange: Exchange, choices: Choices, clock: IReactorTime) -> None:
        self.next = next
        self._exchange = exchange
        self._choices = choices
        self._clock = clock

    def start(self, response: ResponseHead, data: bytes, end: bool) -> None:
        """Decide, and send the head that says what was decided."""
        exchange, choices = self._exchange, self._choices
        heads = choices.heads(response)
        # nginx's gzip_http_version 1.1: to HTTP/1.0 there is no way to tell a broken body from a complete one.
        encodes = bool(exchange.minor) and exchange.method != b"HEAD"
        if heads is None or (end and len(data) < choices.min_length and exchange.method != b"HEAD"):
            if response.status == 304:
                response = choices.not_modified(response, exchange.fields, encodes=encodes)
            self.next.start(response, data, end)
            return
        coder = choices.coder(exchange.fields) if encodes else None
        if coder is None:
            self.next.start(heads.varied, data, end)
        elif end:
            self._send_whole(heads, coder, data)
        else:
            self._begin(heads, coder, data)

    def _send_whole(self, heads: Heads, coder: Coder, data: bytes) -> None:
        """A body that is here as a whole gets a length, which is kinder to clients and costs no chunks."""
        body = coder.whole(data)
        if len(body) < len(data):
            self.next.start(sized(heads.encoded(coder.coding), len(body)), body, True)
        else:
            self.next.start(heads.varied, data, True)

    def _begin(self, heads: Heads, coder: Coder, data: bytes) -> None:
        encoding = self._encoding = coder.begin()
        self._sync = self._choices.flush
        self.next.start(heads.encoded(coder.coding), self._encoded(encoding, data) if data else b"", False)

    def _encoded(self, encoding: Encoding, data: bytes) -> bytes:
        """What of the encoded body may go out now that *data* is here."""
        self._taken += len(data)
        encoded = encoding.take(data)
        if self._sync:
            encoded += encoding.flush()
        elif self._flushing is None:
            self._flushing = self._clock.callLater(MAX_HELD_BACK, self._held_back)
        return encoded

    def write(self, data: bytes) -> None:
        """Take more of the body."""
        encoding = self._encoding
        if encoding is None:
            self.next.write(data)
            return
        encoded = self._encoded(encoding, data)
        if self._taken > TURN and self._resting is None and self._producer is not None:
            self._resting = self._clock.callLater(0, self._rested)
            if not self._client_is_full:
                self._producer.pauseProducing()
        if encoded:
            self.next.write(encoded)

    def _held_back(self) -> None:
        """The oldest byte in the compressor has waited for long enough."""
        self._flushing = None
        self._flush()

    def _flush(self) -> None:
        if self._encoding is not None and (encoded := self._encoding.flush()):
            self.next.write(encoded)

    def finish(self, trailers: Trailers = ()) -> None:
        """The response is complete, and so is what the compressor makes of it."""
        if self._encoding is not None:
            if trailers:
                trailers = [field for field in trailers if field[0].lower() not in DIGESTS]
            encoded = self._encoding.finish()
            self._let_go()
            if encoded:
                self.next.write(encoded)
        self.next.finish(trailers)

    def fail(self, error: ProxyError) -> None:
        """The response breaks off: what came of it goes out, but no end."""
        self._flush()
        self._let_go()
        self.next.fail(error)

    def stop(self) -> None:
        """The exchange is over."""
        self._let_go()
        self.next.stop()

    def _let_go(self) -> None:
        self._encoding = self._producer = None
        for call in (self._flushing, self._resting):
            if call is not None:
                call.cancel()
        self._flushing = self._resting = None

    # -- the pace ------------------------------------------------------------------------------------------------------

    def stream_from(self, producer: Producer) -> None:
        """Pause and resume *producer* as the client takes the response, and others their turn."""
        if self._encoding is None:
            self.next.stream_from(producer)
        else:
            self._producer = producer
            self.next.stream_from(self)

    def pauseProducing(self) -> None:
        """The client is full."""
        self._client_is_full = True
        if self._producer is not None and self._resting is None:
            self._producer.pauseProducing()

    def resumeProducing(self) -> None:
        """The client has room."""
        self._client_is_full = False
        if self._producer is not None and self._resting is None:
            self._producer.resumeProducing()

    def stopProducing(self) -> None:
        """The client is gone."""
        if self._producer is not None:
            self._producer.stopProducing()

    def _rested(self) -> None:
        """Others had their turn."""
        self._resting = None
        self._taken = 0
        if self._producer is not None and not self._client_is_full:
            self._producer.resumeProducing()
