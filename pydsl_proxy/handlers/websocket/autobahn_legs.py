"""The two legs of a bridged WebSocket, as Autobahn speaks them: with the client as a server, with the peer as a client.

Autobahn is given no connection, only bytes: the handshakes go through the exchanges, and its timers are off, since they
are the reactor's and not the proxy's clock's.  Nothing else imports it.
"""

# Autobahn is annotated in part.
# mypy: allow-untyped-calls, allow-untyped-defs, allow-subclassing-any, disable-error-code="no-untyped-call"

from __future__ import annotations

from autobahn.twisted.websocket import (
    WebSocketAdapterProtocol,
    WebSocketClientFactory,
    WebSocketClientProtocol,
    WebSocketServerFactory,
    WebSocketServerProtocol,
)
from autobahn.websocket.compress import (
    PerMessageDeflateOffer,
    PerMessageDeflateOfferAccept,
    PerMessageDeflateResponse,
    PerMessageDeflateResponseAccept,
)
from autobahn.websocket.protocol import TrafficStats, WebSocketProtocol
from twisted.internet.interfaces import IReactorTime

from pydsl_proxy.handlers.websocket.flow import PIECE
from pydsl_proxy.handlers.websocket.leg_transport import Ends, LegTransport, Silent
from pydsl_proxy.wire.http.grammar import HEAD_END
from pydsl_proxy.wire.websocket import accepted_extension, deflate_offers

# RFC 6455 7.4.1 and IANA's registry; Autobahn and browsers take 1014 for a violation, so it is passed on as 1011.
INTERNAL_ERROR, BAD_GATEWAY = 1011, 1014
# What Autobahn keeps of a handshake, and for a way to send that is not used: some 2.5 kB a leg.
_SPENT = (
    "_wskey",
    "http_headers",
    "http_request_data",
    "http_request_host",
    "http_request_params",
    "http_request_path",
    "http_request_uri",
    "http_response_data",
    "http_status_line",
    "is_open",
    "send_queue",
    "trafficStats",
    "websocket_extensions",
    "websocket_extensions_in_use",
    "websocket_key",
    "websocket_origin",
    "websocket_protocols",
)


class Leg(WebSocketAdapterProtocol, WebSocketProtocol):  # type: ignore[misc]  # as Autobahn puts them together
    """What both legs have in common: what comes is handed to the other leg, message by message or in pieces."""

    log = Silent()
    # Nobody reads them, so one is enough for all.
    trafficStats = TrafficStats()
    # Those of a factory would be copied to each connection, and all of them worded for a log: 0.25 ms a WebSocket.
    CONFIG_ATTRS = ()
    logOctets = logFrames = trackTimings = failByDrop = webStatus = False
    utf8validateIncoming = applyMask = echoCloseCodeReason = tcpNoDelay = True
    maxFramePayloadSize = autoFragmentSize = 0
    openHandshakeTimeout = closeHandshakeTimeout = autoPingInterval = autoPingTimeout = serverConnectionDropTimeout = 0
    autoPingSize = 12
    autoPingRestartOnAnyTraffic = True

    ends: Ends
    _isMessageCompressed: bool
    holds: bool
    deflates: bool
    counted: bool
    # Nothing of the message that has begun was passed on.
    _first: bool

    def begin(self, ends: Ends, most: int, holds: bool, deflates: bool, counted: bool = False) -> None:
        """Take the place of a connection.

        *most* bounds a message in bytes; *holds* says that each is wanted whole, *deflates* that it may be deflated,
        *counted* that *ends* is asked whether a frame is admitted.
        """
        self.ends = ends
        self.holds = holds
        self.deflates = deflates
        self.counted = counted
        self.maxMessagePayloadSize = most
        self.is_ready = self.is_told = self.is_dropped = False
        self.head = b""
        self._held = bytearray()
        self._pong_owed: bytes | None = None
        self.makeConnection(LegTransport(ends, self))

    def connectionMade(self) -> None:
        """There is no connection of which details could be told."""
        self._connectionMade()

    def feed(self, data: bytes) -> None:
        """Take the head of a handshake."""
        self._dataReceived(data)

    def parse(self, data: bytes, at: int, most: int) -> int:
        """Take one frame, or at most *most* bytes of it, from *data* at *at*; return how many bytes were taken.

        Autobahn parses all that it has in one call, and copies what is left once or twice for each frame.  So it has
        never more than the head of a frame, or its payload.
        """
        start = at
        if self.current_frame is None:
            at = _head_end(data, at)
            if at > len(data):
                return 0
            self.data = data[start:at]
            self.processData()
            if self.failedByMe:
                return at - start
        frame = self.current_frame
        size: int = min(frame.length - self.current_frame_masker.pointer(), most, len(data) - at)
        if size or not frame.length:
            self.data = data[at : at + size]
            self.processData()
        return at + size - start

    def lost(self) -> None:
        """The other side is gone."""
        self.state = self.STATE_CLOSED

    @property
    def is_deflated(self) -> bool:
        """Whether permessage-deflate was agreed on, once the handshake is over."""
        return self._perMessageCompress is not None

    @property
    def can_send(self) -> bool:
        """Whether messages may be sent."""
        return bool(self.state == self.STATE_OPEN)

    def send_whole(self, data: bytes, binary: bool) -> None:
        """Send a message, if the leg is open."""
        if self.can_send:
            deflate, rsv = self._perMessageCompress, 0
            if deflate is not None:
                rsv = 4
                deflate.start_compress_message()
                data = deflate.compress_message_data(data) + deflate.end_compress_message()
            self.sendFrame(2 if binary else 1, data, rsv=rsv)

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:
        """Send bytes, but for the head that begins a leg.

        Autobahn's own tells a log of each, in colours, which is a third of what a bridge costs.
        """
        if self.is_ready:
            self.ends.send(self, data)
        else:
            self.head += data

    def _open(self) -> None:
        """The handshake is over, one way or the other: forget what nobody asks for any more."""
        self.is_ready = self.can_send
        for name in _SPENT:
            vars(self).pop(name, None)

    def close(self, code: int | None, reason: str | None) -> None:
        """Begin the closing handshake, unless it has begun."""
        if self.can_send:
            text = None if reason is None else reason.encode()[:123].decode(errors="ignore").encode()
            self.sendCloseFrame(code, text)
            self.ends.sent_close(self)

    def _onOpen(self) -> None:
        """The handshake is done."""

    def onPing(self, payload: bytes) -> None:
        """Answer a ping; while the other side does not keep up, only the last one (RFC 6455 5.5.3)."""
        if self.ends.is_slow(self):
            self._pong_owed = payload
        else:
            super().onPing(payload)

    def send_pong_owed(self) -> None:
        """The other side keeps up again."""
        owed, self._pong_owed = self._pong_owed, None
        if owed is not None and self.can_send:
            self.sendPong(owed)

    def onFrameBegin(self) -> None:
        """The head of a frame has come; one that is not admitted ends the WebSocket."""
        if self.counted and not self.failedByMe:
            frame = self.current_frame
            if not self.ends.admits(self, frame.opcode, frame.length):
                # RFC 6455 7.1.7: nothing that follows is processed, not even a close.
                self.failedByMe = True
                return
        super().onFrameBegin()

    def onMessageBegin(self, isBinary: bool) -> None:
        """A message begins."""
        super().onMessageBegin(isBinary)
        self._first = True
        self._held.clear()

    def onMessageFrameData(self, payload: bytes) -> None:
        """Some of a frame; what is no PIECE yet is held, for most messages are less, and small frames cost.

        After our close nothing is passed on (RFC 6455 1.4): the other side is closed, too, or gone.
        """
        if not self.can_send:
            return
        self.ends.moving(self)
        if len(self._held) >= PIECE and not self.holds:
            self._pass()
        # One array: fragments cost no more memory than their octets, and empty ones none.
        self._held += payload

    def onMessageFrameEnd(self) -> None:
        """A frame is complete; a fragment does not wait for the next."""
        if self._held and self.can_send and not (self.holds or self.current_frame.fin):
            self._pass()

    def _pass(self) -> None:
        first, self._first = self._first, False
        piece = bytes(self._held)
        self._held.clear()
        self.ends.piece(self, piece, self.message_is_binary, first)

    def onMessageEnd(self) -> None:
        """A message is complete, and if it is text, UTF-8 to its end."""
        if not self.can_send:
            return
        if self._first:
            whole = bytes(self._held)
            self._held.clear()
            self.ends.message(self, whole, self.message_is_binary)
            return
        if self._held:
            self._pass()
        self.ends.message_end(self)

    def onCloseFrame(self, code: int | None, reasonRaw: bytes | None) -> bool | None:
        """The other side closes; a close that answers ours is nothing new."""
        was_open = self.can_send
        if code == BAD_GATEWAY:
            code = INTERNAL_ERROR
        # A server drops the connection within that call, but the other leg must hear first with which code.
        self.is_told = True
        stop = super().onCloseFrame(code, reasonRaw)  # type: ignore[arg-type]  # either may be absent
        self.is_told = False
        if was_open and not self.failedByMe:
            self.ends.closing(self, self.remoteCloseCode, self.remoteCloseReason)
        if self.is_dropped:
            self.ends.dropped(self)
        return stop

    def _fail_connection(self, code: int = 1001, reason: str = "going away") -> None:
        """The other side has broken the protocol or a limit."""
        before = self.failedByMe
        # What follows is skipped (RFC 6455 7.1.7); after broken deflate Autobahn would keep it, and not get past it.
        self._perMessageCompress = None
        self._isMessageCompressed = False
        super()._fail_connection(code, reason)
        if not before:
            self.ends.closing(self, code, reason)


class ClientLeg(Leg, WebSocketServerProtocol):  # type: ignore[misc]  # as above
    """The leg with the client."""

    versions = (13,)
    requireMaskedClientFrames = True
    maskServerFrames = serveFlashSocketPolicy = allowNullOrigin = False
    flashSocketPolicy = ""
    allowedOrigins = allowedOriginsPatterns = ()
    maxConnections = trustXForwardedFor = 0
    _subprotocol: str | None = None

    def perMessageCompressionAccept(self, offers: list[object]) -> object:
        """What Autobahn asks: which of the client's offers is accepted."""
        return _accept_offer(offers) if self.deflates else None

    def onConnect(self, request: object) -> str | None:
        """The subprotocol that the peer has chosen."""
        return self._subprotocol

    def answer(self, key: bytes, extensions: bytes, subprotocol: bytes | None) -> bytes:
        """The Sec-WebSocket fields of a 101, as a section; the client's offer is *extensions*."""
        head = b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13"
        head += b"\r\nSec-WebSocket-Key: " + key
        offer = self._sound_offer(extensions) if self.deflates else None
        if offer is not None:
            head += b"\r\nSec-WebSocket-Extensions: " + offer
        if subprotocol is not None:
            head += b"\r\nSec-WebSocket-Protocol: " + subprotocol
            self._subprotocol = subprotocol.decode("latin-1")
        self.feed(head + HEAD_END)
        self._open()
        return _section_of(self.head) if self.is_ready else b""

    def _sound_offer(self, extensions: bytes) -> bytes | None:
        """The first whose parameters may be accepted; others are declined (RFC 7692 7.1)."""
        offers = deflate_offers(extensions)
        return next((offer for offer in offers if self._is_sound(offer.decode("latin-1"))), None)

    def _is_sound(self, offer: str) -> bool:
        try:
            [(_, parameters)] = self._parseExtensionsHeader(offer)
            PerMessageDeflateOffer.parse(parameters)
        except Exception:  # Autobahn's, which has no name of its own
            return False
        return True


class PeerLeg(Leg, WebSocketClientProtocol):  # type: ignore[misc]  # as above
    """The leg with the peer."""

    version = 18  # of the drafts; it is version 13 on the wire
    acceptMaskedServerFrames = False
    maskClientFrames = True

    @property
    def perMessageCompressionOffers(self) -> list[PerMessageDeflateOffer]:
        """What Autobahn asks: the extensions to offer."""
        return [PerMessageDeflateOffer()] if self.deflates else []

    def perMessageCompressionAccept(self, response: object) -> object:
        """What Autobahn asks: how the peer's answer to an offer is taken."""
        return _accept_response(response) if self.deflates else None

    def startHandshake(self) -> None:
        """Write the head at once; Autobahn would ask for options first."""
        self._actuallyStartHandshake(_OPTIONS)

    def ask(self) -> bytes:
        """The Sec-WebSocket fields of a request, as a section."""
        return _section_of(self.head)

    def granted(self, accept: bytes, extensions: bytes | None) -> bool:
        """The peer has granted the WebSocket, with these fields; whether they agree with what was asked for."""
        head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade"
        head += b"\r\nSec-WebSocket-Accept: " + accept
        accepted = accepted_extension(extensions or b"")
        if accepted is None:
            return False
        if accepted:
            head += b"\r\nSec-WebSocket-Extensions: " + accepted
        self.feed(head + HEAD_END)
        self._open()
        return self.is_ready


class _Options:
    """What Autobahn wants to know of a request, nothing of which is sent."""

    resource, host, port, useragent, origin = "/", "x", 80, None, None
    headers: dict[str, str] = {}  # noqa: RUF012  # never written
    protocols: tuple[str, ...] = ()


_OPTIONS = _Options()


def factories(clock: IReactorTime) -> tuple[WebSocketServerFactory, WebSocketClientFactory]:
    """What the legs of one handler share."""
    server = WebSocketServerFactory(reactor=clock)
    server.protocol = ClientLeg
    client = WebSocketClientFactory("ws://x/", reactor=clock)
    client.protocol = PeerLeg
    return server, client


def _accept_offer(offers: list[object]) -> object:
    """The first offer of permessage-deflate (RFC 7692); each message is deflated by itself, with less memory."""
    for offer in offers:
        if isinstance(offer, PerMessageDeflateOffer):
            spared = offer.accept_no_context_takeover
            return PerMessageDeflateOfferAccept(
                offer, request_no_context_takeover=spared, no_context_takeover=True, mem_level=4
            )
    return None


def _accept_response(response: object) -> object:
    if isinstance(response, PerMessageDeflateResponse):
        return PerMessageDeflateResponseAccept(response, no_context_takeover=True, mem_level=4)
    return None


def _head_end(data: bytes, at: int) -> int:
    """Where the head of a frame ends that begins at *at* (RFC 6455 5.2); beyond *data* if not all of it is there."""
    if at + 2 > len(data):
        return at + 2
    second = data[at + 1]
    length = second & 0x7F
    end = at + 6 if second & 0x80 else at + 2
    return end if length < 126 else end + (2 if length == 126 else 8)


def _section_of(head: bytes) -> bytes:
    lines = head.removesuffix(HEAD_END).split(b"\r\n")
    return b"".join([b"\r\n" + line for line in lines if line.lower().startswith(b"sec-websocket-")])
