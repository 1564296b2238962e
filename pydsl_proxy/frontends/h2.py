"""HTTP/2 as clients speak it: RFC 9113.  A connection's frames become exchanges, one on each stream."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.frontends.h2_closing import CLOSED, LEAVING, LINGER, OPEN
from pydsl_proxy.frontends.h2_limits import (
    CONNECTION_WINDOW,
    LEAST_ROOM,
    MOST_STREAMS,
    STREAM_WINDOW,
)
from pydsl_proxy.frontends.h2_requests import Requests
from pydsl_proxy.interfaces import Listening
from pydsl_proxy.wire.forwarded import Identity
from pydsl_proxy.wire.h2_frames import (
    ACK,
    CONTINUATION,
    END_STREAM,
    FIRST_WINDOW,
    HEADER,
    LAST_STREAM,
    MOST_PAYLOAD,
    MOST_WINDOW,
    PADDED,
    PING,
    PREFACE,
    SETTINGS,
    SETTINGS_ACK,
    Code,
    Fault,
    Setting,
    StreamFault,
    frame,
    number,
    settings,
    unpack_header,
    unpack_settings,
    unpadded,
    window_update,
)
from pydsl_proxy.wire.hpack_literals import NO_TABLE

log = Logger()


class H2Frontend(Requests):
    """One connection of a client."""

    def __init__(self, listening: Listening) -> None:
        super().__init__(listening)
        self._held = b""
        # What is awaited before any other frame.
        self._preface = PREFACE
        self._greeted = False

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
                    Setting.MAX_CONCURRENT_STREAMS: MOST_STREAMS,
                    Setting.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
                    Setting.MAX_HEADER_LIST_SIZE: clients.head,
                    Setting.ENABLE_CONNECT_PROTOCOL: 1,
                }
            )
            + window_update(0, CONNECTION_WINDOW - FIRST_WINDOW)
        )

    def has_begun(self, due: float) -> None:
        """Some of the preface's time has passed, while it was not known which protocol the client speaks."""
        if self._state is OPEN:
            self._watch.until(due)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone, and with it the exchanges that were under way."""
        self._state = CLOSED
        self._watch.stop()
        self.listening.closed(self)
        self._abandon("the client closed the connection")
        self._line.clear()
        self._out.clear()
        self._held = b""

    def dataReceived(self, received: bytes) -> None:
        """Bytes of the client: frames, and at the end perhaps a part of one."""
        state = self._state
        if state is LINGER:
            self._linger_on()
        if state is LINGER or state is CLOSED:
            return
        self._gathering = True
        try:
            self._frames(self._held + received if self._held else received)
        except Fault as fault:
            self._end_for(fault)
        finally:
            self._gathering = False
            if not self._flushes_later:
                self.flush()
        if self._state is LEAVING and not self.streams:
            self._linger()

    def _end_for(self, fault: Fault) -> None:
        """The client has broken the protocol, or asks for too much."""
        text = "a connection of HTTP/2 from {address} is closed: {why}"
        log.info(text, address=self._identity.address, why=fault.detail)
        self._leave(fault.code, fault.detail.encode())

    def _frames(self, received: bytes) -> None:
        at = self._greet(received) if self._preface else 0
        size = len(received)
        while size - at >= HEADER:
            high, low, kind, flags, stream = unpack_header(received, at)
            length = high << 8 | low
            if length > MOST_PAYLOAD:
                raise Fault(Code.FRAME_SIZE_ERROR, "a frame is longer than allowed")
            start = at + HEADER
            at = start + length
            if at > size:
                at = start - HEADER
                break
            stream &= LAST_STREAM
            if not self._greeted and kind != SETTINGS:
                raise Fault(Code.PROTOCOL_ERROR, "the preface has no SETTINGS")
            if self._fragments is not None and kind != CONTINUATION:
                raise Fault(Code.PROTOCOL_ERROR, "a header block is not continued")
            try:
                if kind < len(_TAKES):
                    _TAKES[kind](self, flags, stream, received[start:at])
                else:
                    # RFC 9113 4.1: passed over.
                    self._idle_frames.take(self.listening.seconds())
            except StreamFault as fault:
                self._fail(stream, fault)
            if self._state is not OPEN and self._state is not LEAVING:
                self._held = b""
                return
        self._held = received[at:]

    def _greet(self, received: bytes) -> int:
        """Take what there is of the preface; how much that was."""
        expected = self._preface
        some = received[: len(expected)]
        if not expected.startswith(some):
            raise Fault(Code.PROTOCOL_ERROR, "the connection's preface is not that of HTTP/2")
        self._preface = expected[len(some) :]
        self._held = b""
        return len(some)

    # -- frames, in the order of their types ---------------------------------------------------------------------------

    def _take_data(self, flags: int, stream: int, payload: bytes) -> None:
        size = len(payload)
        self._room -= size
        if self._room < 0:
            raise Fault(Code.FLOW_CONTROL_ERROR, "the client sends more than the connection's window")
        found = self.streams.get(stream)
        if found is None:
            self.give_back(0, size, 0)
            self._frame_on_closed(stream, "DATA")
            return
        ended = flags & END_STREAM > 0
        if not size and not ended:
            self._idle_frames.take(self.listening.seconds())
        found.take_data(unpadded(flags, payload) if flags & PADDED else payload, size, ended)

    def _take_priority(self, flags: int, stream: int, payload: bytes) -> None:
        """RFC 9113 5.3.2: passed over."""
        if not stream:
            raise Fault(Code.PROTOCOL_ERROR, "PRIORITY without a stream")
        if len(payload) != 5:
            raise StreamFault(Code.FRAME_SIZE_ERROR, "a frame's length is not that of its type")
        self._idle_frames.take(self.listening.seconds())

    def _take_reset(self, flags: int, stream: int, payload: bytes) -> None:
        code = number(payload)
        self._check_begun(stream, "RST_STREAM")
        found = self.streams.get(stream)
        self._ended_early.pop(stream, None)
        self._resets.take(self.listening.seconds())
        if found is not None:
            exchange = found.exchange
            self._forget(found)
            if exchange is not None:
                text = f"the client reset the stream, with code {code}"
                exchange.leave(ProxyError(Source.CLIENT, 499, "client_closed", text))

    def _take_settings(self, flags: int, stream: int, payload: bytes) -> None:
        if stream:
            raise Fault(Code.PROTOCOL_ERROR, "SETTINGS on a stream")
        if len(payload) % 6 or (flags & ACK and payload):
            raise Fault(Code.FRAME_SIZE_ERROR, "a frame's length is not that of its type")
        if flags & ACK:
            return
        self._greeted = True
        self._idle_frames.take(self.listening.seconds())
        values = dict(unpack_settings(payload))
        self._check_settings(values)
        table = values.get(Setting.HEADER_TABLE_SIZE)
        if table is not None and table < 4096:
            self._first = NO_TABLE
        window = values.get(Setting.INITIAL_WINDOW_SIZE)
        if window is not None:
            self._resize_windows(window)
        self.put(SETTINGS_ACK)
        self._pump()

    def _check_settings(self, values: dict[int, int]) -> None:
        """RFC 9113 6.5.2"""
        if values.get(Setting.ENABLE_PUSH, 0) > 1:
            raise Fault(Code.PROTOCOL_ERROR, "a setting has a value that it cannot have")
        if not MOST_PAYLOAD <= values.get(Setting.MAX_FRAME_SIZE, MOST_PAYLOAD) < 2**24:
            raise Fault(Code.PROTOCOL_ERROR, "a setting has a value that it cannot have")
        if values.get(Setting.INITIAL_WINDOW_SIZE, 0) > MOST_WINDOW:
            raise Fault(Code.FLOW_CONTROL_ERROR, "a setting has a value that it cannot have")

    def _resize_windows(self, size: int) -> None:
        """RFC 9113 6.9.2: the windows of open streams change by as much, and may become negative."""
        grown, self._stream_window = size - self._stream_window, size
        for stream in self.streams.values():
            stream.window += grown
            if stream.window > MOST_WINDOW:
                raise Fault(Code.FLOW_CONTROL_ERROR, "a window becomes too large")
            self._line_up(stream)

    def _take_push_promise(self, flags: int, stream: int, payload: bytes) -> None:
        raise Fault(Code.PROTOCOL_ERROR, "PUSH_PROMISE of a client")

    def _take_ping(self, flags: int, stream: int, payload: bytes) -> None:
        if stream:
            raise Fault(Code.PROTOCOL_ERROR, "PING on a stream")
        if len(payload) != 8:
            raise Fault(Code.FRAME_SIZE_ERROR, "a frame's length is not that of its type")
        self._idle_frames.take(self.listening.seconds())
        if not flags & ACK:
            self.put(frame(PING, ACK, 0, payload))

    def _take_goaway(self, flags: int, stream: int, payload: bytes) -> None:
        """The client takes no streams of ours, of which there are none; it may yet use its own."""
        if stream:
            raise Fault(Code.PROTOCOL_ERROR, "GOAWAY on a stream")
        if len(payload) < 8:
            raise Fault(Code.FRAME_SIZE_ERROR, "a frame's length is not that of its type")
        self.drain()

    def _take_window_update(self, flags: int, stream: int, payload: bytes) -> None:
        size = number(payload) & MOST_WINDOW
        if size < LEAST_ROOM:
            self._idle_frames.take(self.listening.seconds())
        if not stream:
            self._grow(size)
            return
        self._check_begun(stream, "WINDOW_UPDATE")
        found = self.streams.get(stream)
        if found is None:
            return
        if not size:
            raise StreamFault(Code.PROTOCOL_ERROR, "WINDOW_UPDATE of nothing")
        found.window += size
        if found.window > MOST_WINDOW:
            raise StreamFault(Code.FLOW_CONTROL_ERROR, "a window becomes too large")
        self._line_up(found)
        self._pump()

    def _grow(self, size: int) -> None:
        if not size:
            raise Fault(Code.PROTOCOL_ERROR, "WINDOW_UPDATE of nothing")
        self._window += size
        if self._window > MOST_WINDOW:
            raise Fault(Code.FLOW_CONTROL_ERROR, "a window becomes too large")
        self._grew = self.listening.seconds()
        self._pump()


# By the number of a frame's type.
_TAKES: tuple[Callable[[H2Frontend, int, int, bytes], None], ...] = (
    H2Frontend._take_data,
    H2Frontend.take_headers,
    H2Frontend._take_priority,
    H2Frontend._take_reset,
    H2Frontend._take_settings,
    H2Frontend._take_push_promise,
    H2Frontend._take_ping,
    H2Frontend._take_goaway,
    H2Frontend._take_window_update,
    H2Frontend.take_continuation,
)


class H2Factory(Factory):
    """Makes the frontends of one listener."""

    noisy = False

    def __init__(self, listening: Listening) -> None:
        self._listening = listening

    def buildProtocol(self, addr: IAddress | None) -> H2Frontend:
        """A frontend for a client that connects."""
        return H2Frontend(self._listening)
