"""HTTP/2 as clients speak it: RFC 9113.  A connection's frames become exchanges, one on each stream."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from pydsl_proxy.errors.rate_limited import limit_of, more
from pydsl_proxy.frontends.http2.closing import CLOSED, LEAVING, LINGER, OPEN
from pydsl_proxy.frontends.http2.control import Control
from pydsl_proxy.frontends.http2.limits import (
    CONNECTION_WINDOW,
    MAX_STREAMS,
    STREAM_WINDOW,
    TokenBucket,
)
from pydsl_proxy.interfaces import Listening
from pydsl_proxy.wire.connection.forwarded import Identity
from pydsl_proxy.wire.http2.body_pieces import MIN_MESSAGE, SMALL_FRAMES
from pydsl_proxy.wire.http2.frames import (
    CONTINUATION,
    DATA,
    END_STREAM,
    HEADER,
    INITIAL_WINDOW,
    MAX_FRAME_SIZE,
    MAX_STREAM_ID,
    MIN_PIECE,
    PADDED,
    PREFACE,
    SETTINGS,
    WORK,
    WORK_OF_PAYLOAD,
    WORK_PER_TURN,
    ErrorCode,
    ProtocolError,
    Setting,
    StreamError,
    settings,
    unpack_header,
    unpadded,
    window_update,
)

log = Logger()


class H2Frontend(Control):
    """One connection of a client."""

    def __init__(self, listening: Listening) -> None:
        super().__init__(listening)
        self._held = b""
        # What is held has whole frames, which are for a later turn; nothing is read meanwhile.
        self._continues = False
        self._is_queued = False
        self._small_frames = TokenBucket(SMALL_FRAMES, "too many frames with hardly anything of a body")
        # What is awaited before any other frame.
        self._preface = PREFACE

    def connectionMade(self) -> None:
        """A client has connected; its preface is awaited."""
        transport, listening = self.transport, self.listening
        peer, host = transport.getPeer(), transport.getHost()
        self._identity = Identity(
            getattr(peer, "host", "unix:"),
            getattr(peer, "port", 0),
            listening.scheme,
            getattr(host, "port", 0),
            server_address=getattr(host, "host", ""),
        )
        self._identity.tls = getattr(transport, "security", None)
        self._watch = listening.watch(self._expired)
        clients = listening.site.clients
        now = listening.seconds()
        self._retires = now + clients.keepalive_time
        self._watch.until(now + clients.head_timeout)
        if not listening.opened(self, self._identity.address):
            self.abort()
            return
        transport.registerProducer(self, True)
        self._after_batch = listening.after_batch(transport)
        self.put(
            settings(
                {
                    Setting.MAX_CONCURRENT_STREAMS: MAX_STREAMS,
                    Setting.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
                    Setting.MAX_HEADER_LIST_SIZE: clients.head,
                    Setting.ENABLE_CONNECT_PROTOCOL: 1,
                }
            )
            + window_update(0, CONNECTION_WINDOW - INITIAL_WINDOW)
        )

    def has_begun(self, due: float) -> None:
        """Some of the preface's time has passed, while it was not known which protocol the client speaks."""
        if self._state is OPEN:
            self._watch.until(due)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone, and with it the exchanges that were under way."""
        self._state = CLOSED
        self._watch.stop()
        self._stop_noticing()
        self._abandon("the client closed the connection")
        self._line.clear()
        self._out.clear()
        self._held = b""
        if self._identity.pins is not None:
            self._identity.pins.close()
        self.listening.closed(self)

    def dataReceived(self, received: bytes) -> None:
        """Bytes of the client: frames, and at the end perhaps a part of one."""
        state = self._state
        if state is LINGER:
            self._linger_on()
        if state is LINGER or state is CLOSED:
            return
        if self._continues:
            self._held += received
        else:
            self._turn(self._held + received if self._held else received)

    def _turn(self, received: bytes) -> None:
        """Handle as many frames as one turn of the loop may have."""
        self._gathering = True
        try:
            self._frames(received)
            if self._fed:
                self._hand_on()
        except ProtocolError as fault:
            self._end_for(fault)
        finally:
            self._gathering = False
            if not self._flushes_later:
                self.flush()
        if self._state is LEAVING and not self.streams and not self._continues:
            self._linger()

    def _continue_later(self, rest: bytes) -> None:
        """*rest* has frames for the next turn."""
        self._held = rest
        self._continues = True
        self.transport.pauseProducing()
        self._queue()

    def _queue(self) -> None:
        if not self._is_queued:
            self._is_queued = True
            self.listening.later(self._go_on, self.abort)

    def _go_on(self) -> None:
        """Another turn, when the client has read what the last one led to."""
        self._is_queued = False
        if self._state is CLOSED or not self._continues or self._blocked:
            return
        self._continues = False
        held, self._held = self._held, b""
        if self._state is not LINGER:
            self._turn(held)
        if not self._continues and not self._blocked:
            self.transport.resumeProducing()

    def resumeProducing(self) -> None:
        """The client has taken all there was."""
        super().resumeProducing()
        if self._continues and self._state is not CLOSED:
            self.transport.pauseProducing()
            self._queue()

    def _end_for(self, fault: ProtocolError) -> None:
        """The client has broken the protocol, or asks for too much."""
        if closed := limit_of(self.listening, "HTTP/2", self.listening.seconds).note():
            text = "a connection of HTTP/2 from {address} is closed: {why}{more}"
            log.info(text, address=self._identity.address, why=fault.detail, more=more(closed))
        self._leave(fault.code, fault.detail.encode())

    def _frames(self, received: bytes) -> None:
        at = self._greet(received) if self._preface else 0
        size, work = len(received), WORK_PER_TURN
        while size - at >= HEADER:
            if work <= 0:
                self._continue_later(received[at:])
                return
            high, low, kind, flags, stream = unpack_header(received, at)
            length = high << 8 | low
            if length > MAX_FRAME_SIZE:
                raise ProtocolError(ErrorCode.FRAME_SIZE_ERROR, "a frame is longer than allowed")
            start = at + HEADER
            at = start + length
            if at > size:
                at = start - HEADER
                break
            stream &= MAX_STREAM_ID
            if not self._greeted and kind != SETTINGS:
                raise ProtocolError(ErrorCode.PROTOCOL_ERROR, "the preface has no SETTINGS")
            if self._fragments is not None and kind != CONTINUATION:
                raise ProtocolError(ErrorCode.PROTOCOL_ERROR, "a header block is not continued")
            try:
                if kind < len(_TAKES):
                    work -= WORK[kind]
                    if kind != DATA:
                        work -= length >> WORK_OF_PAYLOAD
                    _TAKES[kind](self, flags, stream, received[start:at])
                else:
                    # RFC 9113 4.1: passed over.
                    work -= 1
                    self._idle_frames.take(self.listening.seconds())
            except StreamError as fault:
                self._fail(stream, fault)
            if self._state is LINGER or self._state is CLOSED:
                self._held = b""
                return
        self._held = received[at:]

    def _greet(self, received: bytes) -> int:
        """Take what there is of the preface; how much that was."""
        expected = self._preface
        some = received[: len(expected)]
        if not expected.startswith(some):
            raise ProtocolError(ErrorCode.PROTOCOL_ERROR, "the connection's preface is not that of HTTP/2")
        self._preface = expected[len(some) :]
        self._held = b""
        return len(some)

    def _take_data(self, flags: int, stream: int, payload: bytes) -> None:
        size = len(payload)
        self._room -= size
        if self._room < 0:
            raise ProtocolError(ErrorCode.FLOW_CONTROL_ERROR, "the client sends more than the connection's window")
        data = unpadded(flags, payload) if flags & PADDED else payload
        ended = flags & END_STREAM > 0
        if len(data) >= MIN_PIECE:
            self._small_frames.give(len(data) // MIN_PIECE)
        elif len(data) < MIN_MESSAGE and not ended:
            (self._small_frames if data else self._idle_frames).take(self.listening.seconds())
        found = self.streams.get(stream)
        if found is None:
            self.give_back(0, size, 0)
            self._frame_on_closed(stream, "DATA")
            return
        found.take_data(data, size, ended)


# By the number of a frame's type.
_TAKES: tuple[Callable[[H2Frontend, int, int, bytes], None], ...] = (
    H2Frontend._take_data,
    H2Frontend.take_headers,
    H2Frontend.take_priority,
    H2Frontend.take_reset,
    H2Frontend.take_settings,
    H2Frontend.take_push_promise,
    H2Frontend.take_ping,
    H2Frontend.take_goaway,
    H2Frontend.take_window_update,
    H2Frontend.take_continuation,
)
