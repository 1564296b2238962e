"""One WebSocket between a client and a peer: two legs, and what passes from one to the other."""

from __future__ import annotations

from twisted.logger import Logger

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.handlers.websocket.autobahn_legs import INTERNAL_ERROR, ClientLeg, Leg
from pydsl_proxy.handlers.websocket.flow import Way, crash
from pydsl_proxy.handlers.websocket.messages import OnMessage, WebSocketMessage, close_websocket, said
from pydsl_proxy.handlers.websocket.settings import Kit
from pydsl_proxy.handlers.websocket.timers import BridgeWatch
from pydsl_proxy.interfaces import BodyReceiver, Exchange, Producer, Trailers
from pydsl_proxy.wire.http.field_rules import FieldRules
from pydsl_proxy.wire.http.head import ResponseHead
from pydsl_proxy.wire.websocket import granted_anew, offered_subprotocols

log = Logger()

# RFC 6455 7.4.1.
GOING_AWAY = 1001


class Bridge:
    """Stands between the exchange with the client, *outer*, and the one with the peer, *inner*.

    To the inner one it is the frontend; to the outer one it is who answers, and who takes its body.  Until the peer has
    switched it hands on what that one answers, as it is.
    """

    _inner: Exchange

    def __init__(self, kit: Kit, outer: Exchange) -> None:
        self._kit = kit
        self._outer = outer
        self._peer = kit.peer_leg(self)
        self._client: ClientLeg | None = None
        self._uplink: BodyReceiver | None = None
        self._source: Producer | None = None
        self._first = b""
        self._client_over = self._peer_over = False
        self._client_way = Way(_unready, self._pause_client, kit.later, self._crash, deflated=False)
        self._peer_way = Way(_unready, self._pause_peer, kit.later, self._crash, deflated=False)
        self._watch = BridgeWatch(kit, self)
        outer.running = self

    def ask(self) -> bytes:
        """The fields by which the peer is asked, as a section."""
        return self._peer.ask()

    def stand_between(self, inner: Exchange) -> None:
        """*inner* is the exchange with the peer."""
        self._inner = inner

    # -- the frontend of the exchange with the peer ------------------------------------------------------------------

    def send_interim(self, response: ResponseHead, rules: FieldRules) -> None:
        """The peer has sent an interim response."""
        self._outer.send_interim(response)

    def send_head(self, response: ResponseHead, rules: FieldRules, data: bytes, end: bool) -> None:
        """The peer has switched, or answered something else."""
        outer, error = self._outer, self._inner.error
        if error is not None:
            outer.running = None
            outer.fail(error)
        elif response.status == 101:
            self._switch(response, data)
        else:
            outer.start(response, data, end)

    def send_body(self, data: bytes) -> None:
        """More of what the peer sends."""
        if self._client is None:
            self._outer.write(data)
        else:
            self._watch.hear(self._peer)
            self._peer_way.take(data)

    def send_file(self, fd: int, offset: int, count: int) -> int | None:
        """What passes here has to be read."""
        return None

    def send_end(self, trailers: Trailers) -> None:
        """The peer has sent all."""
        if self._client is None:
            self._outer.finish(trailers)
        else:
            self._end_of_peer()

    def cut(self) -> None:
        """What the peer sends has broken off."""
        if self._client is None:
            error = self._inner.error
            assert error is not None
            self._outer.fail(error)
        else:
            self._end_of_peer()

    def stream_from(self, producer: Producer) -> None:
        """*producer* is the peer's connection."""
        if self._client is None:
            self._outer.stream_from(producer)
        else:
            self._source = producer

    def read_body(self, receiver: BodyReceiver) -> None:
        """From now on *receiver* takes what goes to the peer."""
        self._uplink = receiver
        first, self._first = self._first, b""
        if first:
            self._peer_way.take(first)
        self._outer.read_body(self)

    @property
    def body_untouched(self) -> bool:
        """There is none before the peer has switched."""
        return self._uplink is None

    def pause_body(self) -> None:
        """The peer does not keep up."""
        self._client_way.block()

    def resume_body(self) -> None:
        """The peer has caught up."""
        self._client_way.unblock()
        self._peer.send_pong_owed()

    # -- the exchange with the client --------------------------------------------------------------------------------

    def request_body(self, data: bytes) -> None:
        """Bytes of the client."""
        if self._client is not None:
            self._watch.hear(self._client)
        self._client_way.take(data)

    def request_end(self, trailers: Trailers) -> None:
        """The client has ended its connection; what it sent before counts."""
        if self._client is not None:
            self._watch.leave(self._client)
        self._client_way.end(self._lose_client)

    def cancel(self, error: ProxyError) -> None:
        """The client is gone."""
        if self._client is None or self._uplink is None:
            self._watch.stop()
            self._inner.leave(error)
        else:
            self._client_over = True
            self._lose_client()

    def pauseProducing(self) -> None:
        """The client does not keep up."""
        self._peer_way.block()

    def resumeProducing(self) -> None:
        """The client has caught up."""
        self._peer_way.unblock()
        if self._client is not None:
            self._client.send_pong_owed()

    def stopProducing(self) -> None:
        """The client is gone; its exchange tells."""

    def _pause_client(self, pause: bool) -> None:
        self._hold()
        if pause:
            self._outer.pause_body()
        else:
            self._outer.resume_body()

    def _pause_peer(self, pause: bool) -> None:
        self._hold()
        source = self._source
        if source is not None and not self._peer_over:
            if pause:
                source.pauseProducing()
            else:
                source.resumeProducing()

    def _hold(self) -> None:
        """A side that is not read is so because the other one does not take what is sent to it."""
        self._watch.hold(self._client_way.is_stalled or self._peer_way.is_stalled)

    # -- the handshakes ----------------------------------------------------------------------------------------------

    def _switch(self, response: ResponseHead, data: bytes) -> None:
        chosen = response.get(b"sec-websocket-protocol")
        if chosen is not None and chosen not in offered_subprotocols(self._outer.fields):
            self._refuse("chose a subprotocol that was not offered")
            return
        accept = response.get(b"sec-websocket-accept") or b""
        if not self._peer.granted(accept, response.get(b"sec-websocket-extensions")):
            self._refuse("granted a WebSocket with extensions that were not offered")
            return
        fields = self._outer.fields
        client = self._kit.client_leg(self)
        key = fields.get(b"sec-websocket-key") or b""
        section = client.answer(key, fields.get(b"sec-websocket-extensions") or b"", chosen)
        if not client.is_ready:
            # Autobahn refused what passed our own checks of the handshake.
            error = ProxyError(Source.CLIENT, 400, "bad_handshake", "the client's Sec-WebSocket fields are malformed")
            self._give_up(error)
            return
        self._client = client
        peer, later = self._peer, self._kit.later
        self._client_way = Way(client.parse, self._pause_client, later, self._crash, deflated=client.is_deflated)
        self._peer_way = Way(peer.parse, self._pause_peer, later, self._crash, deflated=peer.is_deflated)
        self._first = data
        self._outer.switch(granted_anew(response, section), b"")
        self._outer.stream_from(self)
        self._watch.start(client, self._peer)
        self._outer.when_draining(self._watch.drain)

    def _refuse(self, what: str) -> None:
        self._give_up(ProxyError(Source.PEER, 502, "bad_head", f"the peer {what}"))

    def _give_up(self, error: ProxyError) -> None:
        self._inner.leave(error)
        self._outer.running = None
        self._outer.fail(error)

    # -- what the legs tell ------------------------------------------------------------------------------------------

    def send(self, leg: Leg, data: bytes) -> None:
        """Bytes for the other side of *leg*."""
        if leg is self._client:
            if not self._client_over:
                self._outer.write(data)
        elif self._uplink is not None and not self._peer_over:
            self._uplink.request_body(data)

    def sent_close(self, leg: Leg) -> None:
        """What still comes on *leg* is dropped, so it is read whether the other side keeps up or not.

        In a turn of its own: it may end all, and the caller that closes one leg goes on to close the other.
        """
        way = self._client_way if leg is self._client else self._peer_way
        self._kit.later(way.release, self._crash)

    def dropped(self, leg: Leg) -> None:
        """*leg* is over, its last bytes are sent."""
        if leg is self._client:
            self._end_client()
        else:
            self._end_peer()

    def is_slow(self, leg: Leg) -> bool:
        """Whether what is sent on *leg* waits already."""
        return (self._peer_way if leg is self._client else self._client_way).is_blocked

    def admits(self, leg: Leg, opcode: int, length: int) -> bool:
        """Whether the client, who alone is counted, may send a frame."""
        if self._watch.admits(opcode, length):
            return True
        self._end_leg(leg)
        return False

    def moving(self, leg: Leg) -> None:
        """Some of a message has come."""
        self._watch.move()

    def message(self, leg: Leg, data: bytes, binary: bool) -> None:
        """A message that came as a whole."""
        hook = self._kit.on_message
        if hook is not None:
            self._judge(hook, leg, data, binary)
        else:
            self._other(leg).send_whole(data, binary)

    def piece(self, leg: Leg, data: bytes, binary: bool, first: bool) -> None:
        """Some of a message, of which more comes."""
        other = self._other(leg)
        if other.can_send:
            if first:
                other.beginMessage(binary)
            other.sendMessageFrame(data)

    def message_end(self, leg: Leg) -> None:
        """The message of which pieces came is complete."""
        other = self._other(leg)
        if other.can_send:
            other.endMessage()

    def closing(self, leg: Leg, code: int | None, reason: str | None) -> None:
        """The other side of *leg* closes, or has broken the protocol: then the other leg did nothing wrong."""
        other = self._other(leg)
        self._watch.closing()
        if leg.failedByMe:
            other.close(GOING_AWAY if leg is self._client else INTERNAL_ERROR, None)
            self._end_leg(leg)
        else:
            other.close(code, reason)

    def _judge(self, hook: OnMessage, leg: Leg, data: bytes, binary: bool) -> None:
        text = data if binary else data.decode()
        try:
            verdict = said(hook(WebSocketMessage(text, leg is self._client, self._outer.request)))
        except Exception:
            why = f"on_message={hook!r} raised, or returned no verdict"
            log.failure("{why}, for {exchange}", why=why, exchange=self._outer)
            self.close(INTERNAL_ERROR, None, ProxyError(Source.US, 500, "internal_error", why))
            return
        if isinstance(verdict, close_websocket):
            self.close(verdict.code, verdict.reason)
        elif verdict is not None:
            self._other(leg).send_whole(*verdict)

    def _other(self, leg: Leg) -> Leg:
        if leg is self._peer:
            assert self._client is not None
            return self._client
        return self._peer

    # -- ends --------------------------------------------------------------------------------------------------------

    def close(self, code: int, reason: str | None = None, why: ProxyError | None = None) -> None:
        """Close both legs; *why* is for the log."""
        if why is not None:
            self._outer.error = self._outer.error or why
        if self._client is not None:
            self._client.close(code, reason)
        self._peer.close(code, reason)
        self._watch.closing()

    def end(self, why: ProxyError | None = None) -> None:
        """End what has not ended by itself."""
        if why is not None:
            self._outer.error = self._outer.error or why
        self._end_client()
        if not self._peer_over:
            self._peer_over = True
            late = ProxyError(Source.US, 504, "close_timeout", "the WebSocket was not closed in time")
            self._inner.leave(why or late)
        self._watch.stop()

    def _crash(self) -> None:
        """To go on with what has come has raised an exception."""
        self.end(crash())

    def _lose_client(self) -> None:
        """The client's connection is gone, or as good as that: the peer is told by a close."""
        self._client_way.stop()
        if self._client is not None:
            self._client.lost()
        self._peer.close(GOING_AWAY, None)
        self._end_client()
        self._end_peer()

    def _end_of_peer(self) -> None:
        """The peer's connection is gone; what it sent before counts."""
        self._peer_over = True
        self._watch.leave(self._peer)
        self._peer_way.end(self._lose_peer)

    def _lose_peer(self) -> None:
        """The peer is gone: a client that was not told by a close is told now."""
        self._peer_way.stop()
        self._peer.lost()
        error = self._inner.error
        if error is not None:
            self._outer.error = self._outer.error or error
        client = self._client
        if client is not None and client.can_send:
            client.close(INTERNAL_ERROR, "the peer is gone")
            self._watch.closing()
        elif self._client_over:
            self._watch.stop()

    def _end_client(self) -> None:
        if not self._client_over:
            self._client_over = True
            self._client_way.stop()
            self._outer.finish()
        if self._peer_over:
            self._watch.stop()
        elif self._peer.can_send:
            self._peer.close(GOING_AWAY, None)
            self._watch.closing()

    def _end_leg(self, leg: Leg) -> None:
        """*leg* has failed: nothing more is parsed, and the connection ends with the close (RFC 6455 7.1.7)."""
        if leg is self._client:
            self._client_way.stop()
            self._end_client()
        else:
            self._peer_way.stop()
            self._end_peer()

    def _end_peer(self) -> None:
        """Nothing more goes to the peer; its connection ends when that is sent."""
        if self._uplink is not None and not self._peer_over:
            uplink, self._uplink = self._uplink, None
            uplink.request_end(())


def _unready(data: bytes, at: int, most: int) -> int:
    """Nothing comes before the peer has switched."""
    return len(data) - at
